/* All tokens of a vocabulary that a text begins with: a trie of bytes, built at once. */
#ifndef ALB_TOKENIZER_TRIE_H
#define ALB_TOKENIZER_TRIE_H

#include "runtime/tokenizer/vocab_table.h"

/* The children of node i are nodes [nodes[i].child, nodes[i + 1].child), labels ascending; node 0 is the root. */
typedef struct alb_trie_node {
  uint32_t child;
  uint32_t token; /* 1 + id of the token that ends here; 0: none */
} alb_trie_node;

typedef struct alb_trie {
  alb_trie_node *nodes; /* owned, one more than there are nodes */
  uint8_t *labels;      /* owned: by which byte a node is reached; eight more bytes */
  uint32_t root[256];   /* child of the root by byte; 0: none */
} alb_trie;

/* Builds a trie of the tokens of length 1 or more that leave_out[id] does not mark; no two of them are equal.
 * Memory is linear in their bytes, time too (but for sorting). */
alb_status alb_trie_build(alb_diag *diag, const alb_vocab_table *vocab, const uint8_t *leave_out, alb_trie *out);
void alb_trie_free(alb_trie *trie);

/* The child of a node that is not the root by a byte; 0: none. Of up to eight children the labels are compared at once:
 * the lowest zero byte of the exclusive-or is the first label that is equal. */
static inline uint32_t alb_trie_child(const alb_trie *trie, uint32_t node, uint8_t byte) {
  uint32_t low = trie->nodes[node].child, high = trie->nodes[node + 1].child;
  while (high - low > 8) {
    const uint32_t middle = low + (high - low) / 2;
    if (trie->labels[middle] <= byte) {
      low = middle;
    } else {
      high = middle;
    }
  }
  const uint64_t x = alb_load_u64(trie->labels + low) ^ byte * UINT64_C(0x0101010101010101);
  const uint64_t zeroes = (x - UINT64_C(0x0101010101010101)) & ~x & UINT64_C(0x8080808080808080);
  const uint32_t at = low + (zeroes ? (uint32_t)__builtin_ctzll(zeroes) / 8 : 8);
  return at < high ? at : 0;
}

#endif
