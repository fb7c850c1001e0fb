/* Memory of the runtime: none is taken after warm-up, and its lack is an error at every place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/run_fixture.h"

/* The linker sends every allocation of the project here (tests/CMakeLists.txt). */
static atomic_long taken, fail_at; /* allocations so far; the one to refuse (0: none), and all after it */

void *__real_malloc(size_t n);
void *__real_calloc(size_t count, size_t n);
void *__real_realloc(void *p, size_t n);
void *__real_aligned_alloc(size_t align, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t count, size_t n);
void *__wrap_realloc(void *p, size_t n);
void *__wrap_aligned_alloc(size_t align, size_t n);

static int refuse(void) {
  const long n = atomic_fetch_add(&taken, 1) + 1, at = atomic_load(&fail_at);
  return at != 0 && n >= at;
}

void *__wrap_malloc(size_t n) {
  return refuse() ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t count, size_t n) {
  return refuse() ? NULL : __real_calloc(count, n);
}

void *__wrap_realloc(void *p, size_t n) {
  return refuse() ? NULL : __real_realloc(p, n);
}

void *__wrap_aligned_alloc(size_t align, size_t n) {
  return refuse() ? NULL : __real_aligned_alloc(align, n);
}

static enc_options options(alb_dtype dtype) {
  enc_options o = enc_small;
  o.dtype = dtype;
  return o;
}

typedef struct results {
  float *embed, *mlm;
  alb_output outputs[2];
} results;

static void make_results(const run_fixture *f, results *r) {
  const size_t embed = RUN_SEQUENCES * run_fixture_width(f, "embed"), mlm = f->row_count * run_fixture_width(f, "mlm");
  r->embed = calloc(embed, sizeof(float));
  r->mlm = calloc(mlm, sizeof(float));
  r->outputs[0] = (alb_output){"embed", r->embed, embed};
  r->outputs[1] = (alb_output){"mlm", r->mlm, mlm};
}

static void free_results(results *r) {
  free(r->embed);
  free(r->mlm);
}

static void test_none_after_warm_up(void **state) {
  (void)state;
  static const alb_dtype dtypes[] = {ALB_F32, ALB_I8, ALB_I4, ALB_I6};
  for (size_t i = 0; i < sizeof dtypes / sizeof *dtypes; i++) {
    const enc_options o = options(dtypes[i]);
    run_fixture f;
    results r;
    alb_session *session = NULL;
    const alb_session_options how = {.size = sizeof how, .threads = 3, .batch_tokens = 200};
    run_fixture_open(&f, &o, NULL);
    make_results(&f, &r);
    assert_int_equal(alb_session_new(f.model, &how, &session, NULL), ALB_OK);
    assert_int_equal(alb_run(session, &f.batch, r.outputs, 2, NULL), ALB_OK);
    const long before = atomic_load(&taken);
    alb_batch batch = f.batch;
    for (batch.count = 1; batch.count <= RUN_SEQUENCES; batch.count++) {
      batch.row_count = batch.count == RUN_SEQUENCES ? f.row_count : 0;
      assert_int_equal(alb_run(session, &batch, r.outputs, 2, NULL), ALB_OK);
    }
    assert_int_equal(atomic_load(&taken), before);
    alb_session_free(session);
    free_results(&r);
    run_fixture_close(&f);
  }
}

/* Opens, runs and closes; the numbers must be there exactly when the status says so. */
static alb_status whole_run(const run_fixture *f, const results *r) {
  alb_model *model = NULL;
  alb_session *session = NULL;
  const alb_model_options open = {.size = sizeof open, .threads = 1};
  const alb_session_options how = {.size = sizeof how, .threads = 2};
  alb_status status = alb_model_open(f->path, &open, &model, NULL);
  if (status == ALB_OK) status = alb_session_new(model, &how, &session, NULL);
  if (status == ALB_OK) status = alb_run(session, &f->batch, r->outputs, 2, NULL);
  alb_session_free(session);
  alb_model_free(model);
  return status;
}

static void test_every_refusal_is_an_error(void **state) {
  (void)state;
  const enc_options o = options(ALB_F16);
  run_fixture f;
  results expected, r;
  run_fixture_open(&f, &o, NULL);
  make_results(&f, &expected);
  make_results(&f, &r);
  const long before = atomic_load(&taken);
  assert_int_equal(whole_run(&f, &expected), ALB_OK);
  const long count = atomic_load(&taken) - before;
  assert_true(count > 50);
  for (long k = 1; k <= count; k++) {
    atomic_store(&fail_at, atomic_load(&taken) + k);
    const alb_status status = whole_run(&f, &r);
    atomic_store(&fail_at, 0);
    assert_int_equal(status, ALB_MEMORY);
  }
  assert_int_equal(whole_run(&f, &r), ALB_OK);
  assert_memory_equal(r.embed, expected.embed, r.outputs[0].capacity * sizeof(float));
  assert_memory_equal(r.mlm, expected.mlm, r.outputs[1].capacity * sizeof(float));
  free_results(&expected);
  free_results(&r);
  run_fixture_close(&f);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_none_after_warm_up),
                                     cmocka_unit_test(test_every_refusal_is_an_error)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
