/* Random bits that a seed decides, the same on every machine. */
#ifndef ALB_BASE_RANDOM_H
#define ALB_BASE_RANDOM_H

#include <stdint.h>

/* splitmix64 (Steele, Lea and Flood 2014); any state is a seed. */
static inline uint64_t alb_random_next(uint64_t *state) {
  uint64_t z = *state += 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

#endif
