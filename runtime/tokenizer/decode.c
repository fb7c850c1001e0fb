/* Decoding: token ids to text, as `transformers` does it. */
#include "runtime/tokenizer/stages.h"
#include "runtime/tokenizer/utf8_text.h"

/* Replaced in this order: the spaces before what belongs to the word before. */
static const struct {
  const char *from, *to;
  bool in_text; /* also where the whole text is cleaned */
} clean_ups[] = {
    {" .", ".", true},   {" ?", "?", true},     {" !", "!", true},     {" ,", ",", true},
    {" ' ", "'", true},  {" n't", "n't", true}, {" 'm", "'m", true},   {" do not", " don't", false},
    {" 's", "'s", true}, {" 've", "'ve", true}, {" 're", "'re", true},
};

static bool append(alb_bytes *out, alb_str text) {
  if (!alb_vec_reserve(out, text.n + 1)) return false;
  if (text.n) memcpy(out->items + out->count, text.p, text.n);
  out->count += text.n;
  return true;
}

/* Replaces in bytes[begin, end of out); nothing grows. */
static void replace_all(alb_bytes *out, size_t begin, alb_str from, alb_str to) {
  size_t n = begin;
  for (size_t i = begin; i < out->count;) {
    const bool hit = alb_str_starts((alb_str){(const char *)out->items + i, out->count - i}, from);
    if (hit) {
      memcpy(out->items + n, to.p, to.n);
      n += to.n;
      i += from.n;
    } else {
      out->items[n++] = out->items[i++];
    }
  }
  out->count = n;
}

static void clean_up(alb_bytes *out, size_t begin, bool whole) {
  for (size_t i = 0; i < sizeof clean_ups / sizeof *clean_ups; i++) {
    if (whole && !clean_ups[i].in_text) continue;
    replace_all(out, begin, alb_str_of(clean_ups[i].from), alb_str_of(clean_ups[i].to));
  }
}

static bool add_token(const Alb__Tokenizer *m, alb_bytes *out, alb_str token, bool first) {
  const alb_str prefix = alb_str_of(m->decode_prefix);
  const size_t begin = out->count;
  const bool continues = !first && prefix.n && alb_str_starts(token, prefix);
  if (continues) token = (alb_str){token.p + prefix.n, token.n - prefix.n};
  if (!first && !continues && !append(out, ALB_STR(" "))) return false;
  if (!append(out, token)) return false;
  if (m->clean_up) clean_up(out, begin, false);
  return true;
}

/* An added token that is looked for normalized is decoded as its normalized text: into scratch->spare_bytes. */
static bool normalized_text(const alb_tokenizer *t, alb_token_scratch *s, const Alb__AddedToken *token, alb_str *text) {
  const alb_added_pattern *p = t->added_normalized.patterns;
  while (p->token != token) p++;
  s->spare_bytes.count = 0;
  if (!alb_vec_reserve(&s->spare_bytes, 4 * p->count)) return false;
  for (size_t i = 0; i < p->count; i++)
    s->spare_bytes.count += alb_utf8_write(p->text[i], s->spare_bytes.items + s->spare_bytes.count);
  *text = (alb_str){(const char *)s->spare_bytes.items, s->spare_bytes.count};
  return true;
}

/* NUL behind it: the text is whole. */
static alb_status end_text(alb_token_scratch *scratch, alb_str *text) {
  alb_bytes *out = &scratch->bytes;
  if (!append(out, ALB_STR(""))) return alb_scratch_memory(scratch);
  out->items[out->count] = 0;
  *text = (alb_str){(const char *)out->items, out->count};
  return ALB_OK;
}

alb_status alb_tokenizer_join(alb_diag *diag, const alb_tokenizer *t, alb_token_scratch *scratch, const alb_str *tokens,
                              size_t count, alb_str *text) {
  scratch->diag = diag;
  scratch->bytes.count = 0;
  for (size_t i = 0; i < count; i++) {
    if (!add_token(t->message, &scratch->bytes, tokens[i], i == 0)) return alb_scratch_memory(scratch);
  }
  return end_text(scratch, text);
}

alb_status alb_tokenizer_decode(alb_diag *diag, const alb_tokenizer *t, alb_token_scratch *scratch, const int32_t *ids,
                                size_t count, bool skip_special, alb_str *text) {
  alb_bytes *out = &scratch->bytes;
  scratch->diag = diag;
  out->count = 0;
  bool first = true;
  for (size_t i = 0; i < count; i++) {
    if (ids[i] < 0 || (size_t)ids[i] >= t->rows)
      return alb_fail(diag, ALB_ARGUMENT, "token id %d of %zu", ids[i], t->rows);
    alb_str token = alb_tokenizer_token(t, ids[i]);
    if (token.n == 0) continue;
    const Alb__AddedToken *added = t->added_by_id[ids[i]];
    if (skip_special && added && added->special) continue;
    if (added && added->normalized && !normalized_text(t, scratch, added, &token)) return alb_scratch_memory(scratch);
    if (!add_token(t->message, out, token, first)) return alb_scratch_memory(scratch);
    first = false;
  }
  if (t->message->clean_up_text) clean_up(out, 0, true);
  return end_text(scratch, text);
}
