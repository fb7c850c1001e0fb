/* Kernels of training: each width of vectors gives the bits of plain C, which are near what f64 says; and products of
 * any shape. */
#include "tune/fast.h"

#include <math.h>

#include "graph/interpret.h"
#include "tests/support/check.h"
#include "tests/support/graph_text.h"
#include "tune/panels.h"

enum { MOST = 75 };

typedef struct numbers {
  float x[MOST], gamma[MOST], beta[MOST], y[MOST], dgamma[MOST], dbeta[MOST], first[MOST], second[MOST];
} numbers;

static uint64_t state = 7;

static void fill(float *out, size_t n, float size) {
  for (size_t i = 0; i < n; i++) out[i] = size * graph_text_random(&state);
}

static numbers make(float size) {
  numbers n = {0};
  fill(n.x, MOST, size);
  fill(n.gamma, MOST, 1);
  fill(n.beta, MOST, 1);
  fill(n.y, MOST, 1);
  return n;
}

/* ---- one result for all widths ---- */

static void run_all(const alb_fast *fast, size_t n, numbers *all) {
  const alb_adamw_step step = {0.5f, 0.9f, 0.98f, 0.1f, 50, 1e-8f, 0.01f};
  static const alb_activation activations[] = {ALB_ACT_GELU, ALB_ACT_GELU_TANH, ALB_ACT_SILU};
  for (int i = 0; i < 3; i++) {
    fast->activate(activations[i], all->x, n, all->y);
    fast->activate_back(activations[i], all->x, n, all->y);
  }
  fast->norm_back(all->x, n, all->gamma, 1e-12f, all->dgamma, all->dbeta, all->y);
  fast->norm(all->x, n, all->gamma, all->beta, 1e-12f, all->beta);
  fast->softmax(all->x, n, 0.25f);
  fast->softmax_back(all->x, n, 0.25f, all->y);
  fast->adamw(&step, n, all->y, all->x, all->first, all->second);
}

static void check_bits(const alb_fast *fast) {
  for (size_t n = 1; n <= MOST; n++) {
    const numbers start = make(4);
    numbers expected = start, found = start;
    run_all(&alb_fast_ref, n, &expected);
    run_all(fast, n, &found);
    assert_memory_equal(&found, &expected, sizeof found);
  }
}

/* Rows of any number, columns in panels, and k that is one step or many. */
static void check_tiles(const alb_fast *fast) {
  enum { DEPTH = 40 };
  static float a[ALB_TILE_MOST * DEPTH], b[DEPTH * ALB_PANEL];
  static float expected[ALB_TILE_MOST * ALB_PANEL], found[ALB_TILE_MOST * ALB_PANEL];
  fill(a, ALB_TILE_MOST * DEPTH, 1);
  fill(b, DEPTH * ALB_PANEL, 1);
  assert_true(fast->tile_rows >= 1 && fast->tile_rows <= ALB_TILE_MOST);
  for (size_t rows = 1; rows <= ALB_TILE_MOST; rows++) {
    for (size_t k = 1; k <= DEPTH; k += 13) {
      alb_fast_ref.tile(a, rows, b, k, k > 20, expected, ALB_PANEL);
      fast->tile(a, rows, b, k, k > 20, found, ALB_PANEL);
      assert_memory_equal(found, expected, sizeof found);
    }
  }
}

static void test_widths(void **unused) {
  (void)unused;
  for (int wide = ALB_WIDE_NONE; wide < ALB_WIDE_COUNT; wide++) {
    if (wide > (int)alb_wide_best()) {
      printf("not on this processor: width %d\n", wide);
      continue;
    }
    check_bits(alb_fast_of((alb_wide)wide));
    check_tiles(alb_fast_of((alb_wide)wide));
  }
}

/* ---- near the truth ---- */

static void check_activation(alb_activation activation) {
  for (float at = -12; at <= 12; at += 0.0625f) {
    float y, d = 1;
    alb_fast_best()->activate(activation, &at, 1, &y);
    alb_fast_best()->activate_back(activation, &at, 1, &d);
    const double value = alb_activation_value(activation, (double)at);
    const double slope = alb_activation_slope(activation, (double)at);
    if (!(fabs((double)y - value) < 1e-6 && fabs((double)d - slope) < 2e-6))
      fail_msg("activation %d at %g: %g for %g, slope %g for %g", (int)activation, (double)at, (double)y, value,
               (double)d, slope);
  }
}

static void test_activations(void **unused) {
  (void)unused;
  for (int a = 0; a < ALB_ACT_COUNT; a++) check_activation((alb_activation)a);
}

static void test_softmax(void **unused) {
  const float most[] = {1000, -1000, 999};
  float row[MOST], x[MOST];
  double sum = 0;
  (void)unused;
  fill(x, MOST, 20);
  memcpy(row, x, sizeof x);
  alb_fast_best()->softmax(row, MOST, 0.5f);
  for (size_t i = 0; i < MOST; i++) sum += exp(0.5 * (double)x[i]);
  for (size_t i = 0; i < MOST; i++) assert_true(fabs((double)row[i] - exp(0.5 * (double)x[i]) / sum) < 1e-6);
  memcpy(row, most, sizeof most);
  alb_fast_best()->softmax(row, 3, 1);
  assert_true(fabsf(row[0] - 0.7310586f) < 1e-6f && row[1] < 1e-30f && fabsf(row[2] - 0.2689414f) < 1e-6f);
}

static void test_norm(void **unused) {
  numbers all = make(3);
  double mean = 0, variance = 0;
  (void)unused;
  for (size_t i = 0; i < MOST; i++) mean += (double)all.x[i] / MOST;
  for (size_t i = 0; i < MOST; i++) variance += ((double)all.x[i] - mean) * ((double)all.x[i] - mean) / MOST;
  alb_fast_best()->norm(all.x, MOST, all.gamma, all.beta, 0.5f, all.y);
  for (size_t i = 0; i < MOST; i++) {
    const double unit = ((double)all.x[i] - mean) / sqrt(variance + 0.5);
    assert_true(fabs((double)all.y[i] - (unit * (double)all.gamma[i] + (double)all.beta[i])) < 1e-6);
  }
}

/* ---- products ---- */

enum { SIDE = 70, DEEP = 400 };

static float left[SIDE * DEEP], right[DEEP * SIDE], scratch[SIDE * DEEP + DEEP * (SIDE + ALB_PANEL)];

static void check_product(size_t m, size_t k, size_t n, bool turned) {
  const alb_grid a = turned ? (alb_grid){left, 1, m} : (alb_grid){left, k, 1};
  const alb_grid b = turned ? (alb_grid){right, 1, k} : (alb_grid){right, n, 1};
  static float c[SIDE * SIDE];
  for (size_t i = 0; i < SIDE * SIDE; i++) c[i] = 5;
  assert_true(alb_grids_room(m, k, n) <= sizeof scratch / sizeof *scratch);
  alb_grids_multiply(a, b, m, k, n, turned, scratch, c, n + 1);
  for (size_t i = 0; i < m; i++) {
    double sum = 0;
    for (size_t j = 0; j < n; j++, sum = 0) {
      for (size_t t = 0; t < k; t++)
        sum += (double)a.at[i * a.down + t * a.across] * (double)b.at[t * b.down + j * b.across];
      assert_true(fabs((double)c[i * (n + 1) + j] - (turned ? 5 : 0) - sum) < 1e-4);
    }
    assert_true(c[i * (n + 1) + n] == 5); /* what is beside the columns stays */
  }
}

static void test_products(void **unused) {
  static const size_t sizes[] = {1, 2, 7, 13, 15, 29, 31, 32, 33, 65}, depths[] = {1, 3, 63, 64, 191, 193, 385};
  (void)unused;
  fill(left, SIDE * DEEP, 1);
  fill(right, DEEP * SIDE, 1);
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
    for (size_t j = 0; j < sizeof sizes / sizeof *sizes; j++)
      for (size_t d = 0; d < sizeof depths / sizeof *depths; d++)
        check_product(sizes[i], depths[d], sizes[j], (i + j + d) % 2);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_widths), cmocka_unit_test(test_activations),
                                     cmocka_unit_test(test_softmax), cmocka_unit_test(test_norm),
                                     cmocka_unit_test(test_products)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
