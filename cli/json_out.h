/* A small JSON writer: commas by itself, UTF-8 checked, numbers shortest and free of locale. */
#ifndef ALB_CLI_JSON_OUT_H
#define ALB_CLI_JSON_OUT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/span.h"

/* Start with {.file = out}. Write errors stay in ferror(file), for the caller to look at. */
typedef struct alb_json {
  FILE *file;
  bool comma; /* the next item is not the first of its object or array */
} alb_json;

void alb_json_open(alb_json *json, char bracket);  /* '{' or '[' */
void alb_json_close(alb_json *json, char bracket); /* '}' or ']' */
void alb_json_line(alb_json *json);                /* ends a document with a line feed */
void alb_json_key(alb_json *json, const char *key);
void alb_json_text(alb_json *json, alb_str text); /* invalid UTF-8 becomes U+FFFD */
void alb_json_int(alb_json *json, int64_t value);
void alb_json_bool(alb_json *json, bool value);
void alb_json_null(alb_json *json);
/* The fewest digits that read back as the same float; null for NaN and infinities. */
void alb_json_float(alb_json *json, float value);
void alb_json_floats(alb_json *json, const float *values, size_t n); /* an array */
void alb_json_double(alb_json *json, double value, int decimals);    /* fixed point */

/* The text of a finite float as alb_json_float writes it; out holds 24 bytes. Returns its length. */
size_t alb_float_text(float value, char out[24]);
/* The text that alb_json_double writes, "null" for what is no number. */
size_t alb_double_text(double value, int decimals, char out[48]);

#endif
