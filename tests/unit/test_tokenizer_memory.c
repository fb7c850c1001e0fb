/* Memory of tokenizers: none is taken after warm-up, and its lack is an error at every place. */
#include "alb.pb-c.h"
#include "converter/vocab.h"
#include "runtime/tokenizer/tokenizer.h"
#include "tests/support/check.h"
#include "tests/support/failing_alloc.h"

#define CASES "tests/tokenizer/cases/"

/* A case's tokenizer as a file would have it. */
typedef struct fixture {
  alb_source source;
  alb_arena arena;
  alb_diag diag;
  alb_vocab vocab;
} fixture;

static void open_case(fixture *f, const char *folder) {
  const alb_vocab_options options = {0};
  *f = (fixture){.source.folder = folder};
  assert_ok(&f->diag, alb_vocab_import(&f->diag, &f->source, &f->arena, &options, &f->vocab));
}

static void close_case(fixture *f) {
  alb_source_free(&f->source);
  alb_arena_free(&f->arena);
  alb_diag_free(&f->diag);
}

static const alb_str text =
    ALB_STR("The quick \xc2\xbd caf\xc3\xa9 e\xcc\x81 <mask> \xe4\xb8\xad\xe6\x96\x87 aaab\xff 1,9, ``x''");

static alb_status use(const alb_tokenizer *t, alb_token_scratch *s) {
  alb_token_encoding e;
  alb_str decoded;
  int32_t ids[256];
  ALB_TRY(alb_tokenizer_encode(NULL, t, s, text, &text, 0, true, &e));
  assert_true(e.count > 20 && e.count < 256);
  memcpy(ids, e.ids, e.count * sizeof *ids);
  return alb_tokenizer_decode(NULL, t, s, ids, e.count, false, &decoded);
}

static void test_none_after_warm_up(void **state) {
  (void)state;
  static const char *const folders[] = {CASES "albert-spiece", CASES "spm-t5", CASES "spm-bytes", CASES "bert"};
  for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
    fixture f;
    alb_tokenizer *t = NULL;
    alb_token_scratch *s = NULL;
    open_case(&f, folders[i]);
    assert_ok(&f.diag, alb_tokenizer_new(&f.diag, f.vocab.tokenizer, f.vocab.section, 0, &t));
    assert_ok(&f.diag, alb_token_scratch_new(&f.diag, t, &s));
    assert_int_equal(use(t, s), ALB_OK);
    const long before = taken;
    for (int k = 0; k < 3; k++) assert_int_equal(use(t, s), ALB_OK);
    assert_int_equal(taken, before);
    alb_token_scratch_free(s);
    alb_tokenizer_free(t);
    close_case(&f);
  }
}

static alb_status whole(const fixture *f) {
  alb_tokenizer *t = NULL;
  alb_token_scratch *s = NULL;
  alb_status status = alb_tokenizer_new(NULL, f->vocab.tokenizer, f->vocab.section, 0, &t);
  if (status == ALB_OK) status = alb_token_scratch_new(NULL, t, &s);
  if (status == ALB_OK) status = use(t, s);
  alb_token_scratch_free(s);
  alb_tokenizer_free(t);
  return status;
}

static void test_every_refusal_is_an_error(void **state) {
  (void)state;
  fixture f;
  open_case(&f, CASES "spm-bytes");
  const long before = taken;
  assert_int_equal(whole(&f), ALB_OK);
  const long count = taken - before;
  assert_true(count > 30);
  for (long k = 1; k <= count; k++) {
    fail_at = taken + k;
    const alb_status status = whole(&f);
    fail_at = 0;
    assert_int_equal(status, ALB_MEMORY);
  }
  assert_int_equal(whole(&f), ALB_OK);
  close_case(&f);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_none_after_warm_up),
                                     cmocka_unit_test(test_every_refusal_is_an_error)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
