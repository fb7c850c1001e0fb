/* Memory that is kept from call to call and only grows. */
#ifndef ALB_RUNTIME_BUFFER_H
#define ALB_RUNTIME_BUFFER_H

#include <stdbool.h>
#include <stdlib.h>

#include "base/checked.h"

/* Start with {0}; free(buffer.p) at the end. Cast p to the type of the items. */
typedef struct alb_buffer {
  void *p;
  size_t bytes;
} alb_buffer;

/* Room for count items; what the buffer held is kept. False: out of memory, nothing changed. */
static inline bool alb_buffer_reserve(alb_buffer *buffer, size_t count, size_t item) {
  size_t bytes;
  if (!alb_mul_ok(count, item, &bytes)) return false;
  if (bytes <= buffer->bytes) return true;
  void *p = realloc(buffer->p, bytes);
  if (!p) return false;
  buffer->p = p;
  buffer->bytes = bytes;
  return true;
}

#endif
