/* Input lines that are JSON objects with two texts. */
#include "cli/run_pairs.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cli/run_scan.h"

/* ---- strings ---- */

static alb_status parse_hex(alb_line *s, uint32_t *out) {
  *out = 0;
  for (int i = 0; i < 4; i++, s->p++) {
    const char *digits = "0123456789abcdef", c = s->p < s->end ? *s->p : '\0';
    const char *digit = c ? strchr(digits, c >= 'A' && c <= 'F' ? c - 'A' + 'a' : c) : NULL;
    if (!digit) return alb_line_unexpected(s, "four hexadecimal digits");
    *out = *out * 16 + (uint32_t)(digit - digits);
  }
  return ALB_OK;
}

static void put_code_point(alb_line *s, uint32_t c) {
  if (c < 0x80) {
    *s->out++ = (char)c;
    return;
  }
  const int more = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
  static const unsigned char heads[] = {0, 0xc0, 0xe0, 0xf0};
  *s->out++ = (char)(heads[more] | (c >> (6 * more)));
  for (int i = more - 1; i >= 0; i--) *s->out++ = (char)(0x80 | ((c >> (6 * i)) & 0x3f));
}

/* Behind "\u": a code point, or a pair of surrogates. */
static alb_status parse_unicode(alb_line *s) {
  uint32_t c, low;
  ALB_TRY(parse_hex(s, &c));
  if (c >= 0xdc00 && c < 0xe000) return alb_line_unexpected(s, "a whole pair of surrogates");
  if (c >= 0xd800 && c < 0xdc00) {
    if (s->end - s->p < 6 || s->p[0] != '\\' || s->p[1] != 'u')
      return alb_line_unexpected(s, "a whole pair of surrogates");
    s->p += 2;
    ALB_TRY(parse_hex(s, &low));
    if (low < 0xdc00 || low >= 0xe000) return alb_line_unexpected(s, "a whole pair of surrogates");
    c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
  }
  put_code_point(s, c);
  return ALB_OK;
}

static alb_status parse_escape(alb_line *s) {
  static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
  const char c = s->p < s->end ? *s->p : '\0';
  const char *known = c ? strchr(from, c) : NULL;
  if (c != 'u' && !known) return alb_line_unexpected(s, "a known escape");
  s->p++;
  if (c == 'u') return parse_unicode(s);
  *s->out++ = to[known - from];
  return ALB_OK;
}

static alb_status parse_string(alb_line *s, alb_str *text) {
  if (!alb_line_take(s, '"')) return alb_line_unexpected(s, "\"");
  text->p = s->out;
  while (s->p < s->end && *s->p != '"') {
    const char c = *s->p++;
    if ((unsigned char)c < 0x20) {
      s->p--;
      return alb_line_unexpected(s, "an escaped control character");
    }
    if (c == '\\')
      ALB_TRY(parse_escape(s));
    else
      *s->out++ = c;
  }
  text->n = (size_t)(s->out - text->p);
  if (s->p == s->end) return alb_line_unexpected(s, "the end of the string");
  s->p++;
  return ALB_OK;
}

/* ---- the object ---- */

static alb_status parse_member(alb_line *s, const alb_pair_keys *keys, alb_pair *pair) {
  alb_str key;
  char *const before = s->out;
  ALB_TRY(parse_string(s, &key));
  s->out = before; /* keys are not kept */
  alb_str *text = alb_str_equal(key, alb_str_of(keys->first))    ? &pair->first
                  : alb_str_equal(key, alb_str_of(keys->second)) ? &pair->second
                                                                 : NULL;
  if (!text || text->p) {
    return alb_fail(s->diag, ALB_MALFORMED, "expected \"%s\" and \"%s\", each once, found \"%.*s\" before byte %zu",
                    keys->first, keys->second, (int)(key.n < 64 ? key.n : 64), key.p, (size_t)(s->p - s->begin));
  }
  if (!alb_line_take(s, ':')) return alb_line_unexpected(s, ":");
  return parse_string(s, text);
}

static alb_status parse(alb_line *s, const alb_pair_keys *keys, alb_pair *pair) {
  if (!alb_line_take(s, '{')) return alb_line_unexpected(s, "{");
  do ALB_TRY(parse_member(s, keys, pair));
  while (alb_line_take(s, ','));
  if (!alb_line_take(s, '}')) return alb_line_unexpected(s, ", or }");
  alb_line_skip_space(s);
  if (s->p != s->end) return alb_line_unexpected(s, "the end of the line");
  if (pair->first.p && (pair->second.p || keys->second_optional)) return ALB_OK;
  return alb_fail(s->diag, ALB_MALFORMED, "\"%s\" is missing", pair->first.p ? keys->second : keys->first);
}

alb_status alb_pair_parse(alb_diag *diag, alb_str line, const alb_pair_keys *keys, alb_pair *out) {
  *out = (alb_pair){.memory = malloc(line.n + 1)};
  if (!out->memory) return alb_fail_memory(diag, line.n, "a line");
  alb_line s = {diag, line.p, line.p, line.p + line.n, out->memory};
  return parse(&s, keys, out);
}

void alb_pair_free(alb_pair *pair) {
  free(pair->memory);
  *pair = (alb_pair){0};
}
