/* A source checkpoint as read: mapped files, tensors over them, and its other files' texts.
 * Readers fill it; architectures and tokenizer importers look into it. */
#ifndef ALB_CONVERTER_SOURCE_H
#define ALB_CONVERTER_SOURCE_H

#include <jansson.h>

#include "base/file.h"
#include "base/spill.h"
#include "graph/tensors.h"

typedef struct alb_source_file {
  const char *name; /* base name, in the source's arena */
  alb_file file;
  alb_hash128 hash; /* of the whole file */
} alb_source_file;

/* Start with {0}; alb_source_free at the end. */
typedef struct alb_source {
  alb_arena arena;
  const char *folder; /* where the files lie, in arena */
  const char *form;   /* name of the reader that took the weights; static */
  ALB_VEC(alb_source_file) files;
  alb_tensors tensors;     /* names as the source has them */
  alb_spill spill;         /* bytes of tensors that no file holds as they are */
  json_t *config;          /* config.json; NULL when there is none */
  const char *config_name; /* the file it is from, for messages; "config.json" when there is none */
  bool tensorflow;         /* the weights are a TensorFlow checkpoint */
  json_t *made;            /* JSON files that a reader made of a checkpoint's own metadata, by name; they stand before
                          files of the folder. NULL: none */
  int64_t widened;         /* bytes that the tensors have more than in their files: quantised ones, multiplied out */
  struct alb_onnx_model *onnx; /* the graph of an ONNX file, owned; NULL: another form */
  alb_span onnx_bytes;         /* of that file, mapped */
} alb_source;

/* Reads a folder, a file, or a TensorFlow checkpoint by what its files' names begin with; the form is told by
 * content (readers.def). */
alb_status alb_source_open(alb_diag *diag, const char *path, alb_source *out);

/* Notes one file for provenance, without reading what is in it; its folder becomes the source's. */
alb_status alb_source_note(alb_diag *diag, alb_source *source, const char *path);

/* Maps one more file of the source's folder and notes it for provenance. *file is NULL (and the
 * status ALB_OK) when there is no such file. `name` must be a plain relative name: one that leads
 * out of the folder is refused. *file is valid until the next file is opened. */
alb_status alb_source_extra(alb_diag *diag, alb_source *source, const char *name, const alb_source_file **file);

/* The JSON of such a file (*json NULL when there is none); strict: depth, duplicates, numbers. The caller
 * frees it with json_decref. */
alb_status alb_source_json(alb_diag *diag, alb_source *source, const char *name, json_t **json);

/* Reads the tensors of one weights file of the folder, by its content; for readers of several files. */
alb_status alb_source_weights(alb_diag *diag, alb_source *source, const char *name);

/* Maps a file of the folder that lies beside the weights, noted for provenance with a hash that is still to be
 * made by alb_source_hash: so a reader can look at a large file before all of it is read. ALB_IO: no such file. */
alb_status alb_source_map(alb_diag *diag, alb_source *source, const char *name, size_t *file);
void alb_source_hash(alb_source *source, size_t file);
/* The name of the file whose bytes these are; NULL: none of the source's. */
const char *alb_source_name(const alb_source *source, alb_span bytes);

void alb_source_free(alb_source *source);

#endif
