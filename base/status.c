/* Statuses with a message: names, exit codes and the diagnostic buffer. */
#include "base/status.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *alb_status_name(alb_status status) {
  switch (status) {
#define ALB_STATUS(name, value, text) \
  case ALB_##name:                    \
    return #name;
#include "albert_status.def"
#undef ALB_STATUS
  }
  return "UNKNOWN";
}

const char *alb_status_text(alb_status status) {
  switch (status) {
#define ALB_STATUS(name, value, text) \
  case ALB_##name:                    \
    return text;
#include "albert_status.def"
#undef ALB_STATUS
  }
  return "unknown status";
}

int alb_status_exit_code(alb_status status) {
  return (int)status / 10;
}

/* True for bytes that could drive a terminal: C0, DEL, C1 (C2 80..9F), bidi and line separators. */
static size_t unsafe_length(const unsigned char *p) {
  if (p[0] < 0x20 || p[0] == 0x7f) return 1;
  if (p[0] == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0) return 2;
  if (p[0] != 0xe2) return 0;
  if (p[1] == 0x80 && ((p[2] >= 0x8e && p[2] <= 0x8f) || (p[2] >= 0xa8 && p[2] <= 0xae))) return 3;
  if (p[1] == 0x81 && p[2] >= 0xa6 && p[2] <= 0xa9) return 3;
  return 0;
}

/* Copies `raw` to `out` (4 bytes a raw byte plus NUL are enough) with unsafe bytes as \xNN. */
static void escape(const char *raw, char *out) {
  const unsigned char *p = (const unsigned char *)raw;
  while (*p) {
    size_t n = unsafe_length(p);
    if (n == 0) *out++ = (char)*p++;
    for (; n > 0; n--) out += sprintf(out, "\\x%02x", *p++);
  }
  *out = '\0';
}

static void set_text(alb_diag *diag, const char *raw) {
  char *text = malloc(4 * strlen(raw) + 1);
  if (text) {
    escape(raw, text);
  } else {
    (void)snprintf(diag->small, sizeof diag->small, "out of memory while reporting an error");
    text = diag->small;
  }
  if (diag->text != diag->small) free(diag->text);
  diag->text = text;
}

static char *format_text(const char *format, va_list args) {
  va_list again;
  va_copy(again, args);
  const int n = vsnprintf(NULL, 0, format, args);
  char *raw = n < 0 ? NULL : malloc((size_t)n + 1);
  if (raw) (void)vsnprintf(raw, (size_t)n + 1, format, again);
  va_end(again);
  return raw;
}

alb_status alb_fail(alb_diag *diag, alb_status status, const char *format, ...) {
  if (!diag || diag->text) return status;
  va_list args;
  va_start(args, format);
  char *raw = format_text(format, args);
  va_end(args);
  set_text(diag, raw ? raw : alb_status_text(status));
  free(raw);
  return status;
}

alb_status alb_fail_memory(alb_diag *diag, size_t bytes, const char *what) {
  if (diag && !diag->text) {
    (void)snprintf(diag->small, sizeof diag->small, "out of memory (%zu bytes for %s)", bytes, what);
    diag->text = diag->small;
  }
  return ALB_MEMORY;
}

void alb_diag_prefix(alb_diag *diag, const char *format, ...) {
  if (!diag || !diag->text) return;
  va_list args;
  va_start(args, format);
  char *prefix = format_text(format, args);
  va_end(args);
  const size_t size = prefix ? strlen(prefix) + strlen(diag->text) + 3 : 0;
  char *joined = prefix ? malloc(size) : NULL;
  if (joined) {
    (void)snprintf(joined, size, "%s: %s", prefix, diag->text);
    set_text(diag, joined);
  }
  free(joined);
  free(prefix);
}

const char *alb_diag_text(const alb_diag *diag, alb_status status) {
  return diag && diag->text ? diag->text : alb_status_text(status);
}

void alb_diag_free(alb_diag *diag) {
  if (diag->text != diag->small) free(diag->text);
  diag->text = NULL;
}
