/* quantize-weights: store matrices and tables in the asked dtype, vectors in f32.
 *
 *   tensor 0 "w" f32[4,8] blob 0    -- int8 -->  tensor 0 "w" int8[4,8] blob 2 scale 3
 *   tensor 1 "b" f16[4] blob 1                   tensor 1 "b" f32[4] blob 4
 *
 * int8 is symmetric with one scale a row: a row is an output channel of a matrix, a word of a
 * table. int4, int5 and int6 have a scale for each 32 of a row; tables of a model of such matrices are int8 unless
 * asked otherwise. Tables of positions and token types are int8 or f16 where those of words are quantised. Every use of
 * a shared tensor sees the same quantised bytes, stored once.
 * Where the output has places for factors, a matrix that is a base and factors stays that: the base is stored in the
 * asked dtype, its factors in f16 unless that is f32 or the base's own. */
#include "base/intn.h"
#include "graph/build_encoder.h"
#include "passes/pass.h"
#include "passes/weight_use.h"

static alb_status add_recipe(alb_diag *diag, alb_tensors *tensors, const alb_tensor *tensor, alb_blob_kind kind,
                             alb_dtype dtype, alb_dtype of, uint32_t *blob) {
  const uint32_t input = tensor->blob;
  alb_blob recipe = {.kind = kind,
                     .dtype = dtype,
                     .of = of,
                     .elements = tensors->blobs.items[input].elements,
                     .inputs = &input,
                     .input_count = 1};
  if (kind != ALB_BLOB_CAST) {
    recipe.rows = tensor->dims[0];
    recipe.columns = tensor->dims[1];
  }
  if (kind == ALB_BLOB_SCALE) {
    recipe.elements = recipe.rows * (of ? alb_intn_groups(recipe.columns) : 1);
  }
  return alb_tensors_recipe(diag, tensors, &recipe, blob);
}

/* Recipes over tensor->blob: the elements as dtype, and their scales or ALB_NO_BLOB. */
static alb_status add_recipes(alb_diag *diag, alb_tensors *tensors, const alb_tensor *tensor, alb_dtype dtype,
                              uint32_t *blob, uint32_t *scale) {
  const bool grouped = alb_intn_bits(dtype) != 0;
  *scale = ALB_NO_BLOB;
  if (!alb_dtype_is_quantised(dtype)) {
    return add_recipe(diag, tensors, tensor, ALB_BLOB_CAST, dtype, ALB_DTYPE_NONE, blob);
  }
  ALB_TRY(add_recipe(diag, tensors, tensor, ALB_BLOB_SCALE, grouped ? ALB_F16 : ALB_F32,
                     grouped ? dtype : ALB_DTYPE_NONE, scale));
  return add_recipe(diag, tensors, tensor, ALB_BLOB_QUANT, dtype, ALB_DTYPE_NONE, blob);
}

static alb_status convert(alb_diag *diag, alb_tensors *tensors, uint32_t id, alb_dtype dtype) {
  alb_tensor *tensor = &tensors->tensors.items[id];
  uint32_t blob, scale;
  ALB_TRY(add_recipes(diag, tensors, tensor, dtype, &blob, &scale));
  tensor->blob = blob;
  tensor->scale_blob = scale;
  tensor->dtype = dtype;
  return ALB_OK;
}

static alb_status narrow_factor(alb_diag *diag, alb_tensors *tensors, uint32_t *blob) {
  alb_tensor factor = {.blob = *blob};
  if (tensors->blobs.items[*blob].dtype == ALB_F16) return ALB_OK;
  return add_recipe(diag, tensors, &factor, ALB_BLOB_CAST, ALB_F16, ALB_DTYPE_NONE, blob);
}

/* The sum stays f32; its parts change. */
static alb_status convert_residual(alb_diag *diag, alb_tensors *tensors, uint32_t id, alb_dtype dtype) {
  alb_tensor base = tensors->tensors.items[id];
  alb_residual parts = alb_blob_residual(tensors, base.blob);
  base.blob = parts.base;
  ALB_TRY(add_recipes(diag, tensors, &base, dtype, &parts.base, &parts.base_scale));
  if (dtype != ALB_F32) ALB_TRY(narrow_factor(diag, tensors, &parts.left));
  if (dtype != ALB_F32) ALB_TRY(narrow_factor(diag, tensors, &parts.right));
  uint32_t inputs[4];
  const alb_blob recipe = alb_residual_recipe(&parts, base.dims[0], base.dims[1], inputs);
  return alb_tensors_recipe(diag, tensors, &recipe, &tensors->tensors.items[id].blob);
}

alb_dtype alb_table_dtype(const alb_pass_options *options) {
  if (options->tables) return options->tables;
  return alb_intn_bits(options->dtype) ? ALB_I8 : options->dtype ? options->dtype : ALB_F32;
}

/* An error in a table of positions or token types is one that all texts share, and few bits save little there. Where
 * matrices are not quantised, it would be most of the error: 16 bits are kept. */
alb_dtype alb_place_dtype(const alb_pass_options *options) {
  const alb_dtype tables = alb_table_dtype(options);
  if (!alb_dtype_is_quantised(tables)) return tables;
  return alb_dtype_is_quantised(options->dtype) ? ALB_I8 : ALB_F16;
}

static alb_dtype wanted_dtype(alb_use found, const alb_pass_options *options) {
  if (found == ALB_USED_VECTOR) return ALB_F32;
  if (found == ALB_USED_PLACES) return alb_place_dtype(options);
  return found == ALB_USED_TABLE ? alb_table_dtype(options) : options->dtype ? options->dtype : ALB_F32;
}

/* Lets the helper round matrices to groups first; what is quantised already has no use for it. */
static alb_status round_first(alb_diag *diag, alb_graph *graph, const alb_pass_options *options, size_t *changes) {
  const alb_tensors *tensors = graph->tensors;
  alb_arena scratch = {0};
  alb_use *uses;
  bool wanted = false;
  if (!alb_intn_bits(options->dtype) || !options->round) return ALB_OK;
  const alb_status status = alb_weight_uses(diag, &scratch, graph, &uses);
  for (size_t t = 0; status == ALB_OK && t < tensors->tensors.count; t++) {
    wanted = wanted || (uses[t] == ALB_USED_MATRIX && alb_dtype_is_float(tensors->tensors.items[t].dtype));
  }
  alb_arena_free(&scratch);
  if (status != ALB_OK || !wanted) return status;
  ++*changes;
  if (options->report) options->report->refitted = true;
  return options->round(diag, options->round_context, options->dtype, graph);
}

alb_status alb_pass_quantize_weights(alb_diag *diag, alb_graph *graph, const alb_pass_options *options,
                                     size_t *changes) {
  alb_tensors *tensors = graph->tensors;
  alb_arena scratch = {0};
  alb_use *uses;
  ALB_TRY(round_first(diag, graph, options, changes));
  alb_status status = alb_weight_uses(diag, &scratch, graph, &uses);
  for (uint32_t t = 0; status == ALB_OK && t < tensors->tensors.count; t++) {
    const bool residual = alb_blob_is_residual(tensors, tensors->tensors.items[t].blob),
               apart = residual && options->factors;
    const alb_dtype wanted = wanted_dtype(uses[t], options), stored = alb_tensor_stored(tensors, t);
    const alb_dtype now = apart || alb_dtype_is_quantised(stored) ? stored : tensors->tensors.items[t].dtype;
    if (uses[t] == ALB_USED_NOT || now == wanted || alb_dtype_is_quantised(now)) continue;
    status = (apart ? convert_residual : convert)(diag, tensors, t, wanted);
    ++*changes;
  }
  alb_arena_free(&scratch);
  return status;
}
