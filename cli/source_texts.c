/* Reading and tokenizing a file of texts before there is a model to run. */
#include "cli/source_texts.h"

#include <string.h>

#include "base/file.h"
#include "runtime/tokenizer/tokenizer.h"

typedef struct reading {
  alb_diag *diag;
  const alb_loaded *loaded;
  alb_tokenizer *tokenizer;
  alb_token_scratch *scratch;
  alb_source_texts *out;
} reading;

static alb_status add_text(const reading *r, alb_str text) {
  alb_source_texts *out = r->out;
  alb_token_encoding e;
  ALB_TRY(alb_tokenizer_encode(r->diag, r->tokenizer, r->scratch, text, NULL, r->loaded->spec.config.max_positions,
                               true, &e));
  if (!e.count) return ALB_OK;
  const bool room = alb_vec_reserve(&out->lengths, 1) && alb_vec_reserve(&out->ids, e.count) &&
                    alb_vec_reserve(&out->type_ids, e.count) && alb_vec_reserve(&out->positions, e.count);
  if (!room) return alb_fail_memory(r->diag, e.count * sizeof *e.ids, "token ids");
  out->lengths.items[out->lengths.count++] = (uint32_t)e.count;
  for (size_t i = 0; i < e.count; i++) {
    out->ids.items[out->ids.count++] = e.ids[i];
    out->type_ids.items[out->type_ids.count++] = e.type_ids[i];
    out->positions.items[out->positions.count++] = (int32_t)i + (int32_t)r->loaded->spec.config.position_offset;
  }
  return ALB_OK;
}

/* The next line that is not empty; false at the end. */
static bool take_line(alb_span *text, alb_str *line) {
  while (text->n) {
    const uint8_t *end = memchr(text->p, '\n', text->n);
    size_t n = end ? (size_t)(end - text->p) : text->n;
    *line = (alb_str){(const char *)text->p, n};
    *text = (alb_span){text->p + n + (end != NULL), text->n - n - (end != NULL)};
    while (line->n && line->p[line->n - 1] == '\r') line->n--;
    if (line->n) return true;
  }
  return false;
}

static alb_status add_lines(const reading *r, alb_span text) {
  alb_str line;
  for (r->out->lines = 0; take_line(&text, &line); r->out->lines++) {
    const alb_text_half half = r->out->lines % 2 ? ALB_SECOND_HALF : ALB_FIRST_HALF;
    if (!r->out->half || r->out->half == half) ALB_TRY(add_text(r, line));
  }
  return r->out->lengths.count ? ALB_OK : alb_fail(r->diag, ALB_MALFORMED, "has no line of text");
}

/* Keeps every n-th text. */
static void thin_out(alb_source_texts *texts, size_t max_tokens) {
  const size_t by_tokens = texts->ids.count / max_tokens + (texts->ids.count % max_tokens != 0);
  const size_t most = texts->most ? texts->most : SIZE_MAX;
  const size_t by_texts = texts->lengths.count / most + (texts->lengths.count % most != 0);
  const size_t step = by_tokens > by_texts ? by_tokens : by_texts;
  size_t from = 0, to = 0, kept = 0;
  if (step <= 1) return;
  for (size_t s = 0; s < texts->lengths.count; s++) {
    const size_t n = texts->lengths.items[s];
    if (s % step == 0) {
      memmove(texts->ids.items + to, texts->ids.items + from, n * sizeof *texts->ids.items);
      memmove(texts->type_ids.items + to, texts->type_ids.items + from, n * sizeof *texts->type_ids.items);
      memmove(texts->positions.items + to, texts->positions.items + from, n * sizeof *texts->positions.items);
      texts->lengths.items[kept++] = (uint32_t)n;
      to += n;
    }
    from += n;
  }
  texts->lengths.count = kept;
  texts->ids.count = to;
}

static alb_status tokenize(reading *r, alb_span text, size_t max_tokens) {
  const alb_vocab *vocab = &r->loaded->vocab;
  alb_source_texts *out = r->out;
  alb_status status = alb_tokenizer_new(r->diag, vocab->tokenizer, vocab->section, 0, &r->tokenizer);
  if (status == ALB_OK) status = alb_token_scratch_new(r->diag, r->tokenizer, &r->scratch);
  if (status == ALB_OK) status = add_lines(r, text);
  alb_token_scratch_free(r->scratch);
  alb_tokenizer_free(r->tokenizer);
  ALB_TRY(status);
  thin_out(out, max_tokens);
  out->sequences = (alb_sequences){out->lengths.count, out->ids.count,      out->lengths.items,
                                   out->ids.items,     out->type_ids.items, out->positions.items};
  return ALB_OK;
}

alb_status alb_source_texts_read(alb_diag *diag, const alb_loaded *loaded, const char *path, size_t max_tokens,
                                 alb_source_texts *out) {
  reading r = {.diag = diag, .loaded = loaded, .out = out};
  alb_file file;
  if (!loaded->vocab.tokenizer) return alb_fail(diag, ALB_MISSING, "texts need a tokenizer, which the source has not");
  ALB_TRY(alb_file_map(diag, path, &file));
  const alb_hash128 hash = alb_hash_bytes(file.bytes);
  alb_hash_hex(&hash, out->hash);
  const alb_status status = tokenize(&r, file.bytes, max_tokens);
  alb_file_unmap(&file);
  return status;
}

void alb_source_texts_free(alb_source_texts *texts) {
  alb_vec_free(&texts->lengths);
  alb_vec_free(&texts->ids);
  alb_vec_free(&texts->type_ids);
  alb_vec_free(&texts->positions);
}
