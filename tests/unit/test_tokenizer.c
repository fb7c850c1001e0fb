/* Ids, types, offsets and decoded texts against what the `tokenizers` library gives: tests/tokenizer/cases. */
#include <dirent.h>
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "alb.pb-c.h"
#include "converter/vocab.h"
#include "runtime/tokenizer/tokenizer.h"

#define CASES "tests/tokenizer/cases"

/* A case's tokenizer. */
typedef struct fixture {
  alb_source source;
  alb_arena arena;
  alb_diag diag;
  alb_tokenizer *tokenizer;
  alb_token_scratch *scratch;
} fixture;

static void open_case(fixture *f, const char *folder) {
  const alb_vocab_options options = {0};
  alb_vocab vocab;
  *f = (fixture){.source.folder = folder};
  alb_status status = alb_vocab_import(&f->diag, &f->source, &f->arena, &options, &vocab);
  if (status == ALB_OK) status = alb_tokenizer_new(&f->diag, vocab.tokenizer, vocab.section, 0, &f->tokenizer);
  if (status == ALB_OK) status = alb_token_scratch_new(&f->diag, f->tokenizer, &f->scratch);
  if (status != ALB_OK) fail_msg("%s: %s", folder, alb_diag_text(&f->diag, status));
}

static void close_case(fixture *f) {
  alb_token_scratch_free(f->scratch);
  alb_tokenizer_free(f->tokenizer);
  alb_source_free(&f->source);
  alb_arena_free(&f->arena);
  alb_diag_free(&f->diag);
}

/* The text of a line, from "text" or "hex"; the caller frees it. */
static char *text_of(const json_t *line, size_t *n) {
  const json_t *text = json_object_get(line, "text");
  if (text) {
    *n = json_string_length(text);
    char *copy = malloc(*n + 1);
    assert_non_null(copy);
    memcpy(copy, json_string_value(text), *n);
    return copy;
  }
  const char *hex = json_string_value(json_object_get(line, "hex"));
  *n = strlen(hex) / 2;
  char *bytes = malloc(*n + 1);
  assert_non_null(bytes);
  for (size_t i = 0; i < *n; i++) {
    const char pair[3] = {hex[2 * i], hex[2 * i + 1], 0};
    bytes[i] = (char)strtoul(pair, NULL, 16);
  }
  return bytes;
}

static void check_numbers(const char *where, const json_t *line, const char *key, const void *got, size_t count) {
  const json_t *list = json_object_get(line, key);
  if (json_array_size(list) != count) fail_msg("%s: %zu %s, expected %zu", where, count, key, json_array_size(list));
  for (size_t i = 0; i < count; i++) {
    const long long expected = json_integer_value(json_array_get(list, i)), value = ((const int32_t *)got)[i];
    if (value != expected) fail_msg("%s: %s[%zu] is %lld, expected %lld", where, key, i, value, expected);
  }
}

static void check_decoded(fixture *f, const char *where, const json_t *line, const int32_t *ids, size_t count,
                          bool skip_special) {
  const json_t *decoded = json_object_get(line, skip_special ? "decoded" : "raw");
  const alb_str expected = {json_string_value(decoded), json_string_length(decoded)};
  alb_str text;
  assert_int_equal(alb_tokenizer_decode(&f->diag, f->tokenizer, f->scratch, ids, count, skip_special, &text), ALB_OK);
  if (!alb_str_equal(text, expected)) fail_msg("%s: decodes to \"%s\", expected \"%s\"", where, text.p, expected.p);
}

static void check_line(fixture *f, const char *where, const json_t *line) {
  alb_str text, pair;
  char *bytes = text_of(line, &text.n);
  text.p = bytes;
  const json_t *second = json_object_get(line, "pair");
  pair = (alb_str){json_string_value(second), json_string_length(second)};
  const size_t most = (size_t)json_integer_value(json_object_get(line, "max"));
  alb_token_encoding e;
  const alb_status status = alb_tokenizer_encode(&f->diag, f->tokenizer, f->scratch, text, second ? &pair : NULL, most,
                                                 !json_is_true(json_object_get(line, "bare")), &e);
  free(bytes);
  if (status != ALB_OK) fail_msg("%s: %s", where, alb_diag_text(&f->diag, status));
  check_numbers(where, line, "ids", e.ids, e.count);
  check_numbers(where, line, "types", e.type_ids, e.count);
  check_numbers(where, line, "offsets", e.offsets, 2 * e.count);
  if (e.truncated != json_is_true(json_object_get(line, "truncated"))) fail_msg("%s: truncated %d", where, e.truncated);
  check_decoded(f, where, line, e.ids, e.count, true);
  check_decoded(f, where, line, e.ids, e.count, false);
}

static size_t check_case(const char *folder) {
  char path[512];
  char *line = NULL;
  size_t room = 0, count = 0;
  fixture f;
  open_case(&f, folder);
  snprintf(path, sizeof path, "%s/expected.jsonl", folder);
  FILE *file = fopen(path, "r");
  assert_non_null(file);
  while (getline(&line, &room, file) > 0) {
    char where[600];
    json_t *object = json_loads(line, JSON_ALLOW_NUL, NULL);
    assert_non_null(object);
    snprintf(where, sizeof where, "%s:%zu", path, ++count);
    check_line(&f, where, object);
    json_decref(object);
  }
  fclose(file);
  free(line);
  close_case(&f);
  return count;
}

static void test_cases(void **state) {
  (void)state;
  size_t cases = 0, lines = 0;
  DIR *folder = opendir(CASES);
  assert_non_null(folder);
  for (const struct dirent *entry; (entry = readdir(folder)) != NULL;) {
    char path[400];
    if (strchr(entry->d_name, '.')) continue;
    snprintf(path, sizeof path, CASES "/%s", entry->d_name);
    lines += check_case(path);
    cases++;
  }
  closedir(folder);
  print_message("%zu tokenizers, %zu texts\n", cases, lines);
  assert_true(cases >= 30 && lines >= 1000);
}

/* The results of a scratch do not depend on what went through it before. */
static void test_reuse(void **state) {
  (void)state;
  fixture f;
  open_case(&f, CASES "/bert");
  const alb_str word = ALB_STR("hello"), broken = ALB_STR("\xff\xfe [MASK] \xe4");
  for (int round = 0; round < 3; round++) {
    alb_token_encoding e;
    assert_int_equal(alb_tokenizer_encode(&f.diag, f.tokenizer, f.scratch, broken, &word, 0, true, &e), ALB_OK);
    assert_int_equal(alb_tokenizer_encode(&f.diag, f.tokenizer, f.scratch, word, NULL, 0, true, &e), ALB_OK);
    assert_int_equal(e.count, 3);
    assert_true(alb_str_is(alb_tokenizer_token(f.tokenizer, e.ids[1]), "hello"));
    assert_int_equal(e.special[0] + 2 * e.special[1] + 4 * e.special[2], 5);
    assert_int_equal(e.sequence[1], 0);
  }
  close_case(&f);
}

static void test_names(void **state) {
  (void)state;
  fixture f;
  open_case(&f, CASES "/bert");
  assert_int_equal(alb_tokenizer_named(f.tokenizer, "pad"), 0);
  assert_int_equal(alb_tokenizer_named(f.tokenizer, "unk"), 1);
  assert_int_equal(alb_tokenizer_named(f.tokenizer, "cls"), 2);
  assert_int_equal(alb_tokenizer_named(f.tokenizer, "sep"), 3);
  assert_int_equal(alb_tokenizer_named(f.tokenizer, "mask"), 4);
  assert_int_equal(alb_tokenizer_named(f.tokenizer, "other"), -1);
  assert_int_equal(alb_tokenizer_id(f.tokenizer, ALB_STR("[MASK]")), 4);
  assert_int_equal(alb_tokenizer_id(f.tokenizer, ALB_STR("no such token")), -1);
  assert_int_equal(alb_tokenizer_token(f.tokenizer, -1).n, 0);
  assert_int_equal(alb_tokenizer_token(f.tokenizer, 1 << 30).n, 0);
  close_case(&f);
}

static void test_arguments(void **state) {
  (void)state;
  fixture f;
  open_case(&f, CASES "/bert");
  alb_token_encoding e;
  alb_str text;
  const int32_t bad[] = {-1, 1 << 24};
  assert_int_equal(alb_tokenizer_encode(NULL, f.tokenizer, f.scratch, ALB_STR("a"), NULL, 1, true, &e), ALB_ARGUMENT);
  assert_int_equal(alb_tokenizer_encode(NULL, f.tokenizer, f.scratch, ALB_STR("a"), NULL, 1, false, &e), ALB_OK);
  for (size_t i = 0; i < 2; i++)
    assert_int_equal(alb_tokenizer_decode(NULL, f.tokenizer, f.scratch, &bad[i], 1, false, &text), ALB_ARGUMENT);
  close_case(&f);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_cases),
      cmocka_unit_test(test_reuse),
      cmocka_unit_test(test_names),
      cmocka_unit_test(test_arguments),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
