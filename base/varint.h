/* Numbers in base 128, as protocol buffers and LevelDB's tables write them. */
#ifndef ALB_BASE_VARINT_H
#define ALB_BASE_VARINT_H

#include "base/span.h"
#include "base/status.h"

/* Takes one of at most 64 bits off *from. Errors, without a message and with *from as it was: ALB_TRUNCATED when it
 * ends early, ALB_MALFORMED when it is longer. */
static inline alb_status alb_take_varint(alb_span *from, uint64_t *value) {
  *value = 0;
  for (unsigned i = 0; i < 10; i++) {
    if (i == from->n) return ALB_TRUNCATED;
    const uint8_t byte = from->p[i];
    if (i == 9 && byte > 1) break;
    *value |= (uint64_t)(byte & 0x7f) << (7 * i);
    if (byte >= 0x80) continue;
    *from = (alb_span){from->p + i + 1, from->n - i - 1};
    return ALB_OK;
  }
  return ALB_MALFORMED;
}

#endif
