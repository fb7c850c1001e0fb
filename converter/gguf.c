/* An index of a GGUF file. Everything is read once, front to back; nothing is copied. */
#include "converter/gguf.h"

#include <stdlib.h>

#include "base/checked.h"
#include "base/utf8.h"

enum { MAX_NAME = 1024, MAX_ALIGNMENT = 1 << 16, LEAST_VALUE = 13, LEAST_TENSOR = 32 };

typedef struct indexer {
  alb_diag *diag;
  alb_span all, rest;
  alb_gguf *out;
} indexer;

/* ---- facts ---- */

static const alb_gguf_type_facts types[] = {
#define GGUF_TYPE(id, value, name, elements, bytes) {ALB_GGUF_##id, name, elements, bytes},
#include "converter/gguf_types.def"
#undef GGUF_TYPE
};

const alb_gguf_type_facts *alb_gguf_type_info(uint32_t type) {
  for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
    if ((uint32_t)types[i].type == type) return &types[i];
  }
  return NULL;
}

/* Bytes of a scalar; 0: a string or an array. */
static size_t scalar_bytes(uint32_t type) {
  static const uint8_t bytes[ALB_GGUF_VALUE_TYPES] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};
  return bytes[type];
}

/* ---- taking things off the front ---- */

static alb_status take(indexer *x, size_t n, const char *what, alb_span *out) {
  if (alb_span_take(&x->rest, n, out)) return ALB_OK;
  return alb_fail(x->diag, ALB_TRUNCATED, "the file ends within %s (at byte %zu)", what, x->all.n - x->rest.n);
}

static alb_status take_u32(indexer *x, const char *what, uint32_t *out) {
  alb_span bytes = {NULL, 0};
  ALB_TRY(take(x, 4, what, &bytes));
  *out = alb_load_u32(bytes.p);
  return ALB_OK;
}

static alb_status take_u64(indexer *x, const char *what, uint64_t *out) {
  alb_span bytes = {NULL, 0};
  ALB_TRY(take(x, 8, what, &bytes));
  *out = alb_load_u64(bytes.p);
  return ALB_OK;
}

static alb_status take_string(indexer *x, const char *what, alb_span *out) {
  uint64_t n = 0;
  ALB_TRY(take_u64(x, what, &n));
  if (n <= x->rest.n) return take(x, (size_t)n, what, out);
  return alb_fail(x->diag, ALB_TRUNCATED, "%s says that it has %llu bytes, %zu are left", what, (unsigned long long)n,
                  x->rest.n);
}

/* A key or a tensor's name: UTF-8, at most MAX_NAME bytes, not empty. */
static alb_status take_name(indexer *x, const char *what, alb_str *out) {
  alb_span bytes = {NULL, 0};
  ALB_TRY(take_string(x, what, &bytes));
  *out = (alb_str){(const char *)bytes.p, bytes.n};
  if (!bytes.n || bytes.n > MAX_NAME) return alb_fail(x->diag, ALB_LIMIT, "%s of %zu bytes", what, bytes.n);
  if (memchr(bytes.p, 0, bytes.n) || !alb_utf8_valid(*out)) {
    return alb_fail(x->diag, ALB_MALFORMED, "%s is not UTF-8 text", what);
  }
  return ALB_OK;
}

/* ---- metadata ---- */

static alb_status skip_strings(indexer *x, uint64_t count) {
  alb_span text;
  for (uint64_t i = 0; i < count; i++) ALB_TRY(take_string(x, "a string of a list", &text));
  return ALB_OK;
}

/* Lists of lists are in the specification, but no file for us has one. */
static alb_status take_array(indexer *x, alb_str key, alb_gguf_value *value) {
  ALB_TRY(take_u32(x, "a list", &value->element_type));
  ALB_TRY(take_u64(x, "a list", &value->count));
  if (value->element_type >= ALB_GGUF_VALUE_TYPES || value->element_type == ALB_GGUF_ARRAY) {
    return alb_fail(x->diag, ALB_MALFORMED, "\"%.*s\": a list of values of type %u", ALB_STR_ARGS(key),
                    value->element_type);
  }
  const size_t each = scalar_bytes(value->element_type), least = each ? each : 8;
  if (value->count > x->rest.n / least) {
    return alb_fail(x->diag, ALB_TRUNCATED, "\"%.*s\" says that it has %llu elements, %zu bytes are left",
                    ALB_STR_ARGS(key), (unsigned long long)value->count, x->rest.n);
  }
  if (each) return take(x, (size_t)value->count * each, "a list", &value->bytes);
  value->bytes = x->rest;
  ALB_TRY(skip_strings(x, value->count));
  value->bytes.n -= x->rest.n;
  return ALB_OK;
}

static alb_status take_value(indexer *x) {
  alb_gguf_value value = {0};
  alb_str key = {NULL, 0};
  size_t place;
  bool inserted;
  ALB_TRY(take_name(x, "a key of the metadata", &key));
  ALB_TRY(take_u32(x, "a metadata value", &value.type));
  if (value.type >= ALB_GGUF_VALUE_TYPES) {
    return alb_fail(x->diag, ALB_MALFORMED, "\"%.*s\": a value of type %u, known are 0 to 12", ALB_STR_ARGS(key),
                    value.type);
  }
  if (value.type == ALB_GGUF_ARRAY) {
    ALB_TRY(take_array(x, key, &value));
  } else if (value.type == ALB_GGUF_STRING) {
    ALB_TRY(take_string(x, "a text of the metadata", &value.bytes));
  } else {
    ALB_TRY(take(x, scalar_bytes(value.type), "a metadata value", &value.bytes));
  }
  if (!alb_strmap_add(&x->out->keys, key, &place, &inserted) || !alb_vec_push(&x->out->values, value)) {
    return alb_fail_memory(x->diag, sizeof value, "metadata");
  }
  if (inserted) return ALB_OK;
  return alb_fail(x->diag, ALB_DUPLICATE, "the key \"%.*s\" occurs twice", ALB_STR_ARGS(key));
}

/* ---- tensors ---- */

static alb_status check_type(indexer *x, alb_str name, uint32_t type, uint64_t row) {
  const alb_gguf_type_facts *facts = alb_gguf_type_info(type);
  if (!facts) {
    return alb_fail(x->diag, ALB_UNSUPPORTED, "tensor \"%.*s\": element type %u is not known", ALB_STR_ARGS(name),
                    type);
  }
  if (!facts->elements) {
    return alb_fail(x->diag, ALB_UNSUPPORTED, "tensor \"%.*s\": element type %s is not supported", ALB_STR_ARGS(name),
                    facts->name);
  }
  if (row % facts->elements == 0) return ALB_OK;
  return alb_fail(x->diag, ALB_SHAPE, "tensor \"%.*s\": rows of %llu elements are not blocks of %u", ALB_STR_ARGS(name),
                  (unsigned long long)row, facts->elements);
}

/* The tensor's bytes: whole blocks, counted without overflow. */
static alb_status count_bytes(indexer *x, const alb_gguf_tensor *t, size_t *bytes) {
  const alb_gguf_type_facts *facts = alb_gguf_type_info(t->type);
  size_t n = 1;
  for (size_t i = 0; i < t->rank; i++) {
    if (t->dims[i] && t->dims[i] <= SIZE_MAX && alb_mul_ok(n, (size_t)t->dims[i], &n)) continue;
    return alb_fail(x->diag, t->dims[i] ? ALB_OVERFLOW : ALB_SHAPE, "tensor \"%.*s\": its sizes are 0 or too large",
                    ALB_STR_ARGS(t->name));
  }
  if (alb_mul_ok(n / facts->elements, facts->bytes, bytes)) return ALB_OK;
  return alb_fail(x->diag, ALB_OVERFLOW, "tensor \"%.*s\" is too large", ALB_STR_ARGS(t->name));
}

/* bytes.p counts from the beginning of the file, as if the data were there, until their place is known. */
static alb_status take_tensor(indexer *x, alb_strmap *names) {
  alb_gguf_tensor t = {0};
  uint32_t rank = 0;
  uint64_t offset = 0, size = 0;
  size_t place;
  bool inserted;
  ALB_TRY(take_name(x, "a tensor's name", &t.name));
  ALB_TRY(take_u32(x, "a tensor", &rank));
  if (rank < 1 || rank > ALB_GGUF_MAX_RANK) {
    return alb_fail(x->diag, ALB_SHAPE, "tensor \"%.*s\": %u dimensions, allowed are 1 to %d", ALB_STR_ARGS(t.name),
                    rank, ALB_GGUF_MAX_RANK);
  }
  t.rank = rank;
  for (size_t i = rank; i-- > 0;) {
    ALB_TRY(take_u64(x, "a tensor", &size));
    t.dims[i] = size;
  }
  ALB_TRY(take_u32(x, "a tensor", &t.type));
  ALB_TRY(take_u64(x, "a tensor", &offset));
  ALB_TRY(check_type(x, t.name, t.type, t.dims[rank - 1]));
  ALB_TRY(count_bytes(x, &t, &t.bytes.n));
  if (offset > x->all.n) {
    return alb_fail(x->diag, ALB_TRUNCATED, "tensor \"%.*s\" begins at byte %llu of the data, the file has %zu",
                    ALB_STR_ARGS(t.name), (unsigned long long)offset, x->all.n);
  }
  t.bytes.p = x->all.p + offset;
  if (!alb_strmap_add(names, t.name, &place, &inserted) || !alb_vec_push(&x->out->tensors, t)) {
    return alb_fail_memory(x->diag, sizeof t, "tensors");
  }
  if (inserted) return ALB_OK;
  return alb_fail(x->diag, ALB_DUPLICATE, "tensor \"%.*s\" occurs twice", ALB_STR_ARGS(t.name));
}

/* Puts a tensor's bytes where the data are: aligned, and within the file. */
static alb_status place_tensor(indexer *x, alb_gguf_tensor *t, size_t data, size_t alignment) {
  const size_t offset = (size_t)(t->bytes.p - x->all.p), room = x->all.n - data;
  if (offset % alignment) {
    return alb_fail(x->diag, ALB_MALFORMED, "tensor \"%.*s\" begins at byte %zu of the data, no multiple of %zu",
                    ALB_STR_ARGS(t->name), offset, alignment);
  }
  if (offset > room || t->bytes.n > room - offset) {
    return alb_fail(x->diag, ALB_TRUNCATED, "tensor \"%.*s\" needs bytes %zu to %zu of the data, the file has %zu",
                    ALB_STR_ARGS(t->name), offset, offset + t->bytes.n, room);
  }
  t->bytes.p = x->all.p + data + offset;
  return ALB_OK;
}

static int by_place(const void *a, const void *b) {
  const alb_gguf_tensor *const *x = a, *const *y = b;
  return ((*x)->bytes.p > (*y)->bytes.p) - ((*x)->bytes.p < (*y)->bytes.p);
}

static alb_status check_overlaps(indexer *x) {
  const size_t count = x->out->tensors.count;
  const alb_gguf_tensor **sorted = calloc(count ? count : 1, sizeof(const alb_gguf_tensor *));
  if (!sorted) return alb_fail_memory(x->diag, count * sizeof *sorted, "tensors");
  for (size_t i = 0; i < count; i++) sorted[i] = &x->out->tensors.items[i];
  qsort(sorted, count, sizeof *sorted, by_place);
  alb_status status = ALB_OK;
  for (size_t i = 1; status == ALB_OK && i < count; i++) {
    if (sorted[i - 1]->bytes.p + sorted[i - 1]->bytes.n <= sorted[i]->bytes.p) continue;
    status = alb_fail(x->diag, ALB_MALFORMED, "tensors \"%.*s\" and \"%.*s\" overlap",
                      ALB_STR_ARGS(sorted[i - 1]->name), ALB_STR_ARGS(sorted[i]->name));
  }
  free(sorted);
  return status;
}

/* ---- the whole file ---- */

static alb_status take_counts(indexer *x, uint64_t *tensors, uint64_t *values) {
  alb_span magic;
  uint32_t version = 0;
  ALB_TRY(take(x, 4, "the beginning", &magic));
  ALB_TRY(take_u32(x, "the version", &version));
  if (version != 2 && version != 3) {
    const bool swapped = version && (version & 0xffff) == 0;
    return alb_fail(x->diag, ALB_UNSUPPORTED, swapped ? "a big-endian GGUF file" : "GGUF version %u (read are 2 and 3)",
                    version);
  }
  ALB_TRY(take_u64(x, "the counts", tensors));
  ALB_TRY(take_u64(x, "the counts", values));
  if (*values <= x->rest.n / LEAST_VALUE && *tensors <= x->rest.n / LEAST_TENSOR) return ALB_OK;
  return alb_fail(x->diag, ALB_TRUNCATED, "%llu tensors and %llu metadata values in %zu bytes",
                  (unsigned long long)*tensors, (unsigned long long)*values, x->all.n);
}

static alb_status find_alignment(indexer *x, size_t *alignment) {
  uint32_t stated = ALB_GGUF_ALIGNMENT;
  bool found;
  ALB_TRY(alb_gguf_uint(x->diag, x->out, "general.alignment", &found, &stated));
  *alignment = stated;
  if (stated && (stated & (stated - 1)) == 0 && stated <= MAX_ALIGNMENT) return ALB_OK;
  return alb_fail(x->diag, ALB_MALFORMED, "\"general.alignment\" is %u, allowed: powers of two up to %d", stated,
                  MAX_ALIGNMENT);
}

static alb_status place_all(indexer *x) {
  size_t alignment = ALB_GGUF_ALIGNMENT, data = 0;
  ALB_TRY(find_alignment(x, &alignment));
  if (!alb_align_ok(x->all.n - x->rest.n, alignment, &data))
    return alb_fail(x->diag, ALB_OVERFLOW, "the header is too large");
  if (data > x->all.n) data = x->all.n; /* no tensors, or all of them are outside */
  for (size_t i = 0; i < x->out->tensors.count; i++) {
    ALB_TRY(place_tensor(x, &x->out->tensors.items[i], data, alignment));
  }
  return check_overlaps(x);
}

static alb_status index_all(indexer *x, alb_strmap *names) {
  uint64_t tensors = 0, values = 0;
  ALB_TRY(take_counts(x, &tensors, &values));
  for (uint64_t i = 0; i < values; i++) ALB_TRY(take_value(x));
  for (uint64_t i = 0; i < tensors; i++) ALB_TRY(take_tensor(x, names));
  return place_all(x);
}

alb_status alb_gguf_index(alb_diag *diag, alb_span file, alb_gguf *out) {
  alb_strmap names = {0};
  indexer x = {diag, file, file, out};
  const alb_status status = index_all(&x, &names);
  alb_strmap_free(&names);
  return status;
}

void alb_gguf_free(alb_gguf *gguf) {
  alb_strmap_free(&gguf->keys);
  alb_vec_free(&gguf->values);
  alb_vec_free(&gguf->tensors);
}

/* ---- looking at it ---- */

const alb_gguf_value *alb_gguf_find(const alb_gguf *gguf, const char *key) {
  const size_t place = alb_strmap_find(&gguf->keys, alb_str_of(key));
  return place == ALB_STRMAP_NONE ? NULL : &gguf->values.items[place];
}

/* An integer of any width, sign included; false: another type. */
static bool load_int(const alb_gguf_value *value, int64_t *out) {
  const uint8_t *p = value->bytes.p;
  switch (value->type) {
    case ALB_GGUF_UINT8:
      return *out = p[0], true;
    case ALB_GGUF_INT8:
      return *out = (int8_t)p[0], true;
    case ALB_GGUF_UINT16:
      return *out = alb_load_u16(p), true;
    case ALB_GGUF_INT16:
      return *out = (int16_t)alb_load_u16(p), true;
    case ALB_GGUF_UINT32:
      return *out = alb_load_u32(p), true;
    case ALB_GGUF_INT32:
      return *out = (int32_t)alb_load_u32(p), true;
    case ALB_GGUF_UINT64:
    case ALB_GGUF_INT64:
      return *out = (int64_t)alb_load_u64(p), true; /* above 2^63: negative, refused by the caller */
    default:
      return false;
  }
}

alb_status alb_gguf_uint(alb_diag *diag, const alb_gguf *gguf, const char *key, bool *found, uint32_t *out) {
  const alb_gguf_value *value = alb_gguf_find(gguf, key);
  int64_t number = 0;
  *found = value != NULL;
  if (!value) return ALB_OK;
  if (!load_int(value, &number) || number < 0 || number > UINT32_MAX) {
    return alb_fail(diag, ALB_MALFORMED, "\"%s\" is not a whole number from 0 to 4294967295", key);
  }
  *out = (uint32_t)number;
  return ALB_OK;
}

alb_str alb_gguf_next_string(alb_span *bytes) {
  alb_span text = {NULL, 0}, length = {NULL, 0};
  if (!alb_span_take(bytes, 8, &length) || !alb_span_take(bytes, (size_t)alb_load_u64(length.p), &text))
    return (alb_str){"", 0};
  return (alb_str){(const char *)text.p, text.n};
}
