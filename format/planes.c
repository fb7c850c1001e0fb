/* Byte planes: the first bytes of all elements, then the second bytes, and so on. */
#include "format/planes.h"

void alb_planes_split(const uint8_t *in, size_t n, size_t width, uint8_t *out) {
  const size_t count = n / width;
  for (size_t plane = 0; plane < width; plane++) {
    for (size_t i = 0; i < count; i++) out[plane * count + i] = in[i * width + plane];
  }
}

void alb_planes_join(const uint8_t *in, size_t n, size_t width, uint8_t *out) {
  const size_t count = n / width;
  for (size_t plane = 0; plane < width; plane++) {
    for (size_t i = 0; i < count; i++) out[i * width + plane] = in[plane * count + i];
  }
}
