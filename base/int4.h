/* int4 matrices as they are stored: each row in groups of 32 elements with one f16 scale.
 *
 * A group is 16 bytes: byte j holds element j in its low four bits and element j + 16 in its high ones, each as
 * its number + 8. Elements behind the end of a row are 0. */
#ifndef ALB_BASE_INT4_H
#define ALB_BASE_INT4_H

#include <stddef.h>
#include <stdint.h>

enum {
  ALB_INT4_GROUP = 32,       /* elements of a group */
  ALB_INT4_GROUP_BYTES = 16, /* and its bytes */
  ALB_INT4_ZERO = 8,         /* how the number 0 is stored */
  ALB_INT4_LEAST = -8,
  ALB_INT4_MOST = 7,
};

static inline uint64_t alb_int4_groups(uint64_t columns) {
  return columns / ALB_INT4_GROUP + (columns % ALB_INT4_GROUP != 0);
}

/* Element i < 32 of a group. */
static inline int alb_int4_at(const uint8_t *group, size_t i) {
  const int half = ALB_INT4_GROUP / 2, byte = group[i % (size_t)half];
  return (i < (size_t)half ? byte & 15 : byte >> 4) - ALB_INT4_ZERO;
}

#endif
