/* A strict JSON scanner over bytes in place (RFC 8259). */
#include "converter/json_scan.h"

#include "base/utf8.h"

enum { MAX_DEPTH = 64 };

alb_json_scan alb_scan_start(alb_diag *diag, alb_span text, const char *what, size_t base) {
  return (alb_json_scan){diag, text.p, text.p, text.p + text.n, what, base};
}

static alb_status wrong(const alb_json_scan *s, alb_status status, const char *what) {
  return alb_fail(s->diag, status, "%s: %s (offset %zu)", s->what, what, s->base + (size_t)(s->p - s->begin));
}

int alb_scan_peek(alb_json_scan *s) {
  while (s->p < s->end && (*s->p == ' ' || *s->p == '\n' || *s->p == '\r' || *s->p == '\t')) s->p++;
  return s->p < s->end ? *s->p : 0;
}

bool alb_scan_take(alb_json_scan *s, char c) {
  if (alb_scan_peek(s) != (unsigned char)c || s->p == s->end) return false;
  s->p++;
  return true;
}

alb_status alb_scan_expect(alb_json_scan *s, char c) {
  const char text[] = {'e', 'x', 'p', 'e', 'c', 't', 'e', 'd', ' ', c, '\0'};
  return alb_scan_take(s, c) ? ALB_OK : wrong(s, ALB_MALFORMED, text);
}

alb_status alb_scan_end(alb_json_scan *s) {
  (void)alb_scan_peek(s);
  return s->p == s->end ? ALB_OK : wrong(s, ALB_MALFORMED, "something follows the JSON value");
}

static int hex_digit(uint8_t c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Four hexadecimal digits at p; UINT32_MAX when they are not there. */
static uint32_t hex4(const uint8_t *p, const uint8_t *end) {
  uint32_t value = 0;
  if (end - p < 4) return UINT32_MAX;
  for (int i = 0; i < 4; i++) {
    const int digit = hex_digit(p[i]);
    if (digit < 0) return UINT32_MAX;
    value = value << 4 | (uint32_t)digit;
  }
  return value;
}

/* \uXXXX, or a pair of surrogates; s->p stands behind the 'u'. */
static alb_status take_unicode(alb_json_scan *s, char **out) {
  uint32_t c = hex4(s->p, s->end);
  if (c == UINT32_MAX) return wrong(s, ALB_MALFORMED, "\\u needs four hexadecimal digits");
  s->p += 4;
  if (c >= 0xd800 && c < 0xe000) {
    const bool pair = c < 0xdc00 && s->end - s->p >= 6 && s->p[0] == '\\' && s->p[1] == 'u';
    const uint32_t low = pair ? hex4(s->p + 2, s->end) : 0;
    if (low < 0xdc00 || low > 0xdfff) return wrong(s, ALB_MALFORMED, "a surrogate stands alone");
    s->p += 6;
    c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
  }
  *out += alb_utf8_encode(c, *out);
  return ALB_OK;
}

static alb_status take_escape(alb_json_scan *s, char **out) {
  static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
  if (s->p == s->end) return wrong(s, ALB_MALFORMED, "string does not end");
  const uint8_t c = *s->p++;
  if (c == 'u') return take_unicode(s, out);
  const char *at = c ? strchr(from, c) : NULL;
  if (!at) return wrong(s, ALB_MALFORMED, "unknown escape");
  *(*out)++ = to[at - from];
  return ALB_OK;
}

/* Finds the closing quote; *escaped tells whether there are escapes. s->p stays, but at an error. */
static alb_status find_end(alb_json_scan *s, const uint8_t **close, bool *escaped) {
  *escaped = false;
  for (const uint8_t *p = s->p; p < s->end; p++) {
    if (*p == '"') {
      *close = p;
      return ALB_OK;
    }
    if (*p < 0x20) {
      s->p = p;
      return wrong(s, ALB_MALFORMED, "control byte in a string");
    }
    if (*p != '\\') continue;
    *escaped = true;
    if (++p == s->end) break;
  }
  return wrong(s, ALB_MALFORMED, "string does not end");
}

/* Writes the string up to `close` without its escapes; s->p ends there. */
static alb_status unescape(alb_json_scan *s, const uint8_t *close, char **out) {
  while (s->p < close) {
    if (*s->p != '\\') {
      *(*out)++ = (char)*s->p++;
      continue;
    }
    s->p++;
    ALB_TRY(take_escape(s, out));
  }
  return ALB_OK;
}

alb_status alb_scan_string(alb_json_scan *s, alb_arena *arena, alb_str *out) {
  const uint8_t *close = NULL;
  bool escaped;
  ALB_TRY(alb_scan_expect(s, '"'));
  ALB_TRY(find_end(s, &close, &escaped));
  *out = (alb_str){(const char *)s->p, (size_t)(close - s->p)};
  if (escaped) { /* an escape is never shorter than what it stands for */
    char *copy = alb_arena_alloc(arena, out->n), *end = copy;
    if (!copy) return alb_fail_memory(s->diag, out->n, "a string");
    ALB_TRY(unescape(s, close, &end));
    *out = (alb_str){copy, (size_t)(end - copy)};
  }
  s->p = close + 1;
  return ALB_OK;
}

alb_status alb_scan_uint(alb_json_scan *s, uint64_t *out) {
  const int first = alb_scan_peek(s);
  const uint8_t *begin = s->p;
  *out = 0;
  while (s->p < s->end && *s->p >= '0' && *s->p <= '9') {
    if (__builtin_mul_overflow(*out, 10u, out) || __builtin_add_overflow(*out, (uint64_t)(*s->p - '0'), out)) {
      return wrong(s, ALB_MALFORMED, "number is above 2^64-1");
    }
    s->p++;
  }
  const bool odd = s->p < s->end && (*s->p == '.' || *s->p == 'e' || *s->p == 'E');
  if (s->p == begin || odd || (first == '0' && s->p - begin > 1)) {
    return wrong(s, ALB_MALFORMED, "expected a whole number");
  }
  return ALB_OK;
}

static bool take_word(alb_json_scan *s, const char *word) {
  const size_t n = strlen(word);
  if ((size_t)(s->end - s->p) < n || memcmp(s->p, word, n) != 0) return false;
  s->p += n;
  return true;
}

static size_t take_digits(alb_json_scan *s) {
  const uint8_t *begin = s->p;
  while (s->p < s->end && *s->p >= '0' && *s->p <= '9') s->p++;
  return (size_t)(s->p - begin);
}

static alb_status skip_number(alb_json_scan *s) {
  bool good = true;
  if (*s->p == '-') s->p++;
  const bool zero = s->p < s->end && *s->p == '0';
  const size_t digits = take_digits(s);
  good = digits > 0 && !(zero && digits > 1);
  if (good && take_word(s, ".")) good = take_digits(s) > 0;
  if (good && s->p < s->end && (*s->p == 'e' || *s->p == 'E')) {
    s->p++;
    if (!take_word(s, "+")) (void)take_word(s, "-");
    good = take_digits(s) > 0;
  }
  return good ? ALB_OK : wrong(s, ALB_MALFORMED, "expected a value");
}

alb_status alb_scan_skip_string(alb_json_scan *s) {
  const uint8_t *close = NULL;
  bool escaped;
  ALB_TRY(alb_scan_expect(s, '"'));
  ALB_TRY(find_end(s, &close, &escaped));
  while (escaped && s->p < close) {
    char ignored[4], *out = ignored;
    if (*s->p++ == '\\') ALB_TRY(take_escape(s, &out));
  }
  s->p = close + 1;
  return ALB_OK;
}

static alb_status skip_scalar(alb_json_scan *s) {
  const int c = alb_scan_peek(s);
  if (c == '"') return alb_scan_skip_string(s);
  if (c == 't' && take_word(s, "true")) return ALB_OK;
  if (c == 'f' && take_word(s, "false")) return ALB_OK;
  if (c == 'n' && take_word(s, "null")) return ALB_OK;
  if (c == '-' || (c >= '0' && c <= '9')) return skip_number(s);
  return wrong(s, ALB_MALFORMED, "expected a value");
}

/* Opens containers until a scalar or an empty container; returns with a value complete. */
static alb_status skip_into(alb_json_scan *s, char *closers, size_t *depth) {
  for (;;) {
    const bool object = alb_scan_take(s, '{');
    if (!object && !alb_scan_take(s, '[')) return skip_scalar(s);
    if (*depth == MAX_DEPTH) return wrong(s, ALB_LIMIT, "nesting is deeper than 64");
    const char closer = object ? '}' : ']';
    if (alb_scan_take(s, closer)) return ALB_OK;
    closers[(*depth)++] = closer;
    if (object) {
      ALB_TRY(alb_scan_skip_string(s));
      ALB_TRY(alb_scan_expect(s, ':'));
    }
  }
}

alb_status alb_scan_skip(alb_json_scan *s) {
  char closers[MAX_DEPTH];
  size_t depth = 0;
  ALB_TRY(skip_into(s, closers, &depth));
  while (depth) {
    if (alb_scan_take(s, ',')) {
      if (closers[depth - 1] == '}') {
        ALB_TRY(alb_scan_skip_string(s));
        ALB_TRY(alb_scan_expect(s, ':'));
      }
      ALB_TRY(skip_into(s, closers, &depth));
      continue;
    }
    ALB_TRY(alb_scan_expect(s, closers[depth - 1]));
    depth--;
  }
  return ALB_OK;
}
