/* The hash table from a token's text to its id. */
#include "runtime/tokenizer/vocab_table.h"

#include <stdlib.h>
#include <sys/random.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/checked.h"
#include "base/utf8.h"
#include "format/layout.h"

static alb_status check_offsets(alb_diag *diag, const alb_vocab_table *table, size_t text) {
  if (alb_load_u32(table->offsets) != 0 || alb_load_u32(table->offsets + 4 * table->count) != text)
    return alb_fail(diag, ALB_MALFORMED, "vocabulary: offsets do not span its %zu bytes of text", text);
  for (size_t i = 0; i < table->count; i++) {
    const uint32_t begin = alb_load_u32(table->offsets + 4 * i), end = alb_load_u32(table->offsets + 4 * i + 4);
    if (begin > end || end > text)
      return alb_fail(diag, ALB_MALFORMED, "vocabulary: token %zu is [%u, %u) of %zu bytes", i, begin, end, text);
    if (!alb_utf8_valid(alb_vocab_table_token(table, i)))
      return alb_fail(diag, ALB_MALFORMED, "vocabulary: token %zu is not UTF-8", i);
  }
  return ALB_OK;
}

alb_status alb_vocab_table_open(alb_diag *diag, alb_span section, alb_vocab_table *out) {
  if (section.n < 8) return alb_fail(diag, ALB_MALFORMED, "vocabulary: %zu bytes", section.n);
  const size_t count = alb_load_u32(section.p);
  if (count == 0 || count > ALB_MAX_TOKENS) return alb_fail(diag, ALB_LIMIT, "vocabulary: %zu tokens", count);
  if (section.n < 4 + 4 * (count + 1))
    return alb_fail(diag, ALB_MALFORMED, "vocabulary: %zu tokens in %zu bytes", count, section.n);
  *out = (alb_vocab_table){.offsets = section.p + 4, .bytes = section.p + 4 + 4 * (count + 1), .count = count};
  return check_offsets(diag, out, section.n - (4 + 4 * (count + 1)));
}

static uint64_t hash_of(const alb_vocab_table *table, const void *text, size_t n) {
  return XXH3_64bits_withSeed(text, n, table->seed);
}

static uint32_t slot_id(uint64_t slot) {
  return (uint32_t)slot - 1;
}

/* The slot of a text: where it is, or the free one where it would be. */
static size_t slot_of(const alb_vocab_table *table, const void *text, size_t n, uint64_t hash) {
  size_t i = (size_t)hash & table->mask;
  for (; table->slots[i]; i = (i + 1) & table->mask) {
    if ((table->slots[i] ^ hash) >> 32) continue;
    if (alb_str_equal(alb_vocab_table_token(table, slot_id(table->slots[i])), (alb_str){text, n})) break;
  }
  return i;
}

static alb_status enter(alb_diag *diag, alb_vocab_table *table, size_t id) {
  const alb_str token = alb_vocab_table_token(table, id);
  const uint64_t hash = hash_of(table, token.p, token.n);
  const size_t i = slot_of(table, token.p, token.n, hash);
  if (table->slots[i]) {
    return alb_fail(diag, ALB_DUPLICATE, "vocabulary: tokens %u and %zu are both \"%.*s\"", slot_id(table->slots[i]),
                    id, ALB_STR_ARGS(token));
  }
  table->slots[i] = hash >> 32 << 32 | (id + 1);
  if (token.n > table->longest) table->longest = token.n;
  return ALB_OK;
}

alb_status alb_vocab_table_fill(alb_diag *diag, alb_vocab_table *table, const uint8_t *leave_out) {
  size_t slots = 64;
  while (slots < 2 * table->count) slots *= 2; /* count is at most 2^24 */
  table->slots = calloc(slots, sizeof *table->slots);
  if (!table->slots) return alb_fail_memory(diag, 8 * slots, "the vocabulary");
  table->mask = slots - 1;
  /* No file can be written to make look-ups slow; what is found does not depend on the seed. */
  if (getrandom(&table->seed, sizeof table->seed, GRND_NONBLOCK) < 0) table->seed = (uintptr_t)table->slots;
  for (size_t id = 0; id < table->count; id++) {
    if (leave_out[id] || alb_vocab_table_token(table, id).n == 0) continue;
    ALB_TRY(enter(diag, table, id));
  }
  return ALB_OK;
}

uint32_t alb_vocab_table_find(const alb_vocab_table *table, const void *text, size_t n) {
  if (n == 0 || n > table->longest) return ALB_NO_TOKEN;
  const size_t i = slot_of(table, text, n, hash_of(table, text, n));
  return table->slots[i] ? slot_id(table->slots[i]) : ALB_NO_TOKEN;
}

void alb_vocab_table_free(alb_vocab_table *table) {
  free(table->slots);
  *table = (alb_vocab_table){0};
}
