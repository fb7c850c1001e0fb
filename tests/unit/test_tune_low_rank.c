/* Factors of matrices: exact ones come back, the best ones of a rank are the best, and what is excluded has no low
 * rank. */
#include <math.h>

#include "tests/support/check.h"
#include "tests/support/graph_text.h"
#include "tune/low_rank.h"

static alb_diag diag;
static uint64_t state = 1;

static double *random_matrix(size_t n) {
  double *m = malloc((n + 1) * sizeof *m);
  for (size_t i = 0; i < n; i++) m[i] = (double)graph_text_random(&state);
  return m;
}

/* A random [o, i] matrix of that rank. */
static double *of_rank(size_t o, size_t i, size_t rank) {
  double *left = random_matrix(o * rank), *right = random_matrix(rank * i), *m = calloc(o * i, sizeof *m);
  for (size_t r = 0; r < o; r++) {
    for (size_t k = 0; k < rank; k++) {
      for (size_t c = 0; c < i; c++) m[r * i + c] += left[r * rank + k] * right[k * i + c];
    }
  }
  free(left);
  free(right);
  return m;
}

/* The sum over rows of e = d - left right of e c e^T; c NULL: of e e^T. */
static double loss(const double *d, size_t o, size_t i, const double *c, const alb_factors *f) {
  double sum = 0, *e = malloc(i * sizeof *e);
  for (size_t r = 0; r < o; r++) {
    for (size_t a = 0; a < i; a++) {
      e[a] = d[r * i + a];
      for (size_t k = 0; k < f->rank; k++) e[a] -= (double)f->left[r * f->rank + k] * (double)f->right[k * i + a];
    }
    for (size_t a = 0; a < i; a++) {
      for (size_t b = 0; b < i; b++)
        sum += c ? e[a] * c[a < b ? a * i + b : b * i + a] * e[b] : a == b ? e[a] * e[a] : 0;
    }
  }
  free(e);
  return sum;
}

static void drop(alb_factors *f) {
  free(f->left);
  free(f->right);
}

static void check_exact(size_t o, size_t i, size_t rank) {
  double *d = of_rank(o, i, rank);
  alb_factors f = {0};
  bool found;
  assert_ok(&diag, alb_low_rank_exact(&diag, d, o, i, alb_low_rank_most(o, i), 1e-12, &f, &found));
  assert_true(found);
  assert_int_equal(f.rank, rank);
  assert_true(loss(d, o, i, NULL, &f) < 1e-10);
  drop(&f);
  free(d);
}

static void test_exact(void **unused) {
  (void)unused;
  check_exact(24, 24, 4);
  check_exact(12, 48, 3);
  check_exact(48, 12, 3);
  check_exact(24, 24, 0);
}

static void test_not_exact(void **unused) {
  (void)unused;
  double *d = of_rank(24, 24, 6); /* 5 is the most */
  alb_factors f = {0};
  bool found = true;
  assert_int_equal(alb_low_rank_most(24, 24), 5);
  assert_ok(&diag, alb_low_rank_exact(&diag, d, 24, 24, 5, 1e-12, &f, &found));
  assert_false(found);
  d[0] = NAN;
  assert_refused(&diag, alb_low_rank_exact(&diag, d, 24, 24, 5, 1e-12, &f, &found), ALB_UNSUPPORTED, "not finite");
  free(d);
}

/* Small changes of the best factors make the loss no less. */
static void check_best(size_t o, size_t i, const double *c, size_t rank) {
  double *d = random_matrix(o * i);
  alb_factors f = {0};
  assert_ok(&diag, alb_low_rank_fit(&diag, d, o, i, c, rank, &f));
  const double best = loss(d, o, i, c, &f);
  for (int turn = 0; turn < 50; turn++) {
    float *at = turn % 2 ? &f.left[(size_t)turn * 7 % (o * rank)] : &f.right[(size_t)turn * 11 % (rank * i)];
    const float was = *at;
    *at = was + (turn % 3 ? 0.02f : -0.02f);
    assert_true(loss(d, o, i, c, &f) > best);
    *at = was;
  }
  drop(&f);
  free(d);
}

static void test_best(void **unused) {
  (void)unused;
  enum { MOST = 20 };
  check_best(10, 14, NULL, 3);
  check_best(14, 10, NULL, 3);
  for (size_t i = 10; i <= MOST; i += 10) {
    double *x = random_matrix(40 * i), *c = calloc(i * i, sizeof *c);
    for (size_t r = 0; r < 40 * i; r++) x[r] *= r % i % 3 ? 0.05 : 0.5;
    for (size_t r = 0; r < 40; r++) {
      for (size_t a = 0; a < i; a++) {
        for (size_t b = a; b < i; b++) c[a * i + b] += x[r * i + a] * x[r * i + b];
      }
    }
    for (size_t a = 0; a < i; a++) c[a * i + a] += 0.01;
    check_best(14, i, c, 3);
    free(x);
    free(c);
  }
}

/* All of the matrix is as near as factors can be. */
static void test_whole(void **unused) {
  (void)unused;
  double *d = random_matrix(9 * 5);
  alb_factors f = {0};
  assert_ok(&diag, alb_low_rank_fit(&diag, d, 9, 5, NULL, 5, &f));
  assert_true(loss(d, 9, 5, NULL, &f) < 1e-10);
  drop(&f);
  free(d);
}

static void test_excluded(void **unused) {
  (void)unused;
  double *full = random_matrix(13 * 24), *low = of_rank(13, 24, 5);
  assert_true(alb_low_rank_excluded(full, 13, 24, 5, 1e-6));
  assert_false(alb_low_rank_excluded(low, 13, 24, 5, 1e-6));
  assert_false(alb_low_rank_excluded(full, 13, 24, 5, 1e6));
  free(full);
  free(low);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_exact), cmocka_unit_test(test_not_exact),
                                     cmocka_unit_test(test_best), cmocka_unit_test(test_whole),
                                     cmocka_unit_test(test_excluded)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
