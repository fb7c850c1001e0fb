/* The layout of an .alb file: offsets, identifiers and limits. docs/format.md is normative. */
#ifndef ALB_FORMAT_LAYOUT_H
#define ALB_FORMAT_LAYOUT_H

#include <stdint.h>

/* All numbers are little-endian. */
#define ALB_MAGIC \
  "\x89"          \
  "ALB\r\n\x1a\n" /* 8 bytes */

enum {
  ALB_FORMAT_MAJOR = 1, /* another major can't be read */
  ALB_FORMAT_MINOR = 4, /* a newer minor only adds what may be skipped */

  ALB_PREFIX_BYTES = 128,
  ALB_PREFIX_MAGIC = 0,          /* 8 bytes */
  ALB_PREFIX_MAJOR = 8,          /* u16 */
  ALB_PREFIX_MINOR = 10,         /* u16 */
  ALB_PREFIX_SIZE = 12,          /* u32, 128 */
  ALB_PREFIX_FILE_SIZE = 16,     /* u64 */
  ALB_PREFIX_TABLE_OFFSET = 24,  /* u64, of the section table */
  ALB_PREFIX_SECTION_COUNT = 32, /* u32 */
  ALB_PREFIX_CHUNK_LOG2 = 36,    /* u32, 16 */
  ALB_PREFIX_FLAGS = 40,         /* u32, required features: none yet */
  ALB_PREFIX_ROOT = 48,          /* 16 bytes, the root hash */

  ALB_CHUNK_LOG2 = 16,
  ALB_CHUNK_BYTES = 1 << ALB_CHUNK_LOG2,
  ALB_CHUNK_RECORD_BYTES = 8, /* XXH3-64 of a chunk */

  ALB_SECTION_RECORD_BYTES = 24, /* id u32, flags u32, offset u64, size u64 */
  ALB_SECTION_REQUIRED = 1,      /* flag: a reader that does not know the section must refuse */

  ALB_BLOB_RECORD_BYTES = 32, /* offset u64, stored u64, size u64, encoding u32, width u32 */

  ALB_ALIGN = 64, /* of sections and blobs */
};

/* Sections stand in the file in this order, each at most once. */
typedef enum alb_section {
  ALB_SECTION_DATA = 1,     /* the blobs' bytes */
  ALB_SECTION_BLOBS = 2,    /* a record a blob */
  ALB_SECTION_MANIFEST = 3, /* a protobuf message, format/alb.proto */
  ALB_SECTION_VOCAB = 4,    /* tokens: u32 count, u32 offsets[count + 1], bytes */
  ALB_SECTION_LAST = ALB_SECTION_VOCAB,
} alb_section;

typedef enum alb_encoding {
  ALB_ENCODING_RAW = 0,
  ALB_ENCODING_PLANES = 1, /* byte planes in blocks of ALB_PLANE_BLOCK, then deflated (zlib) */
} alb_encoding;

enum { ALB_PLANE_BLOCK = 1 << 20 };

/* Limits: what a reader accepts at most. */
#define ALB_MAX_FILE_BYTES ((uint64_t)1 << 48)
#define ALB_MAX_DIM_SIZE ((uint64_t)1 << 48)
#define ALB_MAX_INFLATED(stored) (1032 * (uint64_t)(stored) + 64) /* deflate can't do more */
#define ALB_MAX_SUMS(file_bytes) (1032 * (uint64_t)(file_bytes))  /* of f32 matrices that factors are added to */
enum {
  ALB_MAX_SECTIONS = 64,
  ALB_MAX_BLOBS = 1 << 20,
  ALB_MAX_MANIFEST_BYTES = 64 << 20,
  ALB_MAX_TOKENS = 1 << 24,
  ALB_MAX_VOCAB_BYTES = 1 << 30,
  ALB_MAX_CHARSMAP_BYTES = 16 << 20,
  ALB_MAX_TENSORS = 1 << 20,
  ALB_MAX_TENSOR_RANK = 8,
  ALB_MAX_SETS = 1 << 16,
  ALB_MAX_FUNCTIONS = 256,
  ALB_MAX_CALL_DEPTH = 16,
  ALB_MAX_NODES = 1 << 20, /* of all functions, and of each function with its calls written out */
  ALB_MAX_LABELS = 1 << 20,
  ALB_MAX_NAME_BYTES = 4096,
  ALB_MAX_LAYERS = 4096,
  ALB_MAX_WIDTH = 1 << 20, /* hidden, embedding, intermediate, heads */
  ALB_MAX_POSITIONS = 1 << 20,
};

#endif
