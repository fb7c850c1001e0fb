/* Cuts before spaces and remembered words: every tokenizer of the cases gives the same tokens with them as without. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "alb.pb-c.h"
#include "converter/vocab.h"
#include "runtime/tokenizer/stages.h"
#include "runtime/tokenizer/utf8_text.h"

#define CASES "tests/tokenizer/cases"

/* A tokenizer with cuts, if its stages allow them, and the same one without. */
typedef struct fixture {
  alb_source source;
  alb_arena arena;
  alb_diag diag;
  alb_vocab vocab;
  alb_tokenizer *tokenizers[2];
  alb_token_scratch *scratches[2];
} fixture;

static void open_case(fixture *f, const char *folder) {
  const alb_vocab_options options = {0};
  *f = (fixture){.source.folder = folder};
  alb_status status = alb_vocab_import(&f->diag, &f->source, &f->arena, &options, &f->vocab);
  if (status == ALB_OK) f->vocab.tokenizer->max_length = 0;
  for (int i = 0; i < 2 && status == ALB_OK; i++) {
    status = alb_tokenizer_new(&f->diag, f->vocab.tokenizer, f->vocab.section, 0, &f->tokenizers[i]);
    if (status == ALB_OK && i) f->tokenizers[i]->cuts = false;
    if (status == ALB_OK) status = alb_token_scratch_new(&f->diag, f->tokenizers[i], &f->scratches[i]);
  }
  if (status != ALB_OK) fail_msg("%s: %s", folder, alb_diag_text(&f->diag, status));
}

static void close_case(fixture *f) {
  for (int i = 0; i < 2; i++) {
    alb_token_scratch_free(f->scratches[i]);
    alb_tokenizer_free(f->tokenizers[i]);
  }
  alb_source_free(&f->source);
  alb_arena_free(&f->arena);
  alb_diag_free(&f->diag);
}

static bool same(const alb_token_encoding *a, const alb_token_encoding *b) {
  return a->count == b->count && a->truncated == b->truncated &&
         memcmp(a->ids, b->ids, a->count * sizeof *a->ids) == 0 &&
         memcmp(a->type_ids, b->type_ids, a->count * sizeof *a->type_ids) == 0 &&
         memcmp(a->offsets, b->offsets, 2 * a->count * sizeof *a->offsets) == 0 &&
         memcmp(a->special, b->special, a->count) == 0 && memcmp(a->sequence, b->sequence, a->count) == 0 &&
         memcmp(a->begins_word, b->begins_word, a->count) == 0;
}

static void check_text(fixture *f, const char *folder, alb_str text, size_t most) {
  alb_token_encoding e[2];
  alb_status status[2];
  for (int i = 0; i < 2; i++)
    status[i] = alb_tokenizer_encode(&f->diag, f->tokenizers[i], f->scratches[i], text, NULL, most, true, &e[i]);
  if (status[0] != status[1]) fail_msg("%s: status %d, without cuts %d", folder, status[0], status[1]);
  if (status[0] != ALB_OK || (e[0].count == 0 && e[1].count == 0) || same(&e[0], &e[1])) return;
  fprintf(stderr, "the text: ");
  for (size_t i = 0; i < text.n; i++) fprintf(stderr, "%02x ", (uint8_t)text.p[i]);
  fail_msg("%s: %zu tokens, %zu without cuts, or not the same ones", folder, e[0].count, e[1].count);
}

/* ---- made-up texts ---- */

static uint32_t next_random(uint64_t *state) {
  *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
  return (uint32_t)(*state >> 33);
}

/* What has its own rules somewhere: spaces, marks, joiners, prefixes, jamo, what forms change or drop, patterns. */
static const uint32_t points[] = {
    ' ',    ' ',    ' ',    ' ',    ' ',     ' ',     'a',     'b',     'e',     'n',     't',    'T',    'S',
    '.',    ',',    '\'',   '`',    '"',     '[',     '<',     '>',     '1',     '\t',    '\r',   '\n',   0,
    0x7f,   0x85,   0xa0,   0xa8,   0xad,    0xbd,    0xc5,    0xdf,    0xe9,    0x130,   0x300,  0x301,  0x307,
    0x323,  0x338,  0x345,  0x3a3,  0x5d0,   0x5b0,   0x600,   0x627,   0x64b,   0x6dd,   0x915,  0x93c,  0x94d,
    0x9be,  0x9c7,  0xe33,  0x1100, 0x1161,  0x11a8,  0x1e9b,  0x200b,  0x200d,  0x2028,  0x202f, 0x2126, 0x212b,
    0x2581, 0x3000, 0x3099, 0x304b, 0x3133,  0x3333,  0x4e2d,  0x6587,  0xac00,  0xac01,  0xf900, 0xfb01, 0xfdfa,
    0xfe0f, 0xfeff, 0xff21, 0xfffd, 0x110bd, 0x1d15e, 0x1f1e6, 0x1f3fd, 0x1f468, 0x20000, 0xe0001};

static const char *const words[] = {"the ", " the", "  quick", "[MASK]", "<unk>", " [SEP] ",
                                    "</s>", "``",   "''",      " x",     "\xff",  "\xe4\xb8"};

static size_t make_text(uint64_t *state, uint8_t *out, size_t room) {
  size_t n = 0;
  const size_t parts = 1 + next_random(state) % 24;
  for (size_t i = 0; i < parts && n + 16 < room; i++) {
    if (next_random(state) % 6 == 0) {
      const char *word = words[next_random(state) % (sizeof words / sizeof *words)];
      memcpy(out + n, word, strlen(word));
      n += strlen(word);
    } else {
      n += alb_utf8_write(points[next_random(state) % (sizeof points / sizeof *points)], out + n);
    }
  }
  return n;
}

static size_t for_each_case(void (*check)(fixture *f, const char *folder)) {
  size_t with_cuts = 0;
  DIR *folder = opendir(CASES);
  assert_non_null(folder);
  for (const struct dirent *entry; (entry = readdir(folder)) != NULL;) {
    char path[400];
    fixture f;
    if (strchr(entry->d_name, '.')) continue;
    snprintf(path, sizeof path, CASES "/%s", entry->d_name);
    open_case(&f, path);
    with_cuts += f.tokenizers[0]->cuts;
    check(&f, path);
    close_case(&f);
  }
  closedir(folder);
  return with_cuts;
}

static void check_made_up(fixture *f, const char *folder) {
  uint64_t state = 1;
  uint8_t text[512];
  for (int i = 0; i < 5000; i++) {
    const size_t n = make_text(&state, text, sizeof text);
    check_text(f, folder, (alb_str){(const char *)text, n}, i % 5 ? 0 : 2 + next_random(&state) % 8);
  }
}

static void test_made_up(void **state) {
  (void)state;
  const size_t with_cuts = for_each_case(check_made_up);
  print_message("%zu tokenizers with cuts\n", with_cuts);
  assert_true(with_cuts >= 8);
}

/* Code points at the end of a word, at its start and twice. */
static void check_points(fixture *f, const char *folder) {
  if (!f->tokenizers[0]->cuts) return;
  for (uint32_t cp = 0; cp < 0x110000; cp += cp < 0x3400 ? 1 : 61) {
    uint8_t text[64] = "an a";
    size_t n = 4;
    if (cp >= 0xd800 && cp < 0xe000) continue;
    n += alb_utf8_write(cp, text + n);
    memcpy(text + n, " e ", 3);
    n += 3;
    n += alb_utf8_write(cp, text + n);
    n += alb_utf8_write(cp, text + n);
    memcpy(text + n, "  t", 3);
    check_text(f, folder, (alb_str){(const char *)text, n + 3}, 0);
  }
}

static void test_points(void **state) {
  (void)state;
  for_each_case(check_points);
}

/* Words that grow more than 100 times, each another one: the text is refused, and is so again when words could be
 * remembered. */
static void test_limit_again(void **state) {
  (void)state;
  char text[8000];
  size_t n = 0;
  fixture f;
  for (int i = 0; i < 400; i++) n += (size_t)sprintf(text + n, " aaa%c%c", 'd' + i % 20, 'd' + i / 20 % 20);
  open_case(&f, CASES "/growing");
  assert_true(f.tokenizers[0]->cuts);
  for (int i = 0; i < 3; i++) {
    alb_token_encoding e;
    assert_int_equal(
        alb_tokenizer_encode(&f.diag, f.tokenizers[0], f.scratches[0], (alb_str){text, n}, NULL, 0, true, &e),
        ALB_LIMIT);
  }
  close_case(&f);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_made_up), cmocka_unit_test(test_points),
                                     cmocka_unit_test(test_limit_again)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
