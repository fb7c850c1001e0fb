/* Kernels: what each computes, the table of pointers to them, and the packed forms they read.
 *
 * Laws that hold for every kernel and every variant:
 * - Kernels allocate nothing, call nothing and fail never; the caller has checked shapes. Any count may be 0.
 * - One variant computes one row (token, or sequence for attention) by one fixed sequence of operations:
 *   the result never depends on the other rows of the call, on where the row stands, or on how the caller
 *   cuts rows and columns into calls. Variants differ among each other within a float tolerance, except
 *   where "exact" is said.
 * - Counts and strides are in elements of the array they belong to. Arrays of one call do not overlap
 *   unless "may be" is said. Only packed weights and scratch need alignment (ALB_KERNEL_ALIGN bytes). */
#ifndef ALB_KERNELS_KERNELS_H
#define ALB_KERNELS_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/dtype.h"
#include "base/intn.h"
#include "base/status.h"
#include "base/vocabulary.h"
#include "runtime/kernels/cpu.h"

enum {
  ALB_PANEL = 16,     /* weights are packed in panels of so many output columns */
  ALB_S8_DEPTH = 128, /* rows of bytes have one range a group of so many k; they and panels are padded to it */
  ALB_INTN_DEPTH = ALB_INTN_GROUP, /* int4 to int6 weights have one scale a column and so many k */
  ALB_KERNEL_ALIGN = 64,
};

/* ---- f32 product: c[m, n0..n1) = act(a[m,k] * w[n,k]^T + bias) ----
 * Every element is one chain of fused (AVX2) or plain (reference) multiply-adds over k ascending from +0,
 * then + bias, then the activation. */
typedef struct alb_gemm_f32 {
  const float *a;      /* [m][lda], k used of each row */
  const float *packed; /* all n columns, by alb_pack_f32 */
  const float *bias;   /* [n], or NULL for none */
  float *c;            /* [m][ldc]; columns [n0, n1) are written, the others left alone */
  size_t lda, ldc;
  size_t m, n, k;
  size_t n0, n1; /* the columns to compute: n0 a multiple of ALB_PANEL, n1 too unless it is n */
  alb_activation activation;
} alb_gemm_f32;

/* The range of a group: what a byte q stands for is q * scale + low. */
typedef struct alb_range {
  float scale, low;
} alb_range;

/* ---- int8 product: c = act(sum over groups of k of (a_u8 * scale + low) * w_s8^T, * w_scale + bias) ----
 * The int32 sums of a group of ALB_S8_DEPTH k are exact, nothing saturates: all of a must lie in [1, 255], all of w in
 * [-127, 127]. Rows are unsigned because that is what x86's instructions multiply signed weights with. Without
 * activation the whole result is exact: from +0, for each group in order first fma(float(sum), scale, total), then
 * fma(sum of the column's w, low, total); at the end fma(total, w_scale, bias), with -0 for no bias. One scale a token
 * would not be enough: its few large numbers would leave the others 3 or 4 bits. */
typedef struct alb_gemm_s8 {
  const uint8_t *a;         /* [m][lda], lda >= alb_s8_stride(k), anything from k to that, by quantize_s8 */
  const alb_range *a_range; /* [m][alb_s8_groups(k)] */
  const void *packed;       /* all n columns, by alb_pack_s8 */
  const float *w_scale;     /* [n] */
  const float *bias;        /* [n], or NULL for none */
  float *c;                 /* [m][ldc], columns as above */
  size_t lda, ldc;
  size_t m, n, k;
  size_t n0, n1;
  alb_activation activation;
} alb_gemm_s8;

/* ---- int4 and int6 product: c = act(sum over groups of k of (a_u8 * scale + low) * w^T + bias) ----
 * a as above. A column's w of a group of ALB_INTN_DEPTH k are integers of 4 bits (gemm_s4) or 6 bits (gemm_s6) times
 * w_scale. The int32 sums of such a group are exact. Without activation the whole result is exact: from +0, for each
 * group of ALB_S8_DEPTH k in order, with f = 16 for 4 bits and 4 for 6,
 *   column = +0, and for each group of ALB_INTN_DEPTH k in it, in order:
 *     total = fma(float(f * sum), (w_scale / f) * scale, total)
 *     column = fma(float(f * sum of the column's integers), w_scale / f, column)
 *   total = fma(column, low, total);
 * then + bias. (The factor f is there for kernels that leave the integers in the upper bits of a byte.) int5 weights
 * are packed as 6 bits. */
typedef struct alb_gemm_intn {
  const uint8_t *a;         /* [m][lda], lda >= alb_s8_stride(k), anything from k to that, by quantize_s8 */
  const alb_range *a_range; /* [m][alb_s8_groups(k)] */
  const void *packed;       /* all n columns, by alb_pack_intn */
  const float *bias;        /* [n], or NULL for none */
  float *c;                 /* [m][ldc], columns as above */
  size_t lda, ldc;
  size_t m, n, k;
  size_t n0, n1;
  alb_activation activation;
} alb_gemm_intn;

/* ---- groups of f32 to bytes, exact: with half = max/2 - min/2 and middle = min/2 + max/2 (+0 for zero),
 * q = 128 + round-half-even((x - middle) * (127 / half)), scale = half / 127, low = middle - 128 * scale ----
 * A group whose half is below 1e-30 becomes 128s with scale 0; one that holds an infinity or NaN becomes
 * 128s with scale and low NaN, so that the result of a product with it is NaN and not a silent number. */
typedef struct alb_quantize_s8 {
  const float *x;   /* [rows][ldx], width used of each row */
  uint8_t *q;       /* [rows][ldq], ldq >= alb_s8_stride(width); written up to alb_s8_stride(width), 128 past width */
  alb_range *range; /* [rows][alb_s8_groups(width)] */
  size_t ldx, ldq;
  size_t rows, width;
} alb_quantize_s8;

/* ---- layer norm: out = (s - mean(s)) / sqrt(var(s) + eps) * gamma + beta, s = x (+ residual) ---- */
typedef struct alb_layer_norm {
  const float *x;            /* [rows][width] */
  const float *residual;     /* [rows][width], or NULL for none */
  const float *gamma, *beta; /* [width] */
  float *out;                /* [rows][width]; may be x or residual */
  size_t rows, width;
  float eps;
} alb_layer_norm;

/* ---- attention of one head over one sequence: out = softmax(q k^T * scale) v ---- */
typedef struct alb_attention {
  const float *q, *k, *v; /* [tokens][stride], width used of each row */
  float *out;             /* [tokens][out_stride], width written of each row */
  size_t stride, out_stride;
  size_t tokens, width; /* width: of the head */
  float scale;          /* positive; usually 1 / sqrt(width) */
  float *scratch;       /* aligned, alb_attention_scratch bytes */
} alb_attention;

/* ---- activation: out[i] = act(x[i]) ---- */
typedef struct alb_activate {
  const float *x; /* [n] */
  float *out;     /* [n]; may be x */
  size_t n;
  alb_activation activation;
} alb_activate;

/* ---- the table ----
 * Filled once (when a model is opened), then read-only; held in the model, so there is no global state. */
typedef struct alb_kernels {
#define ALB_KERNEL(slot, args) void (*slot)(const args *);
#include "runtime/kernels/kernels.def"
#undef ALB_KERNEL
  const char *isa; /* static: name of the newest instruction set used, "avx2" */
} alb_kernels;

/* Fills the table for a machine with these features: references first, then the instruction sets of
 * isa.def from old to new. `name` NULL or "" takes all that the machine has, otherwise nothing newer than
 * the named set. ALB_USAGE: no such name (the message lists them); ALB_UNSUPPORTED: the machine lacks it. */
alb_status alb_kernels_select(alb_diag *diag, alb_cpu cpu, const char *name, alb_kernels *out);

/* Every implementation, for tools that walk them; variants.def in order. */
typedef struct alb_kernel_variant {
  const char *slot, *isa;
  alb_cpu needs;
} alb_kernel_variant;
const alb_kernel_variant *alb_kernel_variants(size_t *count);

/* ---- packed weights ----
 * One layout for all instruction sets, zero where padded:
 *   f32  [ceil(n/16)][k][16]          column panel, then k, then the panel's 16 columns
 *   s8   [ceil(n/16)][groups of k] of [16][16][4] int8, then [16] int32, the sum of |w| over each column's
 *        negative w of the group, then [16] int32, the sum of all its w; 4 consecutive k of a column stand together
 *   s4   [ceil(n/16)][groups of ALB_INTN_DEPTH k, filled up to whole groups of ALB_S8_DEPTH] of [4][16][4] bytes, which
 *        hold k and k + 4 of 8 consecutive k of a column, the first in the lower half, in two's complement; then
 *        [16] f16, the scales; then [16] int16, the sums of the column's integers
 *   s6   the same with the upper four of six bits in the halves of bytes, and behind these bytes [2][16][4] bytes,
 * which hold the lower two bits of k, k + 4, k + 8 and k + 12 of 16 consecutive k of a column, the first lowest Packing
 * takes rows of w (output columns) in blocks of any size and order, so a caller can widen f16 or bf16 a few rows at a
 * time with alb_to_f32. The row n-1 also zeroes the unused columns of the last panel. */
bool alb_packed_f32_bytes(size_t n, size_t k, size_t *bytes); /* false: the size overflows */
bool alb_packed_s8_bytes(size_t n, size_t k, size_t *bytes);
bool alb_packed_intn_bytes(unsigned bits, size_t n, size_t k, size_t *bytes); /* bits: 4 to 6, of an element */
/* Packs `count` rows w[count][k], which are the rows first .. first+count-1 of n. */
void alb_pack_f32(const float *w, size_t first, size_t count, size_t n, size_t k, float *packed);
void alb_pack_s8(const int8_t *w, size_t first, size_t count, size_t n, size_t k, void *packed);
/* The rows as they are stored: [count][groups of k] of alb_intn_bytes (base/intn.h) and of f16 scales. */
void alb_pack_intn(unsigned bits, const uint8_t *w, const uint8_t *scales, size_t first, size_t count, size_t n,
                   size_t k, void *packed);
/* Bytes of one quantised row: k rounded up to ALB_S8_DEPTH. */
static inline size_t alb_s8_stride(size_t k) {
  return (k + ALB_S8_DEPTH - 1) / ALB_S8_DEPTH * ALB_S8_DEPTH;
}

/* Groups of k with a scale of their own. */
static inline size_t alb_s8_groups(size_t k) {
  return (k + ALB_S8_DEPTH - 1) / ALB_S8_DEPTH;
}

/* Bytes of one group of a panel, and of a whole panel. */
enum { ALB_S8_GROUP_BYTES = ALB_PANEL * (ALB_S8_DEPTH + 8) };
static inline size_t alb_s8_panel_bytes(size_t k) {
  return alb_s8_groups(k) * ALB_S8_GROUP_BYTES;
}

/* The same of s4 and s6, which `bits` of 4 to 6 tell. */
enum { ALB_INTN_GROUPS = ALB_S8_DEPTH / ALB_INTN_DEPTH };
static inline size_t alb_intn_group_bytes(unsigned bits) {
  return bits == 4 ? ALB_PANEL * (ALB_INTN_DEPTH / 2 + 4) : ALB_PANEL * (ALB_INTN_DEPTH * 3 / 4 + 4);
}
/* Where a group has the further bits of s6, the scales of its columns, and behind them the sums of its columns. */
enum { ALB_S6_RESTS = ALB_PANEL * ALB_INTN_DEPTH / 2 };
static inline size_t alb_intn_scales_at(unsigned bits) {
  return alb_intn_group_bytes(bits) - (size_t)2 * 2 * ALB_PANEL;
}
static inline size_t alb_intn_sums_at(unsigned bits) {
  return alb_intn_scales_at(bits) + (size_t)2 * ALB_PANEL;
}
static inline size_t alb_intn_panel_bytes(unsigned bits, size_t k) {
  return alb_s8_groups(k) * ALB_INTN_GROUPS * alb_intn_group_bytes(bits);
}

/* Bytes of scratch for alb_attention; grows with tokens * width, never with tokens^2. False: overflow. */
bool alb_attention_scratch(size_t tokens, size_t width, size_t *bytes);

/* ---- small row operations, plain C for every machine ---- */

/* out[width] = row `row` of a table [rows][width] of f32, f16, bf16, int8 (scales: f32 [rows]) or int4 to int6
 * (scales: f16 [rows][groups of width]), or += it when `add`. False: another type. */
bool alb_gather_row(alb_dtype type, const void *table, const void *scales, size_t row, size_t width, bool add,
                    float *out);
/* One vector of a sequence's token vectors x[tokens][width], tokens >= 1. False for ALB_POOL_NONE. */
bool alb_pool_tokens(alb_pooling pooling, const float *x, size_t tokens, size_t width, float *out);
/* x[width] /= max(|x|, 1e-12). */
void alb_normalize_row(float *x, size_t width);

#endif
