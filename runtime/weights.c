/* Weights made ready for the kernels: each blob once for each use, however many layers share it. */
#include "runtime/weights.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/file.h"
#include "base/low_rank.h"
#include "base/pages.h"
#include "format/layout.h"
#include "runtime/kernels/kernels.h"

enum { PACK_ROWS = 64 }; /* rows of a matrix packed as one task: some panels */

static alb_status describe(alb_diag *diag, const alb_reader *reader, uint32_t id, alb_weight_use use, alb_weight *out) {
  const Alb__Tensor *tensor = alb_reader_manifest(reader)->tensors[id];
  const bool vector = use == ALB_USE_VECTOR;
  if (tensor->n_dims != (vector ? 1 : 2)) {
    return alb_fail(diag, ALB_SHAPE, "tensor \"%s\" has rank %zu, expected %d", tensor->name, tensor->n_dims,
                    vector ? 1 : 2);
  }
  const alb_dtype dtype = (alb_dtype)tensor->dtype;
  if (alb_dtype_is_quantised(dtype) && vector) {
    return alb_fail(diag, ALB_UNSUPPORTED, "tensor \"%s\" is a quantised vector", tensor->name);
  }
  if (tensor->left_blob && use != ALB_USE_MATRIX) {
    return alb_fail(diag, ALB_UNSUPPORTED, "tensor \"%s\" has factors and is no matrix", tensor->name);
  }
  *out = (alb_weight){.use = use,
                      .dtype = tensor->left_blob ? ALB_F32 : dtype,
                      .base = dtype,
                      .left = tensor->left_blob,
                      .right = tensor->right_blob,
                      .rows = vector ? 1 : (size_t)tensor->dims[0],
                      .columns = (size_t)tensor->dims[vector ? 0 : 1],
                      .blob = tensor->blob,
                      .scale_blob = tensor->scale_blob,
                      .name = tensor->name};
  return ALB_OK;
}

static bool same(const alb_weight *a, const alb_weight *b) {
  return a->blob == b->blob && a->scale_blob == b->scale_blob && a->use == b->use && a->base == b->base &&
         a->left == b->left && a->right == b->right && a->rows == b->rows && a->columns == b->columns;
}

static alb_status find_chain(alb_diag *diag, alb_weights *weights, uint32_t blob, alb_weight_use use,
                             alb_weight ***chain) {
  const size_t count = alb_reader_blob_count(weights->reader) * ALB_USE_COUNT;
  if (!weights->by_blob) weights->by_blob = calloc(count, sizeof *weights->by_blob);
  if (!weights->by_blob) return alb_fail_memory(diag, count * sizeof *weights->by_blob, "the table of weights");
  *chain = &weights->by_blob[(size_t)blob * ALB_USE_COUNT + use];
  return ALB_OK;
}

alb_status alb_weights_get(alb_diag *diag, alb_weights *weights, uint32_t tensor, alb_weight_use use,
                           alb_weight **out) {
  alb_weight found, **chain = NULL;
  ALB_TRY(describe(diag, weights->reader, tensor, use, &found));
  ALB_TRY(find_chain(diag, weights, found.left ? found.left - 1 : found.blob, use, &chain));
  for (*out = *chain; *out; *out = (*out)->next) {
    if (same(*out, &found)) return ALB_OK;
  }
  *out = ALB_NEW(&weights->arena, alb_weight);
  if (!*out) return alb_fail_memory(diag, sizeof found, "a weight");
  found.next = *chain;
  **out = found;
  *chain = *out;
  return ALB_OK;
}

alb_status alb_weights_reserve(alb_diag *diag, alb_weights *weights, size_t bytes) {
  if (!bytes) return ALB_OK;
  void *room = alb_pages_new(bytes);
  if (!room || !alb_vec_push(&weights->rooms, room)) {
    free(room);
    return alb_fail_memory(diag, bytes, "weights");
  }
  weights->room = room;
  weights->room_left = bytes;
  return ALB_OK;
}

static alb_status allocate(alb_diag *diag, alb_weights *weights, alb_weight *weight, size_t bytes) {
  size_t rounded;
  if (!alb_align_ok(bytes, ALB_KERNEL_ALIGN, &rounded)) {
    return alb_fail(diag, ALB_OVERFLOW, "tensor \"%s\" is too large", weight->name);
  }
  if (rounded > weights->room_left) ALB_TRY(alb_weights_reserve(diag, weights, rounded));
  weight->owned = weights->room;
  weight->data = weight->owned;
  weights->room += rounded;
  weights->room_left -= rounded;
  weights->prepared_bytes += rounded;
  return ALB_OK;
}

/* The reader has checked that the bytes of a blob are its tensor's elements, and scales their rows'. */
static const uint8_t *source(const alb_weights *weights, const alb_weight *weight) {
  return alb_reader_blob(weights->reader, weight->blob).bytes.p;
}

static const uint8_t *scales_of(const alb_weights *weights, const alb_weight *weight) {
  return alb_reader_blob(weights->reader, weight->scale_blob - 1).bytes.p;
}

/* One matrix being packed by the pool: task i packs rows i * PACK_ROWS and on. */
typedef struct packing {
  const alb_weight *weight;
  const uint8_t *bytes;
  const uint8_t *scales;     /* int4 to int6: [rows][groups of columns] f16; of a base, int8: [rows] f32 */
  float *widened;            /* [workers][PACK_ROWS][columns]; NULL where rows are packed as they are stored */
  const float *left, *right; /* factors; NULL: none */
  size_t rank;
  atomic_bool failed; /* a value that can't be packed was met */
} packing;

/* -128 would overflow the kernels' sums; the converter never writes it. */
static bool has_minus_128(const int8_t *values, size_t n) {
  return memchr(values, 0x80, n) != NULL;
}

/* Rows as f32, with what the factors add to them. */
static void pack_wide_rows(const packing *p, size_t first, size_t count, float *wide) {
  const alb_weight *w = p->weight;
  for (size_t r = 0; r < count; r++) {
    (void)alb_gather_row(w->base, p->bytes, p->scales, first + r, w->columns, false, wide + r * w->columns);
  }
  if (p->left) alb_low_rank_add(p->left + first * p->rank, p->right, count, p->rank, w->columns, wide);
  alb_pack_f32(wide, first, count, w->rows, w->columns, w->owned);
}

static void pack_intn_rows(const packing *p, unsigned bits, size_t first, size_t count) {
  const alb_weight *w = p->weight;
  const size_t at = first * (size_t)alb_intn_groups(w->columns);
  alb_pack_intn(bits, p->bytes + at * alb_intn_bytes(bits), p->scales + 2 * at, first, count, w->rows, w->columns,
                w->owned);
}

static void pack_rows(void *context, size_t task, size_t worker) {
  packing *p = context;
  const alb_weight *w = p->weight;
  const size_t first = task * PACK_ROWS, at = first * w->columns;
  const size_t count = w->rows - first < PACK_ROWS ? w->rows - first : PACK_ROWS;
  const unsigned bits = alb_intn_bits(w->base);
  if (w->base == ALB_I8 && has_minus_128((const int8_t *)p->bytes + at, count * w->columns)) {
    atomic_store(&p->failed, true);
  }
  if (p->widened)
    pack_wide_rows(p, first, count, p->widened + worker * PACK_ROWS * w->columns);
  else if (bits)
    pack_intn_rows(p, bits, first, count);
  else if (w->base == ALB_I8)
    alb_pack_s8((const int8_t *)p->bytes + at, first, count, w->rows, w->columns, w->owned);
  else
    alb_pack_f32((const float *)(const void *)p->bytes + at, first, count, w->rows, w->columns, w->owned);
}

static alb_status packed_bytes(alb_diag *diag, const alb_weight *weight, size_t *bytes) {
  const unsigned bits = alb_intn_bits(weight->dtype);
  const bool ok = weight->dtype == ALB_I8 ? alb_packed_s8_bytes(weight->rows, weight->columns, bytes)
                  : bits                  ? alb_packed_intn_bytes(bits, weight->rows, weight->columns, bytes)
                                          : alb_packed_f32_bytes(weight->rows, weight->columns, bytes);
  return ok ? ALB_OK : alb_fail(diag, ALB_OVERFLOW, "tensor \"%s\" is too large", weight->name);
}

static alb_status vector_bytes(alb_diag *diag, const alb_weight *weight, size_t *bytes) {
  if (alb_mul_ok(weight->columns, sizeof(float), bytes)) return ALB_OK;
  return alb_fail(diag, ALB_OVERFLOW, "tensor \"%s\" is too large", weight->name);
}

alb_status alb_weights_count(alb_diag *diag, alb_weight *weight, size_t *bytes) {
  size_t own = 0;
  if (weight->ready || weight->counted) return ALB_OK;
  weight->counted = true;
  if (weight->use == ALB_USE_MATRIX) ALB_TRY(packed_bytes(diag, weight, &own));
  if (weight->use == ALB_USE_VECTOR && weight->dtype != ALB_F32) ALB_TRY(vector_bytes(diag, weight, &own));
  if (alb_align_ok(own, ALB_KERNEL_ALIGN, &own) && alb_add_ok(*bytes, own, bytes)) return ALB_OK;
  return alb_fail(diag, ALB_OVERFLOW, "tensor \"%s\" is too large", weight->name);
}

/* A factor's numbers as f32, to be freed. */
static alb_status widen_factor(alb_diag *diag, const alb_weights *weights, uint32_t id, float **out, size_t *n) {
  const alb_stored_blob blob = alb_reader_blob(weights->reader, id - 1);
  size_t bytes;
  *n = blob.bytes.n / blob.width;
  *out = alb_mul_ok(*n, sizeof **out, &bytes) ? malloc(bytes) : NULL;
  if (!*out) return alb_fail_memory(diag, *n, "a factor");
  (void)alb_to_f32(blob.width == 2 ? ALB_F16 : ALB_F32, blob.bytes.p, *n, *out);
  return ALB_OK;
}

/* Room for rows as f32, where they are not packed as they are stored, and the factors. */
static alb_status widen(alb_diag *diag, const alb_weights *weights, const alb_weight *weight, alb_pool *pool,
                        packing *p, float *factors[2]) {
  size_t wide, n;
  if (weight->base != ALB_F16 && weight->base != ALB_BF16 && !weight->left) return ALB_OK;
  const bool ok = alb_mul_ok(weight->columns, alb_pool_threads(pool) * PACK_ROWS * sizeof(float), &wide);
  p->widened = ok ? malloc(wide) : NULL;
  if (!p->widened) return alb_fail_memory(diag, ok ? wide : 0, weight->name);
  if (!weight->left) return ALB_OK;
  ALB_TRY(widen_factor(diag, weights, weight->left, &factors[0], &n));
  p->rank = n / weight->rows;
  ALB_TRY(widen_factor(diag, weights, weight->right, &factors[1], &n));
  p->left = factors[0];
  p->right = factors[1];
  return ALB_OK;
}

static alb_status prepare_matrix(alb_diag *diag, alb_weights *weights, alb_weight *weight, alb_pool *pool) {
  packing p = {.weight = weight, .bytes = source(weights, weight)};
  float *factors[2] = {NULL, NULL};
  size_t bytes;
  if (weight->scale_blob) p.scales = scales_of(weights, weight);
  ALB_TRY(packed_bytes(diag, weight, &bytes));
  alb_status status = widen(diag, weights, weight, pool, &p, factors);
  if (status == ALB_OK) status = allocate(diag, weights, weight, bytes);
  if (status == ALB_OK) alb_pool_run(pool, pack_rows, &p, (weight->rows + PACK_ROWS - 1) / PACK_ROWS);
  free(p.widened);
  free(factors[0]);
  free(factors[1]);
  if (!p.failed) return status;
  return alb_fail(diag, ALB_MALFORMED, "tensor \"%s\" holds the value -128, which is not allowed", weight->name);
}

static alb_status prepare_vector(alb_diag *diag, alb_weights *weights, alb_weight *weight) {
  weight->data = source(weights, weight);
  if (weight->dtype == ALB_F32) return ALB_OK;
  size_t bytes;
  const void *stored = weight->data;
  ALB_TRY(vector_bytes(diag, weight, &bytes));
  ALB_TRY(allocate(diag, weights, weight, bytes));
  (void)alb_to_f32(weight->dtype, stored, weight->columns, weight->owned);
  return ALB_OK;
}

/* The mapped pages of a packed blob are not needed soon (inflated blobs lie in memory). */
static void release(const alb_weights *weights, uint32_t id) {
  const alb_stored_blob blob = alb_reader_blob(weights->reader, id);
  if (blob.encoding == ALB_ENCODING_RAW) alb_file_release(blob.bytes);
}

alb_status alb_weights_prepare(alb_diag *diag, alb_weights *weights, alb_weight *weight, alb_pool *pool) {
  if (weight->ready) return ALB_OK;
  if (weight->scale_blob && !weight->left) weight->scales = scales_of(weights, weight);
  if (weight->use == ALB_USE_MATRIX) {
    ALB_TRY(prepare_matrix(diag, weights, weight, pool));
    release(weights, weight->blob);
    if (alb_intn_bits(weight->dtype)) release(weights, weight->scale_blob - 1);
  } else if (weight->use == ALB_USE_VECTOR) {
    ALB_TRY(prepare_vector(diag, weights, weight));
  } else {
    weight->data = source(weights, weight);
  }
  weight->ready = true;
  return ALB_OK;
}

void alb_weights_free(alb_weights *weights) {
  for (size_t i = 0; i < weights->rooms.count; i++) free(weights->rooms.items[i]);
  alb_vec_free(&weights->rooms);
  free(weights->by_blob);
  alb_arena_free(&weights->arena);
}
