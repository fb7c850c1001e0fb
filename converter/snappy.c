/* Snappy: literals and copies of what was decoded before. Format:
 * https://github.com/google/snappy/blob/main/format_description.txt */
#include "converter/snappy.h"

#include <stdlib.h>

#include "converter/tf_wire.h"

enum { MOST_PER_BYTE = 22 }; /* a copy of 64 bytes takes 3 */

typedef struct decoding {
  alb_diag *diag;
  alb_span in;
  uint8_t *out;
  size_t made, size;
} decoding;

static alb_status wrong(const decoding *d, const char *what) {
  return alb_fail(d->diag, ALB_MALFORMED, "snappy: %s (at %zu of %zu decoded bytes)", what, d->made, d->size);
}

/* n little-endian bytes, n <= 4. */
static alb_status take_number(decoding *d, size_t n, uint32_t *value) {
  alb_span bytes;
  if (!alb_span_take(&d->in, n, &bytes)) return wrong(d, "ends inside an element");
  *value = 0;
  for (size_t i = 0; i < n; i++) *value |= (uint32_t)bytes.p[i] << (8 * i);
  return ALB_OK;
}

/* The upper six bits of the tag are the length less one, or say in how many bytes it follows. */
static alb_status take_literal(decoding *d, uint8_t tag) {
  uint32_t length = tag >> 2;
  alb_span bytes;
  if (length >= 60) ALB_TRY(take_number(d, length - 59, &length));
  if (length >= d->size - d->made) return wrong(d, "a literal is longer than the block");
  if (!alb_span_take(&d->in, (size_t)length + 1, &bytes)) return wrong(d, "ends inside a literal");
  memcpy(d->out + d->made, bytes.p, bytes.n);
  d->made += bytes.n;
  return ALB_OK;
}

/* A copy may overlap what it makes: then it repeats. */
static alb_status take_copy(decoding *d, uint8_t tag) {
  static const uint8_t widths[] = {0, 1, 2, 4};
  const bool near = (tag & 3) == 1;
  const size_t length = near ? (size_t)(tag >> 2 & 7) + 4 : (size_t)(tag >> 2) + 1;
  uint32_t offset = 0;
  ALB_TRY(take_number(d, widths[tag & 3], &offset));
  if (near) offset |= (uint32_t)(tag >> 5) << 8;
  if (offset == 0 || offset > d->made) return wrong(d, "a copy begins before the block");
  if (length > d->size - d->made) return wrong(d, "a copy is longer than the block");
  for (size_t i = 0; i < length; i++, d->made++) d->out[d->made] = d->out[d->made - offset];
  return ALB_OK;
}

static alb_status decode(decoding *d) {
  while (d->in.n) {
    const uint8_t tag = *d->in.p;
    d->in = (alb_span){d->in.p + 1, d->in.n - 1};
    ALB_TRY(tag & 3 ? take_copy(d, tag) : take_literal(d, tag));
  }
  return d->made == d->size ? ALB_OK : wrong(d, "ends too early");
}

alb_status alb_snappy_decode(alb_diag *diag, alb_span in, size_t limit, uint8_t **owned, alb_span *bytes) {
  uint64_t size;
  *owned = NULL;
  if (!alb_tf_wire_varint(&in, &size) || size > UINT32_MAX) return alb_fail(diag, ALB_MALFORMED, "snappy: bad length");
  if (size / MOST_PER_BYTE > in.n) {
    return alb_fail(diag, ALB_MALFORMED, "snappy: %llu bytes are said to be in %zu", (unsigned long long)size, in.n);
  }
  if (size > limit) {
    return alb_fail(diag, ALB_LIMIT, "snappy: a block of %llu bytes, at most %zu are allowed", (unsigned long long)size,
                    limit);
  }
  decoding d = {.diag = diag, .in = in, .out = malloc(size ? (size_t)size : 1), .size = (size_t)size};
  if (!d.out) return alb_fail_memory(diag, d.size, "a block");
  const alb_status status = decode(&d);
  if (status != ALB_OK) {
    free(d.out);
    return status;
  }
  *owned = d.out;
  *bytes = (alb_span){d.out, d.size};
  return ALB_OK;
}
