/* Metadata of GGUF files on their way out. */
#include "converter/gguf_out.h"

#include "base/half.h"

void alb_gguf_put(alb_gguf_buffer *b, const void *bytes, size_t n) {
  if (b->failed || !alb_vec_reserve(&b->bytes, n)) {
    b->failed = true;
    return;
  }
  if (n) memcpy(b->bytes.items + b->bytes.count, bytes, n);
  b->bytes.count += n;
}

void alb_gguf_put_u32(alb_gguf_buffer *b, uint32_t value) {
  uint8_t bytes[4];
  alb_store_u32(bytes, value);
  alb_gguf_put(b, bytes, sizeof bytes);
}

void alb_gguf_put_u64(alb_gguf_buffer *b, uint64_t value) {
  uint8_t bytes[8];
  alb_store_u64(bytes, value);
  alb_gguf_put(b, bytes, sizeof bytes);
}

void alb_gguf_put_text(alb_gguf_buffer *b, alb_str text) {
  alb_gguf_put_u64(b, text.n);
  alb_gguf_put(b, text.p, text.n);
}

static void begin(alb_gguf_buffer *b, const char *key, alb_gguf_value_type type) {
  alb_gguf_put_text(b, alb_str_of(key));
  alb_gguf_put_u32(b, type);
  b->values++;
}

void alb_gguf_set_u32(alb_gguf_buffer *b, const char *key, uint32_t value) {
  begin(b, key, ALB_GGUF_UINT32);
  alb_gguf_put_u32(b, value);
}

void alb_gguf_set_f32(alb_gguf_buffer *b, const char *key, float value) {
  begin(b, key, ALB_GGUF_FLOAT32);
  alb_gguf_put_u32(b, alb_f32_bits(value));
}

void alb_gguf_set_bool(alb_gguf_buffer *b, const char *key, bool value) {
  const uint8_t byte = value;
  begin(b, key, ALB_GGUF_BOOL);
  alb_gguf_put(b, &byte, 1);
}

void alb_gguf_set_text(alb_gguf_buffer *b, const char *key, const char *value) {
  begin(b, key, ALB_GGUF_STRING);
  alb_gguf_put_text(b, alb_str_of(value));
}

void alb_gguf_begin_list(alb_gguf_buffer *b, const char *key, alb_gguf_value_type type, uint64_t count) {
  begin(b, key, ALB_GGUF_ARRAY);
  alb_gguf_put_u32(b, type);
  alb_gguf_put_u64(b, count);
}
