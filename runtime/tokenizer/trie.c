/* Builds the trie of a vocabulary level by level from its sorted tokens. */
#include "runtime/tokenizer/trie.h"

#include <stdlib.h>

enum { LABELS_AT_ONCE = 8 };

typedef struct entry {
  alb_str text;
  uint64_t head; /* its first eight bytes as a number, zeroes behind a shorter text */
  uint32_t id;
} entry;

/* The sorted entries [first, end) of a node. */
typedef struct range {
  uint32_t first, end;
} range;

/* A trie under way: the nodes of a level follow on those of the level before. */
typedef struct builder {
  alb_trie *trie;
  entry *entries; /* [count] */
  range *ranges;  /* [room] of each node */
  size_t count, nodes;
} builder;

static uint64_t head_of(alb_str text) {
  uint64_t head = 0;
  for (size_t i = 0; i < 8; i++) head = head << 8 | (i < text.n ? (uint8_t)text.p[i] : 0);
  return head;
}

static int compare(const void *a, const void *b) {
  const alb_str x = ((const entry *)a)->text, y = ((const entry *)b)->text;
  const int order = memcmp(x.p, y.p, x.n < y.n ? x.n : y.n);
  return order ? order : (x.n > y.n) - (x.n < y.n);
}

/* Orders by one byte of the heads, keeping the order of equal ones; where the entries are now. */
static entry *sort_by_byte(entry *from, entry *to, size_t count, unsigned shift) {
  size_t at[257] = {0};
  for (size_t i = 0; i < count; i++) at[(from[i].head >> shift & 0xff) + 1]++;
  for (size_t i = 0; i < 256; i++) {
    if (at[i + 1] == count) return from;
    at[i + 1] += at[i];
  }
  for (size_t i = 0; i < count; i++) to[at[from[i].head >> shift & 0xff]++] = from[i];
  return to;
}

/* By heads, byte by byte from the last on, then within equal heads. False: no memory. */
static bool sort_entries(entry *entries, size_t count) {
  entry *spare = malloc((count + 1) * sizeof *spare), *sorted = entries;
  if (!spare) return false;
  for (unsigned shift = 0; shift < 64; shift += 8)
    sorted = sort_by_byte(sorted, sorted == entries ? spare : entries, count, shift);
  if (sorted == spare) memcpy(entries, spare, count * sizeof *spare);
  free(spare);
  for (size_t begin = 0, end = 0; begin < count; begin = end) {
    while (end < count && entries[end].head == entries[begin].head) end++;
    if (end - begin > 1) qsort(entries + begin, end - begin, sizeof *entries, compare);
  }
  return true;
}

static uint8_t byte_at(const builder *b, uint32_t i, size_t depth) {
  return (uint8_t)b->entries[i].text.p[depth];
}

/* Gives node `at`, whose entries agree in `depth` bytes, its token and its children. */
static void expand(builder *b, size_t at, size_t depth) {
  range r = b->ranges[at];
  alb_trie_node *node = &b->trie->nodes[at];
  *node = (alb_trie_node){.child = (uint32_t)b->nodes};
  if (r.first < r.end && b->entries[r.first].text.n == depth) node->token = b->entries[r.first++].id + 1;
  while (r.first < r.end) {
    const uint8_t label = byte_at(b, r.first, depth);
    const uint32_t begin = r.first;
    while (r.first < r.end && byte_at(b, r.first, depth) == label) r.first++;
    b->ranges[b->nodes] = (range){begin, r.first};
    b->trie->labels[b->nodes++] = label;
  }
}

static void build(builder *b) {
  size_t depth = 0, at = 0;
  b->ranges[0] = (range){0, (uint32_t)b->count};
  b->nodes = 1;
  while (at < b->nodes) {
    for (const size_t level_end = b->nodes; at < level_end; at++) expand(b, at, depth);
    depth++;
  }
  b->trie->nodes[at] = (alb_trie_node){.child = (uint32_t)b->nodes};
  for (uint32_t i = b->trie->nodes[0].child; i < b->trie->nodes[1].child; i++) b->trie->root[b->trie->labels[i]] = i;
}

static size_t gather(const alb_vocab_table *vocab, const uint8_t *leave_out, entry *entries, size_t *bytes) {
  size_t count = 0;
  *bytes = 0;
  for (size_t id = 0; id < vocab->count; id++) {
    const alb_str text = alb_vocab_table_token(vocab, id);
    if (leave_out[id] || text.n == 0) continue;
    entries[count++] = (entry){text, head_of(text), (uint32_t)id};
    *bytes += text.n;
  }
  return count;
}

alb_status alb_trie_build(alb_diag *diag, const alb_vocab_table *vocab, const uint8_t *leave_out, alb_trie *out) {
  size_t bytes;
  builder b = {.trie = out, .entries = malloc(vocab->count * sizeof *b.entries)};
  *out = (alb_trie){0};
  if (!b.entries) return alb_fail_memory(diag, vocab->count * sizeof *b.entries, "the vocabulary's trie");
  b.count = gather(vocab, leave_out, b.entries, &bytes); /* bytes is at most 2^30 */
  b.ranges = malloc((bytes + 1) * sizeof *b.ranges);
  out->nodes = malloc((bytes + 2) * sizeof *out->nodes);
  out->labels = malloc(bytes + 1 + LABELS_AT_ONCE);
  const bool ok = b.ranges && out->nodes && out->labels && sort_entries(b.entries, b.count);
  if (ok) {
    build(&b);
    memset(out->labels + b.nodes, 0, LABELS_AT_ONCE);
    alb_trie_node *nodes = realloc(out->nodes, (b.nodes + 1) * sizeof *nodes);
    if (nodes) out->nodes = nodes;
    uint8_t *labels = realloc(out->labels, b.nodes + LABELS_AT_ONCE);
    if (labels) out->labels = labels;
  }
  free(b.entries);
  free(b.ranges);
  return ok ? ALB_OK : alb_fail_memory(diag, 17 * bytes, "the vocabulary's trie");
}

void alb_trie_free(alb_trie *trie) {
  free(trie->nodes);
  free(trie->labels);
  *trie = (alb_trie){0};
}
