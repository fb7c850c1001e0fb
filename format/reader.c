/* Reading an .alb file: from bytes nobody trusts to a checked, read-only view. */
#include "format/reader.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/checked.h"
#include "base/file.h"
#include "base/utf8.h"
#include "format/compress.h"
#include "format/frame.h"
#include "format/manifest.h"
#include "format/validate.h"

struct alb_reader {
  alb_file mapped; /* the file, if mapped here */
  uint8_t *copy;   /* the file, if read or copied into memory */
  alb_span file;
  alb_frame frame;
  alb_stored_blob *blobs; /* [blob_count] */
  uint8_t **inflated;     /* [blob_count], owned; NULL for raw blobs */
  size_t blob_count;
  alb_span vocab; /* the section: checked, or empty */
  size_t token_count;
  alb_arena arena; /* the manifest */
  const Alb__Manifest *manifest;
};

/* ---- the blob table ---- */

/* Sizes and place of a record; blobs tile the data section in the order of their ids. */
static alb_status check_record(alb_diag *diag, size_t id, const uint8_t *record, uint64_t begin, uint64_t data_end) {
  const uint64_t offset = alb_load_u64(record), stored = alb_load_u64(record + 8), size = alb_load_u64(record + 16);
  const uint32_t encoding = alb_load_u32(record + 24), width = alb_load_u32(record + 28);
  if (offset != begin || offset > data_end || stored > data_end - offset) {
    return alb_fail(diag, ALB_MALFORMED,
                    "blob %zu: offset %" PRIu64 " and %" PRIu64 " stored bytes, expected offset %" PRIu64, id, offset,
                    stored, begin);
  }
  if (width != 1 && width != 2 && width != 4 && width != 8) {
    return alb_fail(diag, ALB_MALFORMED, "blob %zu: element width %" PRIu32, id, width);
  }
  if (size == 0 || size % width) return alb_fail(diag, ALB_MALFORMED, "blob %zu: size %" PRIu64, id, size);
  if (encoding > ALB_ENCODING_PLANES) return alb_fail(diag, ALB_MALFORMED, "blob %zu: encoding %" PRIu32, id, encoding);
  if (encoding == ALB_ENCODING_RAW ? size != stored : size > ALB_MAX_INFLATED(stored)) {
    return alb_fail(diag, ALB_MALFORMED, "blob %zu: %" PRIu64 " bytes from %" PRIu64 " stored ones", id, size, stored);
  }
  return size > SIZE_MAX / 2 ? alb_fail(diag, ALB_LIMIT, "blob %zu is too large", id) : ALB_OK;
}

static alb_status load_records(alb_diag *diag, alb_reader *r, alb_span table, uint64_t data_end) {
  uint64_t end = ALB_PREFIX_BYTES;
  for (size_t i = 0; i < r->blob_count; i++) {
    const uint8_t *record = table.p + ALB_BLOB_RECORD_BYTES * i;
    const uint64_t begin = (end + ALB_ALIGN - 1) & ~(uint64_t)(ALB_ALIGN - 1);
    ALB_TRY(check_record(diag, i, record, begin, data_end));
    if (!alb_frame_zero(r->file, end, begin)) {
      return alb_fail(diag, ALB_MALFORMED, "padding before blob %zu is not zero (from %" PRIu64 ")", i, end);
    }
    r->blobs[i] = (alb_stored_blob){.bytes = {r->file.p + begin, (size_t)alb_load_u64(record + 16)},
                                    .width = alb_load_u32(record + 28),
                                    .encoding = alb_load_u32(record + 24),
                                    .stored = alb_load_u64(record + 8)};
    end = begin + r->blobs[i].stored;
  }
  if (end != data_end) {
    return alb_fail(diag, ALB_MALFORMED, "blobs end at %" PRIu64 ", the data section at %" PRIu64, end, data_end);
  }
  return ALB_OK;
}

static alb_status load_blobs(alb_diag *diag, alb_reader *r) {
  uint64_t data_offset, table_offset;
  const alb_span data = alb_frame_find(&r->frame, r->file, ALB_SECTION_DATA, &data_offset);
  const alb_span table = alb_frame_find(&r->frame, r->file, ALB_SECTION_BLOBS, &table_offset);
  if (table.n % ALB_BLOB_RECORD_BYTES) return alb_fail(diag, ALB_MALFORMED, "blob table: %zu bytes", table.n);
  const size_t count = table.n / ALB_BLOB_RECORD_BYTES;
  if (count > ALB_MAX_BLOBS)
    return alb_fail(diag, ALB_LIMIT, "blob table: %zu blobs, at most %d", count, ALB_MAX_BLOBS);
  r->blobs = calloc(count + 1, sizeof *r->blobs);
  r->inflated = calloc(count + 1, sizeof *r->inflated);
  if (!r->blobs || !r->inflated) return alb_fail_memory(diag, count * sizeof *r->blobs, "the blob table");
  r->blob_count = count;
  return load_records(diag, r, table, data_offset + data.n);
}

static alb_status inflate_blob(alb_diag *diag, alb_reader *r, size_t id) {
  alb_stored_blob *blob = &r->blobs[id];
  const alb_span stored = {blob->bytes.p, (size_t)blob->stored};
  size_t room;
  if (!alb_align_ok(blob->bytes.n, ALB_ALIGN, &room)) return alb_fail(diag, ALB_OVERFLOW, "blob %zu is too large", id);
  r->inflated[id] = aligned_alloc(ALB_ALIGN, room);
  if (!r->inflated[id]) return alb_fail_memory(diag, room, "an uncompressed blob");
  const alb_status status = alb_inflate_planes(diag, stored, blob->width, r->inflated[id], blob->bytes.n);
  if (status != ALB_OK) alb_diag_prefix(diag, "blob %zu", id);
  blob->bytes.p = r->inflated[id];
  return status;
}

static alb_status inflate_blobs(alb_diag *diag, alb_reader *r) {
  for (size_t i = 0; i < r->blob_count; i++) {
    if (r->blobs[i].encoding == ALB_ENCODING_PLANES) ALB_TRY(inflate_blob(diag, r, i));
  }
  return ALB_OK;
}

/* ---- the vocabulary ---- */

static uint32_t token_offset(alb_span vocab, size_t id) {
  return alb_load_u32(vocab.p + 4 + 4 * id);
}

static const char *token_text(alb_span vocab, size_t count) {
  return (const char *)vocab.p + 4 + 4 * (count + 1);
}

/* Offsets start at 0, never fall and end with the section; tokens are UTF-8. */
static alb_status check_tokens(alb_diag *diag, alb_span vocab, size_t count) {
  const size_t text = vocab.n - (4 + 4 * (count + 1));
  if (token_offset(vocab, 0) != 0 || token_offset(vocab, count) != text) {
    return alb_fail(diag, ALB_MALFORMED, "vocabulary: offsets do not span its %zu bytes of text", text);
  }
  for (size_t i = 0; i < count; i++) {
    const uint32_t begin = token_offset(vocab, i), end = token_offset(vocab, i + 1);
    if (end < begin || end > text)
      return alb_fail(diag, ALB_MALFORMED, "vocabulary: offset of token %zu is %" PRIu32, i + 1, end);
    if (!alb_utf8_valid((alb_str){token_text(vocab, count) + begin, end - begin})) {
      return alb_fail(diag, ALB_MALFORMED, "vocabulary: token %zu is not UTF-8", i);
    }
  }
  return ALB_OK;
}

static alb_status load_vocab(alb_diag *diag, alb_reader *r) {
  uint64_t offset;
  const alb_span vocab = alb_frame_find(&r->frame, r->file, ALB_SECTION_VOCAB, &offset);
  if (!vocab.p) return ALB_OK;
  if (vocab.n < 4) return alb_fail(diag, ALB_MALFORMED, "vocabulary: %zu bytes", vocab.n);
  const size_t count = alb_load_u32(vocab.p);
  if (count == 0 || count > ALB_MAX_TOKENS) return alb_fail(diag, ALB_LIMIT, "vocabulary: %zu tokens", count);
  if (vocab.n < 4 + 4 * (count + 1))
    return alb_fail(diag, ALB_MALFORMED, "vocabulary: %zu tokens in %zu bytes", count, vocab.n);
  if (vocab.n - (4 + 4 * (count + 1)) > ALB_MAX_VOCAB_BYTES)
    return alb_fail(diag, ALB_LIMIT, "vocabulary: %zu bytes", vocab.n);
  ALB_TRY(check_tokens(diag, vocab, count));
  r->vocab = vocab;
  r->token_count = count;
  return ALB_OK;
}

/* ---- opening ---- */

/* seen: NULL when the data was not verified; then int8 elements are not looked at. */
static alb_status load_manifest(alb_diag *diag, alb_reader *r, const uint8_t *seen) {
  uint64_t offset;
  const alb_span bytes = alb_frame_find(&r->frame, r->file, ALB_SECTION_MANIFEST, &offset);
  ALB_TRY(alb_manifest_unpack(diag, bytes, r->frame.minor, &r->arena, &r->manifest));
  const alb_validation v = {.manifest = r->manifest,
                            .blobs = r->blobs,
                            .blob_count = r->blob_count,
                            .token_count = r->token_count,
                            .minor = r->frame.minor,
                            .deep = seen != NULL,
                            .file = r->file,
                            .seen = seen};
  return alb_validate_manifest(diag, &v);
}

/* Checksums (of all, or of what stands after the blobs), then what they protect. */
static alb_status load_sections(alb_diag *diag, alb_reader *r, const alb_reader_options *options, uint8_t *seen) {
  const alb_verify_options how = {.release = options->release && r->mapped.bytes.p,
                                  .threads = options->threads,
                                  .seen = options->no_verify ? NULL : seen};
  uint64_t tables;
  (void)alb_frame_find(&r->frame, r->file, ALB_SECTION_BLOBS, &tables);
  ALB_TRY(alb_frame_verify(diag, r->file, &r->frame, options->no_verify ? tables : ALB_PREFIX_BYTES, &how));
  ALB_TRY(load_blobs(diag, r));
  ALB_TRY(load_vocab(diag, r));
  ALB_TRY(inflate_blobs(diag, r));
  return load_manifest(diag, r, how.seen);
}

static alb_status load(alb_diag *diag, alb_reader *r, const alb_reader_options *options) {
  ALB_TRY(alb_frame_parse(diag, r->file, &r->frame));
  uint8_t *seen = calloc((size_t)r->frame.chunk_count + 1, 1);
  if (!seen) return alb_fail_memory(diag, (size_t)r->frame.chunk_count, "the chunks of the file");
  const alb_status status = load_sections(diag, r, options, seen);
  free(seen);
  return status;
}

static alb_status copy_bytes(alb_diag *diag, alb_reader *r, alb_span bytes) {
  size_t room;
  if (!alb_align_ok(bytes.n ? bytes.n : 1, ALB_ALIGN, &room)) return alb_fail(diag, ALB_LIMIT, "file is too large");
  r->copy = aligned_alloc(ALB_ALIGN, room);
  if (!r->copy) return alb_fail_memory(diag, room, "a copy of the file");
  if (bytes.n) memcpy(r->copy, bytes.p, bytes.n);
  r->file = (alb_span){r->copy, bytes.n};
  return ALB_OK;
}

static alb_status open_with(alb_diag *diag, alb_reader *r, const char *path, alb_span bytes, bool copy) {
  if (path && copy) return alb_file_read(diag, path, ALB_ALIGN, &r->copy, &r->file);
  if (path) {
    ALB_TRY(alb_file_map(diag, path, &r->mapped));
    r->file = r->mapped.bytes;
    return ALB_OK;
  }
  if (copy || (uintptr_t)bytes.p % ALB_ALIGN) return copy_bytes(diag, r, bytes);
  r->file = bytes;
  return ALB_OK;
}

static alb_status open_any(alb_diag *diag, const char *path, alb_span bytes, const alb_reader_options *options,
                           alb_reader **out) {
  const alb_reader_options defaults = {0};
  if (!options) options = &defaults;
  alb_reader *reader = calloc(1, sizeof *reader);
  if (!reader) return alb_fail_memory(diag, sizeof *reader, "a reader");
  alb_status status = open_with(diag, reader, path, bytes, options->copy);
  if (status == ALB_OK) status = load(diag, reader, options);
  if (status == ALB_OK) {
    *out = reader;
  } else {
    alb_reader_close(reader);
  }
  return status;
}

alb_status alb_reader_open(alb_diag *diag, const char *path, const alb_reader_options *options, alb_reader **out) {
  return open_any(diag, path, (alb_span){0}, options, out);
}

alb_status alb_reader_open_bytes(alb_diag *diag, alb_span bytes, const alb_reader_options *options, alb_reader **out) {
  return open_any(diag, NULL, bytes, options, out);
}

void alb_reader_close(alb_reader *reader) {
  if (!reader) return;
  for (size_t i = 0; i < reader->blob_count; i++) free(reader->inflated[i]);
  free(reader->inflated);
  free(reader->blobs);
  alb_arena_free(&reader->arena);
  alb_file_unmap(&reader->mapped);
  free(reader->copy);
  free(reader);
}

/* ---- looking ---- */

const Alb__Manifest *alb_reader_manifest(const alb_reader *reader) {
  return reader->manifest;
}

size_t alb_reader_blob_count(const alb_reader *reader) {
  return reader->blob_count;
}

alb_stored_blob alb_reader_blob(const alb_reader *reader, size_t id) {
  return id < reader->blob_count ? reader->blobs[id] : (alb_stored_blob){0};
}

alb_span alb_reader_vocab(const alb_reader *reader) {
  return reader->vocab;
}

size_t alb_reader_token_count(const alb_reader *reader) {
  return reader->token_count;
}

alb_str alb_reader_token(const alb_reader *reader, size_t id) {
  if (id >= reader->token_count) return (alb_str){0};
  const uint32_t begin = token_offset(reader->vocab, id), end = token_offset(reader->vocab, id + 1);
  return (alb_str){token_text(reader->vocab, reader->token_count) + begin, end - begin};
}

uint64_t alb_reader_file_size(const alb_reader *reader) {
  return reader->frame.file_size;
}

alb_hash128 alb_reader_root(const alb_reader *reader) {
  return reader->frame.root;
}
