/* Writing an .alb file: blobs are streamed, tables follow, the whole is read back before it is there. */
#include "format/writer.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base/checked.h"
#include "format/body.h"
#include "format/compress.h"
#include "format/frame.h"
#include "format/reader.h"

/* Smaller blobs gain nothing from compression. Part of the format's determinism: never changed. */
enum { COMPRESS_FROM_BYTES = 256 };

typedef struct blob_record {
  uint64_t offset, stored, size;
  uint32_t encoding, width;
} blob_record;

struct alb_writer {
  alb_output output;
  alb_body body;
  alb_compressor *compressor; /* made when first needed */
  ALB_VEC(blob_record) blobs;
  uint64_t data_end; /* offset after the last blob's bytes */
  bool in_blob;
  uint64_t blob_rest; /* bytes still to come of the blob that is being written */
  uint8_t *manifest, *vocab;
  size_t manifest_size, vocab_size;
};

alb_status alb_writer_open(alb_diag *diag, const char *path, bool replace, alb_writer **out) {
  alb_writer *writer = calloc(1, sizeof *writer);
  if (!writer) return alb_fail_memory(diag, sizeof *writer, "a writer");
  const alb_status status = alb_output_open(diag, path, replace, &writer->output);
  if (status != ALB_OK) {
    free(writer);
    return status;
  }
  writer->data_end = ALB_PREFIX_BYTES;
  writer->body = (alb_body){.output = &writer->output, .buffer = malloc(ALB_BODY_BUFFER)};
  if (!writer->body.buffer) {
    alb_writer_close(writer);
    return alb_fail_memory(diag, ALB_BODY_BUFFER, "a write buffer");
  }
  *out = writer;
  return ALB_OK;
}

void alb_writer_close(alb_writer *writer) {
  if (!writer) return;
  alb_output_abort(&writer->output);
  alb_body_free(&writer->body);
  alb_compressor_free(writer->compressor);
  alb_vec_free(&writer->blobs);
  free(writer->manifest);
  free(writer->vocab);
  free(writer);
}

/* ---- blobs ---- */

static alb_status check_blob(alb_diag *diag, const alb_writer *writer, uint64_t size, uint32_t width) {
  if (writer->in_blob) return alb_fail(diag, ALB_INTERNAL, "blob begun within a blob");
  if (writer->blobs.count >= ALB_MAX_BLOBS) return alb_fail(diag, ALB_LIMIT, "more than %d blobs", ALB_MAX_BLOBS);
  if (width != 1 && width != 2 && width != 4 && width != 8) {
    return alb_fail(diag, ALB_ARGUMENT, "blob's element width is %" PRIu32, width);
  }
  if (size == 0 || size % width || size > ALB_MAX_FILE_BYTES) {
    return alb_fail(diag, ALB_ARGUMENT, "blob of %" PRIu64 " bytes, elements of %" PRIu32, size, width);
  }
  return ALB_OK;
}

alb_status alb_writer_begin_blob(alb_diag *diag, alb_writer *writer, uint64_t size, uint32_t width, bool compress,
                                 uint32_t *id) {
  ALB_TRY(check_blob(diag, writer, size, width));
  ALB_TRY(alb_body_pad(diag, &writer->body));
  const bool planes = compress && size >= COMPRESS_FROM_BYTES;
  const blob_record blob = {.offset = alb_body_offset(&writer->body),
                            .size = size,
                            .encoding = planes ? ALB_ENCODING_PLANES : ALB_ENCODING_RAW,
                            .width = width};
  if (!alb_vec_push(&writer->blobs, blob)) return alb_fail_memory(diag, sizeof blob, "the blob table");
  if (planes && !writer->compressor) ALB_TRY(alb_compressor_new(diag, &writer->body, &writer->compressor));
  if (planes) alb_compressor_start(writer->compressor, width);
  writer->in_blob = true;
  writer->blob_rest = size;
  if (id) *id = (uint32_t)(writer->blobs.count - 1);
  return ALB_OK;
}

alb_status alb_writer_append_blob(alb_diag *diag, alb_writer *writer, alb_span piece) {
  if (!writer->in_blob || piece.n > writer->blob_rest) {
    return alb_fail(diag, ALB_INTERNAL, "blob is longer than its stated size");
  }
  writer->blob_rest -= piece.n;
  const bool planes = writer->blobs.items[writer->blobs.count - 1].encoding == ALB_ENCODING_PLANES;
  return planes ? alb_compressor_append(diag, writer->compressor, piece) : alb_body_append(diag, &writer->body, piece);
}

alb_status alb_writer_end_blob(alb_diag *diag, alb_writer *writer) {
  if (!writer->in_blob || writer->blob_rest) {
    return alb_fail(diag, ALB_INTERNAL, "blob lacks %" PRIu64 " of its stated bytes", writer->blob_rest);
  }
  blob_record *blob = &writer->blobs.items[writer->blobs.count - 1];
  if (blob->encoding == ALB_ENCODING_PLANES) ALB_TRY(alb_compressor_finish(diag, writer->compressor));
  writer->in_blob = false;
  writer->data_end = alb_body_offset(&writer->body);
  blob->stored = writer->data_end - blob->offset;
  return ALB_OK;
}

alb_status alb_writer_add_blob(alb_diag *diag, alb_writer *writer, alb_span bytes, uint32_t width, bool compress,
                               uint32_t *id) {
  ALB_TRY(alb_writer_begin_blob(diag, writer, bytes.n, width, compress, id));
  ALB_TRY(alb_writer_append_blob(diag, writer, bytes));
  return alb_writer_end_blob(diag, writer);
}

/* ---- manifest and vocabulary ---- */

alb_status alb_writer_set_manifest(alb_diag *diag, alb_writer *writer, const Alb__Manifest *manifest) {
  const size_t size = alb__manifest__get_packed_size(manifest);
  if (size > ALB_MAX_MANIFEST_BYTES) return alb_fail(diag, ALB_LIMIT, "manifest of %zu bytes", size);
  free(writer->manifest);
  writer->manifest = malloc(size + 1);
  if (!writer->manifest) return alb_fail_memory(diag, size, "the manifest");
  writer->manifest_size = alb__manifest__pack(manifest, writer->manifest);
  return ALB_OK;
}

uint64_t alb_vocab_section_size(uint64_t count, uint64_t text_bytes) {
  return 4 + 4 * (count + 1) + text_bytes;
}

static alb_status vocab_bytes(alb_diag *diag, const alb_str *tokens, size_t count, size_t *size) {
  size_t total = 0;
  if (count == 0 || count > ALB_MAX_TOKENS) return alb_fail(diag, ALB_LIMIT, "vocabulary of %zu tokens", count);
  for (size_t i = 0; i < count; i++) {
    if (!alb_add_ok(total, tokens[i].n, &total)) return alb_fail(diag, ALB_OVERFLOW, "vocabulary is too large");
  }
  if (total > ALB_MAX_VOCAB_BYTES) return alb_fail(diag, ALB_LIMIT, "vocabulary of %zu bytes", total);
  *size = (size_t)alb_vocab_section_size(count, total);
  return ALB_OK;
}

static void pack_vocab(const alb_str *tokens, size_t count, uint8_t *out) {
  uint8_t *text = out + alb_vocab_section_size(count, 0);
  uint32_t end = 0;
  alb_store_u32(out, (uint32_t)count);
  alb_store_u32(out + 4, 0);
  for (size_t i = 0; i < count; i++) {
    if (tokens[i].n) memcpy(text + end, tokens[i].p, tokens[i].n);
    end += (uint32_t)tokens[i].n;
    alb_store_u32(out + 8 + 4 * i, end);
  }
}

alb_status alb_writer_set_vocab(alb_diag *diag, alb_writer *writer, const alb_str *tokens, size_t count) {
  size_t size = 0;
  ALB_TRY(vocab_bytes(diag, tokens, count, &size));
  free(writer->vocab);
  writer->vocab = malloc(size);
  if (!writer->vocab) return alb_fail_memory(diag, size, "the vocabulary");
  writer->vocab_size = size;
  pack_vocab(tokens, count, writer->vocab);
  return ALB_OK;
}

/* ---- the end ---- */

static alb_status plan_file(alb_diag *diag, uint64_t data_end, uint64_t blob_count, uint64_t manifest_size,
                            uint64_t vocab_size, alb_frame *frame) {
  const uint64_t sizes[ALB_SECTION_LAST] = {
      [ALB_SECTION_DATA - 1] = data_end - ALB_PREFIX_BYTES,
      [ALB_SECTION_BLOBS - 1] = ALB_BLOB_RECORD_BYTES * blob_count,
      [ALB_SECTION_MANIFEST - 1] = manifest_size,
      [ALB_SECTION_VOCAB - 1] = vocab_size,
  };
  return alb_frame_plan(diag, sizes, frame);
}

alb_status alb_writer_predict_size(alb_diag *diag, const uint64_t *blob_sizes, size_t blob_count,
                                   uint64_t manifest_size, uint64_t vocab_size, uint64_t *file_size) {
  uint64_t end = ALB_PREFIX_BYTES;
  for (size_t i = 0; i < blob_count; i++) {
    end = (end + ALB_ALIGN - 1) & ~(uint64_t)(ALB_ALIGN - 1);
    if (blob_sizes[i] > ALB_MAX_FILE_BYTES || end > ALB_MAX_FILE_BYTES) {
      return alb_fail(diag, ALB_LIMIT, "file would be too large");
    }
    end += blob_sizes[i];
  }
  alb_frame frame;
  ALB_TRY(plan_file(diag, end, blob_count, manifest_size, vocab_size, &frame));
  *file_size = frame.file_size;
  return ALB_OK;
}

static alb_status append_blob_table(alb_diag *diag, alb_writer *writer) {
  for (size_t i = 0; i < writer->blobs.count; i++) {
    const blob_record *blob = &writer->blobs.items[i];
    uint8_t record[ALB_BLOB_RECORD_BYTES];
    alb_store_u64(record, blob->offset);
    alb_store_u64(record + 8, blob->stored);
    alb_store_u64(record + 16, blob->size);
    alb_store_u32(record + 24, blob->encoding);
    alb_store_u32(record + 28, blob->width);
    ALB_TRY(alb_body_append(diag, &writer->body, (alb_span){record, sizeof record}));
  }
  return ALB_OK;
}

static alb_status append_sections(alb_diag *diag, alb_writer *writer) {
  alb_body *body = &writer->body;
  ALB_TRY(alb_body_pad(diag, body));
  ALB_TRY(append_blob_table(diag, writer));
  ALB_TRY(alb_body_pad(diag, body));
  ALB_TRY(alb_body_append(diag, body, (alb_span){writer->manifest, writer->manifest_size}));
  ALB_TRY(alb_body_pad(diag, body));
  ALB_TRY(alb_body_append(diag, body, (alb_span){writer->vocab, writer->vocab_size}));
  ALB_TRY(alb_body_pad(diag, body));
  return alb_body_finish(diag, body);
}

/* Section table, chunk table and, when all is known, the prefix. */
static alb_status write_tables(alb_diag *diag, alb_writer *writer, const alb_frame *frame) {
  uint8_t prefix[ALB_PREFIX_BYTES];
  const size_t size = (size_t)alb_frame_tail_size(frame);
  uint8_t *tail = malloc(size);
  if (!tail) return alb_fail_memory(diag, size, "the tables");
  alb_frame_store(frame, writer->body.hashes.items, tail, prefix);
  alb_status status = alb_output_write(diag, &writer->output, frame->table_offset, tail, size);
  if (status == ALB_OK) status = alb_output_write(diag, &writer->output, 0, prefix, sizeof prefix);
  free(tail);
  return status;
}

/* Opens the file as it is on disk, with every check. */
static alb_status read_back(alb_diag *diag, const alb_writer *writer, uint64_t size) {
  void *p = mmap(NULL, (size_t)size, PROT_READ, MAP_SHARED, writer->output.fd, 0);
  if (p == MAP_FAILED)
    return alb_fail(diag, errno == ENOMEM ? ALB_MEMORY : ALB_IO, "cannot be read back: %s", strerror(errno));
  alb_reader *reader = NULL;
  const alb_reader_options options = {.release = true};
  const alb_status status = alb_reader_open_bytes(diag, (alb_span){p, (size_t)size}, &options, &reader);
  alb_reader_close(reader);
  (void)munmap(p, (size_t)size);
  if (status != ALB_OK) alb_diag_prefix(diag, "the file just written is refused");
  return status;
}

alb_status alb_writer_commit(alb_diag *diag, alb_writer *writer, uint64_t *file_size) {
  alb_frame frame;
  if (writer->in_blob || !writer->manifest) return alb_fail(diag, ALB_INTERNAL, "file is not complete");
  ALB_TRY(plan_file(diag, writer->data_end, writer->blobs.count, writer->manifest_size, writer->vocab_size, &frame));
  ALB_TRY(append_sections(diag, writer));
  if (alb_body_offset(&writer->body) != frame.table_offset || writer->body.hashes.count != frame.chunk_count) {
    return alb_fail(diag, ALB_INTERNAL, "file is not as planned");
  }
  ALB_TRY(write_tables(diag, writer, &frame));
  ALB_TRY(read_back(diag, writer, frame.file_size));
  ALB_TRY(alb_output_commit(diag, &writer->output));
  if (file_size) *file_size = frame.file_size;
  return ALB_OK;
}
