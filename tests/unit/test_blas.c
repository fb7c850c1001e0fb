/* Several threads that call BLAS and LAPACK at once get what one gets. */
#include "tune/blas.h"

#include <lapacke.h>
#include <stdlib.h>
#include <string.h>

#include "base/parallel.h"
#include "tests/support/check.h"

enum { CALLS = 64, N = 96 };

typedef struct calls {
  float a[N * N], b[N * N];
  float product[CALLS][N * N];
  double root[CALLS][N * N];
} calls;

/* A product, and a decomposition of it made symmetric and positive. */
static void call(void *context, size_t index, size_t first, size_t last) {
  calls *c = context;
  (void)index;
  for (size_t i = first; i < last; i++) {
    float *p = c->product[i];
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, N, N, N, 1, c->a, N, c->b, N, 0, p, N);
    for (int r = 0; r < N; r++)
      for (int k = 0; k < N; k++) c->root[i][r * N + k] = (double)(p[r * N + k] + p[k * N + r]) + (r == k ? 4 * N : 0);
    if (LAPACKE_dpotrf(LAPACK_COL_MAJOR, 'L', N, c->root[i], N) != 0) c->root[i][0] = (double)i;
  }
}

static void test_threads(void **unused) {
  calls *alone = calloc(1, sizeof *alone), *many = calloc(1, sizeof *many);
  (void)unused;
  assert_true(alone && many);
  for (int i = 0; i < N * N; i++) {
    alone->a[i] = (float)((i * 37 + 11) % 101) / 101;
    alone->b[i] = (float)((i * 53 + 29) % 97) / 97;
  }
  memcpy(many, alone, sizeof *many);
  alb_blas_begin();
  alb_parallel_on(1, CALLS, 1, call, alone);
  for (int round = 0; round < 50; round++) {
    memset(many->product, 0, sizeof many->product);
    alb_parallel_on(8, CALLS, 1, call, many);
    for (int i = 0; i < CALLS; i++) {
      assert_memory_equal(many->product[i], alone->product[0], sizeof alone->product[0]);
      assert_memory_equal(many->root[i], alone->root[0], sizeof alone->root[0]);
    }
  }
  free(alone);
  free(many);
}

static void test_one_thread(void **unused) {
  (void)unused;
  alb_blas_begin();
  assert_int_equal(openblas_get_num_threads(), 1);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_threads), cmocka_unit_test(test_one_thread)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
