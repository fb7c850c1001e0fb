/* A tensor of ONNX: a constant of a file, an attribute, or a value of the interpreter. */
#ifndef ALB_CONVERTER_ONNX_TENSOR_H
#define ALB_CONVERTER_ONNX_TENSOR_H

#include "base/dtype.h"
#include "base/status.h"

enum { ALB_ONNX_MAX_RANK = 8 };

typedef enum alb_onnx_type {
  ALB_ONNX_NO_TYPE = 0,
#define ALB_ONNX_TYPE(id, value, name, bytes, dtype) ALB_ONNX_##id = (value),
#include "converter/onnx/onnx_type.def"
#undef ALB_ONNX_TYPE
} alb_onnx_type;

/* A number of a file as a type; ALB_ONNX_NO_TYPE when it is none. */
alb_onnx_type alb_onnx_type_of(uint64_t number);

const char *alb_onnx_type_name(alb_onnx_type type); /* "float"; "?" when unknown */
size_t alb_onnx_type_bytes(alb_onnx_type type);     /* 0: unknown or not read */
alb_dtype alb_onnx_type_dtype(alb_onnx_type type);  /* ALB_DTYPE_NONE: none of ours */
bool alb_onnx_type_is_float(alb_onnx_type type);    /* float, double, float16, bfloat16 */
bool alb_onnx_type_is_signed(alb_onnx_type type);   /* int8 to int64 */

/* count elements, row-major, little-endian, at an address of any alignment: read them with memcpy.
 * `owned` is NULL when data is borrowed (from the mapped file, or from memory that outlives the tensor). */
typedef struct alb_onnx_tensor {
  alb_onnx_type type;
  size_t rank;
  int64_t dims[ALB_ONNX_MAX_RANK]; /* each >= 0 */
  size_t count;                    /* their product */
  const uint8_t *data;             /* [count * bytes of an element]; NULL only when count is 0 */
  void *owned;                     /* what alb_onnx_tensor_free gives back */
} alb_onnx_tensor;

/* The product of dims; ALB_MALFORMED for a negative one, ALB_LIMIT for more than 8 or above 2^48, ALB_OVERFLOW. */
alb_status alb_onnx_count(alb_diag *diag, size_t rank, const int64_t *dims, size_t *count);

/* An owned tensor of zeros. *out must hold nothing. */
alb_status alb_onnx_tensor_new(alb_diag *diag, alb_onnx_type type, size_t rank, const int64_t *dims,
                               alb_onnx_tensor *out);
/* An owned copy. */
alb_status alb_onnx_tensor_copy(alb_diag *diag, const alb_onnx_tensor *from, alb_onnx_tensor *out);
void alb_onnx_tensor_free(alb_onnx_tensor *tensor);

size_t alb_onnx_tensor_bytes(const alb_onnx_tensor *tensor); /* of all elements */
/* The bytes of an owned tensor, for writing. */
static inline uint8_t *alb_onnx_tensor_data(alb_onnx_tensor *tensor) {
  return tensor->owned;
}

/* Element i as a number: floats exactly, bool as 0 or 1; integers beyond 2^53 are rounded by _f64 and
 * uint64 keeps its bits in _i64; floats are truncated (saturated) by _i64. */
double alb_onnx_get_f64(const alb_onnx_tensor *tensor, size_t i);
int64_t alb_onnx_get_i64(const alb_onnx_tensor *tensor, size_t i);
/* Stores into an owned tensor: floats are rounded to nearest even, integers keep their low bits, bool is
 * != 0; _f64 into an integer type saturates. */
void alb_onnx_set_f64(alb_onnx_tensor *tensor, size_t i, double value);
void alb_onnx_set_i64(alb_onnx_tensor *tensor, size_t i, int64_t value);

#endif
