/* The tokens of words that were met before: a table of fixed size, where a new word takes an old one's place. */
#ifndef ALB_TOKENIZER_WORD_CACHE_H
#define ALB_TOKENIZER_WORD_CACHE_H

#include <stdbool.h>
#include <string.h>

#include "base/span.h"

enum { ALB_WORD_BYTES = 31, ALB_WORD_TOKENS = 4, ALB_WORD_SLOTS = 8192 };

/* A word with the space before it: its bytes, zeroes, and their number in the last byte. */
typedef struct alb_word_key {
  uint64_t part[4];
} alb_word_key;

/* One line of the processor's cache. Offsets are in characters from the word's first one. */
typedef struct alb_word {
  alb_word_key key; /* all zero: no word is here */
  uint32_t ids[ALB_WORD_TOKENS];
  uint8_t starts[ALB_WORD_TOKENS], ends[ALB_WORD_TOKENS];
  uint8_t count, chars, begins; /* tokens; characters of the input; which tokens begin a piece, a bit each */
} alb_word;

/* Zeroes at first. For one tokenizer. */
typedef struct alb_word_cache {
  alb_word words[ALB_WORD_SLOTS];
} alb_word_cache;

/* The low n bytes of a word of memory, n at most 8. */
static inline uint64_t alb_low_bytes(uint64_t word, size_t n) {
  return n >= 8 ? word : word & (((uint64_t)1 << (8 * n)) - 1);
}

/* The key of p[0, n), 0 < n <= ALB_WORD_BYTES; 32 bytes can be read. */
static inline alb_word_key alb_word_key_of(const uint8_t *p, size_t n) {
  alb_word_key key = {{alb_low_bytes(alb_load_u64(p), n), 0, 0, (uint64_t)n << 56}};
  if (n > 8) key.part[1] = alb_low_bytes(alb_load_u64(p + 8), n - 8);
  if (n > 16) key.part[2] = alb_low_bytes(alb_load_u64(p + 16), n - 16);
  if (n > 24) key.part[3] |= alb_low_bytes(alb_load_u64(p + 24), n - 24);
  return key;
}

/* The one place where a word can be. Words that are made to meet there only make each other slow. */
static inline alb_word *alb_word_cache_at(alb_word_cache *cache, const alb_word_key *key) {
  uint64_t h = (key->part[0] ^ key->part[3] >> 29) * UINT64_C(0x9e3779b97f4a7c15);
  h = (h ^ h >> 32 ^ key->part[1]) * UINT64_C(0xff51afd7ed558ccd);
  h = (h ^ h >> 32 ^ key->part[2] ^ key->part[3]) * UINT64_C(0xc4ceb9fe1a85ec53);
  return &cache->words[(h >> 40) % ALB_WORD_SLOTS];
}

static inline bool alb_word_is(const alb_word *word, const alb_word_key *key) {
  return word->key.part[0] == key->part[0] && word->key.part[1] == key->part[1] && word->key.part[2] == key->part[2] &&
         word->key.part[3] == key->part[3];
}

#endif
