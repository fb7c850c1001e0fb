/* Element types and the conversion of every numeric type to f32. */
#ifndef ALB_BASE_DTYPE_H
#define ALB_BASE_DTYPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"

typedef enum alb_dtype {
  ALB_DTYPE_NONE = 0,
#define ALB_DTYPE(id, value, name, st_name, bytes, bits) ALB_##id = (value),
#include "base/dtype.def"
#undef ALB_DTYPE
} alb_dtype;

const char *alb_dtype_name(alb_dtype type);  /* "f32"; "?" for no type */
size_t alb_dtype_bytes(alb_dtype type);      /* of an element (1 for int4 to int6); 0 for no type */
unsigned alb_intn_bits(alb_dtype type);      /* of an element of int4, int5, int6 (base/intn.h); 0 for other types */
bool alb_dtype_is_quantised(alb_dtype type); /* int8, int6, int5, int4: has scales */
alb_dtype alb_dtype_by_name(alb_str name);   /* ALB_DTYPE_NONE when unknown */
alb_dtype alb_dtype_by_safetensors(alb_str name);
bool alb_dtype_is_float(alb_dtype type); /* f16, bf16, f32, f64 */

/* Widens or narrows n floats of `type` at src (any alignment) to f32. False: not a float type. */
bool alb_to_f32(alb_dtype type, const void *src, size_t n, float *dst);
/* Rounds n f32 (to nearest, ties to even) to f32, f16 or bf16. False: another type. */
bool alb_from_f32(alb_dtype type, const float *src, size_t n, void *dst);

#endif
