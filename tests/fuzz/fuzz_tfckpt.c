/* Fuzz target: the index of a TensorFlow checkpoint. By the first byte the rest is an index file, a block (put into
 * a file with sound checksums, which would else hide everything behind them), or an object graph. */
#include "base/crc32c.h"
#include "converter/tf_names.h"
#include "converter/tf_slices.h"
#include "tests/fuzz/fuzz.h"

typedef struct writer {
  uint8_t *p;
  size_t n;
} writer;

static void put(writer *w, const void *bytes, size_t n) {
  if (n) memcpy(w->p + w->n, bytes, n);
  w->n += n;
}

static void put_varint(writer *w, size_t value) {
  for (; value > 127; value >>= 7) put(w, &(uint8_t){(uint8_t)(value | 128)}, 1);
  put(w, &(uint8_t){(uint8_t)value}, 1);
}

/* A block with its compression and checksum; returns where it begins. */
static size_t put_block(writer *w, const void *bytes, size_t n, uint8_t compression) {
  const size_t begin = w->n;
  uint8_t crc[4];
  put(w, bytes, n);
  put(w, &compression, 1);
  alb_store_u32(crc, alb_crc32c_mask(alb_crc32c(0, (alb_span){w->p + begin, n + 1})));
  put(w, crc, 4);
  return begin;
}

/* A table of one block. */
static writer wrap(const uint8_t *block, size_t n, uint8_t compression) {
  static const uint8_t restart[8] = {0, 0, 0, 0, 1}, magic[8] = {0x57, 0xfb, 0x80, 0x8b, 0x24, 0x75, 0x47, 0xdb};
  uint8_t index_bytes[64] = {0};
  writer w = {.p = malloc(n + 256)}, index = {.p = index_bytes};
  put(&index, "\0\1\0z", 4); /* an entry of the index: key "z", the place of the block */
  put_varint(&index, 0);
  put_varint(&index, n);
  index_bytes[2] = (uint8_t)(index.n - 4);
  put(&index, restart, 8);
  put_block(&w, block, n, compression);
  const size_t meta = put_block(&w, restart, 8, 0), at = put_block(&w, index.p, index.n, 0), footer = w.n;
  put_varint(&w, meta);
  put_varint(&w, 8);
  put_varint(&w, at);
  put_varint(&w, index.n);
  memset(w.p + w.n, 0, footer + 40 - w.n);
  w.n = footer + 40;
  put(&w, magic, 8);
  return w;
}

static void look(alb_diag *diag, alb_tf_bundle *bundle, alb_span graph) {
  alb_str *names;
  if (alb_tf_names(diag, bundle, graph, &names) != ALB_OK) return;
  for (size_t i = 0; i < bundle->entries.count; i++) {
    const alb_tf_entry *e = &bundle->entries.items[i];
    alb_tf_part *parts;
    size_t axis;
    if (names[i].n > 8192 || e->shard >= bundle->shards || e->offset + e->size > INT64_MAX) abort();
    if (e->slice_count && alb_tf_parts(diag, bundle, e, &bundle->arena, &parts, &axis) != ALB_OK) return;
  }
}

/* Three variables and a slot. */
static void fixed_bundle(alb_tf_bundle *bundle) {
  static const char *const keys[] = {"m/0/.ATTRIBUTES/VARIABLE_VALUE", "m/1/.ATTRIBUTES/VARIABLE_VALUE", "v", "v/m"};
  size_t index;
  bool inserted;
  bundle->shards = 1;
  for (size_t i = 0; i < 4; i++) {
    const alb_tf_entry e = {.key = alb_str_of(keys[i]), .dtype = ALB_F32};
    if (!alb_vec_push(&bundle->entries, e) || !alb_strmap_add(&bundle->by_key, e.key, &index, &inserted)) abort();
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
  if (n == 0) return 0;
  uint8_t *copy = fuzz_copy(data + 1, n - 1);
  const alb_span rest = {copy, n - 1};
  const unsigned kind = data[0] % 4;
  writer wrapped = {.p = NULL};
  alb_tf_bundle bundle = {0};
  alb_diag diag = {0};
  alb_status status = ALB_OK;
  if (kind == 3) {
    fixed_bundle(&bundle);
  } else {
    if (kind) wrapped = wrap(rest.p, rest.n, (uint8_t)(kind - 1));
    status = alb_tf_bundle_read(&diag, kind ? (alb_span){wrapped.p, wrapped.n} : rest, &bundle);
  }
  if (status == ALB_OK) look(&diag, &bundle, kind == 3 ? rest : (alb_span){0});
  if (status != ALB_OK && !diag.text) abort();
  alb_tf_bundle_free(&bundle);
  alb_diag_free(&diag);
  free(wrapped.p);
  free(copy);
  return 0;
}
