/* The Unigram model of tokenizer.json: [["piece", score], ...]. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "converter/vocab_build.h"

/* The number that the reference reads from the shortest decimal form of `value`: its digits as a whole number, times or
 * divided by a power of ten, each step rounded. That may be one off in the last place, and paths of equal scores are
 * told apart by it. */
static double as_reference_reads(double value) {
  char text[40], power[16];
  const bool usual = fabs(value) >= 1e-5 && fabs(value) < 1e6;
  int digits = usual ? 14 : 0; /* up to 15 digits and a power below 10^22: the result is right, whatever zeros follow */
  do snprintf(text, sizeof text, "%.*e", digits, value);
  while (strtod(text, NULL) != value && ++digits < 17);
  uint64_t whole = 0;
  const char *p = text;
  for (; *p && *p != 'e'; p++) {
    if (*p >= '0' && *p <= '9') whole = whole * 10 + (uint64_t)(*p - '0');
  }
  const int exponent = (int)strtol(*p ? p + 1 : "0", NULL, 10) - digits;
  if (exponent < -308) return value;
  snprintf(power, sizeof power, "1e%d", abs(exponent));
  const double ten = strtod(power, NULL), read = exponent < 0 ? (double)whole / ten : (double)whole * ten;
  return value < 0 ? -read : read;
}

static alb_status read_piece(alb_vocab_build *b, size_t i, const json_t *pair) {
  const json_t *text = json_array_get(pair, 0), *score = json_array_get(pair, 1);
  if (json_array_size(pair) != 2 || !json_is_string(text) || !json_is_number(score))
    return alb_fail(b->diag, ALB_MALFORMED, "%s: model: piece %zu is not a text and its score", b->file, i);
  const alb_str piece = {json_string_value(text), json_string_length(text)};
  return alb_vocab_add_scored(
      b, piece, json_is_integer(score) ? json_number_value(score) : as_reference_reads(json_real_value(score)));
}

/* The id of the unknown token; it may be null or left out. */
static alb_status read_unk_id(alb_vocab_build *b, alb_field_list o) {
  const json_t *stated = json_object_get(o.object, "unk_id");
  uint64_t id;
  if (!stated || json_is_null(stated)) return ALB_OK;
  ALB_TRY(alb_field_size(b, o, "unk_id", UINT32_MAX - 1, &id));
  if (id >= b->scores.count)
    return alb_fail(b->diag, ALB_MALFORMED, "%s: %s: \"unk_id\" is %llu of %zu pieces", b->file, o.where,
                    (unsigned long long)id, b->scores.count);
  b->tokenizer->unk = (uint32_t)id + 1;
  return alb_vocab_add_name(b, "unk", b->by_id.items[id].p);
}

alb_status alb_vocab_read_unigram(alb_vocab_build *b, alb_field_list o) {
  json_t *pieces, *pair;
  bool bytes = false;
  size_t i;
  ALB_TRY(alb_field_known(b, o, "unk_id vocab byte_fallback"));
  ALB_TRY(alb_field_array(b, o, "vocab", &pieces));
  json_array_foreach(pieces, i, pair) ALB_TRY(read_piece(b, i, pair));
  if (i == 0) return alb_fail(b->diag, ALB_MALFORMED, "%s: %s: no pieces", b->file, o.where);
  ALB_TRY(alb_vocab_scored_done(b));
  b->albert = true;
  if (json_object_get(o.object, "byte_fallback")) ALB_TRY(alb_field_bool(b, o, "byte_fallback", &bytes));
  b->tokenizer->byte_fallback = bytes;
  return read_unk_id(b, o);
}
