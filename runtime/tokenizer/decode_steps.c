/* Decoders: what is done to the texts of tokens before they are joined. Each writes the parts anew, into spare_bytes.
 */
#include "runtime/tokenizer/stages.h"
#include "runtime/tokenizer/utf8_text.h"

/* ---- the parts ---- */

static bool put(alb_bytes *out, const void *bytes, size_t n) {
  if (!alb_vec_reserve(out, n + 1)) return false;
  if (n) memcpy(out->items + out->count, bytes, n);
  out->count += n;
  return true;
}

static alb_str text_of(const alb_token_scratch *s, alb_text_part part) {
  return (alb_str){(const char *)s->bytes.items + part.begin, part.end - part.begin};
}

static void swap(alb_token_scratch *s) {
  const alb_bytes bytes = s->bytes;
  s->bytes = s->spare_bytes;
  s->spare_bytes = bytes;
}

/* Replaces `from` (not empty) in a text, as it is put behind spare_bytes. */
static bool put_replaced(alb_token_scratch *s, alb_str text, alb_str from, alb_str to) {
  while (text.n) {
    const bool hit = alb_str_starts(text, from);
    const size_t step = hit ? from.n : 1;
    if (!put(&s->spare_bytes, hit ? to.p : text.p, hit ? to.n : 1)) return false;
    text = (alb_str){text.p + step, text.n - step};
  }
  return true;
}

/* ---- decoders ---- */

static alb_status replace_parts(alb_token_scratch *s, alb_str from, alb_str to, bool drop_in_first) {
  s->spare_bytes.count = 0;
  for (size_t i = 0; i < s->decoding.count; i++) {
    alb_text_part *part = &s->decoding.items[i];
    const size_t begin = s->spare_bytes.count;
    if (!put_replaced(s, text_of(s, *part), from, i == 0 && drop_in_first ? (alb_str){"", 0} : to))
      return alb_scratch_memory(s);
    *part = (alb_text_part){begin, s->spare_bytes.count};
  }
  swap(s);
  return ALB_OK;
}

alb_status alb_decode_metaspace(const alb_stage *stage, alb_token_scratch *scratch) {
  return replace_parts(scratch, alb_str_of(stage->message->pattern), ALB_STR(" "), stage->message->left);
}

alb_status alb_decode_replace(const alb_stage *stage, alb_token_scratch *scratch) {
  return replace_parts(scratch, alb_str_of(stage->message->pattern), alb_str_of(stage->message->content), false);
}

alb_status alb_decode_fuse(const alb_stage *stage, alb_token_scratch *scratch) {
  (void)stage;
  if (!scratch->decoding.count) return ALB_OK;
  scratch->decoding.items[0].end = scratch->bytes.count; /* the parts lie side by side */
  scratch->decoding.count = 1;
  return ALB_OK;
}

static int digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The byte that "<0xHH>" names; the reference takes a sign for the first digit too. */
static bool byte_of(alb_str text, uint8_t *byte) {
  if (text.n != 6 || memcmp(text.p, "<0x", 3) != 0 || text.p[5] != '>') return false;
  const int high = text.p[3] == '+' ? 0 : digit(text.p[3]), low = digit(text.p[4]);
  *byte = (uint8_t)(high * 16 + low);
  return high >= 0 && low >= 0;
}

/* Ends a run of bytes that begins at spare_bytes[begin]: what is not UTF-8 becomes U+FFFD, one a byte. */
static bool end_run(alb_token_scratch *s, size_t begin) {
  const size_t n = s->spare_bytes.count - begin;
  size_t at = begin, taken = 0;
  bool valid = true;
  for (; valid && at < s->spare_bytes.count; at += taken) {
    const uint8_t *p = s->spare_bytes.items + at;
    valid =
        alb_utf8_read(p, s->spare_bytes.count - at, &taken) != 0xfffd || (taken == 3 && p[1] == 0xbf && p[2] == 0xbd);
  }
  if (valid) return true;
  s->spare_bytes.count = begin;
  for (size_t i = 0; i < n; i++) {
    if (!put(&s->spare_bytes, "\xef\xbf\xbd", 3)) return false;
  }
  return true;
}

alb_status alb_decode_bytes(const alb_stage *stage, alb_token_scratch *s) {
  (void)stage;
  size_t run = SIZE_MAX, parts = 0; /* where the run of bytes under way begins */
  s->spare_bytes.count = 0;
  for (size_t i = 0; i <= s->decoding.count; i++) {
    const alb_str text = i < s->decoding.count ? text_of(s, s->decoding.items[i]) : (alb_str){"", 0};
    uint8_t byte;
    const bool is_byte = byte_of(text, &byte);
    if (is_byte && run == SIZE_MAX) run = s->spare_bytes.count;
    if (!is_byte && run != SIZE_MAX) {
      if (!end_run(s, run)) return alb_scratch_memory(s);
      s->decoding.items[parts++] = (alb_text_part){run, s->spare_bytes.count};
      run = SIZE_MAX;
    }
    if (i == s->decoding.count) break;
    const size_t begin = s->spare_bytes.count;
    if (!(is_byte ? put(&s->spare_bytes, &byte, 1) : put(&s->spare_bytes, text.p, text.n)))
      return alb_scratch_memory(s);
    if (!is_byte) s->decoding.items[parts++] = (alb_text_part){begin, s->spare_bytes.count};
  }
  s->decoding.count = parts;
  swap(s);
  return ALB_OK;
}

alb_status alb_decode_strip(const alb_stage *stage, alb_token_scratch *s) {
  const Alb__TokenizerStage *m = stage->message;
  const alb_str content = alb_str_of(m->content);
  s->spare_bytes.count = 0;
  for (size_t i = 0; i < s->decoding.count; i++) {
    alb_str text = text_of(s, s->decoding.items[i]);
    for (uint32_t k = 0; k < m->start && alb_str_starts(text, content); k++)
      text = (alb_str){text.p + content.n, text.n - content.n};
    for (uint32_t k = 0; k < m->stop && alb_str_ends(text, content); k++) text.n -= content.n;
    const size_t begin = s->spare_bytes.count;
    if (!put(&s->spare_bytes, text.p, text.n)) return alb_scratch_memory(s);
    s->decoding.items[i] = (alb_text_part){begin, s->spare_bytes.count};
  }
  swap(s);
  return ALB_OK;
}
