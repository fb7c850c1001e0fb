/* Texts of random words: what is kept, what is replaced, and by what. */
#include "tests/support/check.h"
#include "tune/word_texts.h"

enum { TOKENS = 1200, TEXTS = 7, LENGTH = 9 };

static char names[TOKENS][16];
static alb_str tokens[TOKENS];
static uint32_t lengths[TEXTS];
static int32_t ids[TEXTS * LENGTH], type_ids[TEXTS * LENGTH], positions[TEXTS * LENGTH];

/* Ids up to 99 are no words. */
static alb_sequences make(void) {
  static const char *const odd[] = {"[CLS]", "[SEP]", "[unused7]", "##ing", "a", "12", "", "it's"};
  for (size_t i = 0; i < TOKENS; i++) {
    (void)snprintf(names[i], sizeof names[i], "%s", i < 100 ? odd[i % 8] : i % 2 ? "word" : "\xe2\x96\x81wort");
    tokens[i] = alb_str_of(names[i]);
  }
  for (size_t i = 0; i < TEXTS * LENGTH; i++) {
    ids[i] = i % LENGTH == 0 ? 0 : i % LENGTH == LENGTH - 1 ? 1 : 4;
    type_ids[i] = (int32_t)(i / LENGTH % 2);
    positions[i] = (int32_t)(i % LENGTH);
  }
  for (size_t s = 0; s < TEXTS; s++) lengths[s] = LENGTH;
  return (alb_sequences){TEXTS, TEXTS * LENGTH, lengths, ids, type_ids, positions};
}

static void test_words(void **unused) {
  (void)unused;
  const alb_sequences texts = make();
  alb_word_texts w, again;
  assert_ok(NULL, alb_word_texts_make(NULL, &texts, tokens, TOKENS, &w));
  assert_ok(NULL, alb_word_texts_make(NULL, &texts, tokens, TOKENS, &again));
  assert_int_equal(w.all.sequences, TEXTS + 3);
  assert_int_equal(w.all.tokens, (TEXTS + 3) * LENGTH);
  assert_memory_equal(w.all.ids, ids, sizeof ids);
  assert_memory_equal(w.all.ids, again.all.ids, w.all.tokens * sizeof *w.all.ids);
  size_t different = 0;
  for (size_t i = TEXTS * LENGTH; i < w.all.tokens; i++) {
    const size_t at = i % LENGTH, from = (i / LENGTH - TEXTS) * 3; /* the text that was copied */
    assert_int_equal(w.all.positions[i], at);
    assert_int_equal(w.all.type_ids[i], from % 2);
    if (at == 0 || at == LENGTH - 1)
      assert_int_equal(w.all.ids[i], at != 0);
    else
      assert_true(w.all.ids[i] >= 100 && w.all.ids[i] < TOKENS);
    different += at > 1 && w.all.ids[i] != w.all.ids[i - 1];
  }
  assert_true(different > 10);
  alb_word_texts_free(&w);
  alb_word_texts_free(&again);
}

/* 900 words: a vocabulary of something else. */
static void test_no_words(void **unused) {
  (void)unused;
  const alb_sequences texts = make();
  alb_word_texts w;
  assert_ok(NULL, alb_word_texts_make(NULL, &texts, tokens, 1000, &w));
  assert_int_equal(w.all.sequences, TEXTS);
  assert_ptr_equal(w.all.ids, ids);
  alb_word_texts_free(&w);
}

/* Nothing stands between the ends: nothing is replaced. */
static void test_short(void **unused) {
  (void)unused;
  static uint32_t short_lengths[] = {1, 2};
  make();
  const alb_sequences texts = {2, 3, short_lengths, ids, type_ids, positions};
  alb_word_texts w;
  assert_ok(NULL, alb_word_texts_make(NULL, &texts, tokens, TOKENS, &w));
  assert_int_equal(w.all.tokens, 4);
  assert_int_equal(w.all.ids[3], ids[0]);
  alb_word_texts_free(&w);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_words), cmocka_unit_test(test_no_words),
                                     cmocka_unit_test(test_short)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
