/* Source readers: each knows one form of checkpoint, and how to tell it by its first bytes. */
#ifndef ALB_CONVERTER_READER_H
#define ALB_CONVERTER_READER_H

#include "converter/source.h"

typedef enum alb_probe { ALB_PROBE_NO, ALB_PROBE_MAYBE, ALB_PROBE_YES } alb_probe;

typedef struct alb_source_reader {
  const char *name; /* "safetensors" */
  /* Whether a file is of this form, by a few bytes of its beginning or end: `file` is all of it, which may be
   * large. MAYBE: only when the file is of no form that is known. */
  alb_probe (*probe)(alb_span file);
  /* Adds the tensors of one mapped file to source->tensors. */
  alb_status (*read)(alb_diag *diag, alb_source *source, const alb_file *file);
} alb_source_reader;

#define ALB_READER(id)                     \
  alb_probe alb_probe_##id(alb_span file); \
  alb_status alb_read_##id(alb_diag *diag, alb_source *source, const alb_file *file);
#include "converter/readers.def"
#undef ALB_READER

/* True for a file of no reader's form that begins with '{', behind white space. */
bool alb_looks_like_json(alb_span bytes);

/* Finds the reader of a mapped file by its content and runs it. A form that is known but not read
 * is named (ALB_UNSUPPORTED), anything else is ALB_MALFORMED. */
alb_status alb_reader_dispatch(alb_diag *diag, alb_source *source, const alb_file *file);

#endif
