/* Numbers as people read them. */
#include <string.h>

#include "cli/convert_cli.h"

const char *alb_grouped(uint64_t n, char out[32]) {
  char digits[24];
  const int length = snprintf(digits, sizeof digits, "%llu", (unsigned long long)n);
  char *p = out;
  for (int i = 0; i < length; i++) {
    if (i && (length - i) % 3 == 0) *p++ = ',';
    *p++ = digits[i];
  }
  *p = '\0';
  return out;
}
