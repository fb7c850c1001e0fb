/* Selection of kernels, packed layouts, and the row operations. checkkern checks the kernels themselves. */
#include "runtime/kernels/kernels.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/half.h"

static void select_by_name(void **state) {
  (void)state;
  alb_kernels ref, none, best, named;
  assert_int_equal(alb_kernels_select(NULL, alb_cpu_detect(), "ref", &ref), ALB_OK);
  assert_string_equal(ref.isa, "ref");
  assert_int_equal(alb_kernels_select(NULL, 0, NULL, &none), ALB_OK);
  assert_memory_equal(&none, &ref, sizeof ref);
  assert_int_equal(alb_kernels_select(NULL, alb_cpu_detect(), NULL, &best), ALB_OK);
  assert_int_equal(alb_kernels_select(NULL, alb_cpu_detect(), best.isa, &named), ALB_OK);
  assert_memory_equal(&best, &named, sizeof best);
}

static void every_slot_is_filled(void **state) {
  (void)state;
  alb_kernels table;
  assert_int_equal(alb_kernels_select(NULL, 0, "", &table), ALB_OK);
#define ALB_KERNEL(slot, args) assert_true(table.slot != NULL);
#include "runtime/kernels/kernels.def"
#undef ALB_KERNEL
}

static void names_that_cannot_be(void **state) {
  (void)state;
  alb_kernels table;
  alb_diag diag = {0};
  assert_int_equal(alb_kernels_select(&diag, alb_cpu_detect(), "mmx", &table), ALB_USAGE);
  assert_non_null(strstr(alb_diag_text(&diag, ALB_USAGE), "avx2"));
  alb_diag_free(&diag);
  diag = (alb_diag){0};
  assert_int_equal(alb_kernels_select(&diag, ALB_CPU_AVX2, "avx2", &table), ALB_UNSUPPORTED);
  assert_non_null(strstr(alb_diag_text(&diag, ALB_UNSUPPORTED), "fma,f16c"));
  alb_diag_free(&diag);
}

static void cpu_names(void **state) {
  (void)state;
  char out[ALB_CPU_NAMES_MAX];
  assert_string_equal(alb_cpu_names(0, out), "");
  assert_string_equal(alb_cpu_names(ALB_CPU_FMA | ALB_CPU_AVX2, out), "avx2,fma");
  assert_int_equal(strlen(alb_cpu_names((1u << ALB_CPU_BIT_COUNT) - 1, out)) < ALB_CPU_NAMES_MAX, 1);
}

static void packed_f32_layout(void **state) {
  (void)state;
  enum { N = 18, K = 3 };
  float w[N * K];
  size_t bytes;
  for (int i = 0; i < N * K; i++) w[i] = (float)(i + 1);
  assert_true(alb_packed_f32_bytes(N, K, &bytes));
  assert_int_equal(bytes, 32 * K * sizeof(float));
  float *packed = malloc(bytes);
  assert_non_null(packed);
  memset(packed, 0xff, bytes);
  alb_pack_f32(w + 5 * K, 5, N - 5, N, K, packed);
  alb_pack_f32(w, 0, 5, N, K, packed);
  for (int n = 0; n < 32; n++) {
    for (int k = 0; k < K; k++) {
      const float want = n < N ? w[n * K + k] : 0;
      assert_true(packed[n / 16 * 16 * K + k * 16 + n % 16] == want);
    }
  }
  free(packed);
}

static void packed_s8_layout(void **state) {
  (void)state;
  enum { N = 17, K = 140, DEPTH = 128 };
  int8_t w[N * K];
  size_t bytes;
  for (int i = 0; i < N * K; i++) w[i] = (int8_t)(i % 255 - 127);
  assert_true(alb_packed_s8_bytes(N, K, &bytes));
  enum { GROUP = 16 * DEPTH + 2 * 16 * 4, PANEL = 2 * GROUP };
  assert_int_equal(bytes, 2 * PANEL);
  assert_int_equal(alb_s8_panel_bytes(K), PANEL);
  int8_t *packed = malloc(bytes);
  assert_non_null(packed);
  memset(packed, 0xff, bytes);
  alb_pack_s8(w, 0, 1, N, K, packed);
  alb_pack_s8(w + K, 1, N - 1, N, K, packed);
  for (int n = 0; n < 32; n++) {
    for (int g = 0; g < 2; g++) {
      const int8_t *group = packed + n / 16 * PANEL + g * GROUP;
      int negative = 0, all = 0;
      for (int k = 0; k < DEPTH; k++) {
        const int want = n < N && g * DEPTH + k < K ? w[n * K + g * DEPTH + k] : 0;
        assert_int_equal(group[k / 4 * 64 + n % 16 * 4 + k % 4], want);
        negative -= want < 0 ? want : 0;
        all += want;
      }
      int32_t stored[2];
      memcpy(&stored[0], group + 16 * DEPTH + n % 16 * 4, sizeof stored[0]);
      memcpy(&stored[1], group + 16 * (DEPTH + 4) + n % 16 * 4, sizeof stored[1]);
      assert_int_equal(stored[0], negative);
      assert_int_equal(stored[1], all);
    }
  }
  free(packed);
}

/* A packed matrix of `bits` as stored, 4 or 6 as packed, of which a packed group has `size` bytes. */
typedef struct packed_matrix {
  unsigned bits;
  size_t size;
  const uint8_t *packed, *w;
  const uint16_t *scales;
} packed_matrix;

/* Number k of column n. */
static int packed_at(const packed_matrix *m, size_t n, size_t k) {
  const uint8_t *group = m->packed + (n / 16 * 4 + k / 32) * m->size;
  const uint8_t byte = group[k % 32 / 8 * 64 + n % 16 * 4 + k % 4];
  const int upper = ((k % 8 < 4 ? byte & 15 : byte >> 4) ^ 8) - 8;
  return m->bits == 4 ? upper : upper * 4 + (group[256 + k % 32 / 16 * 64 + n % 16 * 4 + k % 4] >> k % 16 / 4 * 2 & 3);
}

static void check_packed(const packed_matrix *m, size_t n, size_t columns) {
  enum { K = 70, GROUPS = 3 };
  for (size_t g = 0; g < 4; g++) {
    const uint8_t *behind = m->packed + (n / 16 * 4 + g + 1) * m->size - 64 + n % 16 * 2;
    int16_t sum, all = 0;
    uint16_t scale;
    for (size_t k = g * 32; k < g * 32 + 32; k++) {
      const uint8_t *group = m->w + (n * GROUPS + g) * 4 * m->bits;
      const int want = n < columns && k < K ? alb_intn_at(group, m->bits, k % 32) : 0;
      assert_int_equal(packed_at(m, n, k), want);
      all = (int16_t)(all + want);
    }
    memcpy(&scale, behind, 2);
    memcpy(&sum, behind + 32, 2);
    assert_int_equal(scale, n < columns && g < GROUPS ? m->scales[n * GROUPS + g] : 0);
    assert_int_equal(sum, all);
  }
}

static void check_layout(unsigned bits, size_t size) {
  enum { N = 17, K = 70, GROUPS = 3 };
  uint8_t w[N * GROUPS * ALB_INTN_MOST_BYTES];
  uint16_t scales[N * GROUPS];
  size_t bytes, row = (size_t)GROUPS * 4 * bits;
  for (size_t i = 0; i < sizeof w; i++) w[i] = (uint8_t)(i * 37 + i / 5);
  for (size_t i = 0; i < N * GROUPS; i++) scales[i] = (uint16_t)(1000 + i);
  assert_true(alb_packed_intn_bytes(bits, N, K, &bytes));
  assert_int_equal(alb_intn_panel_bytes(bits, K), 4 * size);
  assert_int_equal(bytes, 2 * 4 * size);
  uint8_t *packed = malloc(bytes);
  assert_non_null(packed);
  memset(packed, 0xff, bytes);
  alb_pack_intn(bits, w, (const uint8_t *)scales, 0, 1, N, K, packed);
  alb_pack_intn(bits, w + row, (const uint8_t *)(scales + GROUPS), 1, N - 1, N, K, packed);
  const packed_matrix m = {bits, size, packed, w, scales};
  for (size_t n = 0; n < 32; n++) check_packed(&m, n, N);
  free(packed);
}

static void packed_intn_layout(void **state) {
  (void)state;
  check_layout(4, 16 * 20);
  check_layout(5, 16 * 28);
  check_layout(6, 16 * 28);
}

static void sizes_overflow(void **state) {
  (void)state;
  size_t bytes;
  assert_false(alb_packed_f32_bytes(SIZE_MAX, 1, &bytes));
  assert_false(alb_packed_f32_bytes(SIZE_MAX / 8, 8, &bytes));
  assert_false(alb_packed_s8_bytes(16, SIZE_MAX - 3, &bytes));
  assert_false(alb_packed_intn_bytes(4, 16, SIZE_MAX - 3, &bytes));
  assert_false(alb_packed_intn_bytes(6, SIZE_MAX / 2, SIZE_MAX / 2, &bytes));
  assert_false(alb_attention_scratch(SIZE_MAX / 64, 64, &bytes));
  assert_true(alb_attention_scratch(100, 30, &bytes));
  assert_int_equal(bytes % ALB_KERNEL_ALIGN, 0);
}

/* Rows longer than a block of the loop, the last group not full, scales of both signs. */
static void check_gather(alb_dtype type) {
  enum { WIDTH = 300, GROUPS = 10, ROWS = 3 };
  const unsigned bits = alb_intn_bits(type);
  uint8_t table[ROWS * GROUPS * ALB_INTN_MOST_BYTES];
  uint16_t scales[ROWS * GROUPS];
  float out[WIDTH + 1];
  for (size_t i = 0; i < sizeof table; i++) table[i] = (uint8_t)(i * 37 + i / 7);
  for (size_t g = 0; g < ROWS * GROUPS; g++) scales[g] = alb_f32_to_f16((g % 3 ? 0.5f : -0.25f) * (float)(g + 1));
  for (size_t r = 0; r < ROWS; r++) {
    out[WIDTH] = 77;
    assert_true(alb_gather_row(type, table, scales, r, WIDTH, false, out));
    assert_true(alb_gather_row(type, table, scales, r, WIDTH, true, out));
    assert_true(out[WIDTH] == 77);
    for (size_t i = 0; i < WIDTH; i++) {
      const size_t g = r * GROUPS + i / 32;
      const int q = alb_intn_at(table + g * alb_intn_bytes(bits), bits, i % 32);
      assert_true(out[i] == 2 * ((float)q * alb_f16_to_f32(scales[g])));
    }
  }
}

static void gather_intn(void **state) {
  (void)state;
  check_gather(ALB_I4);
  check_gather(ALB_I5);
  check_gather(ALB_I6);
}

static void gather_every_type(void **state) {
  (void)state;
  enum { W = 300 };
  float f32[2 * W], out[W];
  uint16_t f16[2 * W], bf16[2 * W];
  int8_t s8[2 * W];
  const float scales[2] = {9, 0.25f};
  for (int i = 0; i < 2 * W; i++) {
    f32[i] = (float)(i % 200 - 100) * 0.25f;
    f16[i] = alb_f32_to_f16(f32[i]);
    bf16[i] = alb_f32_to_bf16(f32[i]);
    s8[i] = (int8_t)(i % 200 - 100);
  }
  assert_true(alb_gather_row(ALB_F32, f32, NULL, 1, W, false, out));
  assert_memory_equal(out, f32 + W, sizeof out);
  assert_true(alb_gather_row(ALB_F16, f16, NULL, 1, W, true, out));
  assert_true(alb_gather_row(ALB_BF16, bf16, NULL, 1, W, true, out));
  assert_true(alb_gather_row(ALB_I8, s8, scales, 1, W, true, out));
  for (int i = 0; i < W; i++) assert_true(out[i] == 4 * f32[W + i]);
  assert_false(alb_gather_row(ALB_I64, s8, NULL, 0, W, false, out));
}

static void pool_and_normalize(void **state) {
  (void)state;
  const float x[] = {1, 8, 3, -4, 2, 5};
  float out[2];
  assert_true(alb_pool_tokens(ALB_POOL_MEAN, x, 3, 2, out));
  assert_true(out[0] == 2 && out[1] == 3);
  assert_true(alb_pool_tokens(ALB_POOL_CLS, x, 3, 2, out));
  assert_true(out[0] == 1 && out[1] == 8);
  assert_true(alb_pool_tokens(ALB_POOL_MAX, x, 3, 2, out));
  assert_true(out[0] == 3 && out[1] == 8);
  assert_true(alb_pool_tokens(ALB_POOL_LAST, x, 3, 2, out));
  assert_true(out[0] == 2 && out[1] == 5);
  assert_false(alb_pool_tokens(ALB_POOL_NONE, x, 3, 2, out));
  out[0] = 3, out[1] = -4;
  alb_normalize_row(out, 2);
  assert_true(out[0] == 0.6f && out[1] == -0.8f);
  out[0] = out[1] = 0;
  alb_normalize_row(out, 2);
  assert_true(out[0] == 0 && out[1] == 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(select_by_name),       cmocka_unit_test(every_slot_is_filled),
      cmocka_unit_test(names_that_cannot_be), cmocka_unit_test(cpu_names),
      cmocka_unit_test(packed_f32_layout),    cmocka_unit_test(packed_s8_layout),
      cmocka_unit_test(packed_intn_layout),   cmocka_unit_test(sizes_overflow),
      cmocka_unit_test(gather_every_type),    cmocka_unit_test(gather_intn),
      cmocka_unit_test(pool_and_normalize),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
