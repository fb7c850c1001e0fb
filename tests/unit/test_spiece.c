/* SentencePiece: ALBERT's model against published ids, bad models, character maps, the trie, grapheme clusters. */
#include <jansson.h>
#include <stdio.h>
#include <unistd.h>

#include "alb.pb-c.h"
#include "converter/spiece_model.h"
#include "converter/vocab.h"
#include "format/charsmap.h"
#include "runtime/tokenizer/graphemes.h"
#include "runtime/tokenizer/trie.h"
#include "tests/support/check.h"

#define ALBERT "tests/tokenizer/cases/albert-spiece"

/* ---- published ids ---- */

typedef struct fixture {
  alb_source source;
  alb_arena arena;
  alb_diag diag;
  alb_tokenizer *tokenizer;
  alb_token_scratch *scratch;
} fixture;

/* keep_accents: as tokenizer_config.json would say. */
static void open_albert(fixture *f, bool keep_accents) {
  const alb_vocab_options options = {.rows = 30000};
  alb_vocab vocab;
  *f = (fixture){.source.folder = ALBERT};
  assert_ok(&f->diag, alb_vocab_import(&f->diag, &f->source, &f->arena, &options, &vocab));
  Alb__Tokenizer *m = vocab.tokenizer;
  if (keep_accents) { /* nfkd and marks behind the two replacements */
    assert_string_equal(m->normalizers[2]->type, "nfkd");
    assert_string_equal(m->normalizers[3]->type, "marks");
    for (size_t i = 4; i < m->n_normalizers; i++) m->normalizers[i - 2] = m->normalizers[i];
    m->n_normalizers -= 2;
  }
  assert_ok(&f->diag, alb_tokenizer_new(&f->diag, m, vocab.section, 30000, &f->tokenizer));
  assert_ok(&f->diag, alb_token_scratch_new(&f->diag, f->tokenizer, &f->scratch));
}

static void close_albert(fixture *f) {
  alb_token_scratch_free(f->scratch);
  alb_tokenizer_free(f->tokenizer);
  alb_source_free(&f->source);
  alb_arena_free(&f->arena);
  alb_diag_free(&f->diag);
}

static void check_published(fixture *f, const json_t *line) {
  const json_t *ids = json_object_get(line, "ids"), *text = json_object_get(line, "text");
  const alb_str input = {json_string_value(text), json_string_length(text)};
  alb_token_encoding e;
  assert_ok(&f->diag, alb_tokenizer_encode(&f->diag, f->tokenizer, f->scratch, input, NULL, 0,
                                           !json_is_true(json_object_get(line, "no_special")), &e));
  assert_int_equal(e.count, json_array_size(ids));
  for (size_t i = 0; i < e.count; i++) assert_int_equal(e.ids[i], json_integer_value(json_array_get(ids, i)));
}

static void test_published(void **state) {
  (void)state;
  fixture plain, accents;
  open_albert(&plain, false);
  open_albert(&accents, true);
  json_t *root = json_load_file(ALBERT "/published.json", 0, NULL), *line;
  size_t i;
  assert_int_equal(json_array_size(json_object_get(root, "cases")), 5);
  json_array_foreach(json_object_get(root, "cases"), i, line)
      check_published(json_is_true(json_object_get(line, "keep_accents")) ? &accents : &plain, line);
  json_decref(root);
  assert_int_equal(alb_tokenizer_named(plain.tokenizer, "pad"), 0);
  assert_int_equal(alb_tokenizer_named(plain.tokenizer, "unk"), 1);
  assert_int_equal(alb_tokenizer_named(plain.tokenizer, "cls"), 2);
  assert_int_equal(alb_tokenizer_named(plain.tokenizer, "sep"), 3);
  assert_int_equal(alb_tokenizer_named(plain.tokenizer, "mask"), 4);
  close_albert(&plain);
  close_albert(&accents);
}

/* Time and memory are linear: a long line of one character, of spaces, of pieces. */
static void test_long(void **state) {
  (void)state;
  enum { LENGTH = 1 << 20 };
  fixture f;
  open_albert(&f, false);
  char *text = malloc(LENGTH);
  assert_non_null(text);
  const char *const units[] = {"a", " ", "a ", "\xcc\x81", "the house "};
  for (size_t u = 0; u < sizeof units / sizeof *units; u++) {
    const size_t n = strlen(units[u]);
    for (size_t i = 0; i < LENGTH; i++) text[i] = units[u][i % n];
    alb_token_encoding e;
    assert_ok(&f.diag,
              alb_tokenizer_encode(&f.diag, f.tokenizer, f.scratch, (alb_str){text, LENGTH}, NULL, 0, true, &e));
    assert_true(e.count >= 2 && e.count <= 512); /* the limit of tokenizer_config.json */
    assert_int_equal(e.truncated, u != 1 && u != 3);
  }
  free(text);
  close_albert(&f);
}

/* ---- models ---- */

#define PIECE(text, length) "\x0a" length "\x0a" text
#define UNKNOWN "\x0a\x07\x0a\x03unk\x18\x02"
#define A            \
  "\x0a\x08\x0a\x01" \
  "a\x15\0\0\x80\xbf" /* score -1 */

static const struct {
  const char *bytes;
  size_t n;
  alb_status status;
  const char *word;
} models[] = {
#define MODEL(bytes, status, word) \
  { bytes, sizeof(bytes) - 1, status, word }
    MODEL(UNKNOWN A, ALB_OK, ""),
    MODEL("", ALB_MALFORMED, "no pieces"),
    MODEL(A, ALB_MALFORMED, "0 pieces of type unknown"),
    MODEL(UNKNOWN UNKNOWN, ALB_MALFORMED, "2 pieces of type unknown"),
    MODEL("\x0a", ALB_MALFORMED, "ends early"),
    MODEL("\x0a\x05\x0a\x03un", ALB_MALFORMED, "ends early"),
    MODEL("\x0a\x05\x0a\x09unk", ALB_MALFORMED, "ends early"),
    MODEL("\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", ALB_MALFORMED, "ends early"),
    MODEL("\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f", ALB_MALFORMED, "more than 64 bits"),
    MODEL("\x0b", ALB_MALFORMED, "wire type"),
    MODEL("\x02\x00", ALB_MALFORMED, "field number"),
    MODEL("\x0a\x02\x0a\x00", ALB_MALFORMED, "piece 0 is empty"),
    MODEL("\x0a\x00", ALB_MALFORMED, "piece 0 is empty"),
    MODEL(UNKNOWN "\x0a\x04\x0a\x02x\0", ALB_MALFORMED, "piece 1 has a NUL"),
    MODEL(UNKNOWN "\x0a\x04\x0a\x02x\xff", ALB_MALFORMED, "piece 1 is not UTF-8"),
    MODEL(UNKNOWN "\x0a\x08\x0a\x01"
                  "a\x15\0\0\xc0\x7f",
          ALB_NONFINITE, "piece 1"),
    MODEL(UNKNOWN "\x0a\x08\x0a\x01"
                  "a\x15\0\0\x80\xff",
          ALB_NONFINITE, "piece 1"),
    MODEL(UNKNOWN "\x0a\x05\x0a\x01"
                  "a\x18\x07",
          ALB_MALFORMED, "piece 1 has type 7"),
    MODEL(UNKNOWN "\x0a\x05\x0a\x01"
                  "a\x18\x00",
          ALB_MALFORMED, "piece 1 has type 0"),
    MODEL(UNKNOWN A "\x12\x02\x18\x02", ALB_UNSUPPORTED, "bpe"),
    MODEL(UNKNOWN A "\x12\x02\x18\x03", ALB_UNSUPPORTED, "word"),
    MODEL(UNKNOWN A "\x12\x02\x18\x04", ALB_UNSUPPORTED, "char"),
    MODEL(UNKNOWN A "\x12\x02\x18\x05", ALB_MALFORMED, "model type 5"),
    MODEL(UNKNOWN A "\x12\x03\xc0\x02\x01", ALB_MALFORMED, "unk_id is 1"),
    MODEL(UNKNOWN A "\x12\x03\xc8\x02\x09", ALB_MALFORMED, "bos_id is 9"),
    MODEL(UNKNOWN A "\x12\x0c\xd8\x02\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01", ALB_MALFORMED, "pad_id is -2"),
    MODEL(UNKNOWN A "\x12\x06\xc8\x02\x01\xd0\x02\x01", ALB_OK, ""),
    MODEL(UNKNOWN A "\x12\x09\xc8\x02\x01\xd0\x02\x01\x98\x02\x01", ALB_MALFORMED, "0 pieces of bytes"),
    MODEL(UNKNOWN "\x0a\x0a\x0a\x06<0x41>\x18\x06", ALB_MALFORMED, "1 pieces of bytes"),
    MODEL(UNKNOWN "\x0a\x0a\x0a\x06<0xZZ>\x18\x06", ALB_MALFORMED, "not a byte"),
    MODEL(UNKNOWN "\x0a\x0b\x0a\x07<0x100>\x18\x06", ALB_MALFORMED, "not a byte"),
    MODEL(UNKNOWN A "\x1a\x02\x28\x00", ALB_UNSUPPORTED, "escape_whitespaces"),
    MODEL(UNKNOWN A "\x1a\x02\x20\x00", ALB_UNSUPPORTED, "remove_extra_whitespaces"),
    MODEL(UNKNOWN A "\x1a\x02\x18\x00", ALB_OK, ""),
    MODEL(UNKNOWN A "\x22\x03xyz\x98\x3f\x07", ALB_OK, ""), /* fields that nobody wants */
};

static void test_models(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof models / sizeof *models; i++) {
    alb_diag diag = {0};
    alb_spiece_model model;
    const alb_status status =
        alb_spiece_model_read(&diag, (alb_span){(const uint8_t *)models[i].bytes, models[i].n}, &model);
    const char *text = alb_diag_text(&diag, status);
    if (status != models[i].status || !strstr(text, models[i].word))
      fail_msg("model %zu: %s: %s", i, alb_status_name(status), text);
    alb_spiece_model_free(&model);
    alb_diag_free(&diag);
  }
}

/* ---- character maps ---- */

enum { UNITS = 512, TEXT_BYTES = 8 };

/* A map with the keys "a" (text "xy") and "ab" (text "z"): units from 256 on are the root's children and theirs. */
static void make_map(uint8_t *p) {
  static const char texts[TEXT_BYTES] = "xy\0z\0\xc3\xa9";
  memset(p, 0, 4 + 4 * UNITS);
  alb_store_u32(p, 4 * UNITS);
  uint8_t *u = p + 4;
  alb_store_u32(u, 256u << 10);                                                 /* root: base 256 */
  alb_store_u32(u + 4 * (256 ^ 'a'), 'a' | 1u << 8 | (256u ^ 'a' ^ 300) << 10); /* base 300, ends a key */
  alb_store_u32(u + 4 * 300, 1u << 31);
  alb_store_u32(u + 4 * (300 ^ 'b'), 'b' | 1u << 8 | (300u ^ 'b' ^ 400) << 10);
  alb_store_u32(u + 4 * 400, 1u << 31 | 3);
  memcpy(p + 4 + 4 * UNITS, texts, TEXT_BYTES);
}

static const struct {
  size_t at;
  uint32_t value; /* u32 at an offset of the map */
  alb_status status;
  const char *word;
} map_changes[] = {
    {0, 4 * UNITS, ALB_OK, ""},
    {0, 0, ALB_MALFORMED, "trie of 0"},
    {0, 4 * UNITS - 1, ALB_MALFORMED, "trie of 2047"},
    {0, 0x7fffffff, ALB_MALFORMED, "trie of 2147483647"},
    {0, 4 * UNITS + 12, ALB_MALFORMED, "trie of 2060"},
    {4, 1u << 31 | 256u << 10, ALB_MALFORMED, "root is a value"},
    {4, 512u << 10, ALB_MALFORMED, "unit 0 leads to unit 767"},
    {4, 0x7ffffe00, ALB_MALFORMED, "unit 0 leads to"},
    {4, 1u << 9 | 1u << 10, ALB_OK, ""}, /* 256, the other way of saying it */
    {4 + 4 * 5, 512u << 10, ALB_MALFORMED, "unit 5 leads to"},
    {4 + 4 * 5, 1u << 8, ALB_MALFORMED, "unit 5 ends a key without a value"},
    {4 + 4 * 300, 1u << 31 | 8, ALB_MALFORMED, "its text at 8 of 8"},
    {4 + 4 * 300, UINT32_MAX, ALB_MALFORMED, "its text at 2147483647"},
    {4 + 4 * 300, 1u << 31 | 6, ALB_MALFORMED, "within a character"},
    {4 + 4 * 300, 1u << 31 | 5, ALB_OK, ""},
    {4 + 4 * UNITS, 0x00ff7878, ALB_MALFORMED, "not UTF-8"},
};

static void test_map_rules(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof map_changes / sizeof *map_changes; i++) {
    uint8_t map[4 + 4 * UNITS + TEXT_BYTES];
    alb_diag diag = {0};
    alb_charsmap out;
    make_map(map);
    alb_store_u32(map + map_changes[i].at, map_changes[i].value);
    const alb_status status = alb_charsmap_open(&diag, (alb_span){map, sizeof map}, &out);
    if (status != map_changes[i].status || !strstr(alb_diag_text(&diag, status), map_changes[i].word))
      fail_msg("change %zu: %s: %s", i, alb_status_name(status), alb_diag_text(&diag, status));
    alb_diag_free(&diag);
  }
}

static void test_map_sizes(void **state) {
  (void)state;
  uint8_t map[4 + 4 * UNITS + TEXT_BYTES];
  alb_diag diag = {0};
  alb_charsmap out;
  make_map(map);
  assert_refused(&diag, alb_charsmap_open(&diag, (alb_span){map, sizeof map - 1}, &out), ALB_MALFORMED, "no end");
  map[sizeof map - 1] = 'x';
  map[sizeof map - 2] = map[sizeof map - 3] = 'x';
  assert_refused(&diag, alb_charsmap_open(&diag, (alb_span){map, sizeof map}, &out), ALB_MALFORMED, "no end");
  for (size_t n = 0; n < 4 + 4 * UNITS; n++) {
    assert_int_equal(alb_charsmap_open(NULL, (alb_span){map, n}, &out), ALB_MALFORMED);
  }
  memset(map, 0, sizeof map);
  alb_store_u32(map, 4 * 255); /* units end within a block of 256 */
  assert_refused(&diag, alb_charsmap_open(&diag, (alb_span){map, sizeof map}, &out), ALB_MALFORMED, "leads to unit");
}

static void test_map_find(void **state) {
  (void)state;
  uint8_t map[4 + 4 * UNITS + TEXT_BYTES];
  alb_charsmap m;
  alb_str to;
  make_map(map);
  assert_int_equal(alb_charsmap_open(NULL, (alb_span){map, sizeof map}, &m), ALB_OK);
  assert_true(alb_charsmap_find(&m, (const uint8_t *)"abc", 3, &to)); /* the shortest key */
  assert_true(alb_str_is(to, "xy"));
  assert_false(alb_charsmap_find(&m, (const uint8_t *)"b", 1, &to));
  assert_false(alb_charsmap_find(&m, (const uint8_t *)"", 0, &to));
  assert_false(alb_charsmap_find(&m, (const uint8_t *)"\0", 1, &to));
  assert_false(alb_charsmap_find(&m, (const uint8_t *)"\xff", 1, &to));
  alb_store_u32(map + 4 + 4 * (256 ^ 'a'), 'a' | (256u ^ 'a' ^ 300) << 10); /* "a" is no key any more */
  assert_true(alb_charsmap_find(&m, (const uint8_t *)"abc", 3, &to));
  assert_true(alb_str_is(to, "z"));
  assert_false(alb_charsmap_find(&m, (const uint8_t *)"a", 1, &to));
}

/* ---- trie ---- */

static void test_trie(void **state) {
  (void)state;
  static const char *const words[] = {"a", "ab", "", "abcd", "b", "left out", "\xc3\xa9", "\xc3\xaa"};
  enum { COUNT = 8 };
  uint8_t section[256], leave_out[COUNT] = {[5] = 1};
  size_t at = 4 + 4 * (COUNT + 1), end = 0;
  alb_store_u32(section, COUNT);
  alb_store_u32(section + 4, 0);
  for (size_t i = 0; i < COUNT; i++) {
    memcpy(section + at + end, words[i], strlen(words[i]));
    end += strlen(words[i]);
    alb_store_u32(section + 4 + 4 * (i + 1), (uint32_t)end);
  }
  alb_vocab_table table;
  alb_trie trie;
  assert_int_equal(alb_vocab_table_open(NULL, (alb_span){section, at + end}, &table), ALB_OK);
  assert_int_equal(alb_trie_build(NULL, &table, leave_out, &trie), ALB_OK);
  uint32_t node = trie.root['a'];
  assert_int_equal(trie.nodes[node].token, 1);
  node = alb_trie_child(&trie, node, 'b');
  assert_int_equal(trie.nodes[node].token, 2);
  assert_int_equal(alb_trie_child(&trie, node, 'd'), 0);
  node = alb_trie_child(&trie, node, 'c');
  assert_int_equal(trie.nodes[node].token, 0);
  node = alb_trie_child(&trie, node, 'd');
  assert_int_equal(trie.nodes[node].token, 4);
  assert_int_equal(alb_trie_child(&trie, node, 'e'), 0);
  assert_int_equal(trie.root['l'], 0);
  assert_int_equal(trie.nodes[alb_trie_child(&trie, trie.root[0xc3], 0xaa)].token, 8);
  alb_trie_free(&trie);
}

/* ---- grapheme clusters ---- */

static void test_graphemes(void **state) {
  (void)state;
  static const struct {
    uint32_t text[8];
    size_t n, length;
  } cases[] = {
      {{'a', 'b'}, 2, 1},
      {{'a', 0x301, 0x302, 'b'}, 4, 3},
      {{'\r', '\n', 'a'}, 3, 2},
      {{'\n', 0x301}, 2, 1},
      {{0x301, 'a'}, 2, 1},
      {{0x1100, 0x1161, 0x11a8, 0x11a8, 0x1100}, 5, 4},
      {{0xac00, 0x1161, 0x11a8}, 3, 3},
      {{0xac01, 0x1161}, 2, 1},
      {{0x1f1e9, 0x1f1ea, 0x1f1e9, 0x1f1ea}, 4, 2},
      {{0x1f468, 0x200d, 0x1f469, 0x200d, 0x1f467}, 5, 5},
      {{0x1f468, 0x1f3fd, 0x200d, 0x1f469}, 4, 4},
      {{'a', 0x200d, 0x1f469}, 3, 2},
      {{0x915, 0x94d, 0x937, 0x301}, 4, 4},
      {{0x915, 0x937}, 2, 1},
      {{0x600, 'a', 'b'}, 3, 2},
      {{0x600, '\n'}, 2, 1},
      {{0xe33, 0xe33}, 2, 2},
      {{0x110000 - 1, 'a'}, 2, 1},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    alb_char text[8];
    for (size_t k = 0; k < cases[i].n; k++) text[k] = (alb_char){.cp = cases[i].text[k]};
    if (alb_grapheme_length(text, cases[i].n) != cases[i].length)
      fail_msg("case %zu: %zu", i, alb_grapheme_length(text, cases[i].n));
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_published), cmocka_unit_test(test_long),      cmocka_unit_test(test_models),
      cmocka_unit_test(test_map_rules), cmocka_unit_test(test_map_sizes), cmocka_unit_test(test_map_find),
      cmocka_unit_test(test_trie),      cmocka_unit_test(test_graphemes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
