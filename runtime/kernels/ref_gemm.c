/* Reference: matrix products with packed weights. */
#include <math.h>
#include <string.h>

#include "base/half.h"
#include "runtime/kernels/ref_activation.h"
#include "runtime/kernels/variants.h"

/* One row times one panel of 16 columns. */
static void dot_f32(const float *a, const float *panel, size_t k, float sum[ALB_PANEL]) {
  for (size_t j = 0; j < ALB_PANEL; j++) sum[j] = 0.0f;
  for (size_t i = 0; i < k; i++) {
    for (size_t j = 0; j < ALB_PANEL; j++) sum[j] += a[i] * panel[i * ALB_PANEL + j];
  }
}

void alb_gemm_f32_ref(const alb_gemm_f32 *g) {
  for (size_t n = g->n0; n < g->n1; n += ALB_PANEL) {
    for (size_t m = 0; m < g->m; m++) {
      float sum[ALB_PANEL];
      dot_f32(g->a + m * g->lda, g->packed + n * g->k, g->k, sum);
      for (size_t j = 0; j < ALB_PANEL && n + j < g->n1; j++) {
        const float y = g->bias ? sum[j] + g->bias[n + j] : sum[j];
        g->c[m * g->ldc + n + j] = alb_ref_activation(g->activation, y);
      }
    }
  }
}

static void dot_s8(const uint8_t *a, const int8_t *group, size_t count, int32_t sum[ALB_PANEL]) {
  for (size_t j = 0; j < ALB_PANEL; j++) sum[j] = 0;
  for (size_t i = 0; i < count; i++) {
    const int8_t *quads = group + i / 4 * 4 * ALB_PANEL + i % 4;
    for (size_t j = 0; j < ALB_PANEL; j++) sum[j] += a[i] * quads[j * 4];
  }
}

/* total[16] = the sum over the groups of k, each in its own range of row m. */
static void sum_groups(const alb_gemm_s8 *g, size_t m, const int8_t *panel, float total[ALB_PANEL]) {
  const alb_range *range = g->a_range + m * alb_s8_groups(g->k);
  for (size_t j = 0; j < ALB_PANEL; j++) total[j] = 0;
  for (size_t k = 0; k < g->k; k += ALB_S8_DEPTH, panel += ALB_S8_GROUP_BYTES, range++) {
    const int32_t *columns = (const int32_t *)(const void *)(panel + ALB_PANEL * (ALB_S8_DEPTH + 4));
    int32_t sum[ALB_PANEL];
    dot_s8(g->a + m * g->lda + k, panel, g->k - k < ALB_S8_DEPTH ? g->k - k : ALB_S8_DEPTH, sum);
    for (size_t j = 0; j < ALB_PANEL; j++) {
      total[j] = fmaf((float)sum[j], range->scale, total[j]);
      total[j] = fmaf((float)columns[j], range->low, total[j]);
    }
  }
}

void alb_gemm_s8_ref(const alb_gemm_s8 *g) {
  const size_t panel_bytes = alb_s8_panel_bytes(g->k);
  for (size_t n = g->n0; n < g->n1; n += ALB_PANEL) {
    for (size_t m = 0; m < g->m; m++) {
      float total[ALB_PANEL];
      sum_groups(g, m, (const int8_t *)g->packed + n / ALB_PANEL * panel_bytes, total);
      for (size_t j = 0; j < ALB_PANEL && n + j < g->n1; j++) {
        const float y = fmaf(total[j], g->w_scale[n + j], g->bias ? g->bias[n + j] : -0.0f);
        g->c[m * g->ldc + n + j] = alb_ref_activation(g->activation, y);
      }
    }
  }
}

/* Number k of a column of a packed group. */
static int intn_at(unsigned bits, const uint8_t *group, size_t column, size_t k) {
  const uint8_t byte = group[k / 8 * 4 * ALB_PANEL + column * 4 + k % 4];
  const int upper = ((k % 8 < 4 ? byte & 15 : byte >> 4) ^ 8) - 8;
  if (bits == 4) return upper;
  const uint8_t rest = group[ALB_S6_RESTS + k / 16 * 4 * ALB_PANEL + column * 4 + k % 4];
  return upper * 4 + (rest >> k % 16 / 4 * 2 & 3);
}

/* 16 columns of one group: sum[16] of the products with a, scale[16], column[16] the sums of w. */
static void read_intn_group(unsigned bits, const uint8_t *a, const uint8_t *group, int32_t *sum, float *scale,
                            int32_t *column) {
  const uint8_t *scales = group + alb_intn_scales_at(bits);
  for (size_t j = 0; j < ALB_PANEL; j++) {
    sum[j] = column[j] = 0;
    for (size_t i = 0; i < ALB_INTN_DEPTH; i++) sum[j] += a[i] * intn_at(bits, group, j, i);
    for (size_t i = 0; i < ALB_INTN_DEPTH; i++) column[j] += intn_at(bits, group, j, i);
    uint16_t half;
    memcpy(&half, scales + 2 * j, sizeof half);
    scale[j] = alb_f16_to_f32(half) / (float)(1 << (8 - bits));
  }
}

/* Adds one group of ALB_S8_DEPTH k to total[16]. */
static void add_intn_groups(unsigned bits, const uint8_t *a, alb_range range, const uint8_t *group,
                            float total[ALB_PANEL]) {
  const int factor = 1 << (8 - bits);
  float columns[ALB_PANEL] = {0};
  for (size_t i = 0; i < ALB_S8_DEPTH; i += ALB_INTN_DEPTH, group += alb_intn_group_bytes(bits)) {
    int32_t sum[ALB_PANEL], column[ALB_PANEL];
    float scale[ALB_PANEL];
    read_intn_group(bits, a + i, group, sum, scale, column);
    for (size_t j = 0; j < ALB_PANEL; j++) {
      total[j] = fmaf((float)(factor * sum[j]), scale[j] * range.scale, total[j]);
      columns[j] = fmaf((float)(factor * column[j]), scale[j], columns[j]);
    }
  }
  for (size_t j = 0; j < ALB_PANEL; j++) total[j] = fmaf(columns[j], range.low, total[j]);
}

static void gemm_intn(unsigned bits, const alb_gemm_intn *g) {
  const size_t panel_bytes = alb_intn_panel_bytes(bits, g->k), groups = alb_s8_groups(g->k);
  for (size_t n = g->n0; n < g->n1; n += ALB_PANEL) {
    const uint8_t *panel = (const uint8_t *)g->packed + n / ALB_PANEL * panel_bytes;
    for (size_t m = 0; m < g->m; m++) {
      float total[ALB_PANEL] = {0};
      for (size_t i = 0; i < groups; i++) {
        add_intn_groups(bits, g->a + m * g->lda + i * ALB_S8_DEPTH, g->a_range[m * groups + i],
                        panel + i * ALB_INTN_GROUPS * alb_intn_group_bytes(bits), total);
      }
      for (size_t j = 0; j < ALB_PANEL && n + j < g->n1; j++) {
        const float y = g->bias ? total[j] + g->bias[n + j] : total[j];
        g->c[m * g->ldc + n + j] = alb_ref_activation(g->activation, y);
      }
    }
  }
}

void alb_gemm_s4_ref(const alb_gemm_intn *g) {
  gemm_intn(4, g);
}

void alb_gemm_s6_ref(const alb_gemm_intn *g) {
  gemm_intn(6, g);
}
