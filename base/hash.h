/* Content hashes (XXH3 of xxhash), canonical byte order: equal on every machine. */
#ifndef ALB_BASE_HASH_H
#define ALB_BASE_HASH_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/span.h"

typedef struct alb_hash128 {
  uint8_t bytes[16];
} alb_hash128;

alb_hash128 alb_hash_bytes(alb_span bytes);
/* The same `step` bytes at a time, with a call after each. */
alb_hash128 alb_hash_steps(alb_span bytes, size_t step, void (*done)(alb_span piece));
/* The hash of the pieces one after the other. */
alb_hash128 alb_hash_pieces(const alb_span *pieces, size_t count);
/* The 64-bit XXH3 hash, as a number. */
uint64_t alb_hash64_bytes(alb_span bytes);

static inline bool alb_hash_equal(const alb_hash128 *a, const alb_hash128 *b) {
  return memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

/* Writes 32 lower-case hexadecimal digits and a NUL. */
void alb_hash_hex(const alb_hash128 *hash, char out[33]);

#endif
