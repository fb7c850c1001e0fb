/* Partitioned variables. The key of a part is made of the variable's name and the part's place, in an encoding
 * that keeps order (tensorflow/core/util/saved_tensor_slice_util.cc, tensorflow/core/lib/strings/ordered_code.h). */
#include "converter/tf_slices.h"

#include <stdlib.h>

enum { NUMBER_ROOM = 11 };

typedef struct key_writer {
  uint8_t *p;
  size_t n;
} key_writer;

static void put(key_writer *w, uint8_t byte) {
  w->p[w->n++] = byte;
}

/* How many bytes there are, then these, the highest first. */
static void put_number(key_writer *w, uint64_t value) {
  uint8_t count = 0;
  while (count < 8 && value >> (8 * count)) count++;
  put(w, count);
  while (count-- > 0) put(w, (uint8_t)(value >> (8 * count)));
}

/* Bytes 0 and 255 are escaped; 0 1 ends the text. */
static void put_text(key_writer *w, alb_str text) {
  for (size_t i = 0; i < text.n; i++) {
    const uint8_t byte = (uint8_t)text.p[i];
    put(w, byte);
    if (byte == 0 || byte == 255) put(w, byte == 0 ? 255 : 0);
  }
  put(w, 0);
  put(w, 1);
}

/* n bytes hold 7 n - 1 bits: n ones stand before them, as in UTF-8, and the sign turns all bits round. */
static void put_signed(key_writer *w, int64_t value) {
  const uint64_t magnitude = value < 0 ? ~(uint64_t)value : (uint64_t)value;
  unsigned n = 1;
  while (n < 10 && magnitude >> (7 * n - 1)) n++;
  uint8_t bytes[10] = {0};
  const uint64_t sign = value < 0 ? 255 : 0;
  for (unsigned i = 0; i < n; i++) {
    const unsigned shift = 8 * (n - 1 - i);
    bytes[i] = (uint8_t)(shift < 64 ? (uint64_t)value >> shift : sign);
  }
  const unsigned ones = 0xffc0u << (10 - n) & 0xffffu; /* n ones from the highest of 16 bits */
  bytes[0] = (uint8_t)(bytes[0] ^ ones >> 8);
  if (n > 1) bytes[1] = (uint8_t)(bytes[1] ^ (ones & 255));
  for (unsigned i = 0; i < n; i++) put(w, bytes[i]);
}

/* Bytes that are enough for every slice's key of an entry. */
static size_t key_room(const alb_tf_entry *e) {
  return 2 * e->key.n + 4 + NUMBER_ROOM * (1 + 2 * (size_t)e->rank);
}

/* The key of slice `s` of an entry, in `room`. */
static alb_str slice_key(const alb_tf_bundle *bundle, const alb_tf_entry *e, size_t s, uint8_t *room) {
  const alb_tf_extent *extents = bundle->extents.items + e->first_extent + s * e->rank;
  key_writer w = {.p = room};
  put_number(&w, 0);
  put_text(&w, e->key);
  put_number(&w, e->rank);
  for (size_t d = 0; d < e->rank; d++) {
    put_signed(&w, (int64_t)extents[d].start);
    put_signed(&w, extents[d].length == ALB_TF_WHOLE ? -1 : (int64_t)extents[d].length);
  }
  return (alb_str){(const char *)w.p, w.n};
}

static alb_status wrong(alb_diag *diag, const alb_tf_entry *e, alb_status status, const char *what) {
  return alb_fail(diag, status, "tensor \"%.*s\": %s", ALB_STR_ARGS(e->key), what);
}

static bool is_whole(const alb_tf_entry *e, const alb_tf_extent *extent, size_t d) {
  return extent->start == 0 && (extent->length == ALB_TF_WHOLE || extent->length == e->dims[d]);
}

/* The one dimension that the slices part; 0 when each is the whole. */
static alb_status find_axis(alb_diag *diag, const alb_tf_bundle *bundle, const alb_tf_entry *e, size_t *axis) {
  bool found = false;
  *axis = 0;
  for (size_t i = 0; i < e->slice_count * e->rank; i++) {
    const size_t d = i % e->rank;
    if (is_whole(e, &bundle->extents.items[e->first_extent + i], d)) continue;
    if (found && d != *axis) return wrong(diag, e, ALB_UNSUPPORTED, "is partitioned along more than one dimension");
    *axis = d;
    found = true;
  }
  if (*axis == 0 || (*axis == 1 && e->rank == 2)) return ALB_OK;
  return wrong(diag, e, ALB_UNSUPPORTED, "is partitioned along an inner dimension");
}

static alb_status find_part(alb_diag *diag, const alb_tf_bundle *bundle, const alb_tf_entry *e, size_t s, size_t axis,
                            uint8_t *room, alb_tf_part *part) {
  const alb_tf_extent extent = bundle->extents.items[e->first_extent + s * e->rank + axis];
  *part = (alb_tf_part){extent.start, extent.length == ALB_TF_WHOLE ? e->dims[axis] : extent.length,
                        alb_tf_bundle_find(bundle, slice_key(bundle, e, s, room))};
  const alb_tf_entry *p = part->entry;
  if (!p) return wrong(diag, e, ALB_MISSING, "one of its slices is not there");
  bool fits = p->dtype == e->dtype && p->rank == e->rank && p->slice_count == 0;
  for (size_t d = 0; fits && d < e->rank; d++) fits = p->dims[d] == (d == axis ? part->length : e->dims[d]);
  return fits ? ALB_OK : wrong(diag, e, ALB_SHAPE, "one of its slices has another type or shape");
}

static int by_start(const void *a, const void *b) {
  const alb_tf_part *x = a, *y = b;
  if (x->start != y->start) return x->start < y->start ? -1 : 1;
  return x->length < y->length ? -1 : x->length > y->length;
}

static alb_status check_cover(alb_diag *diag, const alb_tf_entry *e, const alb_tf_part *parts, size_t axis) {
  uint64_t at = 0;
  for (size_t s = 0; s < e->slice_count; s++) {
    if (parts[s].start < at) return wrong(diag, e, ALB_MALFORMED, "its slices overlap");
    if (parts[s].start > at) return wrong(diag, e, ALB_MALFORMED, "its slices leave a hole");
    at += parts[s].length; /* both are below 2^48: the slices' own shapes were checked */
  }
  return at == e->dims[axis] ? ALB_OK : wrong(diag, e, ALB_MALFORMED, "its slices do not make the whole");
}

alb_status alb_tf_parts(alb_diag *diag, const alb_tf_bundle *bundle, const alb_tf_entry *entry, alb_arena *arena,
                        alb_tf_part **parts, size_t *axis) {
  if (entry->rank == 0) return wrong(diag, entry, ALB_MALFORMED, "a single number is partitioned");
  ALB_TRY(find_axis(diag, bundle, entry, axis));
  *parts = ALB_NEW_ARRAY(arena, alb_tf_part, entry->slice_count);
  uint8_t *room = alb_arena_alloc(arena, key_room(entry));
  if (!*parts || !room) return alb_fail_memory(diag, entry->slice_count * sizeof **parts, "slices");
  for (size_t s = 0; s < entry->slice_count; s++) {
    ALB_TRY(find_part(diag, bundle, entry, s, *axis, room, &(*parts)[s]));
  }
  qsort(*parts, entry->slice_count, sizeof **parts, by_start);
  return check_cover(diag, entry, *parts, *axis);
}
