/* JSON files as trees (jansson), strictly. */
#include "converter/json_strict.h"

#include "converter/json_scan.h"

enum { MAX_JSON_BYTES = 256 << 20 };

/* jansson descends by recursion, so the scanner, which does not, looks at the nesting first. */
static alb_status check_nesting(alb_diag *diag, alb_span text) {
  alb_json_scan scan = alb_scan_start(diag, text, "JSON", 0);
  ALB_TRY(alb_scan_skip(&scan));
  return alb_scan_end(&scan);
}

static alb_status load(alb_diag *diag, alb_span text, size_t more, json_t **json) {
  json_error_t error;
  *json = NULL;
  if (text.n == 0) return alb_fail(diag, ALB_TRUNCATED, "file is empty");
  if (text.n > MAX_JSON_BYTES)
    return alb_fail(diag, ALB_LIMIT, "JSON of %zu bytes is above the limit of 256 MiB", text.n);
  ALB_TRY(check_nesting(diag, text));
  const size_t flags = JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL | more;
  *json = json_loadb((const char *)text.p, text.n, flags, &error);
  if (*json) return ALB_OK;
  const alb_status status = json_error_code(&error) == json_error_duplicate_key   ? ALB_DUPLICATE
                            : json_error_code(&error) == json_error_out_of_memory ? ALB_MEMORY
                                                                                  : ALB_MALFORMED;
  return alb_fail(diag, status, "JSON: %s (line %d, column %d)", error.text, error.line, error.column);
}

alb_status alb_json_load(alb_diag *diag, alb_span text, json_t **json) {
  return load(diag, text, 0, json);
}

alb_status alb_json_load_wide(alb_diag *diag, alb_span text, json_t **json) {
  return load(diag, text, JSON_DECODE_INT_AS_REAL, json);
}
