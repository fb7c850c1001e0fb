/* The normalizer that replaces characters by SentencePiece's table. */
#include "runtime/tokenizer/graphemes.h"
#include "runtime/tokenizer/stages.h"
#include "runtime/tokenizer/utf8_text.h"

enum { SHORT_CLUSTER = 6 }; /* bytes: a shorter cluster is looked up as a whole */

alb_status alb_prepare_charsmap(alb_diag *diag, alb_stage *stage) {
  const ProtobufCBinaryData bytes = stage->message->charsmap;
  return alb_charsmap_open(diag, (alb_span){bytes.data, bytes.len}, &stage->charsmap);
}

/* Writes what comes in the place of `old` characters of the text: changes in `start`, for alb_align_changes. */
static bool put(alb_chars *out, alb_str text, int32_t old) {
  int32_t made = 0;
  if (!alb_vec_reserve(out, text.n)) return false;
  for (size_t i = 0, taken = 0; i < text.n; i += taken, made++) {
    const uint32_t cp = alb_utf8_read((const uint8_t *)text.p + i, text.n - i, &taken);
    out->items[out->count++] = (alb_char){cp, made >= old, 0};
  }
  if (made < old && out->count) {
    alb_char *last = &out->items[out->count - 1];
    last->start = (uint32_t)((int32_t)last->start + made - old);
  }
  return true;
}

static bool put_char(const alb_charsmap *map, alb_chars *out, uint32_t cp, bool *changed) {
  uint8_t bytes[4];
  alb_str to;
  if (alb_charsmap_find(map, bytes, alb_utf8_write(cp, bytes), &to)) {
    *changed = true;
    return put(out, to, 1);
  }
  return alb_vec_push(out, (alb_char){cp, 0, 0});
}

/* UTF-8 of a cluster; 0: it is SHORT_CLUSTER bytes or longer. */
static size_t short_cluster(const alb_char *text, size_t n, uint8_t bytes[SHORT_CLUSTER + 4]) {
  size_t count = 0;
  for (size_t i = 0; i < n; i++) {
    count += alb_utf8_write(text[i].cp, bytes + count);
    if (count >= SHORT_CLUSTER) return 0;
  }
  return count;
}

static bool put_cluster(const alb_charsmap *map, alb_chars *out, const alb_char *text, size_t n, bool *changed) {
  uint8_t bytes[SHORT_CLUSTER + 4];
  alb_str to;
  const size_t size = n > 1 ? short_cluster(text, n, bytes) : 0;
  if (size && alb_charsmap_find(map, bytes, size, &to)) {
    *changed = true;
    return put(out, to, (int32_t)n);
  }
  for (size_t i = 0; i < n; i++) {
    if (!put_char(map, out, text[i].cp, changed)) return false;
  }
  return true;
}

/* Most characters are of a class that joins with none of its like. */
static size_t cluster_length(alb_token_scratch *scratch, size_t at) {
  const alb_chars *text = &scratch->text;
  const bool two = at + 1 < text->count;
  if (alb_char_facts_grapheme(scratch->facts, text->items[at].cp) == ALB_GRAPHEME_OTHER &&
      (!two || alb_char_facts_grapheme(scratch->facts, text->items[at + 1].cp) == ALB_GRAPHEME_OTHER))
    return 1;
  return alb_grapheme_length(text->items + at, text->count - at);
}

alb_status alb_normalize_charsmap(const alb_stage *stage, alb_token_scratch *scratch) {
  const alb_chars *text = &scratch->text;
  bool changed = false;
  scratch->spare.count = 0;
  for (size_t i = 0, n = 0; i < text->count; i += n) {
    n = cluster_length(scratch, i);
    if (!put_cluster(&stage->charsmap, &scratch->spare, text->items + i, n, &changed))
      return alb_scratch_memory(scratch);
  }
  if (!changed) return ALB_OK;
  alb_align_changes(scratch);
  alb_scratch_swap(scratch);
  return ALB_OK;
}
