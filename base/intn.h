/* int4, int5 and int6 matrices as they are stored: each row in groups of 32 elements with one f16 scale.
 *
 * An element of `bits` bits is stored as its number + 2^(bits - 1). A group is 4 * bits bytes: in the first 16, byte j
 * holds the lowest four bits of element j in its lower half and those of element j + 16 in its upper one; then come 4
 * bytes for each further bit, from low to high, in which bit i % 8 of byte i / 8 is that of element i. Elements behind
 * the end of a row are 0. */
#ifndef ALB_BASE_INTN_H
#define ALB_BASE_INTN_H

#include <stddef.h>
#include <stdint.h>

enum {
  ALB_INTN_GROUP = 32,      /* elements of a group */
  ALB_INTN_MOST_BITS = 6,   /* of an element */
  ALB_INTN_MOST_BYTES = 24, /* of a group */
};

static inline uint64_t alb_intn_groups(uint64_t columns) {
  return columns / ALB_INTN_GROUP + (columns % ALB_INTN_GROUP != 0);
}

/* Bytes of a group; 0 for 0 bits. */
static inline size_t alb_intn_bytes(unsigned bits) {
  return bits * (ALB_INTN_GROUP / 8);
}

/* How the number 0 is stored; numbers are from -alb_intn_zero to alb_intn_zero - 1. */
static inline int alb_intn_zero(unsigned bits) {
  return 1 << (bits - 1);
}

/* Element i < 32 of a group. */
static inline int alb_intn_at(const uint8_t *group, unsigned bits, size_t i) {
  const size_t half = ALB_INTN_GROUP / 2;
  int stored = i < half ? group[i] & 15 : group[i - half] >> 4;
  for (unsigned b = 4; b < bits; b++) stored |= (group[4 * b + i / 8] >> i % 8 & 1) << b;
  return stored - alb_intn_zero(bits);
}

/* Sets element i of a group. */
static inline void alb_intn_put(uint8_t *group, unsigned bits, size_t i, int number) {
  const size_t half = ALB_INTN_GROUP / 2, shift = i < half ? 0 : 4;
  const unsigned stored = (unsigned)(number + alb_intn_zero(bits));
  uint8_t *byte = &group[i % half];
  *byte = (uint8_t)((*byte & 0xf0u >> shift) | (stored & 15u) << shift);
  for (unsigned b = 4; b < bits; b++) {
    byte = &group[4 * b + i / 8];
    *byte = (uint8_t)((*byte & ~(1u << i % 8)) | (stored >> b & 1u) << i % 8);
  }
}

#endif
