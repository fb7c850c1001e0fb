/* The packed layout of weights, one for all instruction sets (kernels.h describes it). */
#include <string.h>

#include "base/checked.h"
#include "runtime/kernels/kernels.h"

enum { QUAD = 4 }; /* consecutive k of one column that stand together in the int8 layout */

static bool panels_of(size_t n, size_t *columns) {
  return alb_align_ok(n, ALB_PANEL, columns);
}

bool alb_packed_f32_bytes(size_t n, size_t k, size_t *bytes) {
  size_t columns;
  return panels_of(n, &columns) && alb_mul_ok(columns, k, bytes) && alb_mul_ok(*bytes, sizeof(float), bytes);
}

bool alb_packed_s8_bytes(size_t n, size_t k, size_t *bytes) {
  size_t columns, depth;
  return panels_of(n, &columns) && alb_align_ok(k, ALB_S8_DEPTH, &depth) &&
         alb_mul_ok(columns / ALB_PANEL, depth / ALB_S8_DEPTH, bytes) && alb_mul_ok(*bytes, ALB_S8_GROUP_BYTES, bytes);
}

bool alb_packed_intn_bytes(unsigned bits, size_t n, size_t k, size_t *bytes) {
  size_t columns, depth;
  return panels_of(n, &columns) && alb_align_ok(k, ALB_S8_DEPTH, &depth) &&
         alb_mul_ok(columns / ALB_PANEL, depth / ALB_INTN_DEPTH, bytes) &&
         alb_mul_ok(*bytes, alb_intn_group_bytes(bits), bytes);
}

/* Columns column .. column+count-1 of a panel, from rows[count][k] or, without rows, zeros. A column's elements
 * lie a cache line apart, so that all columns of a stretch of k are written before the next stretch. */
static void put_f32(float *panel, size_t column, size_t count, const float *rows, size_t k) {
  enum { STRETCH = 128 };
  for (size_t start = 0; start < k; start += STRETCH) {
    const size_t end = k - start < STRETCH ? k : start + STRETCH;
    for (size_t c = 0; c < count; c++) {
      for (size_t i = start; i < end; i++) panel[i * ALB_PANEL + column + c] = rows ? rows[c * k + i] : 0.0f;
    }
  }
}

void alb_pack_f32(const float *w, size_t first, size_t count, size_t n, size_t k, float *packed) {
  for (size_t r = first, here; r < first + count; r += here) {
    const size_t column = r % ALB_PANEL, left = first + count - r;
    here = left < ALB_PANEL - column ? left : ALB_PANEL - column;
    put_f32(packed + (r - column) * k, column, here, w + (r - first) * k, k);
  }
  const size_t unused = (ALB_PANEL - n % ALB_PANEL) % ALB_PANEL;
  if (first + count == n && count) put_f32(packed + n / ALB_PANEL * ALB_PANEL * k, n % ALB_PANEL, unused, NULL, k);
}

/* One column of a group: its bytes, and behind the group its sums of |w| over the negative w and of all w.
 * `count` of the group's k are there. Sums of 64 bytes fit in 16 bits, which compilers add fastest. */
static void put_group(int8_t *group, size_t column, const int8_t *row, size_t count) {
  int8_t w[ALB_S8_DEPTH] = {0};
  int32_t *sums = (int32_t *)(void *)(group + ALB_S8_DEPTH * ALB_PANEL);
  uint16_t all = 0, size = 0;
  if (count) memcpy(w, row, count);
  for (size_t i = 0; i < ALB_S8_DEPTH; i++) {
    all = (uint16_t)(all + w[i]);
    size = (uint16_t)(size + (w[i] < 0 ? -w[i] : w[i]));
  }
  for (size_t i = 0; i < ALB_S8_DEPTH; i += QUAD) memcpy(group + i * ALB_PANEL + column * QUAD, w + i, QUAD);
  sums[column] = (size - (int16_t)all) / 2;
  sums[ALB_PANEL + column] = (int16_t)all;
}

static void put_s8(int8_t *panel, size_t column, const int8_t *row, size_t k) {
  for (size_t i = 0; i < alb_s8_stride(k); i += ALB_S8_DEPTH, panel += ALB_S8_GROUP_BYTES) {
    const size_t left = k - i < ALB_S8_DEPTH ? k - i : ALB_S8_DEPTH;
    put_group(panel, column, row ? row + i : NULL, row ? left : 0);
  }
}

void alb_pack_s8(const int8_t *w, size_t first, size_t count, size_t n, size_t k, void *packed) {
  const size_t panel_bytes = alb_s8_panel_bytes(k);
  for (size_t r = first; r < first + count; r++) {
    int8_t *panel = (int8_t *)packed + r / ALB_PANEL * panel_bytes;
    put_s8(panel, r % ALB_PANEL, w + (r - first) * k, k);
  }
  if (first + count != n || count == 0) return;
  int8_t *last = (int8_t *)packed + n / ALB_PANEL * panel_bytes;
  for (size_t r = n; r % ALB_PANEL; r++) put_s8(last, r % ALB_PANEL, NULL, k);
}

/* One column of a group: `count` of its elements count, the others are 0; without a group all are, and the scale. */
static void put_intn_group(uint8_t *to, unsigned bits, size_t column, const uint8_t *group, const uint8_t *scale,
                           size_t count) {
  const unsigned low = bits == 4 ? 0 : 2; /* bits that stand apart */
  int w[ALB_INTN_DEPTH] = {0};
  int16_t sum = 0;
  for (size_t i = 0; group && i < count; i++) {
    w[i] = alb_intn_at(group, bits, i);
    sum = (int16_t)(sum + w[i]);
  }
  for (size_t i = 0; i < ALB_INTN_DEPTH; i += 2 * QUAD) {
    uint8_t *half = to + i / 2 * ALB_PANEL + column * QUAD;
    for (size_t j = 0; j < QUAD; j++) {
      half[j] = (uint8_t)(((unsigned)w[i + j] >> low & 15) | ((unsigned)w[i + QUAD + j] >> low & 15) << 4);
    }
  }
  for (size_t i = 0; low && i < ALB_INTN_DEPTH; i += 4 * QUAD) {
    uint8_t *rest = to + ALB_S6_RESTS + i / 4 * ALB_PANEL + column * QUAD;
    for (size_t j = 0; j < QUAD; j++) {
      unsigned byte = 0;
      for (size_t q = 0; q < 4; q++) byte |= ((unsigned)w[i + q * QUAD + j] & 3) << 2 * q;
      rest[j] = (uint8_t)byte;
    }
  }
  memset(to + alb_intn_scales_at(bits) + 2 * column, 0, 2);
  if (group) memcpy(to + alb_intn_scales_at(bits) + 2 * column, scale, 2);
  memcpy(to + alb_intn_sums_at(bits) + 2 * column, &sum, 2);
}

/* A column of a panel from a stored row or, without one, zeros. */
static void put_intn(uint8_t *panel, unsigned bits, size_t column, const uint8_t *row, const uint8_t *scales,
                     size_t k) {
  const size_t step = alb_intn_group_bytes(bits);
  for (size_t i = 0, g = 0; i < alb_s8_stride(k); i += ALB_INTN_DEPTH, g++, panel += step) {
    const bool there = row && i < k;
    const size_t left = there && k - i < ALB_INTN_DEPTH ? k - i : ALB_INTN_DEPTH;
    put_intn_group(panel, bits, column, there ? row + g * alb_intn_bytes(bits) : NULL, there ? scales + 2 * g : NULL,
                   left);
  }
}

void alb_pack_intn(unsigned bits, const uint8_t *w, const uint8_t *scales, size_t first, size_t count, size_t n,
                   size_t k, void *packed) {
  const size_t panel_bytes = alb_intn_panel_bytes(bits, k), groups = (size_t)alb_intn_groups(k);
  for (size_t r = first; r < first + count; r++) {
    uint8_t *panel = (uint8_t *)packed + r / ALB_PANEL * panel_bytes;
    const size_t at = (r - first) * groups;
    put_intn(panel, bits, r % ALB_PANEL, w + at * alb_intn_bytes(bits), scales + 2 * at, k);
  }
  if (first + count != n || count == 0) return;
  uint8_t *last = (uint8_t *)packed + n / ALB_PANEL * panel_bytes;
  for (size_t r = n; r % ALB_PANEL; r++) put_intn(last, bits, r % ALB_PANEL, NULL, NULL, k);
}
