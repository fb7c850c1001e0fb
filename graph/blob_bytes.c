/* The bytes of blobs: how each recipe makes them. Recipes nest at most MAX_DEPTH deep; no file can
 * make one, passes do. */
#include <math.h>
#include <stdlib.h>

#include "base/checked.h"
#include "base/file.h"
#include "base/low_rank.h"
#include "base/parallel.h"
#include "graph/blob_int8.h"
#include "graph/blob_intn.h"
#include "graph/tensors.h"

/* WORTH_A_THREAD: elements for which one is worth starting. */
enum { MAX_DEPTH = 8, BLOCK = 4096, TILE = 16, WORTH_A_THREAD = 1 << 17 };

typedef struct maker {
  alb_diag *diag;
  const alb_tensors *table;
  int depth;
} maker;

static alb_status make(const maker *m, uint32_t id, void *out);

static const alb_blob *blob_at(const maker *m, uint32_t id) {
  return &m->table->blobs.items[id];
}

/* The blobs of a graph's text have none. */
static alb_status check_bytes(const maker *m, const alb_blob *blob) {
  if (blob->bytes.p || !blob->elements) return ALB_OK;
  return alb_fail(m->diag, ALB_INTERNAL, "a source blob has no bytes");
}

/* A blob's bytes for a moment: the source's own, or made in *owned (to be freed). */
static alb_status borrow(const maker *m, uint32_t id, const void **bytes, void **owned) {
  const alb_blob *blob = blob_at(m, id);
  *owned = NULL;
  *bytes = blob->bytes.p;
  if (blob->kind == ALB_BLOB_BYTES) return check_bytes(m, blob);
  const uint64_t size = alb_blob_bytes(m->table, id);
  *owned = malloc(size ? (size_t)size : 1);
  if (!*owned) return alb_fail_memory(m->diag, (size_t)size, "a blob");
  *bytes = *owned;
  const maker inner = {m->diag, m->table, m->depth + 1};
  return make(&inner, id, *owned);
}

/* Ends a borrowing: frees what was made, gives the pages of a mapped source back. */
static void give_back(const maker *m, uint32_t id, void *owned) {
  free(owned);
  if (!owned && m->table->mapped) alb_file_release(blob_at(m, id)->bytes);
}

static alb_status make_bytes(const maker *m, const alb_blob *blob, void *out) {
  ALB_TRY(check_bytes(m, blob));
  if (blob->bytes.n) memcpy(out, blob->bytes.p, blob->bytes.n);
  if (m->table->mapped) alb_file_release(blob->bytes);
  return ALB_OK;
}

static alb_status make_cast(const maker *m, const alb_blob *blob, void *out) {
  const void *bytes;
  void *owned;
  const alb_dtype from = blob_at(m, blob->inputs[0])->dtype;
  const size_t from_step = alb_dtype_bytes(from), to_step = alb_dtype_bytes(blob->dtype);
  alb_status status = borrow(m, blob->inputs[0], &bytes, &owned);
  float block[BLOCK];
  for (uint64_t i = 0; status == ALB_OK && i < blob->elements; i += BLOCK) {
    const size_t n = blob->elements - i < BLOCK ? (size_t)(blob->elements - i) : BLOCK;
    const bool done = alb_to_f32(from, (const uint8_t *)bytes + i * from_step, n, block) &&
                      alb_from_f32(blob->dtype, block, n, (uint8_t *)out + i * to_step);
    if (!done) status = alb_fail(m->diag, ALB_INTERNAL, "cast between types that are not floats");
  }
  give_back(m, blob->inputs[0], owned);
  return status;
}

static alb_status make_concat(const maker *m, const alb_blob *blob, void *out) {
  uint8_t *p = out;
  for (size_t i = 0; i < blob->input_count; i++) {
    const maker inner = {m->diag, m->table, m->depth + 1};
    ALB_TRY(make(&inner, blob->inputs[i], p));
    p += alb_blob_bytes(m->table, blob->inputs[i]);
  }
  return ALB_OK;
}

static alb_status make_copy(const maker *m, const alb_blob *blob, void *out) {
  const maker inner = {m->diag, m->table, m->depth + 1};
  return make(&inner, blob->inputs[0], out);
}

/* ---- means: the inputs are looked at in place, so no copies ---- */

/* Gives the pages of the source bytes that a blob is made of back. */
static void release(const maker *m, uint32_t id) {
  const alb_blob *blob = blob_at(m, id);
  for (size_t i = 0; i < blob->input_count; i++) release(m, blob->inputs[i]);
  if (m->table->mapped) alb_file_release(blob->bytes);
}

static alb_status read_part(const maker *m, uint32_t id, uint64_t first, size_t n, float *out);

/* A part of blobs after each other, which may begin and end in different ones. */
static alb_status read_concat(const maker *m, const alb_blob *blob, uint64_t first, size_t n, float *out) {
  for (size_t i = 0; n && i < blob->input_count; i++) {
    const uint64_t elements = blob_at(m, blob->inputs[i])->elements;
    if (first >= elements) {
      first -= elements;
      continue;
    }
    const size_t here = elements - first < n ? (size_t)(elements - first) : n;
    ALB_TRY(read_part(m, blob->inputs[i], first, here, out));
    out += here;
    n -= here;
    first = 0;
  }
  return ALB_OK;
}

/* A part of a transposed matrix, an element at a time: element k is in column k / rows, row k % rows. */
static alb_status read_transpose(const maker *m, const alb_blob *blob, uint64_t first, size_t n, float *out) {
  uint64_t column = first / blob->rows, row = first % blob->rows;
  for (size_t k = 0; k < n; k++) {
    ALB_TRY(read_part(m, blob->inputs[0], row * blob->columns + column, 1, out + k));
    row++;
    column += row == blob->rows;
    row = row == blob->rows ? 0 : row;
  }
  return ALB_OK;
}

/* Elements [first, first + n) of a blob as f32. */
static alb_status read_part(const maker *m, uint32_t id, uint64_t first, size_t n, float *out) {
  const alb_blob *blob = blob_at(m, id);
  if (blob->kind == ALB_BLOB_CONCAT) return read_concat(m, blob, first, n, out);
  if (blob->kind == ALB_BLOB_TRANSPOSE) return read_transpose(m, blob, first, n, out);
  if (blob->kind == ALB_BLOB_PART) return read_part(m, blob->inputs[0], blob->rows + first, n, out);
  if (!blob->bytes.p) return alb_fail(m->diag, ALB_INTERNAL, "mean of a blob without bytes");
  const bool done = alb_to_f32(blob->dtype, blob->bytes.p + first * alb_dtype_bytes(blob->dtype), n, out);
  return done ? ALB_OK : alb_fail(m->diag, ALB_INTERNAL, "mean of a type that is not float");
}

/* Adds one block of every input in f64 and divides. */
static alb_status mean_block(const maker *m, const alb_blob *blob, uint64_t first, size_t n, float *out) {
  double sums[BLOCK] = {0};
  float block[BLOCK];
  for (size_t i = 0; i < blob->input_count; i++) {
    ALB_TRY(read_part(m, blob->inputs[i], first, n, block));
    for (size_t k = 0; k < n; k++) sums[k] += (double)block[k];
  }
  for (size_t k = 0; k < n; k++) out[k] = (float)(sums[k] / (double)blob->input_count);
  return ALB_OK;
}

/* f32, whatever the inputs are; the inputs must be source blobs, or these transposed, cut and joined. */
static alb_status make_mean(const maker *m, const alb_blob *blob, void *out) {
  for (uint64_t i = 0; i < blob->elements; i += BLOCK) {
    const size_t n = blob->elements - i < BLOCK ? (size_t)(blob->elements - i) : BLOCK;
    ALB_TRY(mean_block(m, blob, i, n, (float *)out + i));
  }
  for (size_t i = 0; i < blob->input_count; i++) release(m, blob->inputs[i]);
  return ALB_OK;
}

static alb_status make_part(const maker *m, const alb_blob *blob, void *out) {
  const void *bytes;
  void *owned;
  const size_t step = alb_dtype_bytes(blob->dtype);
  const alb_status status = borrow(m, blob->inputs[0], &bytes, &owned);
  if (status == ALB_OK) memcpy(out, (const uint8_t *)bytes + blob->rows * step, (size_t)blob->elements * step);
  give_back(m, blob->inputs[0], owned);
  return status;
}

/* ---- transposes ---- */

/* One tile by way of a small copy, so that each line of memory is fetched once, however far rows are apart. */
static inline void turn_tile(const alb_blob *blob, const uint8_t *in, uint8_t *out, size_t step, uint64_t r0,
                             uint64_t c0) {
  uint8_t tile[TILE * TILE * sizeof(double)];
  const size_t rows = blob->rows - r0 < TILE ? (size_t)(blob->rows - r0) : TILE;
  const size_t columns = blob->columns - c0 < TILE ? (size_t)(blob->columns - c0) : TILE;
  for (size_t r = 0; r < rows; r++) {
    memcpy(tile + r * TILE * step, in + ((r0 + r) * blob->columns + c0) * step, columns * step);
  }
  for (size_t c = 0; c < columns; c++) {
    uint8_t *line = out + ((c0 + c) * blob->rows + r0) * step;
    for (size_t r = 0; r < rows; r++) memcpy(line + r * step, tile + (r * TILE + c) * step, step);
  }
}

typedef struct turning {
  const alb_blob *blob;
  const uint8_t *in;
  uint8_t *out;
} turning;

/* Rows of tiles first .. last-1. Inlined for each step, which is then a constant. */
static inline void turn(const turning *t, size_t step, size_t first, size_t last) {
  for (size_t r = first; r < last; r++) {
    for (uint64_t c = 0; c < t->blob->columns; c += TILE) turn_tile(t->blob, t->in, t->out, step, r * TILE, c);
  }
}

static void turn_any(void *context, size_t index, size_t first, size_t last) {
  const turning *t = context;
  const size_t step = alb_dtype_bytes(t->blob->dtype);
  (void)index;
  if (step == 4) {
    turn(t, 4, first, last);
  } else if (step == 2) {
    turn(t, 2, first, last);
  } else {
    turn(t, step, first, last);
  }
}

static alb_status make_transpose(const maker *m, const alb_blob *blob, void *out) {
  const void *bytes;
  void *owned;
  const alb_status status = borrow(m, blob->inputs[0], &bytes, &owned);
  turning t = {blob, bytes, out};
  const size_t tiles = (size_t)(blob->rows / TILE + (blob->rows % TILE != 0));
  if (status == ALB_OK) alb_parallel(tiles, WORTH_A_THREAD / (TILE * (size_t)blob->columns + 1) + 1, turn_any, &t);
  give_back(m, blob->inputs[0], owned);
  return status;
}

/* ---- quantising ---- */

/* QUANT and SCALE of inputs[0] by groups of a row. */
static alb_status make_intn(const maker *m, const alb_blob *blob, void *out) {
  const void *bytes;
  void *owned;
  alb_status status = borrow(m, blob->inputs[0], &bytes, &owned);
  if (status == ALB_OK) status = alb_blob_make_intn(m->diag, blob, blob_at(m, blob->inputs[0])->dtype, bytes, out);
  give_back(m, blob->inputs[0], owned);
  return status;
}

static void quantize_row(const float *row, size_t columns, int8_t *out) {
  const float scale = alb_int8_scale(row, columns);
  for (size_t c = 0; c < columns; c++) out[c] = alb_int8_number(row[c], scale);
}

/* QUANT (out: int8) and SCALE (out: f32) of inputs[0], a row at a time. */
static alb_status make_int8(const maker *m, const alb_blob *blob, void *out) {
  const void *bytes;
  void *owned;
  const alb_dtype from = blob_at(m, blob->inputs[0])->dtype;
  const size_t step = alb_dtype_bytes(from);
  float *row = malloc((blob->columns ? (size_t)blob->columns : 1) * sizeof *row);
  alb_status status = borrow(m, blob->inputs[0], &bytes, &owned);
  if (!row) status = alb_fail_memory(m->diag, (size_t)blob->columns * sizeof *row, "a row");
  for (uint64_t r = 0; status == ALB_OK && r < blob->rows; r++) {
    if (!alb_to_f32(from, (const uint8_t *)bytes + r * blob->columns * step, (size_t)blob->columns, row)) {
      status = alb_fail(m->diag, ALB_INTERNAL, "quantising a type that is not float");
    } else if (blob->kind == ALB_BLOB_QUANT) {
      quantize_row(row, (size_t)blob->columns, (int8_t *)out + r * blob->columns);
    } else {
      ((float *)out)[r] = alb_int8_scale(row, (size_t)blob->columns);
    }
  }
  free(row);
  give_back(m, blob->inputs[0], owned);
  return status;
}

static alb_status make_wide(const maker *m, const alb_blob *blob, void *out) {
  const unsigned bits = alb_intn_bits(blob_at(m, blob->inputs[0])->dtype);
  const size_t groups = (size_t)alb_intn_groups(blob->columns), columns = (size_t)blob->columns;
  float *scales = malloc((size_t)blob->rows * groups * sizeof *scales + 1);
  const maker inner = {m->diag, m->table, m->depth + 1};
  const alb_blob cast = {.kind = ALB_BLOB_CAST,
                         .dtype = ALB_F32,
                         .elements = blob->rows * groups,
                         .inputs = blob->inputs + 1,
                         .input_count = 1};
  const void *bytes;
  void *owned;
  if (!scales) return alb_fail_memory(m->diag, (size_t)blob->rows * groups * sizeof *scales, "scales");
  alb_status status = make_cast(&inner, &cast, scales);
  if (status == ALB_OK) {
    status = borrow(m, blob->inputs[0], &bytes, &owned);
    for (size_t r = 0; status == ALB_OK && r < blob->rows; r++) {
      alb_intn_widen(bits, (const uint8_t *)bytes + r * groups * alb_intn_bytes(bits), scales + r * groups, columns,
                     (float *)out + r * columns);
    }
    give_back(m, blob->inputs[0], owned);
  }
  free(scales);
  return status;
}

/* ---- a base and factors ---- */

typedef struct adding {
  const float *left, *right;
  size_t rank, columns;
  float *out;
} adding;

static void add_rows(void *context, size_t index, size_t first, size_t last) {
  const adding *a = context;
  (void)index;
  alb_low_rank_add(a->left + first * a->rank, a->right, last - first, a->rank, a->columns, a->out + first * a->columns);
}

static alb_status cast_f32(const maker *m, uint32_t id, float *out) {
  const maker inner = {m->diag, m->table, m->depth + 1};
  const alb_blob cast = {
      .kind = ALB_BLOB_CAST, .dtype = ALB_F32, .elements = blob_at(m, id)->elements, .inputs = &id, .input_count = 1};
  return make_cast(&inner, &cast, out);
}

/* int8 rows with their scales. */
static alb_status widen_int8(const maker *m, const alb_blob *blob, const float *scales, float *out) {
  const void *bytes;
  void *owned;
  const alb_status status = borrow(m, blob->inputs[0], &bytes, &owned);
  for (uint64_t r = 0; status == ALB_OK && r < blob->rows; r++) {
    const int8_t *row = (const int8_t *)bytes + r * blob->columns;
    for (uint64_t c = 0; c < blob->columns; c++) out[r * blob->columns + c] = (float)row[c] * scales[r];
  }
  give_back(m, blob->inputs[0], owned);
  return status;
}

static alb_status make_base(const maker *m, const alb_blob *blob, float *out) {
  const alb_dtype dtype = blob_at(m, blob->inputs[0])->dtype;
  if (alb_intn_bits(dtype)) return make_wide(m, blob, out);
  if (dtype != ALB_I8) return cast_f32(m, blob->inputs[0], out);
  float *scales = malloc(((size_t)blob->rows + 1) * sizeof *scales);
  alb_status status =
      scales ? cast_f32(m, blob->inputs[1], scales) : alb_fail_memory(m->diag, (size_t)blob->rows, "scales");
  if (status == ALB_OK) status = widen_int8(m, blob, scales, out);
  free(scales);
  return status;
}

static alb_status make_residual(const maker *m, const alb_blob *blob, void *out) {
  const uint32_t left = blob->inputs[blob->input_count - 2], right = blob->inputs[blob->input_count - 1];
  const size_t n = (size_t)blob_at(m, left)->elements, k = (size_t)blob_at(m, right)->elements;
  float *factors = malloc((n + k + 1) * sizeof *factors);
  if (!factors) return alb_fail_memory(m->diag, (n + k) * sizeof *factors, "factors");
  const size_t columns = (size_t)blob->columns, rank = columns ? k / columns : 0;
  adding a = {factors, factors + n, rank, columns, out};
  alb_status status = make_base(m, blob, out);
  if (status == ALB_OK) status = cast_f32(m, left, factors);
  if (status == ALB_OK) status = cast_f32(m, right, factors + n);
  if (status == ALB_OK) alb_parallel((size_t)blob->rows, WORTH_A_THREAD / (k + 1) + 1, add_rows, &a);
  free(factors);
  return status;
}

static alb_status make_quant(const maker *m, const alb_blob *blob, void *out) {
  return alb_intn_bits(blob->kind == ALB_BLOB_SCALE ? blob->of : blob->dtype) ? make_intn(m, blob, out)
                                                                              : make_int8(m, blob, out);
}

static alb_status make(const maker *m, uint32_t id, void *out) {
  static alb_status (*const makers[ALB_BLOB_KIND_COUNT])(const maker *, const alb_blob *, void *) = {
      [ALB_BLOB_BYTES] = make_bytes, [ALB_BLOB_CAST] = make_cast,           [ALB_BLOB_CONCAT] = make_concat,
      [ALB_BLOB_MEAN] = make_mean,   [ALB_BLOB_TRANSPOSE] = make_transpose, [ALB_BLOB_QUANT] = make_quant,
      [ALB_BLOB_WIDE] = make_wide,   [ALB_BLOB_SCALE] = make_quant,         [ALB_BLOB_COPY] = make_copy,
      [ALB_BLOB_PART] = make_part,   [ALB_BLOB_RESIDUAL] = make_residual,
  };
  if (m->depth > MAX_DEPTH) return alb_fail(m->diag, ALB_INTERNAL, "recipes nest deeper than %d", MAX_DEPTH);
  return makers[blob_at(m, id)->kind](m, blob_at(m, id), out);
}

alb_status alb_blob_materialize(alb_diag *diag, const alb_tensors *table, uint32_t blob, void *out) {
  const maker m = {diag, table, 0};
  return make(&m, blob, out);
}

alb_status alb_blob_f32(alb_diag *diag, const alb_tensors *table, uint32_t blob, float *out) {
  const maker m = {diag, table, 0};
  const alb_blob cast = {.kind = ALB_BLOB_CAST,
                         .dtype = ALB_F32,
                         .elements = table->blobs.items[blob].elements,
                         .inputs = &blob,
                         .input_count = 1};
  return make_cast(&m, &cast, out);
}

alb_status alb_blob_hash(alb_diag *diag, alb_tensors *table, uint32_t blob, alb_hash128 *hash) {
  alb_blob *b = &table->blobs.items[blob];
  if (!b->hashed) {
    const maker m = {diag, table, 0};
    const void *bytes;
    void *owned;
    const alb_status status = borrow(&m, blob, &bytes, &owned);
    if (status == ALB_OK) b->hash = alb_hash_bytes((alb_span){bytes, (size_t)alb_blob_bytes(table, blob)});
    b->hashed = status == ALB_OK;
    if (table->mapped && b->kind == ALB_BLOB_BYTES) alb_file_release(b->bytes);
    free(owned);
    ALB_TRY(status);
  }
  *hash = b->hash;
  return ALB_OK;
}
