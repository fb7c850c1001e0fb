/* Forms of output: each knows how a converted model is written as one form, and how OUTPUT's name
 * asks for it. One line of writers.def and one file converter/write_NAME.c each. */
#ifndef ALB_CONVERTER_WRITER_H
#define ALB_CONVERTER_WRITER_H

#include "converter/convert.h"
#include "converter/package.h"

/* What a writer is given; everything is borrowed and valid during the call. */
typedef struct alb_write_job {
  const alb_package *package;         /* the graph after the form's passes, and all settings */
  const alb_loaded *loaded;           /* the source, with its files */
  const alb_convert_options *options; /* replace, compress, require_lossless, options of single forms */
  const char *path;                   /* where to; NULL in a dry run */
  alb_dtype dtype, tables;            /* of matrices and of tables after the passes */
  alb_arena *arena;                   /* for what the writer makes; freed after the conversion's report */
} alb_write_job;

/* What was written, or would be. Texts are static or in the job's arena. */
typedef struct alb_written {
  uint64_t size;               /* in bytes, all files together; before compression in a dry run */
  uint64_t blob_bytes;         /* of the weights */
  uint64_t parameters;         /* stored numbers, scales not counted */
  size_t tensors, blobs;       /* blobs: different ones, where the form can tell, else tensors */
  const char *dtype;           /* of matrices and tables; NULL: the job's */
  bool rounded;                /* by the writer itself: alb_write_rounds */
  ALB_VEC(const char *) notes; /* what people should know, a line each, for the report */
} alb_written;

typedef struct alb_form {
  const char *name;           /* "alb" */
  const char *what;           /* "compact file" */
  const char *ending;         /* of OUTPUT's name; "/": a folder */
  alb_pipeline_kind pipeline; /* which passes the writer wants */
  bool own;                   /* the project's own file: carries golden outputs, takes --compress */
  alb_status (*write)(alb_diag *diag, const alb_write_job *job, alb_written *out);
} alb_form;

/* Writes the job's model to job->path, whole or not at all; with options->dry_run does all but
 * write. Fills *out (zero before); its notes are freed by the caller, also after a failure. */
#define ALB_WRITER(id, what, ending, pipeline, own) \
  alb_status alb_write_##id(alb_diag *diag, const alb_write_job *job, alb_written *out);
#include "converter/writers.def"
#undef ALB_WRITER

/* The form that a path asks for by its name, or by being a folder; .alb for any other name. */
const alb_form *alb_form_for(const char *path);
/* Whether an output of that form may be written at the path: ALB_EXISTS when something is there that may not be
 * replaced. A folder is replaced only when it holds nothing but what such a folder holds. */
alb_status alb_form_check(alb_diag *diag, const alb_form *form, const char *path, bool replace);
/* The form of that name, or NULL. */
const alb_form *alb_form_by_name(const char *name);

/* To be called before anything is written by a writer that stores other numbers than the package
 * has: ALB_LOSSY (with `why`) when the options forbid it. */
alb_status alb_write_rounds(alb_diag *diag, const alb_write_job *job, alb_written *out, const char *why);
/* Adds a line to the report; `text` is static or in the job's arena. */
alb_status alb_write_note(alb_diag *diag, alb_written *out, const char *text);

#endif
