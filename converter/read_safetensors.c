/* safetensors: u64 header size, JSON header, tensor data. The header is parsed as a stream, strictly:
 * https://github.com/huggingface/safetensors (README, "Format"). Where the document and its
 * implementation differ, the document holds: duplicate names are refused. */
#include <stdlib.h>

#include "base/utf8.h"
#include "converter/json_scan.h"
#include "converter/reader.h"

#define MAX_HEADER 100000000u /* as the reference implementation */
enum { MAX_NAME = 4096, HEAD = 8 };

/* Sure of a header size within the limit and what could be the beginning of JSON (also of JSON that is
 * then refused by name); a '{' behind another size may be a safetensors file with a wrong size. */
alb_probe alb_probe_safetensors(alb_span head) {
  if (head.n <= HEAD || !memchr("{[ \t\r\n\xef", head.p[HEAD], 7)) return ALB_PROBE_NO;
  const uint64_t n = alb_load_u64(head.p);
  if (n > 0 && n <= MAX_HEADER) return ALB_PROBE_YES;
  return head.p[HEAD] == '{' ? ALB_PROBE_MAYBE : ALB_PROBE_NO;
}

/* Element types that the format has and we do not read; any other name is an error of the file. */
static const char *const other_dtypes[] = {"F8_E4M3", "F8_E5M2", "F8_E8M0", "F6_E2M3", "F6_E3M2", "F4",
                                           "U16",     "U32",     "U64",     "C64",     NULL};

/* One entry of the header; many millions of bytes of header make as many bytes of these, not more. */
typedef struct entry {
  alb_str name;
  uint64_t begin, end;
  uint32_t first_dim; /* in reading.dims */
  uint8_t rank, dtype;
} entry;

enum { FIELD_DTYPE = 1, FIELD_SHAPE = 2, FIELD_OFFSETS = 4, FIELDS_ALL = 7 };

static const struct {
  const char *key;
  unsigned field;
} fields[] = {{"dtype", FIELD_DTYPE}, {"shape", FIELD_SHAPE}, {"data_offsets", FIELD_OFFSETS}};

typedef struct reading {
  alb_json_scan scan;
  alb_source *source;
  alb_span data; /* what follows the header */
  ALB_VEC(entry) entries;
  ALB_VEC(uint64_t) dims; /* of all entries */
} reading;

static alb_status wrong(reading *r, const entry *e, alb_status status, const char *what) {
  return alb_fail(r->scan.diag, status, "safetensors: tensor \"%.*s\": %s", ALB_STR_ARGS(e->name), what);
}

static alb_status read_shape(reading *r, entry *e) {
  uint64_t dim;
  e->first_dim = (uint32_t)r->dims.count; /* below 2^32: a dimension takes a byte of the header at least */
  ALB_TRY(alb_scan_expect(&r->scan, '['));
  if (alb_scan_take(&r->scan, ']')) return ALB_OK;
  do {
    ALB_TRY(alb_scan_uint(&r->scan, &dim));
    if (e->rank == ALB_MAX_RANK) return wrong(r, e, ALB_LIMIT, "rank is above the limit of 8");
    if (!alb_vec_push(&r->dims, dim)) return alb_fail_memory(r->scan.diag, sizeof dim, "a shape");
    e->rank++;
  } while (alb_scan_take(&r->scan, ','));
  return alb_scan_expect(&r->scan, ']');
}

static alb_status read_offsets(reading *r, entry *e) {
  ALB_TRY(alb_scan_expect(&r->scan, '['));
  ALB_TRY(alb_scan_uint(&r->scan, &e->begin));
  ALB_TRY(alb_scan_expect(&r->scan, ','));
  ALB_TRY(alb_scan_uint(&r->scan, &e->end));
  return alb_scan_expect(&r->scan, ']');
}

static alb_status read_dtype(reading *r, entry *e) {
  alb_str name;
  bool known = false;
  ALB_TRY(alb_scan_string(&r->scan, &r->source->arena, &name));
  e->dtype = (uint8_t)alb_dtype_by_safetensors(name);
  if (e->dtype != ALB_DTYPE_NONE) return ALB_OK;
  for (size_t i = 0; other_dtypes[i]; i++) known = known || alb_str_is(name, other_dtypes[i]);
  return alb_fail(r->scan.diag, known ? ALB_UNSUPPORTED : ALB_MALFORMED,
                  "safetensors: tensor \"%.*s\": dtype \"%.*s\" is not %s", ALB_STR_ARGS(e->name), ALB_STR_ARGS(name),
                  known ? "supported" : "one of the format");
}

/* Fields that the format does not have are passed over, as the reference does. */
static alb_status read_field(reading *r, entry *e, unsigned *seen) {
  alb_str key;
  unsigned field = 0;
  ALB_TRY(alb_scan_string(&r->scan, &r->source->arena, &key));
  ALB_TRY(alb_scan_expect(&r->scan, ':'));
  for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
    if (alb_str_is(key, fields[i].key)) field = fields[i].field;
  }
  if (*seen & field) return wrong(r, e, ALB_DUPLICATE, "a field stands twice");
  *seen |= field;
  if (field == FIELD_DTYPE) return read_dtype(r, e);
  if (field == FIELD_SHAPE) return read_shape(r, e);
  return field == FIELD_OFFSETS ? read_offsets(r, e) : alb_scan_skip(&r->scan);
}

static alb_status read_entry(reading *r, alb_str name) {
  entry e = {.name = name};
  unsigned seen = 0;
  if (name.n == 0 || name.n > MAX_NAME || memchr(name.p, 0, name.n)) {
    return wrong(r, &e, ALB_MALFORMED, "a name must have 1 to 4096 bytes and no NUL");
  }
  ALB_TRY(alb_scan_expect(&r->scan, '{'));
  if (!alb_scan_take(&r->scan, '}')) {
    do {
      ALB_TRY(read_field(r, &e, &seen));
    } while (alb_scan_take(&r->scan, ','));
    ALB_TRY(alb_scan_expect(&r->scan, '}'));
  }
  if (seen != FIELDS_ALL) return wrong(r, &e, ALB_MALFORMED, "needs dtype, shape and data_offsets");
  if (!alb_vec_push(&r->entries, e)) return alb_fail_memory(r->scan.diag, sizeof e, "a tensor");
  return ALB_OK;
}

/* "__metadata__": an object of strings, or null. */
static alb_status read_metadata(reading *r) {
  if (alb_scan_peek(&r->scan) == 'n') return alb_scan_skip(&r->scan);
  ALB_TRY(alb_scan_expect(&r->scan, '{'));
  if (alb_scan_take(&r->scan, '}')) return ALB_OK;
  do {
    ALB_TRY(alb_scan_skip_string(&r->scan));
    ALB_TRY(alb_scan_expect(&r->scan, ':'));
    if (alb_scan_peek(&r->scan) != '"') {
      return alb_fail(r->scan.diag, ALB_MALFORMED, "safetensors: __metadata__ holds something else than strings");
    }
    ALB_TRY(alb_scan_skip_string(&r->scan));
  } while (alb_scan_take(&r->scan, ','));
  return alb_scan_expect(&r->scan, '}');
}

static alb_status read_header(reading *r) {
  bool metadata = false;
  ALB_TRY(alb_scan_expect(&r->scan, '{'));
  if (!alb_scan_take(&r->scan, '}')) {
    do {
      alb_str name;
      ALB_TRY(alb_scan_string(&r->scan, &r->source->arena, &name));
      ALB_TRY(alb_scan_expect(&r->scan, ':'));
      const bool is_metadata = alb_str_is(name, "__metadata__");
      if (is_metadata && metadata)
        return alb_fail(r->scan.diag, ALB_DUPLICATE, "safetensors: __metadata__ stands twice");
      metadata = metadata || is_metadata;
      ALB_TRY(is_metadata ? read_metadata(r) : read_entry(r, name));
    } while (alb_scan_take(&r->scan, ','));
    ALB_TRY(alb_scan_expect(&r->scan, '}'));
  }
  return alb_scan_end(&r->scan);
}

static int by_place(const void *a, const void *b) {
  const entry *x = a, *y = b;
  if (x->begin != y->begin) return x->begin < y->begin ? -1 : 1;
  if (x->end != y->end) return x->end < y->end ? -1 : 1;
  return 0;
}

/* The tensors must tile the data: no hole, no overlap, nothing left over. Sorts the entries. */
static alb_status check_tiling(reading *r) {
  uint64_t at = 0;
  if (r->entries.count) qsort(r->entries.items, r->entries.count, sizeof *r->entries.items, by_place);
  for (size_t i = 0; i < r->entries.count; i++) {
    const entry *e = &r->entries.items[i];
    if (e->end < e->begin) return wrong(r, e, ALB_MALFORMED, "data ends before it begins");
    if (e->end > r->data.n) return wrong(r, e, ALB_TRUNCATED, "data lies beyond the end of the file");
    if (e->begin < at) return wrong(r, e, ALB_MALFORMED, "data overlaps another tensor's");
    if (e->begin > at) return wrong(r, e, ALB_MALFORMED, "there is a hole before its data");
    at = e->end;
  }
  if (at == r->data.n) return ALB_OK;
  return alb_fail(r->scan.diag, ALB_MALFORMED, "safetensors: %llu bytes follow the last tensor",
                  (unsigned long long)(r->data.n - at));
}

static alb_status add_tensor(reading *r, const entry *e) {
  uint32_t id;
  const alb_span bytes = {r->data.p + e->begin, (size_t)(e->end - e->begin)};
  const uint64_t *dims = e->rank ? r->dims.items + e->first_dim : NULL;
  const alb_status status =
      alb_tensors_add(r->scan.diag, &r->source->tensors, e->name, (alb_dtype)e->dtype, e->rank, dims, bytes, &id);
  if (status == ALB_DUPLICATE) { /* the message names the tensor */
    alb_diag_prefix(r->scan.diag, "safetensors");
  } else if (status != ALB_OK) {
    alb_diag_prefix(r->scan.diag, "safetensors: tensor \"%.*s\"", ALB_STR_ARGS(e->name));
  }
  return status;
}

static alb_status read_tensors(reading *r) {
  ALB_TRY(read_header(r));
  ALB_TRY(check_tiling(r));
  for (size_t i = 0; i < r->entries.count; i++) ALB_TRY(add_tensor(r, &r->entries.items[i]));
  return ALB_OK;
}

static alb_status take_header(alb_diag *diag, alb_span *rest, alb_span *header) {
  const size_t file_size = rest->n;
  alb_span size;
  if (!alb_span_take(rest, HEAD, &size)) return alb_fail(diag, ALB_TRUNCATED, "safetensors: needs at least 8 bytes");
  const uint64_t n = alb_load_u64(size.p);
  if (n == 0 || n > MAX_HEADER) {
    return alb_fail(diag, ALB_LIMIT, "safetensors: header size is %llu, allowed are 1 to %u", (unsigned long long)n,
                    MAX_HEADER);
  }
  if (!alb_span_take(rest, (size_t)n, header)) {
    return alb_fail(diag, ALB_TRUNCATED, "safetensors: header of %llu bytes in a file of %zu", (unsigned long long)n,
                    file_size);
  }
  const size_t bad = alb_utf8_first_invalid(*header);
  if (bad == header->n) return ALB_OK;
  return alb_fail(diag, ALB_MALFORMED, "safetensors: header is not UTF-8 (offset %zu)", HEAD + bad);
}

alb_status alb_read_safetensors(alb_diag *diag, alb_source *source, const alb_file *file) {
  alb_span rest = file->bytes, header;
  ALB_TRY(take_header(diag, &rest, &header));
  reading r = {.scan = alb_scan_start(diag, header, "safetensors header", HEAD), .source = source, .data = rest};
  const alb_status status = read_tensors(&r);
  alb_vec_free(&r.entries);
  alb_vec_free(&r.dims);
  return status;
}
