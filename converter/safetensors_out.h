/* Writing safetensors files: tensors one after the other, made when they are written. */
#ifndef ALB_CONVERTER_SAFETENSORS_OUT_H
#define ALB_CONVERTER_SAFETENSORS_OUT_H

#include "base/output.h"
#include "graph/tensors.h"

#define ALB_ST_NO_TENSOR UINT32_MAX

/* What a tensor without a source holds. */
typedef enum alb_st_fill { ALB_ST_ZEROS, ALB_ST_IDENTITY } alb_st_fill;

/* One tensor of the file: an id of the table, stored as `dtype` (float types are cast, int8 with scales is
 * multiplied out), or, without an id, what `fill` says. */
typedef struct alb_st_item {
  const char *name; /* ASCII; borrowed */
  uint32_t tensor;  /* or ALB_ST_NO_TENSOR */
  alb_st_fill fill;
  alb_dtype dtype;
  size_t rank;
  uint64_t dims[2];
} alb_st_item;

/* A file to be written; everything is borrowed. */
typedef struct alb_st_file {
  const alb_tensors *tensors;
  alb_st_item *items; /* sorted by alb_st_prepare: widest type first (so that all are aligned), then by name */
  size_t count;
  char *header; /* made by alb_st_prepare, in the arena */
  size_t header_size;
  uint64_t data_size;
} alb_st_file;

/* Sorts the items and makes the header; the file's size is 8 + header_size + data_size. */
alb_status alb_st_prepare(alb_diag *diag, alb_arena *arena, alb_st_file *file);
/* Writes the file at `path`, where there is none. */
alb_status alb_st_write(alb_diag *diag, const alb_st_file *file, const char *path);

/* Makes the elements of an item in out. */
alb_status alb_st_make(alb_diag *diag, const alb_tensors *tensors, const alb_st_item *item, void *out);
uint64_t alb_st_bytes(const alb_st_item *item);

#endif
