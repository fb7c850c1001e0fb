/* From an imported tokenizer back to tokenizer.json and in again: the same message, the same vocabulary. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "converter/json_strict.h"
#include "converter/tokenizer_json.h"
#include "converter/vocab_build.h"
#include "tests/support/check.h"

#define CASES "tests/tokenizer/cases"

typedef struct fixture {
  alb_arena arena;
  alb_diag diag;
} fixture;

static int setup(void **state) {
  *state = calloc(1, sizeof(fixture));
  return 0;
}

static int teardown(void **state) {
  fixture *f = *state;
  alb_arena_free(&f->arena);
  alb_diag_free(&f->diag);
  free(f);
  return 0;
}

/* A vocabulary from JSON; the JSON may go then. */
static alb_status import(fixture *f, json_t *root, alb_vocab *out) {
  const alb_vocab_options options = {0};
  alb_vocab_build b = {.diag = &f->diag, .arena = &f->arena, .options = &options, .file = "tokenizer.json"};
  b.tokenizer = ALB_NEW(&f->arena, Alb__Tokenizer);
  alb__tokenizer__init(b.tokenizer);
  alb_status status = alb_vocab_read_json(&b, root);
  if (status == ALB_OK) status = alb_vocab_pack(&b, out);
  alb_vocab_build_free(&b);
  return status;
}

static json_t *rebuild(fixture *f, const alb_vocab *vocab) {
  const alb_tokenizer_parts parts = {vocab->tokenizer, vocab->tokens, vocab->count};
  json_t *json = NULL;
  if (alb_tokenizer_json(&f->diag, &parts, &json) != ALB_OK) fail_msg("%s", alb_diag_text(&f->diag, ALB_OK));
  return json;
}

static alb_span packed(fixture *f, Alb__Tokenizer *tokenizer) {
  uint8_t *bytes = alb_arena_alloc(&f->arena, alb__tokenizer__get_packed_size(tokenizer));
  return (alb_span){bytes, alb__tokenizer__pack(tokenizer, bytes)};
}

static void assert_same(fixture *f, const char *name, const alb_vocab *a, const alb_vocab *b) {
  const alb_span x = packed(f, a->tokenizer), y = packed(f, b->tokenizer);
  if (a->section.n != b->section.n || memcmp(a->section.p, b->section.p, a->section.n) != 0) {
    fail_msg("%s: another vocabulary", name);
  }
  if (x.n != y.n || memcmp(x.p, y.p, x.n) != 0) fail_msg("%s: another tokenizer", name);
}

static void check_case(fixture *f, const char *name) {
  json_error_t error;
  alb_vocab first, second;
  const char *path = alb_arena_printf(&f->arena, CASES "/%s/tokenizer.json", name);
  json_t *root = json_load_file(path, 0, &error);
  assert_non_null(root);
  if (import(f, root, &first) != ALB_OK) fail_msg("%s: %s", name, alb_diag_text(&f->diag, ALB_OK));
  first.tokenizer->max_length = 0; /* goes to tokenizer_config.json */
  json_t *again = rebuild(f, &first);
  if (import(f, again, &second) != ALB_OK) fail_msg("%s again: %s", name, alb_diag_text(&f->diag, ALB_OK));
  assert_same(f, name, &first, &second);
  json_decref(root);
  json_decref(again);
}

static void test_all_cases_come_back(void **state) {
  DIR *dir = opendir(CASES);
  size_t count = 0;
  assert_non_null(dir);
  for (const struct dirent *entry; (entry = readdir(dir));) {
    const char *path = alb_arena_printf(&((fixture *)*state)->arena, CASES "/%s/tokenizer.json", entry->d_name);
    if (entry->d_name[0] == '.' || access(path, F_OK) != 0) continue;
    check_case(*state, entry->d_name);
    count++;
  }
  (void)closedir(dir);
  assert_true(count > 30);
}

static void test_regex(void **state) {
  static const char *const pairs[][2] = {
      {"a+|b", "a+|b"},
      {"[\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\xb2\\xb3\\xb9\\xbc-\\xbe]+", "\\w+"},
      {"[\\p{White_Space}x]", "[\\sx]"},
      {"\\p{sc:Han}", "\\p{Han}"},
      {"(?s:.)", "(?m:.)"},
      {"\\x0b", "\\x{0b}"},
      {"\\x{20AC}", "\\x{20AC}"},
      {"\\\\xb2", "\\\\xb2"},
      {"a\\", "a\\"},
  };
  (void)state;
  for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
    char *out = alb_regex_to_oniguruma(pairs[i][0]);
    assert_string_equal(out, pairs[i][1]);
    free(out);
  }
}

/* Stages that tokenizer.json has no element for are refused by name. */
static void test_unknown_stage(void **state) {
  fixture *f = *state;
  Alb__TokenizerStage stage = ALB__TOKENIZER_STAGE__INIT, *stages[] = {&stage};
  Alb__Tokenizer t = ALB__TOKENIZER__INIT;
  const alb_str tokens[] = {{"a", 1}};
  const alb_tokenizer_parts parts = {&t, tokens, 1};
  json_t *json;
  t.model = (char *)(uintptr_t) "wordlevel";
  t.normalizers = stages;
  t.n_normalizers = 1;
  stage.type = (char *)(uintptr_t) "nonspacing";
  assert_int_equal(alb_tokenizer_json(&f->diag, &parts, &json), ALB_UNSUPPORTED);
  assert_non_null(strstr(alb_diag_text(&f->diag, ALB_OK), "nonspacing"));
  assert_null(json);
}

/* Numbers of a hostile file. */
static void test_unknown_token_outside(void **state) {
  fixture *f = *state;
  Alb__Tokenizer t = ALB__TOKENIZER__INIT;
  const alb_str tokens[] = {{"a", 1}};
  const alb_tokenizer_parts parts = {&t, tokens, 1};
  json_t *json;
  t.model = (char *)(uintptr_t) "wordlevel";
  t.unk = 2;
  assert_int_equal(alb_tokenizer_json(&f->diag, &parts, &json), ALB_MALFORMED);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(test_all_cases_come_back, setup, teardown),
      cmocka_unit_test(test_regex),
      cmocka_unit_test_setup_teardown(test_unknown_stage, setup, teardown),
      cmocka_unit_test_setup_teardown(test_unknown_token_outside, setup, teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
