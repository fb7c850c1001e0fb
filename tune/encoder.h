/* An encoder as dense arrays of f32: what calibration and training compute with. */
#ifndef ALB_TUNE_ENCODER_H
#define ALB_TUNE_ENCODER_H

#include "graph/model_spec.h"

#define ALB_NO_ARRAY UINT32_MAX

/* A parameter; layers that share it have the same one. */
typedef struct alb_tune_array {
  size_t first, elements;   /* in values */
  uint32_t blob;            /* that it came from, or that the last store made */
  uint64_t rows, columns;   /* of a matrix; others have no columns */
  size_t forward, backward; /* where a matrix's panels are: of its transpose, and of itself */
} alb_tune_array;

/* All parameters lie back to back in `values`, so that one loop changes, counts or saves them all. Those of the layers
 * come first: layer_values of them. Roles that the source does not have are ALB_NO_ARRAY; heads are never here. */
typedef struct alb_tune_encoder {
  alb_arena arena;
  alb_encoder_config config;
  alb_tune_array *arrays;
  size_t count, total, layer_values;
  float *values; /* [total] */
  float *panels; /* what products are made with (tune/panels.h) */
  bool backward; /* panels for the way back are there too */
  float *stored; /* [layer_values]: matrices of layers as products see them; NULL: as they are */
  alb_dtype as;  /* what they are stored as there */
  uint32_t global[ALB_ROLE_COUNT];
  uint32_t (*layer)[ALB_ROLE_COUNT]; /* [config.layers] */
} alb_tune_encoder;

/* Reads the encoder's parameters (f32, f16, bf16, recipes of those). Two roles over one blob have one array. The
 * configuration's words are borrowed. backward: gradients will be asked for. Errors: ALB_SHAPE, ALB_UNSUPPORTED for
 * quantised weights and for a blob that is matrices of two shapes, ALB_MEMORY; alb_tune_encoder_free also after a
 * failure. */
alb_status alb_tune_encoder_load(alb_diag *diag, const alb_model_spec *spec, bool backward, alb_tune_encoder *out);

/* To be called after values were changed, before the next forward or backward. */
void alb_tune_encoder_changed(alb_tune_encoder *encoder);

/* The types that a file will hold an encoder's numbers in; ALB_DTYPE_NONE: not rounded. */
typedef struct alb_tune_types {
  alb_dtype matrices, words, places; /* places: tables of positions and token types */
} alb_tune_types;

/* From now on products see matrices of layers as the file will hold them, again with each alb_tune_encoder_changed, and
 * gradients are by those; `values` keeps them as they are. Tables and the projection, which stay, are rounded in place.
 * Errors: ALB_MEMORY. */
alb_status alb_tune_encoder_round(alb_diag *diag, alb_tune_encoder *encoder, const alb_tune_types *types);

/* A layer's or (layer ignored) the embeddings' parameter; NULL: there is none. */
float *alb_tune_value(const alb_tune_encoder *encoder, alb_role role, uint32_t layer);
const alb_tune_array *alb_tune_array_of(const alb_tune_encoder *encoder, alb_role role, uint32_t layer);

/* Writes an array back: its numbers become a new f32 blob of the table, which owns a copy, and every tensor that was
 * a view of the old blob is one of the new, whatever its role, so tied heads follow. Recipes over the old blob do not:
 * to be called before passes make them. */
alb_status alb_tune_encoder_store(alb_diag *diag, alb_tune_encoder *encoder, uint32_t array, alb_tensors *tensors);

void alb_tune_encoder_free(alb_tune_encoder *encoder);

#endif
