/* Byte planes: the first bytes of all elements, then the second bytes, and so on. */
#ifndef ALB_FORMAT_PLANES_H
#define ALB_FORMAT_PLANES_H

#include <stddef.h>
#include <stdint.h>

/* n is a multiple of width; in and out do not overlap. join undoes split. */
void alb_planes_split(const uint8_t *in, size_t n, size_t width, uint8_t *out);
void alb_planes_join(const uint8_t *in, size_t n, size_t width, uint8_t *out);

#endif
