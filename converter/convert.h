/* A conversion: from a source to a file or folder, or to a report of what it would be. */
#ifndef ALB_CONVERTER_CONVERT_H
#define ALB_CONVERTER_CONVERT_H

#include "converter/model_load.h"
#include "converter/part_bytes.h"
#include "graph/interpret.h"
#include "passes/pass.h"
#include "tune/shared_base.h"
#include "tune/train.h"

/* A form of output (converter/writer.h). */
struct alb_form;

/* What an ONNX file is to be like. Zero means default everywhere. */
typedef struct alb_onnx_options {
  unsigned opset;          /* 17 to 21; default 17 */
  bool functions;          /* layers as calls of a local function; default false: inlined */
  bool integer;            /* int8: products of integers; default false: weights are made f32 by DequantizeLinear */
  uint64_t external_above; /* weights beside the model when it would be larger; default 2^31 - 1, the form's limit */
} alb_onnx_options;

/* Zero means default everywhere. */
typedef struct alb_convert_options {
  const struct alb_form *form;       /* default: .alb */
  alb_pass_options passes;           /* sharing, groups, dtype (default: the source's own) */
  const char *task;                  /* default "auto": keep every head that the source has */
  bool plain_mean;                   /* fold layers as they are; default false: aligned first (tune/align.h) */
  const alb_sequences *calib;        /* texts to adjust a lossy fold to; default NULL: not adjusted */
  const char *calib_hash;            /* of their file, for the provenance */
  const char *measured;              /* figures on texts for the provenance of a lossy fold; default NULL: none */
  const alb_train_options *heal;     /* train a lossy fold to compute what the source does; default NULL: not trained */
  alb_base_cache *bases;             /* what is known of the source's matrices, and is found out; default NULL */
  bool require_lossless;             /* refuse what would change weights (ALB_LOSSY); default false */
  bool compress;                     /* default false */
  bool replace;                      /* an existing output; default false */
  bool dry_run;                      /* write nothing; default false */
  bool sizes_only;                   /* for sizes: no golden outputs, with dry_run no alignment; default false */
  const alb_pass_observer *observer; /* default NULL */
  alb_onnx_options onnx;             /* for ONNX files only */
} alb_convert_options;

/* How true the result is to the source's weights. */
typedef enum alb_fidelity { ALB_LOSSLESS, ALB_ROUNDING_EQUAL, ALB_ROUNDED, ALB_FOLDED } alb_fidelity;

/* What a conversion did. alb_conversion_free at the end. */
typedef struct alb_conversion {
  alb_arena arena;                                 /* texts made for the report */
  const char *form;                                /* "compact file" */
  const char *architecture, *task, *dtype, *share; /* borrowed from the loaded model or static */
  const char *tables;                              /* dtype of the tables; `dtype` is the matrices' */
  uint64_t source_bytes;                           /* of the weights, as the source stores them */
  uint64_t size;                                   /* of the output, to the byte; before compression in a dry run */
  uint64_t parameters;                             /* stored numbers: weights, biases, norms */
  uint64_t blob_bytes;
  size_t source_tensors, tensors, blobs;
  size_t layers, sets;               /* different parameter sets, biases and norms included */
  size_t attention_sets, ffn_sets;   /* different sets of matrices in these blocks */
  uint32_t *attention_map, *ffn_map; /* [layers]: the first layer with the same matrices there; NULL: not known */
  uint64_t parts_before[ALB_MODEL_PARTS], parts[ALB_MODEL_PARTS]; /* bytes; they add up to source_bytes and size */
  bool parts_known; /* false: the output's form stores the graph's numbers in a way of its own */
  alb_fidelity fidelity;
  alb_fold_report fold;
  alb_train_report heal;       /* trained false: not asked for, or nothing was folded with loss */
  ALB_VEC(const char *) notes; /* what the writer has to say about the output, a line each */
} alb_conversion;

/* Converts a loaded model, which stays as it was. With dry_run, output may be NULL. */
alb_status alb_convert(alb_diag *diag, alb_loaded *loaded, const char *output, const alb_convert_options *options,
                       alb_conversion *out);
void alb_conversion_free(alb_conversion *conversion);

/* "LOSSLESS", "ROUNDED (f32 to int8)" ...: one word for people and programs. */
const char *alb_fidelity_name(alb_fidelity fidelity);

#endif
