/* Everything that goes into one .alb file, before it is bytes. */
#ifndef ALB_CONVERTER_PACKAGE_H
#define ALB_CONVERTER_PACKAGE_H

#include "alb.pb-c.h"
#include "graph/build_encoder.h"

/* A prompt's name and text. */
typedef struct alb_prompt {
  const char *name, *text;
} alb_prompt;

/* Borrowed everywhere: nothing here is copied or freed. */
typedef struct alb_package {
  const alb_encoder_config *config;
  const alb_graph *graph; /* after the passes */
  const char *task;       /* a task of --task but "auto" */
  const char *dtype, *share;
  const char *tables;        /* dtype of the tables; `dtype` is the matrices' */
  Alb__Tokenizer *tokenizer; /* NULL: token ids only */
  const alb_str *tokens;     /* [token_count], the vocabulary */
  size_t token_count;
  char **labels;
  size_t label_count;
  const char *class_score, *rank_score; /* as in alb_classes */
  Alb__Embedding *embedding;            /* NULL: none */
  Alb__Provenance *provenance;
  Alb__Golden **golden;
  size_t golden_count;
} alb_package;

/* The manifest of a package and the blobs that it refers to, in the order of their ids. */
typedef struct alb_emission {
  Alb__Manifest *manifest;
  const uint32_t *blobs; /* [blob_count], ids in the graph's tensor table */
  size_t blob_count, tensor_count;
  uint64_t blob_bytes;
  const alb_package *package;
} alb_emission;

/* Numbers tensors and blobs by first use and builds the manifest, all in `arena`. */
alb_status alb_emit_prepare(alb_diag *diag, alb_arena *arena, const alb_package *package, alb_emission *out);

/* The exact size of the file that alb_emit_write would write without compression. */
alb_status alb_emit_size(alb_diag *diag, const alb_emission *emission, uint64_t *size);

/* Makes the blobs, one after the other, and writes the file; it is there whole or not at all. */
alb_status alb_emit_write(alb_diag *diag, const alb_emission *emission, const char *path, bool replace, bool compress,
                          uint64_t *size);

#endif
