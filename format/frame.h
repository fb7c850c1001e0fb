/* The frame of an .alb file: prefix, section table, chunk table, and how they tile the file. */
#ifndef ALB_FORMAT_FRAME_H
#define ALB_FORMAT_FRAME_H

#include <stdbool.h>

#include "base/hash.h"
#include "base/span.h"
#include "base/status.h"
#include "format/layout.h"

typedef struct alb_frame_section {
  uint32_t id, flags;
  uint64_t offset, size;
} alb_frame_section;

typedef struct alb_frame {
  uint16_t minor;
  uint64_t file_size, table_offset, chunk_count;
  size_t section_count;
  alb_frame_section sections[ALB_MAX_SECTIONS];
  alb_hash128 root;
} alb_frame;

/* Lays out a file: sizes[id - 1] is the size of section `id`; the VOCAB section is left out when
 * its size is 0. ALB_OVERFLOW, ALB_LIMIT. */
alb_status alb_frame_plan(alb_diag *diag, const uint64_t sizes[ALB_SECTION_LAST], alb_frame *frame);

uint64_t alb_frame_tail_size(const alb_frame *frame); /* section table and chunk table */
/* Writes the section table and the chunk table (hashes[chunk_count]) to tail, and the prefix. */
void alb_frame_store(const alb_frame *frame, const uint64_t *hashes, uint8_t *tail, uint8_t prefix[ALB_PREFIX_BYTES]);

/* Checks prefix, tables, root hash and tiling of a whole file; nothing in the body is looked at but
 * the padding between sections. */
alb_status alb_frame_parse(alb_diag *diag, alb_span file, alb_frame *frame);
typedef struct alb_verify_options {
  bool release;   /* the file is mapped, and pages that were checked are given back */
  size_t threads; /* 0 and 1: the caller's alone */
  uint8_t *seen;  /* [chunk_count], zeros; becomes 1 where a chunk holds the byte 0x80; NULL: not wanted */
} alb_verify_options;

/* Compares the checksums of all chunks that hold bytes at or after `from`. */
alb_status alb_frame_verify(alb_diag *diag, alb_span file, const alb_frame *frame, uint64_t from,
                            const alb_verify_options *how);
/* The bytes of a section of a parsed file; p is NULL when there is none. */
alb_span alb_frame_find(const alb_frame *frame, alb_span file, alb_section id, uint64_t *offset);

/* True when all bytes in [begin, end) of the file are zero. */
bool alb_frame_zero(alb_span file, uint64_t begin, uint64_t end);

#endif
