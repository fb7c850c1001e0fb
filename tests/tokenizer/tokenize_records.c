/* Tokenizes texts with a source folder's tokenizer, for comparisons with other implementations.
 * usage: tokenize_records FOLDER [--pair] [--bare] [--max N] [--repeat N] < RECORDS > TOKENS
 * A record is u32 length, bytes (with --pair: two of them make a pair); tokens of one are u32 count, u32 truncated,
 * then count times i32 id, i32 type id, u32 start, u32 end. All little-endian. --bare: without special tokens. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alb.pb-c.h"
#include "converter/vocab.h"
#include "runtime/tokenizer/tokenizer.h"

typedef struct options {
  const char *folder;
  bool pair, bare;
  size_t max, repeat;
} options;

static bool parse(int argc, char **argv, options *o) {
  *o = (options){.repeat = 1};
  for (int i = 1; i < argc; i++) {
    if (strcmp(argv[i], "--pair") == 0) {
      o->pair = true;
    } else if (strcmp(argv[i], "--bare") == 0) {
      o->bare = true;
    } else if (strcmp(argv[i], "--max") == 0 && i + 1 < argc) {
      o->max = strtoul(argv[++i], NULL, 10);
    } else if (strcmp(argv[i], "--repeat") == 0 && i + 1 < argc) {
      o->repeat = strtoul(argv[++i], NULL, 10);
    } else if (!o->folder) {
      o->folder = argv[i];
    } else {
      return false;
    }
  }
  return o->folder != NULL;
}

static bool read_record(alb_span *from, alb_str *out) {
  alb_span head, body;
  if (!alb_span_take(from, 4, &head) || !alb_span_take(from, alb_load_u32(head.p), &body)) return false;
  *out = (alb_str){(const char *)body.p, body.n};
  return true;
}

static void write_tokens(const alb_token_encoding *e) {
  const uint32_t head[2] = {(uint32_t)e->count, e->truncated};
  fwrite(head, sizeof head, 1, stdout);
  for (size_t i = 0; i < e->count; i++) {
    const uint32_t row[4] = {(uint32_t)e->ids[i], (uint32_t)e->type_ids[i], e->offsets[2 * i], e->offsets[2 * i + 1]};
    fwrite(row, sizeof row, 1, stdout);
  }
}

static alb_status run(alb_diag *diag, const options *o, const alb_tokenizer *t, alb_token_scratch *s, alb_span records,
                      bool print) {
  alb_str text, pair;
  while (read_record(&records, &text)) {
    if (o->pair && !read_record(&records, &pair)) return alb_fail(diag, ALB_ARGUMENT, "odd number of records");
    alb_token_encoding e;
    ALB_TRY(alb_tokenizer_encode(diag, t, s, text, o->pair ? &pair : NULL, o->max, !o->bare, &e));
    if (print) write_tokens(&e);
  }
  return ALB_OK;
}

static alb_status open_and_run(alb_diag *diag, const options *o, alb_source *source, alb_arena *arena,
                               alb_span records) {
  const alb_vocab_options none = {0};
  alb_vocab vocab;
  alb_tokenizer *t = NULL;
  alb_token_scratch *s = NULL;
  source->folder = o->folder;
  ALB_TRY(alb_vocab_import(diag, source, arena, &none, &vocab));
  if (!vocab.tokenizer) return alb_fail(diag, ALB_MISSING, "no tokenizer in this folder");
  if (!o->max) vocab.tokenizer->max_length = 0;
  alb_status status = alb_tokenizer_new(diag, vocab.tokenizer, vocab.section, 0, &t);
  if (status == ALB_OK) status = alb_token_scratch_new(diag, t, &s);
  for (size_t i = 0; status == ALB_OK && i < o->repeat; i++) status = run(diag, o, t, s, records, i == 0);
  alb_token_scratch_free(s);
  alb_tokenizer_free(t);
  return status;
}

static alb_span read_all(FILE *file) {
  size_t n = 0, capacity = 1 << 20;
  uint8_t *bytes = malloc(capacity);
  while (bytes) {
    n += fread(bytes + n, 1, capacity - n, file);
    if (n < capacity) break;
    bytes = realloc(bytes, capacity *= 2);
  }
  return (alb_span){bytes, n};
}

int main(int argc, char **argv) {
  options o;
  if (!parse(argc, argv, &o)) return 2;
  const alb_span records = read_all(stdin);
  alb_diag diag = {0};
  alb_source source = {0};
  alb_arena arena = {0};
  const alb_status status = open_and_run(&diag, &o, &source, &arena, records);
  if (status != ALB_OK) fprintf(stderr, "%s\n", alb_diag_text(&diag, status));
  alb_source_free(&source);
  alb_arena_free(&arena);
  alb_diag_free(&diag);
  free((void *)records.p);
  return alb_status_exit_code(status);
}
