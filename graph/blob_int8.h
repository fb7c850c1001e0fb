/* Making int8 rows: symmetric, one scale each. */
#ifndef ALB_GRAPH_BLOB_INT8_H
#define ALB_GRAPH_BLOB_INT8_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>

/* max|row| / 127; 1 for a row of zeros, so that no reader divides or multiplies by 0. */
static inline float alb_int8_scale(const float *row, size_t columns) {
  float highest = 0;
  for (size_t c = 0; c < columns; c++) highest = fmaxf(highest, fabsf(row[c]));
  const float scale = highest / 127.0f;
  return scale > 0 ? scale : 1.0f;
}

/* x / scale, to the nearest integer of -127 to 127. */
static inline int8_t alb_int8_number(float x, float scale) {
  const float q = rintf(x / scale);
  return (int8_t)(q > 127 ? 127 : q < -127 ? -127 : q);
}

#endif
