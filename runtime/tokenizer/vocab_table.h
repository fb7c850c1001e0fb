/* From the text of a token to its id: a hash table over a vocabulary section. */
#ifndef ALB_TOKENIZER_VOCAB_TABLE_H
#define ALB_TOKENIZER_VOCAB_TABLE_H

#include "base/span.h"
#include "base/status.h"

#define ALB_NO_TOKEN UINT32_MAX

typedef struct alb_vocab_table {
  const uint8_t *offsets, *bytes; /* of the section, borrowed */
  size_t count;                   /* ids are 0 .. count - 1 */
  size_t longest;                 /* bytes of the longest token */
  uint64_t seed;
  uint64_t *slots; /* [mask + 1] 0, or a part of the hash << 32 | 1 + id; owned */
  size_t mask;
} alb_vocab_table;

/* Checks a section: u32 count, u32 offsets[count + 1], bytes, all UTF-8. */
alb_status alb_vocab_table_open(alb_diag *diag, alb_span section, alb_vocab_table *out);
/* Enters all tokens but the empty ones and those that leave_out[id] marks. ALB_DUPLICATE: two tokens are equal. */
alb_status alb_vocab_table_fill(alb_diag *diag, alb_vocab_table *table, const uint8_t *leave_out);
uint32_t alb_vocab_table_find(const alb_vocab_table *table, const void *text, size_t n); /* ALB_NO_TOKEN: none */
void alb_vocab_table_free(alb_vocab_table *table);

static inline alb_str alb_vocab_table_token(const alb_vocab_table *table, size_t id) {
  const uint32_t begin = alb_load_u32(table->offsets + 4 * id), end = alb_load_u32(table->offsets + 4 * id + 4);
  return (alb_str){(const char *)table->bytes + begin, end - begin};
}

#endif
