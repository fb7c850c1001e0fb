/* The frame of an .alb file: prefix, section table, chunk table, and how they tile the file. */
#include "format/frame.h"

#include <inttypes.h>

#include "base/checked.h"
#include "base/file.h"
#include "base/parallel.h"

enum {
  RELEASE_CHUNKS = 64, /* pages are given back so many chunks at a time */
  LEAST_CHUNKS = 32,   /* for a thread: fewer are hashed before it has started */
};

static uint64_t chunks_of(uint64_t table_offset) {
  return (table_offset - ALB_PREFIX_BYTES + ALB_CHUNK_BYTES - 1) >> ALB_CHUNK_LOG2;
}

uint64_t alb_frame_tail_size(const alb_frame *frame) {
  return ALB_SECTION_RECORD_BYTES * (uint64_t)frame->section_count + ALB_CHUNK_RECORD_BYTES * frame->chunk_count;
}

/* All sizes are below ALB_MAX_FILE_BYTES here, so that nothing can wrap. */
static uint64_t align(uint64_t n) {
  return (n + ALB_ALIGN - 1) & ~(uint64_t)(ALB_ALIGN - 1);
}

/* ---- writing ---- */

alb_status alb_frame_plan(alb_diag *diag, const uint64_t sizes[ALB_SECTION_LAST], alb_frame *frame) {
  *frame = (alb_frame){.minor = ALB_FORMAT_MINOR};
  uint64_t end = ALB_PREFIX_BYTES;
  for (uint32_t id = 1; id <= ALB_SECTION_LAST; id++) {
    if (id == ALB_SECTION_VOCAB && sizes[id - 1] == 0) continue;
    if (sizes[id - 1] > ALB_MAX_FILE_BYTES) return alb_fail(diag, ALB_LIMIT, "file would be too large");
    frame->sections[frame->section_count++] =
        (alb_frame_section){.id = id, .flags = ALB_SECTION_REQUIRED, .offset = align(end), .size = sizes[id - 1]};
    end = align(end) + sizes[id - 1];
  }
  frame->table_offset = align(end);
  frame->chunk_count = chunks_of(frame->table_offset);
  frame->file_size = frame->table_offset + alb_frame_tail_size(frame);
  if (frame->file_size > ALB_MAX_FILE_BYTES) return alb_fail(diag, ALB_LIMIT, "file would be too large");
  return ALB_OK;
}

static void store_prefix(const alb_frame *frame, uint8_t *p) {
  memset(p, 0, ALB_PREFIX_BYTES);
  memcpy(p + ALB_PREFIX_MAGIC, ALB_MAGIC, 8);
  alb_store_u32(p + ALB_PREFIX_MAJOR, ALB_FORMAT_MAJOR | (uint32_t)frame->minor << 16);
  alb_store_u32(p + ALB_PREFIX_SIZE, ALB_PREFIX_BYTES);
  alb_store_u64(p + ALB_PREFIX_FILE_SIZE, frame->file_size);
  alb_store_u64(p + ALB_PREFIX_TABLE_OFFSET, frame->table_offset);
  alb_store_u32(p + ALB_PREFIX_SECTION_COUNT, (uint32_t)frame->section_count);
  alb_store_u32(p + ALB_PREFIX_CHUNK_LOG2, ALB_CHUNK_LOG2);
}

/* The hash of the prefix (root hash taken as zeros), section table and chunk table. */
static alb_hash128 root_hash(const uint8_t *prefix, alb_span tail) {
  static const uint8_t zeros[sizeof(alb_hash128)];
  const size_t after = ALB_PREFIX_ROOT + sizeof zeros;
  const alb_span pieces[] = {
      {prefix, ALB_PREFIX_ROOT}, {zeros, sizeof zeros}, {prefix + after, ALB_PREFIX_BYTES - after}, tail};
  return alb_hash_pieces(pieces, 4);
}

void alb_frame_store(const alb_frame *frame, const uint64_t *hashes, uint8_t *tail, uint8_t prefix[ALB_PREFIX_BYTES]) {
  uint8_t *p = tail;
  for (size_t i = 0; i < frame->section_count; i++, p += ALB_SECTION_RECORD_BYTES) {
    const alb_frame_section *section = &frame->sections[i];
    alb_store_u32(p, section->id);
    alb_store_u32(p + 4, section->flags);
    alb_store_u64(p + 8, section->offset);
    alb_store_u64(p + 16, section->size);
  }
  for (uint64_t i = 0; i < frame->chunk_count; i++, p += ALB_CHUNK_RECORD_BYTES) alb_store_u64(p, hashes[i]);
  store_prefix(frame, prefix);
  const alb_hash128 root = root_hash(prefix, (alb_span){tail, (size_t)alb_frame_tail_size(frame)});
  memcpy(prefix + ALB_PREFIX_ROOT, root.bytes, sizeof root.bytes);
}

/* ---- reading ---- */

bool alb_frame_zero(alb_span file, uint64_t begin, uint64_t end) {
  for (uint64_t i = begin; i < end; i++) {
    if (file.p[i] != 0) return false;
  }
  return true;
}

static alb_status check_identity(alb_diag *diag, alb_span file) {
  const size_t n = file.n < 8 ? file.n : 8;
  if (file.n == 0) return alb_fail(diag, ALB_TRUNCATED, "file is empty");
  if (memcmp(file.p, ALB_MAGIC, n) != 0) {
    if (n == 8 && memcmp(file.p, ALB_MAGIC, 4) == 0) {
      return alb_fail(diag, ALB_MALFORMED, "magic is damaged: transferred as text?");
    }
    return alb_fail(diag, ALB_MALFORMED, "not an .alb file (wrong magic)");
  }
  if (file.n < ALB_PREFIX_BYTES) {
    return alb_fail(diag, ALB_TRUNCATED, "file ends within the prefix (%zu of %d bytes)", file.n, ALB_PREFIX_BYTES);
  }
  const unsigned major = alb_load_u16(file.p + ALB_PREFIX_MAJOR), minor = alb_load_u16(file.p + ALB_PREFIX_MINOR);
  if (major != ALB_FORMAT_MAJOR) {
    return alb_fail(diag, major > ALB_FORMAT_MAJOR ? ALB_VERSION : ALB_MALFORMED,
                    "format version is %u.%u; this program reads %d.x", major, minor, ALB_FORMAT_MAJOR);
  }
  return ALB_OK;
}

static alb_status check_file_size(alb_diag *diag, alb_span file, uint64_t declared) {
  if (declared > file.n) {
    return alb_fail(diag, ALB_TRUNCATED, "file has %zu of %" PRIu64 " bytes", file.n, declared);
  }
  if (declared < file.n) {
    return alb_fail(diag, ALB_MALFORMED, "file has %zu bytes after its end at %" PRIu64, (size_t)(file.n - declared),
                    declared);
  }
  return file.n > ALB_MAX_FILE_BYTES ? alb_fail(diag, ALB_LIMIT, "file is too large") : ALB_OK;
}

/* The sizes in the prefix: they must add up to the file before any of them is used. */
static alb_status load_prefix(alb_diag *diag, alb_span file, alb_frame *frame) {
  const uint8_t *p = file.p;
  *frame = (alb_frame){.minor = alb_load_u16(p + ALB_PREFIX_MINOR),
                       .file_size = alb_load_u64(p + ALB_PREFIX_FILE_SIZE),
                       .table_offset = alb_load_u64(p + ALB_PREFIX_TABLE_OFFSET),
                       .section_count = alb_load_u32(p + ALB_PREFIX_SECTION_COUNT)};
  ALB_TRY(check_file_size(diag, file, frame->file_size));
  const uint32_t size = alb_load_u32(p + ALB_PREFIX_SIZE), log2 = alb_load_u32(p + ALB_PREFIX_CHUNK_LOG2);
  if (size != ALB_PREFIX_BYTES) return alb_fail(diag, ALB_MALFORMED, "prefix: size is %" PRIu32 ", not 128", size);
  if (log2 != ALB_CHUNK_LOG2)
    return alb_fail(diag, ALB_MALFORMED, "prefix: chunk size is 2^%" PRIu32 ", not 2^16", log2);
  if (frame->section_count > ALB_MAX_SECTIONS) {
    return alb_fail(diag, ALB_LIMIT, "prefix: %zu sections, at most %d", frame->section_count, ALB_MAX_SECTIONS);
  }
  if (frame->table_offset % ALB_ALIGN || frame->table_offset < ALB_PREFIX_BYTES || frame->table_offset > file.n) {
    return alb_fail(diag, ALB_MALFORMED, "prefix: section table at %" PRIu64, frame->table_offset);
  }
  frame->chunk_count = chunks_of(frame->table_offset);
  if (frame->table_offset + alb_frame_tail_size(frame) != frame->file_size) {
    return alb_fail(diag, ALB_MALFORMED, "prefix: tables do not end with the file (section table at %" PRIu64 ")",
                    frame->table_offset);
  }
  return ALB_OK;
}

static alb_status check_root(alb_diag *diag, alb_span file, alb_frame *frame) {
  const size_t begin = (size_t)frame->table_offset;
  memcpy(frame->root.bytes, file.p + ALB_PREFIX_ROOT, sizeof frame->root.bytes);
  const alb_hash128 root = root_hash(file.p, (alb_span){file.p + begin, file.n - begin});
  if (!alb_hash_equal(&root, &frame->root))
    return alb_fail(diag, ALB_CHECKSUM, "root hash does not match: file is damaged");
  const uint32_t flags = alb_load_u32(file.p + ALB_PREFIX_FLAGS);
  if (flags)
    return alb_fail(diag, ALB_VERSION, "needs features that this program does not have (flags 0x%" PRIx32 ")", flags);
  if (!alb_frame_zero(file, ALB_PREFIX_FLAGS + 4, ALB_PREFIX_ROOT) ||
      !alb_frame_zero(file, ALB_PREFIX_ROOT + sizeof root, ALB_PREFIX_BYTES)) {
    return alb_fail(diag, ALB_MALFORMED, "prefix: reserved bytes are not zero");
  }
  return ALB_OK;
}

static alb_status check_section(alb_diag *diag, alb_span file, const alb_frame *frame, size_t i) {
  const alb_frame_section *s = &frame->sections[i];
  const uint64_t end = i ? s[-1].offset + s[-1].size : ALB_PREFIX_BYTES;
  if (i && s->id <= s[-1].id) {
    return alb_fail(diag, ALB_MALFORMED, "section %zu: id %" PRIu32 " after %" PRIu32, i, s->id, s[-1].id);
  }
  if (s->flags & ~(uint32_t)ALB_SECTION_REQUIRED) {
    return alb_fail(diag, ALB_MALFORMED, "section %" PRIu32 ": unknown flags 0x%" PRIx32, s->id, s->flags);
  }
  if (s->offset != align(end) || s->offset > frame->table_offset || s->size > frame->table_offset - s->offset) {
    return alb_fail(diag, ALB_MALFORMED,
                    "section %" PRIu32 ": offset %" PRIu64 " and size %" PRIu64 " do not follow on %" PRIu64, s->id,
                    s->offset, s->size, end);
  }
  if (!alb_frame_zero(file, end, s->offset)) {
    return alb_fail(diag, ALB_MALFORMED, "padding before section %" PRIu32 " is not zero (from %" PRIu64 ")", s->id,
                    end);
  }
  if (s->id > ALB_SECTION_LAST && (s->flags & ALB_SECTION_REQUIRED)) {
    return alb_fail(diag, ALB_VERSION, "needs section %" PRIu32 ", which this program does not know", s->id);
  }
  return ALB_OK;
}

/* Known sections are required by their nature and are marked so. */
static alb_status check_presence(alb_diag *diag, const alb_frame *frame) {
  unsigned seen = 0;
  for (size_t i = 0; i < frame->section_count; i++) {
    const alb_frame_section *s = &frame->sections[i];
    if (s->id > ALB_SECTION_LAST) continue;
    if (s->id == 0 || s->flags != ALB_SECTION_REQUIRED) {
      return alb_fail(diag, ALB_MALFORMED, "section %" PRIu32 ": flags are 0x%" PRIx32, s->id, s->flags);
    }
    seen |= 1u << s->id;
  }
  for (unsigned id = ALB_SECTION_DATA; id <= ALB_SECTION_MANIFEST; id++) {
    if (!(seen & 1u << id)) return alb_fail(diag, ALB_MISSING, "section %u is missing", id);
  }
  return ALB_OK;
}

static alb_status load_sections(alb_diag *diag, alb_span file, alb_frame *frame) {
  const uint8_t *p = file.p + frame->table_offset;
  uint64_t end = ALB_PREFIX_BYTES;
  for (size_t i = 0; i < frame->section_count; i++, p += ALB_SECTION_RECORD_BYTES) {
    frame->sections[i] = (alb_frame_section){.id = alb_load_u32(p),
                                             .flags = alb_load_u32(p + 4),
                                             .offset = alb_load_u64(p + 8),
                                             .size = alb_load_u64(p + 16)};
    ALB_TRY(check_section(diag, file, frame, i));
    end = frame->sections[i].offset + frame->sections[i].size;
  }
  if (align(end) != frame->table_offset || !alb_frame_zero(file, end, frame->table_offset)) {
    return alb_fail(diag, ALB_MALFORMED, "section table at %" PRIu64 " does not follow on %" PRIu64,
                    frame->table_offset, end);
  }
  return check_presence(diag, frame);
}

alb_status alb_frame_parse(alb_diag *diag, alb_span file, alb_frame *frame) {
  ALB_TRY(check_identity(diag, file));
  ALB_TRY(load_prefix(diag, file, frame));
  ALB_TRY(check_root(diag, file, frame));
  return load_sections(diag, file, frame);
}

typedef struct verification {
  alb_span file;
  const alb_frame *frame;
  uint64_t first; /* chunk; the items of the parallel work count from it */
  const alb_verify_options *how;
  uint64_t bad[ALB_PARALLEL_MAX]; /* by part: its first damaged chunk, or chunk_count */
} verification;

static alb_span chunk_at(const verification *v, uint64_t i) {
  const uint64_t begin = ALB_PREFIX_BYTES + (i << ALB_CHUNK_LOG2), rest = v->frame->table_offset - begin;
  return (alb_span){v->file.p + begin, rest < ALB_CHUNK_BYTES ? (size_t)rest : ALB_CHUNK_BYTES};
}

/* The chunk is in the processor's cache once it is hashed: the time to look for 0x80 as well. */
static bool chunk_is_sound(const verification *v, uint64_t i) {
  const uint8_t *hashes = v->file.p + v->frame->file_size - ALB_CHUNK_RECORD_BYTES * v->frame->chunk_count;
  const alb_span chunk = chunk_at(v, i);
  const bool sound = alb_hash64_bytes(chunk) == alb_load_u64(hashes + ALB_CHUNK_RECORD_BYTES * i);
  if (sound && v->how->seen) v->how->seen[i] = memchr(chunk.p, 0x80, chunk.n) != NULL;
  return sound;
}

/* Pages of the chunks kept .. end-1 are given back; those at the rim stay. */
static void release_chunks(const verification *v, uint64_t kept, uint64_t end) {
  const alb_span last = chunk_at(v, end - 1);
  const uint8_t *begin = chunk_at(v, kept).p;
  alb_file_release((alb_span){begin, (size_t)(last.p + last.n - begin)});
}

static void verify_chunks(void *context, size_t part, size_t first, size_t last) {
  verification *v = context;
  const uint64_t end = v->first + last;
  uint64_t i = v->first + first, kept = i;
  for (; i < end && chunk_is_sound(v, i); i++) {
    if (!v->how->release || i + 1 - kept < RELEASE_CHUNKS) continue;
    release_chunks(v, kept, i + 1);
    kept = i + 1;
  }
  if (v->how->release && i == end && kept < end) release_chunks(v, kept, end);
  if (i < end) v->bad[part] = i;
}

alb_status alb_frame_verify(alb_diag *diag, alb_span file, const alb_frame *frame, uint64_t from,
                            const alb_verify_options *how) {
  verification v = {.file = file, .frame = frame, .first = (from - ALB_PREFIX_BYTES) >> ALB_CHUNK_LOG2, .how = how};
  uint64_t bad = frame->chunk_count;
  for (size_t i = 0; i < ALB_PARALLEL_MAX; i++) v.bad[i] = bad;
  if (v.first < bad) alb_parallel_on(how->threads, (size_t)(bad - v.first), LEAST_CHUNKS, verify_chunks, &v);
  for (size_t i = 0; i < ALB_PARALLEL_MAX; i++) bad = v.bad[i] < bad ? v.bad[i] : bad;
  if (bad == frame->chunk_count) return ALB_OK;
  return alb_fail(diag, ALB_CHECKSUM,
                  "checksum of chunk %" PRIu64 " (offset %" PRIu64 ") does not match: file is damaged", bad,
                  (uint64_t)(chunk_at(&v, bad).p - file.p));
}

alb_span alb_frame_find(const alb_frame *frame, alb_span file, alb_section id, uint64_t *offset) {
  for (size_t i = 0; i < frame->section_count; i++) {
    const alb_frame_section *s = &frame->sections[i];
    if (s->id != (uint32_t)id) continue;
    *offset = s->offset;
    return (alb_span){file.p + s->offset, (size_t)s->size};
  }
  *offset = 0;
  return (alb_span){0};
}
