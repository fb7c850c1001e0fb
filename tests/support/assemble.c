/* Files put together in memory without the writer's checks: to make what no writer makes. */
#include "tests/support/assemble.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"

static uint8_t *aligned(alb_arena *arena, size_t n) {
  uint8_t *p = alb_arena_alloc(arena, n + ALB_ALIGN);
  return p + (ALB_ALIGN - (uintptr_t)p % ALB_ALIGN) % ALB_ALIGN;
}

static uint64_t align(uint64_t n) {
  return (n + ALB_ALIGN - 1) & ~(uint64_t)(ALB_ALIGN - 1);
}

static void store_record(uint8_t *p, const image_section *section, uint64_t offset) {
  alb_store_u32(p, section->id);
  alb_store_u32(p + 4, section->flags);
  alb_store_u64(p + 8, offset);
  alb_store_u64(p + 16, section->bytes.n);
}

image image_make(alb_arena *arena, const image_section *sections, size_t count) {
  uint64_t table = ALB_PREFIX_BYTES, at = ALB_PREFIX_BYTES;
  for (size_t i = 0; i < count; i++) table = align(table) + sections[i].bytes.n;
  table = align(table);
  const uint64_t chunks = (table - ALB_PREFIX_BYTES + ALB_CHUNK_BYTES - 1) / ALB_CHUNK_BYTES;
  const size_t n = (size_t)(table + ALB_SECTION_RECORD_BYTES * count + ALB_CHUNK_RECORD_BYTES * chunks);
  uint8_t *p = aligned(arena, n);
  for (size_t i = 0; i < count; i++) {
    at = align(at);
    if (sections[i].bytes.n) memcpy(p + at, sections[i].bytes.p, sections[i].bytes.n);
    store_record(p + table + ALB_SECTION_RECORD_BYTES * i, &sections[i], at);
    at += sections[i].bytes.n;
  }
  memcpy(p, ALB_MAGIC, 8);
  alb_store_u32(p + ALB_PREFIX_MAJOR, ALB_FORMAT_MAJOR);
  alb_store_u32(p + ALB_PREFIX_SIZE, ALB_PREFIX_BYTES);
  alb_store_u64(p + ALB_PREFIX_FILE_SIZE, n);
  alb_store_u64(p + ALB_PREFIX_TABLE_OFFSET, table);
  alb_store_u32(p + ALB_PREFIX_SECTION_COUNT, (uint32_t)count);
  alb_store_u32(p + ALB_PREFIX_CHUNK_LOG2, ALB_CHUNK_LOG2);
  image_repair(p, n);
  return (image){p, n};
}

image image_load(alb_arena *arena, const char *path) {
  alb_span bytes = {0};
  uint8_t *owned;
  if (alb_file_read(NULL, path, ALB_ALIGN, &owned, &bytes) != ALB_OK) return (image){0};
  const image copy = image_copy(arena, (image){owned, bytes.n}, 0);
  free(owned);
  return copy;
}

image image_copy(alb_arena *arena, image from, size_t more) {
  image copy = {aligned(arena, from.n + more), from.n + more};
  memcpy(copy.p, from.p, from.n);
  return copy;
}

size_t image_sections(image from, image_section sections[ALB_MAX_SECTIONS]) {
  const size_t count = alb_load_u32(from.p + ALB_PREFIX_SECTION_COUNT);
  const uint8_t *p = from.p + alb_load_u64(from.p + ALB_PREFIX_TABLE_OFFSET);
  for (size_t i = 0; i < count; i++, p += ALB_SECTION_RECORD_BYTES) {
    sections[i] = (image_section){.id = alb_load_u32(p),
                                  .flags = alb_load_u32(p + 4),
                                  .bytes = {from.p + alb_load_u64(p + 8), (size_t)alb_load_u64(p + 16)}};
  }
  return count;
}

void image_repair(uint8_t *file, size_t n) {
  static const uint8_t zeros[16];
  if (n < ALB_PREFIX_BYTES) return;
  const uint64_t table = alb_load_u64(file + ALB_PREFIX_TABLE_OFFSET);
  const uint64_t records = ALB_SECTION_RECORD_BYTES * (uint64_t)alb_load_u32(file + ALB_PREFIX_SECTION_COUNT);
  if (table < ALB_PREFIX_BYTES || table > n || records > n - table) return;
  uint8_t *hashes = file + table + records;
  for (uint64_t at = ALB_PREFIX_BYTES; at < table; at += ALB_CHUNK_BYTES, hashes += ALB_CHUNK_RECORD_BYTES) {
    const size_t size = table - at < ALB_CHUNK_BYTES ? (size_t)(table - at) : ALB_CHUNK_BYTES;
    if ((size_t)(file + n - hashes) < ALB_CHUNK_RECORD_BYTES) return;
    alb_store_u64(hashes, alb_hash64_bytes((alb_span){file + at, size}));
  }
  const size_t after = ALB_PREFIX_ROOT + sizeof zeros;
  const alb_span pieces[] = {{file, ALB_PREFIX_ROOT},
                             {zeros, sizeof zeros},
                             {file + after, ALB_PREFIX_BYTES - after},
                             {file + table, n - (size_t)table}};
  const alb_hash128 root = alb_hash_pieces(pieces, 4);
  memcpy(file + ALB_PREFIX_ROOT, root.bytes, sizeof root.bytes);
}
