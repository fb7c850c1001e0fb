/* The index of a zip archive: end record, central directory, local headers, and that they agree. */
#include "converter/zip.h"

#include <stdlib.h>

#include "base/utf8.h"

enum {
  END_BYTES = 22,
  END64_BYTES = 56,
  LOCATOR_BYTES = 20,
  CENTRAL_BYTES = 46,
  LOCAL_BYTES = 30,
  MAX_COMMENT = 65535,
  MAX_ENTRIES = 1 << 20,
  EXTRA_ZIP64 = 1,
  FLAG_ENCRYPTED = 1,
  FLAG_DESCRIPTOR = 8,
  FLAGS_KNOWN = 0x080e, /* deflate's options, data descriptor, UTF-8 */
  INFLATE_RATIO = 1032, /* deflate's best: 258 bytes for two bits */
  INFLATE_EXTRA = 64
};
#define SIGNATURE(a, b) (0x4b50u | (uint32_t)(a) << 16 | (uint32_t)(b) << 24)
#define WIDE16 UINT16_MAX /* "see ZIP64" */
#define WIDE32 UINT32_MAX

/* What the end records say. */
typedef struct directory {
  uint64_t entries, size, offset;
} directory;

static alb_status wrong(alb_diag *diag, const alb_zip_entry *e, alb_status status, const char *what) {
  return alb_fail(diag, status, "zip: entry \"%.*s\": %s", ALB_STR_ARGS(e->name), what);
}

/* ---- end records ---- */

/* The end record that ends where the file ends: the last one, so that none may hide in a comment behind it. */
static alb_status find_end(alb_diag *diag, alb_span file, size_t *end) {
  const size_t n = file.n, lowest = n > END_BYTES + MAX_COMMENT ? n - END_BYTES - MAX_COMMENT : 0;
  size_t behind = 0;
  for (size_t at = n < END_BYTES ? 0 : n - END_BYTES + 1; at-- > lowest;) {
    if (alb_load_u32(file.p + at) != SIGNATURE(5, 6)) continue;
    const size_t last = at + END_BYTES + alb_load_u16(file.p + at + 20);
    *end = at;
    if (last == n) return ALB_OK;
    if (last < n && !behind) behind = n - last;
  }
  if (behind) return alb_fail(diag, ALB_MALFORMED, "zip: %zu bytes follow the archive", behind);
  return alb_fail(diag, ALB_TRUNCATED, "zip: no end record: the archive is cut");
}

static alb_status bad_zip64(alb_diag *diag, const char *what) {
  return alb_fail(diag, ALB_MALFORMED, "zip: ZIP64 end record: %s", what);
}

/* The record that the locator before the end record points to; it must lie directly before the locator. */
static alb_status read_end64(alb_diag *diag, alb_span file, size_t locator, directory *d, size_t *begin) {
  const uint8_t *l = file.p + locator;
  const uint64_t offset = alb_load_u64(l + 8);
  if (alb_load_u32(l + 4) != 0 || alb_load_u32(l + 16) != 1) {
    return alb_fail(diag, ALB_UNSUPPORTED, "zip: archives in several files are not supported");
  }
  if (locator < END64_BYTES || offset > locator - END64_BYTES) return bad_zip64(diag, "its place is outside the file");
  const uint8_t *r = file.p + offset;
  if (alb_load_u32(r) != SIGNATURE(6, 6)) return bad_zip64(diag, "is not where its locator says");
  if (alb_load_u64(r + 4) != locator - offset - 12) return bad_zip64(diag, "does not end at its locator");
  if (alb_load_u32(r + 16) || alb_load_u32(r + 20) || alb_load_u64(r + 24) != alb_load_u64(r + 32)) {
    return alb_fail(diag, ALB_UNSUPPORTED, "zip: archives in several files are not supported");
  }
  *d = (directory){alb_load_u64(r + 32), alb_load_u64(r + 40), alb_load_u64(r + 48)};
  *begin = (size_t)offset;
  return ALB_OK;
}

/* Narrow fields of the end record hold the same number as ZIP64's, or "see there". */
static bool agrees(uint64_t narrow, uint64_t see_there, uint64_t wide) {
  return narrow == see_there || narrow == wide;
}

static alb_status read_end(alb_diag *diag, alb_span file, directory *d) {
  size_t end = 0, begin;
  ALB_TRY(find_end(diag, file, &end));
  const uint8_t *p = file.p + end;
  const directory narrow = {alb_load_u16(p + 10), alb_load_u32(p + 12), alb_load_u32(p + 16)};
  const bool wide = narrow.entries == WIDE16 || narrow.size == WIDE32 || narrow.offset == WIDE32;
  begin = end;
  *d = narrow;
  if (alb_load_u16(p + 4) || alb_load_u16(p + 6) || alb_load_u16(p + 8) != narrow.entries) {
    return alb_fail(diag, ALB_UNSUPPORTED, "zip: archives in several files are not supported");
  }
  if (end >= LOCATOR_BYTES && alb_load_u32(p - LOCATOR_BYTES) == SIGNATURE(6, 7)) {
    ALB_TRY(read_end64(diag, file, end - LOCATOR_BYTES, d, &begin));
    if (!agrees(narrow.entries, WIDE16, d->entries) || !agrees(narrow.size, WIDE32, d->size) ||
        !agrees(narrow.offset, WIDE32, d->offset)) {
      return bad_zip64(diag, "differs from the end record");
    }
  } else if (wide) {
    return bad_zip64(diag, "is missing");
  }
  if (d->size > begin || d->offset > begin || d->offset + d->size > begin) {
    return alb_fail(diag, ALB_MALFORMED, "zip: the central directory lies beyond its end record");
  }
  if (d->offset + d->size == begin) return ALB_OK;
  return alb_fail(diag, ALB_MALFORMED, "zip: the central directory is not where the end record says: %llu bytes off",
                  (unsigned long long)(begin - d->offset - d->size));
}

/* ---- central directory ---- */

/* A plain name below the archive's root; a folder's ends with '/'. */
static bool is_plain(alb_str name) {
  if (name.n == 0 || name.p[0] == '/' || memchr(name.p, 0, name.n) || memchr(name.p, '\\', name.n)) return false;
  if (!alb_utf8_valid(name)) return false;
  for (size_t i = 0; i < name.n;) {
    const char *slash = memchr(name.p + i, '/', name.n - i);
    const alb_str part = {name.p + i, slash ? (size_t)(slash - name.p) - i : name.n - i};
    if (part.n == 0 || alb_str_is(part, ".") || alb_str_is(part, "..")) return false;
    i += part.n + 1;
  }
  return true;
}

/* Fields that say "see ZIP64" stand in this extra field, only they and in this order. NULL: not wanted. */
static bool widen(alb_span extra, uint64_t *fields[], size_t count) {
  alb_span head, body, value;
  while (alb_span_take(&extra, 4, &head)) {
    if (!alb_span_take(&extra, alb_load_u16(head.p + 2), &body)) return false;
    if (alb_load_u16(head.p) != EXTRA_ZIP64) continue;
    for (size_t i = 0; i < count; i++) {
      if (!fields[i]) continue;
      if (!alb_span_take(&body, 8, &value)) return false;
      *fields[i] = alb_load_u64(value.p);
    }
    return true;
  }
  return false;
}

static alb_status check_method(alb_diag *diag, const alb_zip_entry *e) {
  static const struct {
    uint16_t method;
    const char *name;
  } names[] = {{1, "shrink"}, {6, "implode"}, {9, "deflate64"}, {12, "bzip2"}, {14, "lzma"},
               {93, "zstd"},  {95, "xz"},     {98, "ppmd"},     {99, "AES"}};
  const char *name = "unknown";
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    if (names[i].method == e->method) name = names[i].name;
  }
  if (e->flags & FLAG_ENCRYPTED) return wrong(diag, e, ALB_UNSUPPORTED, "is encrypted");
  if (e->method != ALB_ZIP_STORED && e->method != ALB_ZIP_DEFLATED) {
    return alb_fail(diag, ALB_UNSUPPORTED, "zip: entry \"%.*s\": compression method %u (%s) is not supported",
                    ALB_STR_ARGS(e->name), e->method, name);
  }
  if (e->flags & ~FLAGS_KNOWN) {
    return alb_fail(diag, ALB_UNSUPPORTED, "zip: entry \"%.*s\": flags 0x%04x are not supported", ALB_STR_ARGS(e->name),
                    e->flags);
  }
  return ALB_OK;
}

static alb_status check_sizes(alb_diag *diag, const alb_zip_entry *e) {
  if (e->method == ALB_ZIP_STORED && e->size != e->packed) {
    return wrong(diag, e, ALB_MALFORMED, "is stored, but has two sizes");
  }
  const bool large = e->size > INFLATE_EXTRA && (e->size - INFLATE_EXTRA - 1) / INFLATE_RATIO >= e->packed;
  if (e->method == ALB_ZIP_DEFLATED && large) {
    return wrong(diag, e, ALB_LIMIT, "says a size that its packed bytes cannot give");
  }
  if (e->name.p[e->name.n - 1] == '/' && e->size) return wrong(diag, e, ALB_MALFORMED, "is a folder with content");
  return ALB_OK;
}

/* Adds the entry under its name in lower case. */
static alb_status add_entry(alb_diag *diag, alb_zip *zip, const alb_zip_entry *e) {
  size_t index;
  bool inserted;
  char *lower = alb_arena_strdup(&zip->arena, e->name);
  for (size_t i = 0; lower && i < e->name.n; i++) {
    if (lower[i] >= 'A' && lower[i] <= 'Z') lower[i] = (char)(lower[i] + ('a' - 'A'));
  }
  if (!lower || !alb_strmap_add(&zip->names, (alb_str){lower, e->name.n}, &index, &inserted) ||
      !alb_vec_push(&zip->entries, *e)) {
    return alb_fail_memory(diag, sizeof *e, "an entry");
  }
  return inserted ? ALB_OK : wrong(diag, e, ALB_DUPLICATE, "stands twice");
}

static alb_status read_central(alb_diag *diag, alb_zip *zip, alb_span *rest) {
  alb_span head, name, extra, comment;
  if (!alb_span_take(rest, CENTRAL_BYTES, &head) || alb_load_u32(head.p) != SIGNATURE(1, 2)) {
    return alb_fail(diag, ALB_MALFORMED, "zip: entry %zu of the central directory is not there", zip->entries.count);
  }
  if (!alb_span_take(rest, alb_load_u16(head.p + 28), &name) ||
      !alb_span_take(rest, alb_load_u16(head.p + 30), &extra) ||
      !alb_span_take(rest, alb_load_u16(head.p + 32), &comment)) {
    return alb_fail(diag, ALB_TRUNCATED, "zip: entry %zu of the central directory is cut", zip->entries.count);
  }
  alb_zip_entry e = {.name = {(const char *)name.p, name.n},
                     .flags = alb_load_u16(head.p + 8),
                     .method = alb_load_u16(head.p + 10),
                     .crc = alb_load_u32(head.p + 16),
                     .packed = alb_load_u32(head.p + 20),
                     .size = alb_load_u32(head.p + 24),
                     .header = alb_load_u32(head.p + 42)};
  uint64_t *wide[] = {e.size == WIDE32 ? &e.size : NULL, e.packed == WIDE32 ? &e.packed : NULL,
                      e.header == WIDE32 ? &e.header : NULL};
  if (!is_plain(e.name)) return wrong(diag, &e, ALB_MALFORMED, "is not a plain relative name");
  if ((wide[0] || wide[1] || wide[2]) && !widen(extra, wide, 3)) {
    return wrong(diag, &e, ALB_MALFORMED, "has no ZIP64 field for its sizes");
  }
  if (alb_load_u16(head.p + 34) != 0) return wrong(diag, &e, ALB_UNSUPPORTED, "lies in another file");
  ALB_TRY(check_method(diag, &e));
  ALB_TRY(check_sizes(diag, &e));
  return add_entry(diag, zip, &e);
}

/* ---- local headers ---- */

/* A size of the local header: the entry's; or with a data descriptor also none, or "see ZIP64" without it. */
static bool size_agrees(const alb_zip_entry *e, uint64_t local, uint64_t central) {
  return local == central || ((e->flags & FLAG_DESCRIPTOR) && (local == 0 || local == WIDE32));
}

static alb_status read_local(alb_diag *diag, const alb_zip *zip, uint64_t limit, alb_zip_entry *e) {
  if (e->header > limit || limit - e->header < LOCAL_BYTES) {
    return wrong(diag, e, ALB_MALFORMED, "its header lies outside the archive");
  }
  alb_span rest = {zip->file.p + e->header, (size_t)(limit - e->header)}, head, name, extra;
  (void)alb_span_take(&rest, LOCAL_BYTES, &head);
  if (alb_load_u32(head.p) != SIGNATURE(3, 4)) return wrong(diag, e, ALB_MALFORMED, "has no header at its offset");
  if (!alb_span_take(&rest, alb_load_u16(head.p + 26), &name) ||
      !alb_span_take(&rest, alb_load_u16(head.p + 28), &extra)) {
    return wrong(diag, e, ALB_MALFORMED, "its header lies over the central directory");
  }
  uint64_t packed = alb_load_u32(head.p + 18), size = alb_load_u32(head.p + 22);
  uint64_t *wide[] = {size == WIDE32 ? &size : NULL, packed == WIDE32 ? &packed : NULL};
  if (wide[0] || wide[1]) (void)widen(extra, wide, 2);
  if (!alb_str_equal((alb_str){(const char *)name.p, name.n}, e->name)) {
    return wrong(diag, e, ALB_MALFORMED, "has another name in its header");
  }
  if (alb_load_u16(head.p + 6) != e->flags) return wrong(diag, e, ALB_MALFORMED, "has other flags in its header");
  if (alb_load_u16(head.p + 8) != e->method) return wrong(diag, e, ALB_MALFORMED, "has another method in its header");
  const uint32_t crc = alb_load_u32(head.p + 14);
  if (crc != e->crc && !((e->flags & FLAG_DESCRIPTOR) && crc == 0)) {
    return wrong(diag, e, ALB_MALFORMED, "has another checksum in its header");
  }
  if (!size_agrees(e, size, e->size) || !size_agrees(e, packed, e->packed)) {
    return wrong(diag, e, ALB_MALFORMED, "has other sizes in its header");
  }
  if (e->packed > rest.n) return wrong(diag, e, ALB_MALFORMED, "its data lie over the central directory");
  e->data = (uint64_t)(rest.p - zip->file.p);
  return ALB_OK;
}

/* What stands between an entry's data and the next entry: with its flag a data descriptor, in one of four forms. */
static bool is_descriptor(const alb_zip_entry *e, alb_span gap) {
  const bool sign = gap.n == 16 || gap.n == 24, wide = gap.n == 20 || gap.n == 24;
  if (gap.n != 12 && !sign && !wide) return false;
  if (sign && alb_load_u32(gap.p) != SIGNATURE(7, 8)) return false;
  const uint8_t *p = gap.p + (sign ? 4 : 0);
  const uint64_t packed = wide ? alb_load_u64(p + 4) : alb_load_u32(p + 4);
  const uint64_t size = wide ? alb_load_u64(p + 12) : alb_load_u32(p + 8);
  return alb_load_u32(p) == e->crc && packed == e->packed && size == e->size;
}

static int by_header(const void *a, const void *b) {
  const alb_zip_entry *const *x = a, *const *y = b;
  return (*x)->header < (*y)->header ? -1 : (*x)->header > (*y)->header;
}

/* The entries tile the bytes before the central directory. */
static alb_status check_tiling(alb_diag *diag, const alb_zip *zip, uint64_t limit, const alb_zip_entry **order) {
  const size_t n = zip->entries.count;
  for (size_t i = 0; i < n; i++) order[i] = &zip->entries.items[i];
  qsort(order, n, sizeof *order, by_header);
  if (order[0]->header) {
    return alb_fail(diag, ALB_MALFORMED, "zip: %llu bytes stand before the first entry",
                    (unsigned long long)order[0]->header);
  }
  for (size_t i = 0; i < n; i++) {
    const alb_zip_entry *e = order[i];
    const uint64_t begin = e->data + e->packed, end = i + 1 < n ? order[i + 1]->header : limit;
    if (begin > end) return wrong(diag, e, ALB_MALFORMED, "overlaps the next entry");
    const alb_span gap = {zip->file.p + begin, (size_t)(end - begin)};
    if (e->flags & FLAG_DESCRIPTOR) {
      if (!is_descriptor(e, gap)) return wrong(diag, e, ALB_MALFORMED, "its data descriptor is wrong");
    } else if (gap.n) {
      return alb_fail(diag, ALB_MALFORMED, "zip: entry \"%.*s\": %zu bytes behind it belong to no entry",
                      ALB_STR_ARGS(e->name), gap.n);
    }
  }
  return ALB_OK;
}

/* ---- the whole ---- */

static alb_status open_zip(alb_diag *diag, alb_zip *zip) {
  directory d;
  ALB_TRY(read_end(diag, zip->file, &d));
  if (d.entries == 0) return alb_fail(diag, ALB_MALFORMED, "zip: the archive is empty");
  if (d.entries > d.size / CENTRAL_BYTES) {
    return alb_fail(diag, ALB_TRUNCATED, "zip: %llu entries in a central directory of %llu bytes",
                    (unsigned long long)d.entries, (unsigned long long)d.size);
  }
  if (d.entries > MAX_ENTRIES) return alb_fail(diag, ALB_LIMIT, "zip: more than %d entries", MAX_ENTRIES);
  alb_span rest = {zip->file.p + d.offset, (size_t)d.size};
  for (uint64_t i = 0; i < d.entries; i++) ALB_TRY(read_central(diag, zip, &rest));
  if (rest.n) return alb_fail(diag, ALB_MALFORMED, "zip: %zu bytes follow the last entry of the directory", rest.n);
  for (size_t i = 0; i < zip->entries.count; i++) ALB_TRY(read_local(diag, zip, d.offset, &zip->entries.items[i]));
  const alb_zip_entry **order = malloc(zip->entries.count * sizeof *order);
  if (!order) return alb_fail_memory(diag, zip->entries.count * sizeof *order, "entries");
  const alb_status status = check_tiling(diag, zip, d.offset, order);
  free(order);
  return status;
}

alb_status alb_zip_open(alb_diag *diag, alb_span file, alb_zip *out) {
  *out = (alb_zip){.file = file};
  const alb_status status = open_zip(diag, out);
  if (status != ALB_OK) alb_zip_free(out);
  return status;
}

void alb_zip_free(alb_zip *zip) {
  alb_vec_free(&zip->entries);
  alb_strmap_free(&zip->names);
  alb_arena_free(&zip->arena);
}

const alb_zip_entry *alb_zip_find(const alb_zip *zip, alb_str name) {
  char lower[512];
  if (name.n > sizeof lower) return NULL; /* no name that is asked for is as long */
  for (size_t i = 0; i < name.n; i++) {
    lower[i] = name.p[i] >= 'A' && name.p[i] <= 'Z' ? (char)(name.p[i] + ('a' - 'A')) : name.p[i];
  }
  const size_t index = alb_strmap_find(&zip->names, (alb_str){lower, name.n});
  if (index == ALB_STRMAP_NONE || !alb_str_equal(zip->entries.items[index].name, name)) return NULL;
  return &zip->entries.items[index];
}
