/* Reference: matrix products with packed weights. */
#include <math.h>

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

static void dot_s8(const int8_t *a, const int8_t *group, size_t count, int32_t sum[ALB_PANEL]) {
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
      total[j] = fmaf((float)columns[j], range->middle, total[j]);
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
