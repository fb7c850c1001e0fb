/* Tables of sorted keys and values: footer, index block, data blocks.
 *
 *   data blocks | metaindex block | index block | footer: handles of metaindex and index, 0 ..., magic
 *
 * A block is entries, restart points (u32 each), their number (u32); behind it stand its compression (u8) and
 * the masked CRC32C of both (u32). An entry is three varints (bytes shared with the key before, other bytes of
 * the key, bytes of the value), the rest of the key, the value. At a restart point nothing is shared. */
#include "converter/tf_table.h"

#include <stdlib.h>

#include "base/crc32c.h"
#include "converter/snappy.h"
#include "converter/tf_wire.h"

enum { FOOTER = 48, MAGIC = 8, TRAILER = 5, MAX_KEY = 8192, MAX_BLOCK = 16 << 20, PLAIN = 0, SNAPPY = 1 };

static const uint8_t magic[MAGIC] = {0x57, 0xfb, 0x80, 0x8b, 0x24, 0x75, 0x47, 0xdb};

/* A key under construction; keys of one kind (data, index) build on one another. */
typedef struct key_buffer {
  char text[MAX_KEY];
  size_t n;
  bool any; /* there was a key before */
} key_buffer;

typedef struct table {
  alb_diag *diag;
  alb_span file;
  alb_tf_visit visit;
  void *context;
  uint64_t end; /* of the data block before */
  key_buffer data_key, index_key;
} table;

typedef struct handle {
  uint64_t offset, size;
} handle;

bool alb_tf_table_ends(alb_span file) {
  return file.n >= MAGIC && memcmp(file.p + file.n - MAGIC, magic, MAGIC) == 0;
}

static bool take_handle(alb_span *from, handle *out) {
  return alb_tf_wire_varint(from, &out->offset) && alb_tf_wire_varint(from, &out->size);
}

/* A block's bytes without its trailer, in the file; checked: place, checksum. */
static alb_status find_block(const table *t, handle place, alb_span *block) {
  const uint64_t room = t->file.n - FOOTER;
  if (place.offset > room || place.size > room - place.offset || room - place.offset - place.size < TRAILER) {
    return alb_fail(t->diag, ALB_TRUNCATED, "a block of %llu bytes at %llu lies beyond the end of the file",
                    (unsigned long long)place.size, (unsigned long long)place.offset);
  }
  *block = (alb_span){t->file.p + place.offset, (size_t)place.size};
  const uint32_t stored = alb_load_u32(block->p + block->n + 1);
  const uint32_t found = alb_crc32c_mask(alb_crc32c(0, (alb_span){block->p, block->n + 1}));
  if (stored == found) return ALB_OK;
  return alb_fail(t->diag, ALB_CHECKSUM, "the block at %llu has checksum %08x, stored is %08x",
                  (unsigned long long)place.offset, found, stored);
}

/* ---- entries ---- */

typedef struct block_reading {
  alb_diag *diag;
  alb_span block; /* the whole, for offsets in messages */
  alb_span rest;  /* entries that are not read yet */
  const uint8_t *restarts;
  uint32_t restart_count, next_restart;
  key_buffer *key;
} block_reading;

static alb_status bad_block(const block_reading *r, const char *what) {
  return alb_fail(r->diag, ALB_MALFORMED, "%s (offset %zu of a block)", what, (size_t)(r->rest.p - r->block.p));
}

static uint32_t restart_at(const block_reading *r, uint32_t i) {
  return alb_load_u32(r->restarts + 4 * (size_t)i);
}

static alb_status open_block(block_reading *r) {
  if (r->block.n < 4) return alb_fail(r->diag, ALB_TRUNCATED, "a block of %zu bytes", r->block.n);
  r->restart_count = alb_load_u32(r->block.p + r->block.n - 4);
  if (r->restart_count == 0 || r->restart_count > (r->block.n - 4) / 4) {
    return alb_fail(r->diag, ALB_MALFORMED, "%u restart points in a block of %zu bytes", r->restart_count, r->block.n);
  }
  r->restarts = r->block.p + r->block.n - 4 - 4 * (size_t)r->restart_count;
  r->rest = (alb_span){r->block.p, (size_t)(r->restarts - r->block.p)};
  return restart_at(r, 0) == 0 ? ALB_OK : bad_block(r, "the first restart point is not the first entry");
}

/* Puts the next key together and checks that it is above the one before. */
static alb_status set_key(block_reading *r, uint64_t shared, alb_span more) {
  key_buffer *key = r->key;
  if (shared > key->n) return bad_block(r, "a key shares more bytes than the key before has");
  if (more.n > MAX_KEY - (size_t)shared) {
    return alb_fail(r->diag, ALB_LIMIT, "a key has more than %d bytes", MAX_KEY);
  }
  const size_t same = (size_t)shared, left = key->n - same, least = left < more.n ? left : more.n;
  const int order = least ? memcmp(more.p, key->text + same, least) : 0;
  if (key->any && (order < 0 || (order == 0 && more.n <= left))) return bad_block(r, "keys do not rise");
  if (more.n) memcpy(key->text + same, more.p, more.n);
  key->n = same + more.n;
  key->any = true;
  return ALB_OK;
}

static alb_status take_entry(block_reading *r, alb_span *value) {
  uint64_t shared, others, size;
  alb_span more;
  const size_t offset = (size_t)(r->rest.p - r->block.p);
  const bool restart = r->next_restart < r->restart_count && restart_at(r, r->next_restart) == offset;
  r->next_restart += restart;
  if (!alb_tf_wire_varint(&r->rest, &shared) || !alb_tf_wire_varint(&r->rest, &others) ||
      !alb_tf_wire_varint(&r->rest, &size)) {
    return bad_block(r, "an entry is cut short");
  }
  if (others > r->rest.n || size > r->rest.n - others) return bad_block(r, "an entry is longer than its block");
  if (restart && shared) return bad_block(r, "a key shares bytes at a restart point");
  (void)alb_span_take(&r->rest, (size_t)others, &more);
  (void)alb_span_take(&r->rest, (size_t)size, value);
  return set_key(r, shared, more);
}

static alb_status walk_entries(alb_diag *diag, alb_span block, key_buffer *key, alb_tf_visit visit, void *context) {
  block_reading r = {.diag = diag, .block = block, .key = key};
  alb_span value;
  ALB_TRY(open_block(&r));
  if (r.rest.n == 0) r.next_restart = 1; /* an empty block has one, too */
  while (r.rest.n) {
    ALB_TRY(take_entry(&r, &value));
    ALB_TRY(visit(context, (alb_str){key->text, key->n}, value));
  }
  return r.next_restart == r.restart_count ? ALB_OK : bad_block(&r, "a restart point is not an entry");
}

/* ---- blocks ---- */

static alb_status walk_block(table *t, handle place, key_buffer *key, alb_tf_visit visit, void *context) {
  alb_span block;
  uint8_t *owned = NULL;
  ALB_TRY(find_block(t, place, &block));
  const uint8_t compression = block.p[block.n];
  if (compression > SNAPPY) return alb_fail(t->diag, ALB_UNSUPPORTED, "blocks of compression %u", compression);
  if (compression == SNAPPY) ALB_TRY(alb_snappy_decode(t->diag, block, MAX_BLOCK, &owned, &block));
  if (block.n > MAX_BLOCK) return alb_fail(t->diag, ALB_LIMIT, "a block of %zu bytes", block.n);
  const alb_status status = walk_entries(t->diag, block, key, visit, context);
  free(owned);
  return status;
}

/* An entry of the index block: its value is the place of a data block. */
static alb_status visit_index(void *context, alb_str key, alb_span value) {
  table *t = context;
  handle place;
  (void)key;
  if (!take_handle(&value, &place) || value.n)
    return alb_fail(t->diag, ALB_MALFORMED, "a bad entry in the index block");
  if (place.offset < t->end) return alb_fail(t->diag, ALB_MALFORMED, "blocks overlap");
  ALB_TRY(walk_block(t, place, &t->data_key, t->visit, t->context));
  t->end = place.offset + place.size + TRAILER; /* within the file: walk_block has seen it */
  return ALB_OK;
}

static alb_status walk(table *t) {
  handle metaindex, index;
  alb_span footer = {t->file.p + t->file.n - FOOTER, FOOTER - MAGIC}, block;
  if (!take_handle(&footer, &metaindex) || !take_handle(&footer, &index)) {
    return alb_fail(t->diag, ALB_MALFORMED, "bad handles in the footer");
  }
  ALB_TRY(find_block(t, metaindex, &block));
  return walk_block(t, index, &t->index_key, visit_index, t);
}

alb_status alb_tf_table_walk(alb_diag *diag, alb_span file, alb_tf_visit visit, void *context) {
  if (file.n < FOOTER) return alb_fail(diag, ALB_TRUNCATED, "%zu bytes, a table needs at least %d", file.n, FOOTER);
  if (!alb_tf_table_ends(file)) return alb_fail(diag, ALB_MALFORMED, "does not end as a table does");
  table *t = calloc(1, sizeof *t);
  if (!t) return alb_fail_memory(diag, sizeof *t, "a table");
  t->diag = diag;
  t->file = file;
  t->visit = visit;
  t->context = context;
  const alb_status status = walk(t);
  free(t);
  return status;
}
