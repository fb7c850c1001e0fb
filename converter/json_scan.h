/* A strict JSON scanner over bytes in place: for headers too large to build a tree of. Linear, no
 * recursion, nesting at most 64 deep. The text must be valid UTF-8 (the caller has looked). */
#ifndef ALB_CONVERTER_JSON_SCAN_H
#define ALB_CONVERTER_JSON_SCAN_H

#include "base/arena.h"
#include "base/span.h"
#include "base/status.h"

typedef struct alb_json_scan {
  alb_diag *diag;
  const uint8_t *begin, *p, *end;
  const char *what; /* for messages */
  size_t base;      /* offset of `begin` in the file, for messages */
} alb_json_scan;

alb_json_scan alb_scan_start(alb_diag *diag, alb_span text, const char *what, size_t base);

/* The next byte that is not white space; 0 at the end. */
int alb_scan_peek(alb_json_scan *scan);
bool alb_scan_take(alb_json_scan *scan, char c);
alb_status alb_scan_expect(alb_json_scan *scan, char c);
/* A string, not NUL-terminated; in place when it has no escapes, else a copy in the arena. */
alb_status alb_scan_string(alb_json_scan *scan, alb_arena *arena, alb_str *out);
/* A whole number 0 .. 2^64-1: digits only, no leading zero, no sign, fraction or exponent. */
alb_status alb_scan_uint(alb_json_scan *scan, uint64_t *out);
/* A string that nobody wants; its escapes are checked. */
alb_status alb_scan_skip_string(alb_json_scan *scan);
/* Any value. */
alb_status alb_scan_skip(alb_json_scan *scan);
/* Nothing but white space may be left. */
alb_status alb_scan_end(alb_json_scan *scan);

#endif
