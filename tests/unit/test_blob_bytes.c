/* How recipes make bytes: every kind, odd sizes, every float type, ties, and what is refused. */
#include <math.h>

#include "base/half.h"
#include "graph/tensors.h"
#include "tests/support/check.h"

static alb_diag diag;

/* A blob over the caller's bytes. */
static uint32_t source(alb_tensors *t, alb_dtype dtype, uint64_t n, const void *bytes) {
  const alb_blob blob = {
      .kind = ALB_BLOB_BYTES, .dtype = dtype, .elements = n, .bytes = {bytes, (size_t)n * alb_dtype_bytes(dtype)}};
  assert_true(alb_vec_push(&t->blobs, blob));
  return (uint32_t)t->blobs.count - 1;
}

static uint32_t recipe(alb_tensors *t, alb_blob blob, size_t count, const uint32_t *inputs) {
  uint32_t id;
  blob.inputs = inputs;
  blob.input_count = count;
  assert_ok(&diag, alb_tensors_recipe(&diag, t, &blob, &id));
  return id;
}

static void check_bytes(alb_tensors *t, uint32_t blob, const void *expected) {
  const size_t n = (size_t)alb_blob_bytes(t, blob);
  uint8_t *got = malloc(n + 1);
  got[n] = 0xa5;
  assert_ok(&diag, alb_blob_materialize(&diag, t, blob, got));
  assert_memory_equal(got, expected, n);
  assert_int_equal(got[n], 0xa5);
  free(got);
}

static void test_cast(void **state) {
  (void)state;
  static const float f32[5] = {1, -0.5f, 65504, 1.0009765625f, 0};
  static const double f64[3] = {0.1, -1, 1e-3};
  const uint16_t f16[5] = {0x3c00, 0xb800, 0x7bff, 0x3c01, 0};
  alb_tensors t = {0};
  const uint32_t single = source(&t, ALB_F32, 5, f32), twice = source(&t, ALB_F64, 3, f64);
  const uint32_t half = source(&t, ALB_F16, 5, f16);
  check_bytes(&t, recipe(&t, (alb_blob){.kind = ALB_BLOB_CAST, .dtype = ALB_F16, .elements = 5}, 1, &single), f16);
  check_bytes(&t, recipe(&t, (alb_blob){.kind = ALB_BLOB_CAST, .dtype = ALB_F32, .elements = 5}, 1, &half), f32);
  const uint16_t bf16[5] = {0x3f80, 0xbf00, 0x4780, 0x3f80, 0};
  check_bytes(&t, recipe(&t, (alb_blob){.kind = ALB_BLOB_CAST, .dtype = ALB_BF16, .elements = 5}, 1, &single), bf16);
  const float narrow[3] = {0.1f, -1, 1e-3f};
  check_bytes(&t, recipe(&t, (alb_blob){.kind = ALB_BLOB_CAST, .dtype = ALB_F32, .elements = 3}, 1, &twice), narrow);
  float made[5];
  assert_ok(&diag, alb_blob_f32(&diag, &t, half, made));
  assert_memory_equal(made, f32, sizeof f32);
  alb_tensors_free(&t);
}

/* More than the block of 4096 in which casts and means go, and not a multiple of it. */
static void test_blocks(void **state) {
  (void)state;
  enum { N = 2 * 4096 + 3 };
  float *a = malloc(N * sizeof *a), *b = malloc(N * sizeof *b), *mean = malloc(N * sizeof *mean);
  uint16_t *half = malloc(N * sizeof *half);
  for (int i = 0; i < N; i++) {
    a[i] = (float)i;
    b[i] = 1;
    mean[i] = (float)(((double)i + 1) / 2);
    half[i] = alb_f32_to_f16((float)i);
  }
  alb_tensors t = {0};
  const uint32_t both[2] = {source(&t, ALB_F32, N, a), source(&t, ALB_F32, N, b)};
  check_bytes(&t, recipe(&t, (alb_blob){.kind = ALB_BLOB_MEAN, .dtype = ALB_F32, .elements = N}, 2, both), mean);
  check_bytes(&t, recipe(&t, (alb_blob){.kind = ALB_BLOB_CAST, .dtype = ALB_F16, .elements = N}, 1, both), half);
  alb_tensors_free(&t);
  free(a), free(b), free(mean), free(half);
}

static void test_mean(void **state) {
  (void)state;
  static const float f32[3] = {1, 2, 0x1p24f};
  static const double f64[3] = {2, 4, 1};
  const uint16_t bf16[3] = {0x4040, 0xc0c0, 0x3f80}; /* 3 -6 1 */
  alb_tensors t = {0};
  const uint32_t three[3] = {source(&t, ALB_F32, 3, f32), source(&t, ALB_F64, 3, f64), source(&t, ALB_BF16, 3, bf16)};
  const float expected[3] = {2, 0, (float)((0x1p24 + 2) / 3)}; /* 2^24 + 1 + 1 is lost in f32 sums */
  const alb_blob mean = {.kind = ALB_BLOB_MEAN, .dtype = ALB_F32, .elements = 3};
  check_bytes(&t, recipe(&t, mean, 3, three), expected);
  const uint32_t copy = recipe(&t, (alb_blob){.kind = ALB_BLOB_COPY, .dtype = ALB_F32, .elements = 3}, 1, three);
  float out[3];
  const uint32_t of_recipe = recipe(&t, mean, 1, &copy);
  assert_refused(&diag, alb_blob_materialize(&diag, &t, of_recipe, out), ALB_INTERNAL, "mean of a blob without bytes");
  alb_tensors_free(&t);
}

static void test_concat_transpose_copy(void **state) {
  (void)state;
  static const int8_t a[6] = {1, 2, 3, 4, 5, 6}, b[1] = {7};
  alb_tensors t = {0};
  const uint32_t both[3] = {source(&t, ALB_I8, 6, a), source(&t, ALB_I8, 1, b), 0};
  check_bytes(&t, recipe(&t, (alb_blob){.kind = ALB_BLOB_CONCAT, .dtype = ALB_I8, .elements = 13}, 3, both),
              (int8_t[]){1, 2, 3, 4, 5, 6, 7, 1, 2, 3, 4, 5, 6});
  const alb_blob turn = {.kind = ALB_BLOB_TRANSPOSE, .dtype = ALB_I8, .elements = 6, .rows = 2, .columns = 3};
  const uint32_t turned = recipe(&t, turn, 1, both);
  check_bytes(&t, turned, (int8_t[]){1, 4, 2, 5, 3, 6});
  const alb_blob back = {.kind = ALB_BLOB_TRANSPOSE, .dtype = ALB_I8, .elements = 6, .rows = 3, .columns = 2};
  check_bytes(&t, recipe(&t, back, 1, &turned), a);
  check_bytes(&t, recipe(&t, (alb_blob){.kind = ALB_BLOB_COPY, .dtype = ALB_I8, .elements = 6, .rows = 4}, 1, both), a);
  alb_tensors_free(&t);
}

/* Every width of element, and sizes that tiles do not divide. */
static void test_transpose_sizes(void **state) {
  static const alb_dtype dtypes[] = {ALB_I8, ALB_F16, ALB_F32, ALB_F64};
  static const size_t sizes[][2] = {{1, 1}, {1, 70}, {33, 1}, {16, 32}, {17, 50}, {40, 15}, {3, 0}};
  (void)state;
  for (size_t i = 0; i < 4 * sizeof sizes / sizeof *sizes; i++) {
    const size_t rows = sizes[i / 4][0], columns = sizes[i / 4][1], step = alb_dtype_bytes(dtypes[i % 4]);
    uint8_t *in = malloc(rows * columns * step + 1), *out = malloc(rows * columns * step + 1);
    for (size_t k = 0; k < rows * columns * step; k++) in[k] = (uint8_t)(k * 89 >> 3);
    for (size_t k = 0; k < rows * columns; k++)
      memcpy(out + (k % columns * rows + k / columns) * step, in + k * step, step);
    alb_tensors t = {0};
    const uint32_t from = source(&t, dtypes[i % 4], rows * columns, in);
    const alb_blob turn = {.kind = ALB_BLOB_TRANSPOSE,
                           .dtype = dtypes[i % 4],
                           .elements = rows * columns,
                           .rows = rows,
                           .columns = columns};
    check_bytes(&t, recipe(&t, turn, 1, &from), out);
    alb_tensors_free(&t);
    free(in), free(out);
  }
}

/* Means look at transposed and joined blobs in place: the same as of these blobs once made. */
static void test_mean_of_recipes(void **state) {
  enum { R = 70, C = 90, N = R * C };
  float *a = malloc(N * sizeof *a), *b = malloc(N * sizeof *b), *mean = malloc(N * sizeof *mean);
  (void)state;
  for (int i = 0; i < N; i++) a[i] = (float)i * 0.25f;
  for (int i = 0; i < N; i++) b[i] = (float)(i % 97) - 31;
  alb_tensors t = {0};
  const uint32_t whole = source(&t, ALB_F32, N, a);
  const uint32_t parts[2] = {source(&t, ALB_F32, C, b), source(&t, ALB_F32, N - C, b + C)};
  const alb_blob join = {.kind = ALB_BLOB_CONCAT, .dtype = ALB_F32, .elements = N};
  const uint32_t joined = recipe(&t, join, 2, parts);
  const alb_blob turn = {.kind = ALB_BLOB_TRANSPOSE, .dtype = ALB_F32, .elements = N, .rows = C, .columns = R};
  const uint32_t turned = recipe(&t, turn, 1, &joined), three[3] = {whole, turned, joined};
  for (int i = 0; i < N; i++) {
    mean[i] = (float)(((double)a[i] + (double)b[i % C * R + i / C] + (double)b[i]) / 3);
  }
  check_bytes(&t, recipe(&t, (alb_blob){.kind = ALB_BLOB_MEAN, .dtype = ALB_F32, .elements = N}, 3, three), mean);
  alb_tensors_free(&t);
  free(a), free(b), free(mean);
}

static void check_quant(alb_dtype dtype, const void *bytes, const int8_t *q, const float *scales) {
  alb_tensors t = {0};
  const uint32_t from = source(&t, dtype, 15, bytes);
  const alb_blob quant = {.kind = ALB_BLOB_QUANT, .dtype = ALB_I8, .elements = 15, .rows = 3, .columns = 5};
  const alb_blob scale = {.kind = ALB_BLOB_SCALE, .dtype = ALB_F32, .elements = 3, .rows = 3, .columns = 5};
  check_bytes(&t, recipe(&t, quant, 1, &from), q);
  check_bytes(&t, recipe(&t, scale, 1, &from), scales);
  alb_tensors_free(&t);
}

/* Scale 2 in the first row: 1, 3, 5 are half-way, and go to the even number. A row of zeros; a row whose
 * scale is not a power of two. */
static void test_quant(void **state) {
  (void)state;
  static const float f32[15] = {254, 1, 3, -5, -254, 0, 0, 0, -0.0f, 0, -1, 1, 0.5f, 0.25f, 0};
  static const int8_t q[15] = {127, 0, 2, -2, -127, 0, 0, 0, 0, 0, -127, 127, 64, 32, 0};
  const float scales[3] = {2, 1, 1.0f / 127.0f};
  uint16_t f16[15], bf16[15];
  double f64[15];
  assert_true(alb_from_f32(ALB_F16, f32, 15, f16) && alb_from_f32(ALB_BF16, f32, 15, bf16));
  for (int i = 0; i < 15; i++) f64[i] = (double)f32[i];
  check_quant(ALB_F32, f32, q, scales);
  check_quant(ALB_F16, f16, q, scales);
  check_quant(ALB_BF16, bf16, q, scales);
  check_quant(ALB_F64, f64, q, scales);
}

/* The smallest and the largest numbers: scales stay above 0, elements within 127. */
static void test_quant_extremes(void **state) {
  (void)state;
  static const float f32[6] = {0x1p-149f, 0, -0x1p-149f, 3.4e38f, -3.4e38f, 1};
  alb_tensors t = {0};
  const uint32_t from = source(&t, ALB_F32, 6, f32);
  int8_t q[6];
  float scales[2];
  const alb_blob quant = {.kind = ALB_BLOB_QUANT, .dtype = ALB_I8, .elements = 6, .rows = 2, .columns = 3};
  const alb_blob scale = {.kind = ALB_BLOB_SCALE, .dtype = ALB_F32, .elements = 2, .rows = 2, .columns = 3};
  assert_ok(&diag, alb_blob_materialize(&diag, &t, recipe(&t, quant, 1, &from), q));
  assert_ok(&diag, alb_blob_materialize(&diag, &t, recipe(&t, scale, 1, &from), scales));
  assert_true(scales[0] > 0 && scales[1] > 0 && isfinite(scales[1]));
  for (int i = 0; i < 6; i++) assert_in_range(q[i] + 127, 0, 254);
  assert_int_equal(q[3], 127);
  assert_int_equal(q[4], -127);
  alb_tensors_free(&t);
}

/* A tower of copies: eight are made, nine are refused; so is hashing them. */
static void test_depth(void **state) {
  (void)state;
  static const float f32[2] = {1, 2};
  alb_tensors t = {0};
  uint32_t top = source(&t, ALB_F32, 2, f32);
  alb_hash128 hash;
  float out[2];
  for (uint64_t i = 1; i <= 8; i++) {
    top = recipe(&t, (alb_blob){.kind = ALB_BLOB_COPY, .dtype = ALB_F32, .elements = 2, .rows = i}, 1, &top);
  }
  check_bytes(&t, top, f32);
  top = recipe(&t, (alb_blob){.kind = ALB_BLOB_COPY, .dtype = ALB_F32, .elements = 2, .rows = 9}, 1, &top);
  assert_refused(&diag, alb_blob_materialize(&diag, &t, top, out), ALB_INTERNAL, "nest deeper than 8");
  assert_refused(&diag, alb_blob_hash(&diag, &t, top, &hash), ALB_INTERNAL, "nest deeper than 8");
  assert_false(t.blobs.items[top].hashed);
  alb_tensors_free(&t);
}

/* Blobs of a text have no bytes, int8 is not a float: said, not crashed. */
static void test_refused(void **state) {
  (void)state;
  static const int8_t i8[4] = {1, 2, 3, 4};
  alb_tensors t = {0};
  alb_hash128 hash;
  float out[4];
  const uint32_t whole = source(&t, ALB_I8, 4, i8), empty = source(&t, ALB_F32, 4, i8);
  t.blobs.items[empty].bytes = (alb_span){0};
  assert_refused(&diag, alb_blob_f32(&diag, &t, whole, out), ALB_INTERNAL, "not floats");
  assert_refused(&diag, alb_blob_materialize(&diag, &t, empty, out), ALB_INTERNAL, "no bytes");
  assert_refused(&diag, alb_blob_f32(&diag, &t, empty, out), ALB_INTERNAL, "no bytes");
  assert_refused(&diag, alb_blob_hash(&diag, &t, empty, &hash), ALB_INTERNAL, "no bytes");
  const alb_blob quant = {.kind = ALB_BLOB_QUANT, .dtype = ALB_I8, .elements = 4, .rows = 2, .columns = 2};
  assert_refused(&diag, alb_blob_materialize(&diag, &t, recipe(&t, quant, 1, &whole), out), ALB_INTERNAL, "not float");
  assert_refused(&diag, alb_blob_materialize(&diag, &t, recipe(&t, quant, 1, &empty), out), ALB_INTERNAL, "no bytes");
  alb_tensors_free(&t);
}

static void test_hash_is_of_the_bytes(void **state) {
  (void)state;
  static const float f32[2] = {1, 2};
  static const uint16_t f16[2] = {0x3c00, 0x4000};
  alb_tensors t = {0};
  const uint32_t from = source(&t, ALB_F32, 2, f32), half = source(&t, ALB_F16, 2, f16);
  const uint32_t cast = recipe(&t, (alb_blob){.kind = ALB_BLOB_CAST, .dtype = ALB_F16, .elements = 2}, 1, &from);
  alb_hash128 a, b;
  assert_ok(&diag, alb_blob_hash(&diag, &t, half, &a));
  assert_ok(&diag, alb_blob_hash(&diag, &t, cast, &b));
  assert_true(alb_hash_equal(&a, &b));
  assert_ok(&diag, alb_blob_hash(&diag, &t, from, &b));
  assert_false(alb_hash_equal(&a, &b));
  alb_tensors_free(&t);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_cast),
      cmocka_unit_test(test_blocks),
      cmocka_unit_test(test_mean),
      cmocka_unit_test(test_concat_transpose_copy),
      cmocka_unit_test(test_transpose_sizes),
      cmocka_unit_test(test_mean_of_recipes),
      cmocka_unit_test(test_quant),
      cmocka_unit_test(test_quant_extremes),
      cmocka_unit_test(test_depth),
      cmocka_unit_test(test_refused),
      cmocka_unit_test(test_hash_is_of_the_bytes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
