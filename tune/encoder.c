/* Parameters of an encoder to dense arrays, and back to blobs. */
#include "tune/encoder.h"

#include <stdlib.h>
#include <string.h>

#include "base/parallel.h"
#include "tune/panels.h"
#include "tune/rounding.h"

static bool of_encoder(alb_role role) {
  const alb_block block = alb_role_info(role)->block;
  return block == ALB_BLOCK_EMBEDDINGS || block == ALB_BLOCK_ATTENTION || block == ALB_BLOCK_FFN;
}

/* The tensor has the elements that its role asks for. */
static alb_status check_shape(alb_diag *diag, const alb_model_spec *spec, alb_role role, const alb_tensor *tensor,
                              uint64_t *elements, alb_tune_array *array) {
  uint64_t dims[2] = {0}, found;
  const size_t rank = alb_role_shape(&spec->config, role, dims);
  *array = (alb_tune_array){.blob = tensor->blob};
  if (alb_role_info(role)->part == ALB_PART_MATRIX) {
    array->rows = dims[0];
    array->columns = dims[1];
  }
  ALB_TRY(alb_shape_elements(diag, rank, dims, elements));
  ALB_TRY(alb_shape_elements(diag, tensor->rank, tensor->dims, &found));
  if (*elements == found) return ALB_OK;
  return alb_fail(diag, ALB_SHAPE, "%s has %llu numbers, expected %llu", alb_role_info(role)->name,
                  (unsigned long long)found, (unsigned long long)*elements);
}

/* The array of a tensor: one that is there over the same blob, or a new one at the end. */
static alb_status add_role(alb_diag *diag, const alb_model_spec *spec, alb_tune_encoder *out, alb_role role,
                           uint32_t tensor, uint32_t *array) {
  *array = ALB_NO_ARRAY;
  if (tensor == ALB_NO_TENSOR) return ALB_OK;
  const alb_tensor *found = &spec->tensors->tensors.items[tensor];
  alb_tune_array made;
  uint64_t elements;
  ALB_TRY(check_shape(diag, spec, role, found, &elements, &made));
  for (size_t i = 0; i < out->count; i++) {
    if (out->arrays[i].blob != found->blob) continue;
    *array = (uint32_t)i;
    if (out->arrays[i].rows == made.rows && out->arrays[i].columns == made.columns) return ALB_OK;
    return alb_fail(diag, ALB_UNSUPPORTED, "%s has the numbers of a matrix of another shape",
                    alb_role_info(role)->name);
  }
  if (elements > SIZE_MAX / sizeof(float) - out->total) return alb_fail_memory(diag, SIZE_MAX, "parameters");
  *array = (uint32_t)out->count;
  made.first = out->total;
  made.elements = (size_t)elements;
  out->arrays[out->count++] = made;
  out->total += (size_t)elements;
  return ALB_OK;
}

static alb_status add_layers(alb_diag *diag, const alb_model_spec *spec, alb_tune_encoder *out) {
  for (uint32_t l = 0; l < spec->config.layers; l++)
    for (int r = 0; r < ALB_ROLE_COUNT; r++) {
      out->layer[l][r] = ALB_NO_ARRAY;
      if (alb_role_info((alb_role)r)->scope != ALB_SCOPE_LAYER) continue;
      ALB_TRY(add_role(diag, spec, out, (alb_role)r, spec->layer[l][r], &out->layer[l][r]));
    }
  out->layer_values = out->total;
  return ALB_OK;
}

static alb_status add_embeddings(alb_diag *diag, const alb_model_spec *spec, alb_tune_encoder *out) {
  for (int r = 0; r < ALB_ROLE_COUNT; r++) {
    const bool wanted = alb_role_info((alb_role)r)->scope == ALB_SCOPE_GLOBAL && of_encoder((alb_role)r);
    out->global[r] = ALB_NO_ARRAY;
    if (wanted) ALB_TRY(add_role(diag, spec, out, (alb_role)r, spec->global[r], &out->global[r]));
  }
  return ALB_OK;
}

/* ---- panels ---- */

static alb_status make_panels(alb_diag *diag, alb_tune_encoder *out) {
  size_t room = 0;
  for (size_t i = 0; i < out->count; i++) {
    alb_tune_array *array = &out->arrays[i];
    const size_t rows = (size_t)array->rows, columns = (size_t)array->columns;
    size_t both = 0;
    if (!columns) continue;
    array->forward = room;
    array->backward = room + alb_panels_room(columns, rows);
    both = alb_panels_room(columns, rows) + (out->backward ? alb_panels_room(rows, columns) : 0);
    if (__builtin_add_overflow(room, both, &room) || room > SIZE_MAX / sizeof(float))
      return alb_fail_memory(diag, SIZE_MAX, "parameters");
  }
  out->panels = malloc((room + 1) * sizeof *out->panels);
  return out->panels ? ALB_OK : alb_fail_memory(diag, room * sizeof *out->panels, "parameters");
}

/* What products are to see of an array. */
static const float *seen(const alb_tune_encoder *e, const alb_tune_array *array) {
  return (e->stored && array->first < e->layer_values ? e->stored : e->values) + array->first;
}

static void pack_arrays(void *context, size_t index, size_t first, size_t last) {
  const alb_tune_encoder *e = context;
  (void)index;
  for (size_t i = first; i < last; i++) {
    const alb_tune_array *array = &e->arrays[i];
    const size_t rows = (size_t)array->rows, columns = (size_t)array->columns;
    const float *values = seen(e, array);
    if (!columns) continue;
    alb_panels_pack((alb_grid){values, 1, columns}, columns, rows, e->panels + array->forward);
    if (e->backward) alb_panels_pack((alb_grid){values, columns, 1}, rows, columns, e->panels + array->backward);
  }
}

static void round_layers(alb_tune_encoder *e) {
  for (size_t a = 0; a < e->count; a++) {
    const alb_tune_array *array = &e->arrays[a];
    if (array->columns && array->first < e->layer_values)
      alb_round_rows(e->as, e->values + array->first, (size_t)array->rows, (size_t)array->columns,
                     e->stored + array->first);
  }
}

void alb_tune_encoder_changed(alb_tune_encoder *encoder) {
  if (encoder->stored) round_layers(encoder);
  alb_parallel(encoder->count, 1, pack_arrays, encoder);
}

alb_status alb_tune_encoder_load(alb_diag *diag, const alb_model_spec *spec, bool backward, alb_tune_encoder *out) {
  *out = (alb_tune_encoder){.config = spec->config, .backward = backward};
  const size_t most = ((size_t)spec->config.layers + 1) * ALB_ROLE_COUNT;
  out->arrays = ALB_NEW_ARRAY(&out->arena, alb_tune_array, most);
  out->layer = alb_arena_array(&out->arena, spec->config.layers, sizeof *out->layer);
  if (!out->arrays || !out->layer) return alb_fail_memory(diag, most * sizeof *out->arrays, "the table of parameters");
  ALB_TRY(add_layers(diag, spec, out));
  ALB_TRY(add_embeddings(diag, spec, out));
  out->values = malloc(out->total * sizeof *out->values);
  if (!out->values) return alb_fail_memory(diag, out->total * sizeof *out->values, "parameters");
  for (size_t i = 0; i < out->count; i++)
    ALB_TRY(alb_blob_f32(diag, spec->tensors, out->arrays[i].blob, out->values + out->arrays[i].first));
  ALB_TRY(make_panels(diag, out));
  alb_tune_encoder_changed(out);
  return ALB_OK;
}

/* Of the embeddings. */
static void round_global(alb_tune_encoder *e, alb_role role, alb_dtype dtype) {
  uint64_t dims[2] = {0};
  float *values = alb_tune_value(e, role, 0);
  (void)alb_role_shape(&e->config, role, dims);
  if (values && dtype) alb_round_rows(dtype, values, (size_t)dims[0], (size_t)dims[1], values);
}

alb_status alb_tune_encoder_round(alb_diag *diag, alb_tune_encoder *encoder, const alb_tune_types *types) {
  encoder->as = types->matrices;
  if (!encoder->stored) encoder->stored = malloc((encoder->layer_values + 1) * sizeof *encoder->stored);
  if (!encoder->stored)
    return alb_fail_memory(diag, encoder->layer_values * sizeof *encoder->stored, "rounded parameters");
  round_global(encoder, ALB_ROLE_WORD, types->words);
  round_global(encoder, ALB_ROLE_POSITION, types->places);
  round_global(encoder, ALB_ROLE_TYPE, types->places);
  round_global(encoder, ALB_ROLE_PROJECTION_W, types->matrices);
  alb_tune_encoder_changed(encoder);
  return ALB_OK;
}

const alb_tune_array *alb_tune_array_of(const alb_tune_encoder *encoder, alb_role role, uint32_t layer) {
  const bool global = alb_role_info(role)->scope == ALB_SCOPE_GLOBAL;
  const uint32_t array = global ? encoder->global[role] : encoder->layer[layer][role];
  return array == ALB_NO_ARRAY ? NULL : &encoder->arrays[array];
}

float *alb_tune_value(const alb_tune_encoder *encoder, alb_role role, uint32_t layer) {
  const alb_tune_array *array = alb_tune_array_of(encoder, role, layer);
  return array ? encoder->values + array->first : NULL;
}

alb_status alb_tune_encoder_store(alb_diag *diag, alb_tune_encoder *encoder, uint32_t array, alb_tensors *tensors) {
  alb_tune_array *from = &encoder->arrays[array];
  float *values;
  uint32_t blob;
  ALB_TRY(alb_tensors_made(diag, tensors, from->elements, &values, &blob));
  memcpy(values, encoder->values + from->first, from->elements * sizeof *values);
  for (size_t i = 0; i < tensors->tensors.count; i++) {
    alb_tensor *tensor = &tensors->tensors.items[i];
    if (tensor->blob != from->blob) continue;
    tensor->blob = blob;
    tensor->dtype = ALB_F32;
  }
  from->blob = blob;
  return ALB_OK;
}

void alb_tune_encoder_free(alb_tune_encoder *encoder) {
  if (!encoder) return;
  free(encoder->values);
  free(encoder->panels);
  free(encoder->stored);
  alb_arena_free(&encoder->arena);
  *encoder = (alb_tune_encoder){0};
}
