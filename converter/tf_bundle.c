/* The index of a TensorFlow checkpoint: a header under the empty key, and an entry for each tensor. */
#include "converter/tf_bundle.h"

#include <stdlib.h>

#include "base/utf8.h"
#include "converter/tf_table.h"
#include "converter/tf_wire.h"

enum {
  MAX_SHARDS = 4096,
  MAX_NAME = 4096,
  MAX_ENTRIES = 1 << 18,
  MAX_KEY_BYTES = 32 << 20, /* prefix compression can make many bytes of few */
  MAX_EXTENTS = 1 << 18,
  BUNDLE_VERSION = 1
};

/* tensorflow.DataType to our types; the others are skipped: strings, resources and variants hold no weights. */
static const struct {
  uint32_t type;
  alb_dtype dtype;
} types[] = {{1, ALB_F32}, {2, ALB_F64}, {3, ALB_I32},   {4, ALB_U8},    {5, ALB_I16},
             {6, ALB_I8},  {9, ALB_I64}, {10, ALB_BOOL}, {14, ALB_BF16}, {19, ALB_F16}};

typedef struct bundle_reading {
  alb_diag *diag;
  alb_tf_bundle *out;
  size_t key_bytes;
  bool header;
} bundle_reading;

static alb_status bad_entry(const bundle_reading *r, const alb_tf_entry *e, alb_status status, const char *what) {
  return alb_fail(r->diag, status, "tensor \"%.*s\": %s", ALB_STR_ARGS(e->key), what);
}

/* ---- the header ---- */

/* VersionDef: producer, min_consumer, bad_consumers. */
static alb_status read_version(bundle_reading *r, alb_span message) {
  alb_tf_wire_field f;
  while (message.n) {
    if (!alb_tf_wire_next(&message, &f)) return alb_fail(r->diag, ALB_MALFORMED, "bad version in the header");
    if (f.number != 2 || (f.type == ALB_TF_WIRE_VARINT && f.value <= BUNDLE_VERSION)) continue;
    return alb_fail(r->diag, ALB_VERSION, "needs a reader of version %llu, this is version %d",
                    (unsigned long long)f.value, BUNDLE_VERSION);
  }
  return ALB_OK;
}

/* BundleHeaderProto: num_shards 1, endianness 2, version 3. In the first format the empty key holds another
 * message, whose field 1 is a message too. */
static alb_status read_header(bundle_reading *r, alb_span message) {
  alb_tf_wire_field f;
  while (message.n) {
    if (!alb_tf_wire_next(&message, &f)) return alb_fail(r->diag, ALB_MALFORMED, "bad header");
    if (f.number == 1 && f.type == ALB_TF_WIRE_BYTES) {
      return alb_fail(r->diag, ALB_UNSUPPORTED, "is of the first format (V1, of before TensorFlow 0.12)");
    }
    if (f.number <= 2 && f.type != ALB_TF_WIRE_VARINT) return alb_fail(r->diag, ALB_MALFORMED, "bad header");
    if (f.number == 1 && (f.value == 0 || f.value > INT32_MAX)) {
      return alb_fail(r->diag, ALB_MALFORMED, "the header says %lld shards", (long long)f.value);
    }
    if (f.number == 1 && f.value > MAX_SHARDS) {
      return alb_fail(r->diag, ALB_LIMIT, "%llu shards, at most %d are allowed", (unsigned long long)f.value,
                      MAX_SHARDS);
    }
    if (f.number == 1) r->out->shards = (uint32_t)f.value;
    if (f.number == 2 && f.value) return alb_fail(r->diag, ALB_UNSUPPORTED, "big-endian data are not supported");
    if (f.number == 3 && f.type == ALB_TF_WIRE_BYTES) ALB_TRY(read_version(r, f.bytes));
  }
  r->header = true;
  return r->out->shards ? ALB_OK : alb_fail(r->diag, ALB_MALFORMED, "the header says 0 shards");
}

/* ---- entries ---- */

/* TensorShapeProto.Dim: size 1. */
static alb_status read_dim(const bundle_reading *r, const alb_tf_entry *e, alb_span message, uint64_t *size) {
  alb_tf_wire_field f;
  *size = 0;
  while (message.n) {
    if (!alb_tf_wire_next(&message, &f)) return bad_entry(r, e, ALB_MALFORMED, "bad dimension");
    if (f.number != 1) continue;
    if (f.type != ALB_TF_WIRE_VARINT || f.value > INT64_MAX) return bad_entry(r, e, ALB_MALFORMED, "bad dimension");
    *size = f.value;
  }
  return ALB_OK;
}

/* TensorShapeProto: dim 2, unknown_rank 3. */
static alb_status read_shape(const bundle_reading *r, alb_span message, alb_tf_entry *e) {
  alb_tf_wire_field f;
  while (message.n) {
    if (!alb_tf_wire_next(&message, &f)) return bad_entry(r, e, ALB_MALFORMED, "bad shape");
    if (f.number == 3 && f.value) return bad_entry(r, e, ALB_MALFORMED, "has no shape");
    if (f.number != 2) continue;
    if (f.type != ALB_TF_WIRE_BYTES) return bad_entry(r, e, ALB_MALFORMED, "bad shape");
    if (e->rank == ALB_MAX_RANK) return bad_entry(r, e, ALB_LIMIT, "rank is above the limit of 8");
    ALB_TRY(read_dim(r, e, f.bytes, &e->dims[e->rank]));
    e->rank++;
  }
  return ALB_OK;
}

/* TensorSliceProto.Extent: start 1, length 2; without a length all of the dimension. */
static alb_status read_extent(const bundle_reading *r, const alb_tf_entry *e, alb_span message) {
  alb_tf_extent extent = {0, ALB_TF_WHOLE};
  alb_tf_wire_field f;
  while (message.n) {
    if (!alb_tf_wire_next(&message, &f)) return bad_entry(r, e, ALB_MALFORMED, "bad slice");
    if (f.number > 2) continue;
    if (f.type != ALB_TF_WIRE_VARINT || f.value > INT64_MAX) return bad_entry(r, e, ALB_MALFORMED, "bad slice");
    *(f.number == 1 ? &extent.start : &extent.length) = f.value;
  }
  if (r->out->extents.count == MAX_EXTENTS) return bad_entry(r, e, ALB_LIMIT, "too many slices");
  return alb_vec_push(&r->out->extents, extent) ? ALB_OK : alb_fail_memory(r->diag, sizeof extent, "a slice");
}

/* TensorSliceProto: extent 1, once for each dimension. */
static alb_status read_slice(const bundle_reading *r, alb_span message, alb_tf_entry *e) {
  const size_t before = r->out->extents.count;
  alb_tf_wire_field f;
  while (message.n) {
    if (!alb_tf_wire_next(&message, &f)) return bad_entry(r, e, ALB_MALFORMED, "bad slice");
    if (f.number == 1 && f.type == ALB_TF_WIRE_BYTES) ALB_TRY(read_extent(r, e, f.bytes));
  }
  if (r->out->extents.count - before != e->rank) {
    return bad_entry(r, e, ALB_MALFORMED, "a slice has another rank than the tensor");
  }
  e->slice_count++;
  return ALB_OK;
}

static alb_status read_slices(const bundle_reading *r, alb_span message, alb_tf_entry *e) {
  alb_tf_wire_field f;
  e->first_extent = r->out->extents.count;
  while (message.n) {
    (void)alb_tf_wire_next(&message, &f); /* read_numbers has seen that it can be read */
    if (f.number == 7 && f.type == ALB_TF_WIRE_BYTES) ALB_TRY(read_slice(r, f.bytes, e));
  }
  return ALB_OK;
}

/* BundleEntryProto: dtype 1, shape 2, shard_id 3, offset 4, size 5, crc32c 6 (fixed32), slices 7. */
static alb_status read_numbers(const bundle_reading *r, alb_span message, alb_tf_entry *e, alb_span *shape) {
  alb_tf_wire_field f;
  uint64_t numbers[7] = {0};
  while (message.n) {
    if (!alb_tf_wire_next(&message, &f)) return bad_entry(r, e, ALB_MALFORMED, "bad entry");
    if (f.number > 7) continue;
    const alb_tf_wire_type wanted = f.number == 2 || f.number == 7 ? ALB_TF_WIRE_BYTES
                                    : f.number == 6                ? ALB_TF_WIRE_32
                                                                   : ALB_TF_WIRE_VARINT;
    if (f.type != wanted) return bad_entry(r, e, ALB_MALFORMED, "bad entry");
    if (f.number == 2) *shape = f.bytes;
    if (f.number < 7) numbers[f.number] = f.value;
  }
  if (numbers[3] >= r->out->shards) return bad_entry(r, e, ALB_MALFORMED, "lies in a shard that there is not");
  if (numbers[4] > INT64_MAX || numbers[5] > INT64_MAX || numbers[4] + numbers[5] > INT64_MAX) {
    return bad_entry(r, e, ALB_OVERFLOW, "its place in the shard overflows");
  }
  if (numbers[1] > UINT32_MAX) return bad_entry(r, e, ALB_MALFORMED, "bad type");
  e->type = (uint32_t)numbers[1];
  e->shard = (uint32_t)numbers[3];
  e->offset = numbers[4];
  e->size = numbers[5];
  e->crc = (uint32_t)numbers[6];
  return ALB_OK;
}

static alb_status check_size(const bundle_reading *r, const alb_tf_entry *e) {
  uint64_t elements, size;
  alb_status status = alb_shape_elements(r->diag, e->rank, e->dims, &elements);
  if (status != ALB_OK) {
    alb_diag_prefix(r->diag, "tensor \"%.*s\"", ALB_STR_ARGS(e->key));
    return status;
  }
  if (__builtin_mul_overflow(elements, alb_dtype_bytes(e->dtype), &size)) {
    return bad_entry(r, e, ALB_OVERFLOW, "size in bytes overflows");
  }
  if (e->slice_count || size == e->size) return ALB_OK;
  return alb_fail(r->diag, ALB_SHAPE, "tensor \"%.*s\": shape needs %llu bytes, found %llu", ALB_STR_ARGS(e->key),
                  (unsigned long long)size, (unsigned long long)e->size);
}

static alb_status read_entry(const bundle_reading *r, alb_span message, alb_tf_entry *e) {
  alb_span shape = {0};
  ALB_TRY(read_numbers(r, message, e, &shape));
  for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
    if (types[i].type == e->type) e->dtype = types[i].dtype;
  }
  if (e->dtype == ALB_DTYPE_NONE) return ALB_OK;
  ALB_TRY(read_shape(r, shape, e));
  ALB_TRY(read_slices(r, message, e));
  return check_size(r, e);
}

/* Names of tensors are texts; the keys of slices are made by the writer from such names. */
static alb_status check_key(bundle_reading *r, alb_str key) {
  r->key_bytes += key.n;
  if (r->key_bytes > MAX_KEY_BYTES) return alb_fail(r->diag, ALB_LIMIT, "more than %d bytes of names", MAX_KEY_BYTES);
  if (r->out->entries.count == MAX_ENTRIES) return alb_fail(r->diag, ALB_LIMIT, "more than %d tensors", MAX_ENTRIES);
  if (key.p[0] == '\0' || (key.n <= MAX_NAME && !memchr(key.p, 0, key.n) && alb_utf8_valid(key))) return ALB_OK;
  return alb_fail(r->diag, ALB_MALFORMED, "tensor \"%.*s\": a name must have 1 to %d bytes of UTF-8 and no NUL",
                  ALB_STR_ARGS(key), MAX_NAME);
}

static alb_status visit(void *context, alb_str key, alb_span value) {
  bundle_reading *r = context;
  size_t index;
  bool inserted;
  if (key.n == 0) return read_header(r, value);
  if (!r->header) return alb_fail(r->diag, ALB_MISSING, "has no header");
  ALB_TRY(check_key(r, key));
  const char *copy = alb_arena_strdup(&r->out->arena, key);
  alb_tf_entry entry = {.key = {copy, key.n}};
  if (!copy) return alb_fail_memory(r->diag, key.n, "a name");
  ALB_TRY(read_entry(r, value, &entry));
  const bool stored =
      alb_vec_push(&r->out->entries, entry) && alb_strmap_add(&r->out->by_key, entry.key, &index, &inserted);
  return stored ? ALB_OK : alb_fail_memory(r->diag, sizeof entry, "a tensor");
}

/* ---- all entries ---- */

static int by_place(const void *a, const void *b) {
  const alb_tf_entry *x = *(const alb_tf_entry *const *)a, *y = *(const alb_tf_entry *const *)b;
  if (x->shard != y->shard) return x->shard < y->shard ? -1 : 1;
  if (x->offset != y->offset) return x->offset < y->offset ? -1 : 1;
  return x->size < y->size ? -1 : x->size > y->size;
}

/* Bytes that two tensors have would be read again and again; no writer makes such files. */
static alb_status check_overlap(const bundle_reading *r) {
  const size_t count = r->out->entries.count;
  const alb_tf_entry **sorted = calloc(count ? count : 1, sizeof *sorted);
  alb_status status = sorted ? ALB_OK : alb_fail_memory(r->diag, count * sizeof *sorted, "tensors");
  for (size_t i = 0; sorted && i < count; i++) sorted[i] = &r->out->entries.items[i];
  if (sorted) qsort(sorted, count, sizeof *sorted, by_place);
  for (size_t i = 1; status == ALB_OK && i < count; i++) {
    const alb_tf_entry *before = sorted[i - 1], *e = sorted[i];
    if (before->shard != e->shard || before->offset + before->size <= e->offset) continue;
    status = bad_entry(r, e, ALB_MALFORMED, "its data overlap another tensor's");
  }
  free(sorted);
  return status;
}

alb_status alb_tf_bundle_read(alb_diag *diag, alb_span file, alb_tf_bundle *out) {
  bundle_reading r = {.diag = diag, .out = out};
  ALB_TRY(alb_tf_table_walk(diag, file, visit, &r));
  if (!r.header) return alb_fail(diag, ALB_MISSING, "has no header");
  return check_overlap(&r);
}

const alb_tf_entry *alb_tf_bundle_find(const alb_tf_bundle *bundle, alb_str key) {
  const size_t index = alb_strmap_find(&bundle->by_key, key);
  return index == ALB_STRMAP_NONE ? NULL : &bundle->entries.items[index];
}

void alb_tf_bundle_free(alb_tf_bundle *bundle) {
  alb_vec_free(&bundle->entries);
  alb_vec_free(&bundle->extents);
  alb_strmap_free(&bundle->by_key);
  alb_arena_free(&bundle->arena);
}
