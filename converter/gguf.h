/* GGUF files, the form of llama.cpp: what both the reader and the writer know, and an index of a file. */
#ifndef ALB_CONVERTER_GGUF_H
#define ALB_CONVERTER_GGUF_H

#include <stdbool.h>

#include "base/span.h"
#include "base/status.h"
#include "base/strmap.h"
#include "base/vec.h"

#define ALB_GGUF_MAGIC "GGUF"
enum { ALB_GGUF_VERSION = 3, ALB_GGUF_ALIGNMENT = 32, ALB_GGUF_MAX_RANK = 4 };

typedef enum alb_gguf_type {
#define GGUF_TYPE(id, value, name, elements, bytes) ALB_GGUF_##id = (value),
#include "converter/gguf_types.def"
#undef GGUF_TYPE
} alb_gguf_type;

typedef struct alb_gguf_type_facts {
  alb_gguf_type type;
  const char *name;
  uint32_t elements, bytes; /* of a block; 0: not read */
} alb_gguf_type_facts;

const alb_gguf_type_facts *alb_gguf_type_info(uint32_t type); /* NULL when unknown */

/* Types of metadata values, as numbered in files. */
typedef enum alb_gguf_value_type {
  ALB_GGUF_UINT8,
  ALB_GGUF_INT8,
  ALB_GGUF_UINT16,
  ALB_GGUF_INT16,
  ALB_GGUF_UINT32,
  ALB_GGUF_INT32,
  ALB_GGUF_FLOAT32,
  ALB_GGUF_BOOL,
  ALB_GGUF_STRING,
  ALB_GGUF_ARRAY,
  ALB_GGUF_UINT64,
  ALB_GGUF_INT64,
  ALB_GGUF_FLOAT64,
  ALB_GGUF_VALUE_TYPES
} alb_gguf_value_type;

/* How a token of the tokenizer's list is used. */
enum { ALB_GGUF_TOKEN_NORMAL = 1, ALB_GGUF_TOKEN_CONTROL = 3, ALB_GGUF_TOKEN_UNUSED = 5 };

/* A metadata value; its bytes lie in the file. A string's are its text, an array's its elements. */
typedef struct alb_gguf_value {
  uint32_t type, element_type; /* the second: of an array */
  uint64_t count;              /* of an array */
  alb_span bytes;
} alb_gguf_value;

/* dims: as everywhere else here, the slowest first. */
typedef struct alb_gguf_tensor {
  alb_str name; /* in the file */
  uint32_t type;
  size_t rank;
  uint64_t dims[ALB_GGUF_MAX_RANK];
  alb_span bytes;
} alb_gguf_tensor;

/* Start with {0}; alb_gguf_free at the end. Borrows the file's bytes. */
typedef struct alb_gguf {
  alb_strmap keys;
  ALB_VEC(alb_gguf_value) values; /* in the keys' order */
  ALB_VEC(alb_gguf_tensor) tensors;
} alb_gguf;

/* Reads everything but the data: versions 2 and 3, little-endian. Errors: ALB_UNSUPPORTED for other versions and
 * element types, ALB_MALFORMED, ALB_TRUNCATED, ALB_DUPLICATE, ALB_LIMIT, naming the key or tensor. */
alb_status alb_gguf_index(alb_diag *diag, alb_span file, alb_gguf *out);
void alb_gguf_free(alb_gguf *gguf);

/* The value of a key, or NULL. */
const alb_gguf_value *alb_gguf_find(const alb_gguf *gguf, const char *key);
/* A whole number that fits 32 bits, of any integer type. *found is false when there is no such key. */
alb_status alb_gguf_uint(alb_diag *diag, const alb_gguf *gguf, const char *key, bool *found, uint32_t *out);
/* Takes the next string off an array's bytes, which the index has checked. */
alb_str alb_gguf_next_string(alb_span *bytes);

/* Blocks of 32 elements to f32: Q8_0, Q4_0 and Q5_0. n is a multiple of 32. */
void alb_gguf_from_q8_0(const uint8_t *blocks, size_t n, float *out);
void alb_gguf_from_q4_0(const uint8_t *blocks, size_t n, float *out);
void alb_gguf_from_q5_0(const uint8_t *blocks, size_t n, float *out);
/* f32 to blocks of Q8_0: scale = max|x| / 127 as f16, elements rounded half away from zero. */
void alb_gguf_to_q8_0(const float *values, size_t n, uint8_t *blocks);

#endif
