/* Quantised blocks of GGUF. A block of Q8_0 is an f16 scale and 32 int8; of Q4_0 an f16 scale and 16 bytes, whose low
 * halves are elements 0 to 15 and high halves elements 16 to 31, with 8 for zero; of Q5_0 an f16 scale, the fifth bits
 * of elements 0 to 31 as a u32, and such 16 bytes, with 16 for zero. */
#include <math.h>

#include "base/half.h"
#include "converter/gguf.h"

enum { BLOCK = 32, Q8_BYTES = 34, Q4_BYTES = 18, Q5_BYTES = 22 };

void alb_gguf_from_q8_0(const uint8_t *blocks, size_t n, float *out) {
  for (; n; n -= BLOCK, blocks += Q8_BYTES, out += BLOCK) {
    const float scale = alb_f16_to_f32(alb_load_u16(blocks));
    for (size_t i = 0; i < BLOCK; i++) out[i] = (float)(int8_t)blocks[2 + i] * scale;
  }
}

void alb_gguf_from_q4_0(const uint8_t *blocks, size_t n, float *out) {
  for (; n; n -= BLOCK, blocks += Q4_BYTES, out += BLOCK) {
    const float scale = alb_f16_to_f32(alb_load_u16(blocks));
    for (size_t i = 0; i < BLOCK / 2; i++) {
      out[i] = (float)((blocks[2 + i] & 15) - 8) * scale;
      out[i + BLOCK / 2] = (float)((blocks[2 + i] >> 4) - 8) * scale;
    }
  }
}

void alb_gguf_from_q5_0(const uint8_t *blocks, size_t n, float *out) {
  for (; n; n -= BLOCK, blocks += Q5_BYTES, out += BLOCK) {
    const float scale = alb_f16_to_f32(alb_load_u16(blocks));
    const uint32_t fifth = alb_load_u32(blocks + 2);
    for (size_t i = 0; i < BLOCK / 2; i++) {
      const uint32_t low = (blocks[6 + i] & 15u) | (fifth >> i & 1) << 4;
      const uint32_t high = (blocks[6 + i] >> 4) | (fifth >> (i + BLOCK / 2) & 1) << 4;
      out[i] = (float)((int)low - 16) * scale;
      out[i + BLOCK / 2] = (float)((int)high - 16) * scale;
    }
  }
}

static float largest(const float *values) {
  float found = 0;
  for (size_t i = 0; i < BLOCK; i++) found = fmaxf(found, fabsf(values[i]));
  return found;
}

void alb_gguf_to_q8_0(const float *values, size_t n, uint8_t *blocks) {
  for (; n; n -= BLOCK, blocks += Q8_BYTES, values += BLOCK) {
    const float scale = largest(values) / 127.0f;
    const float inverse = scale > 0 ? 1.0f / scale : 0.0f;
    const uint16_t half = alb_f32_to_f16(scale);
    blocks[0] = (uint8_t)half;
    blocks[1] = (uint8_t)(half >> 8);
    for (size_t i = 0; i < BLOCK; i++) blocks[2 + i] = (uint8_t)(int8_t)roundf(values[i] * inverse);
  }
}
