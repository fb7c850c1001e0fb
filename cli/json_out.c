/* A small JSON writer: commas by itself, UTF-8 checked, numbers shortest and free of locale. */
#include "cli/json_out.h"

#include <math.h>
#include <string.h>

static void begin_item(alb_json *json) {
  if (json->comma) putc(',', json->file);
  json->comma = true;
}

void alb_json_open(alb_json *json, char bracket) {
  begin_item(json);
  putc(bracket, json->file);
  json->comma = false;
}

void alb_json_close(alb_json *json, char bracket) {
  putc(bracket, json->file);
  json->comma = true;
}

void alb_json_line(alb_json *json) {
  putc('\n', json->file);
  json->comma = false;
}

/* Length of the well-formed UTF-8 sequence at p (no surrogates, no overlong forms), or 0. */
static size_t utf8_length(const unsigned char *p, size_t n) {
  static const struct {
    unsigned char first, last, low, high; /* first byte's range, second byte's range */
    size_t length;
  } forms[] = {{0x00, 0x7f, 0, 0, 1},       {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
               {0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
               {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4}};
  size_t i = 0;
  while (i < sizeof forms / sizeof *forms && (p[0] < forms[i].first || p[0] > forms[i].last)) i++;
  if (i == sizeof forms / sizeof *forms || forms[i].length > n) return 0;
  if (forms[i].length > 1 && (p[1] < forms[i].low || p[1] > forms[i].high)) return 0;
  for (size_t k = 2; k < forms[i].length; k++) {
    if ((p[k] & 0xc0) != 0x80) return 0;
  }
  return forms[i].length;
}

static void put_escape(FILE *file, unsigned char c) {
  static const char plain[] = "\"\\\b\f\n\r\t", letters[] = "\"\\bfnrt";
  const char *found = c ? strchr(plain, c) : NULL;
  if (found)
    fprintf(file, "\\%c", letters[found - plain]);
  else
    fprintf(file, "\\u%04x", c);
}

static void put_text(FILE *file, alb_str text) {
  const unsigned char *p = (const unsigned char *)text.p;
  putc('"', file);
  for (size_t i = 0; i < text.n;) {
    const size_t n = utf8_length(p + i, text.n - i);
    if (n == 0)
      fputs("\xef\xbf\xbd", file);
    else if (n == 1 && (p[i] < 0x20 || p[i] == 0x7f || p[i] == '"' || p[i] == '\\'))
      put_escape(file, p[i]);
    else
      fwrite(p + i, 1, n, file);
    i += n ? n : 1;
  }
  putc('"', file);
}

void alb_json_key(alb_json *json, const char *key) {
  begin_item(json);
  put_text(json->file, alb_str_of(key));
  putc(':', json->file);
  json->comma = false;
}

void alb_json_text(alb_json *json, alb_str text) {
  begin_item(json);
  put_text(json->file, text);
}

void alb_json_int(alb_json *json, int64_t value) {
  begin_item(json);
  fprintf(json->file, "%lld", (long long)value);
}

static void put_word(alb_json *json, const char *word) {
  begin_item(json);
  fputs(word, json->file);
}

void alb_json_bool(alb_json *json, bool value) {
  put_word(json, value ? "true" : "false");
}

void alb_json_null(alb_json *json) {
  put_word(json, "null");
}

void alb_json_float(alb_json *json, float value) {
  char text[24];
  if (!isfinite(value)) {
    alb_json_null(json);
    return;
  }
  begin_item(json);
  fwrite(text, 1, alb_float_text(value, text), json->file);
}

void alb_json_floats(alb_json *json, const float *values, size_t n) {
  alb_json_open(json, '[');
  for (size_t i = 0; i < n; i++) alb_json_float(json, values[i]);
  alb_json_close(json, ']');
}

/* Integers only, so that no locale can change the decimal point. */
size_t alb_double_text(double value, int decimals, char out[48]) {
  long long scale = 1;
  for (int i = 0; i < decimals; i++) scale *= 10;
  if (!isfinite(value) || fabs(value) > 9e18 / (double)scale) return (size_t)snprintf(out, 48, "null");
  const long long n = llround(fabs(value) * (double)scale);
  const char *sign = value < 0 && n ? "-" : "";
  if (!decimals) return (size_t)snprintf(out, 48, "%s%lld", sign, n);
  return (size_t)snprintf(out, 48, "%s%lld.%0*lld", sign, n / scale, decimals, n % scale);
}

void alb_json_double(alb_json *json, double value, int decimals) {
  char text[48];
  (void)alb_double_text(value, decimals, text);
  put_word(json, text);
}

/* 10^n in double, n of -30 .. 60: enough for every float. */
static double power_of_ten(int n) {
  static const double powers[] = {1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
  double result = 1;
  const int m = n < 0 ? -n : n;
  for (int i = 0; i < m / 15; i++) result *= 1e15;
  result *= powers[m % 15];
  return n < 0 ? 1 / result : result;
}

/* The fewest decimal digits d, value = d * 10^*exponent, that lie well inside the interval of
 * reals which round to the float; nine digits always do. Doubles carry 53 bits, the float 24:
 * the margin of 2^-20 of a half unit covers every rounding error made here. */
static uint32_t shortest_digits(float value, int *exponent) {
  const double v = (double)value;
  const double half = ((double)nextafterf(value, INFINITY) - v) / 2;
  const double below = (v - (double)nextafterf(value, 0)) / 2;
  const double room = (isfinite(half) && half < below ? half : below) * (1 - 0x1p-20);
  const int top = (int)floor(log10(v));
  for (int digits = 1;; digits++) {
    *exponent = top - digits + 1;
    const double scaled = *exponent < 0 ? v * power_of_ten(-*exponent) : v / power_of_ten(*exponent);
    const double rounded = nearbyint(scaled);
    const double back = *exponent < 0 ? rounded / power_of_ten(-*exponent) : rounded * power_of_ten(*exponent);
    if (digits == 9 || fabs(back - v) < room) return (uint32_t)rounded;
  }
}

static size_t put_digits(char *out, const char *digits, int count, int point) {
  char *p = out;
  if (point <= 0) {
    *p++ = '0', *p++ = '.';
    for (int i = point; i < 0; i++) *p++ = '0';
  }
  for (int i = 0; i < count || i < point; i++) {
    if (i > 0 && i == point) *p++ = '.';
    *p++ = i < count ? digits[i] : '0';
  }
  return (size_t)(p - out);
}

size_t alb_float_text(float value, char out[24]) {
  char digits[12];
  char *p = out;
  int exponent;
  if (signbit(value)) *p++ = '-';
  if (value == 0) {
    *p++ = '0';
    return (size_t)(p - out);
  }
  uint32_t n = shortest_digits(fabsf(value), &exponent);
  for (; n % 10 == 0; n /= 10) exponent++;
  int count = 0;
  for (uint32_t m = n; m; m /= 10) count++;
  for (int i = count - 1; i >= 0; i--, n /= 10) digits[i] = (char)('0' + n % 10);
  const int point = count + exponent; /* digits before the decimal point */
  if (point > -4 && point <= 9) return (size_t)(p - out) + put_digits(p, digits, count, point);
  p += put_digits(p, digits, count, 1);
  return (size_t)(p - out) + (size_t)snprintf(p, 6, "e%+03d", point - 1);
}
