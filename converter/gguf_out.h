/* Metadata of GGUF files on their way out: a growing buffer of little-endian values. */
#ifndef ALB_CONVERTER_GGUF_OUT_H
#define ALB_CONVERTER_GGUF_OUT_H

#include "converter/gguf.h"
#include "converter/hf_layout.h"
#include "converter/writer.h"

/* Start with {0}; alb_vec_free(&bytes) at the end. A failure stays in `failed` until it is asked for. */
typedef struct alb_gguf_buffer {
  ALB_VEC(uint8_t) bytes;
  uint64_t values; /* metadata values so far */
  bool failed;     /* out of memory */
} alb_gguf_buffer;

void alb_gguf_put(alb_gguf_buffer *b, const void *bytes, size_t n);
void alb_gguf_put_u32(alb_gguf_buffer *b, uint32_t value);
void alb_gguf_put_u64(alb_gguf_buffer *b, uint64_t value);
void alb_gguf_put_text(alb_gguf_buffer *b, alb_str text); /* length and bytes */

/* Metadata values under a key. */
void alb_gguf_set_u32(alb_gguf_buffer *b, const char *key, uint32_t value);
void alb_gguf_set_f32(alb_gguf_buffer *b, const char *key, float value);
void alb_gguf_set_bool(alb_gguf_buffer *b, const char *key, bool value);
void alb_gguf_set_text(alb_gguf_buffer *b, const char *key, const char *value);
/* Begins a list of `count` elements, which follow by alb_gguf_put. */
void alb_gguf_begin_list(alb_gguf_buffer *b, const char *key, alb_gguf_value_type type, uint64_t count);

/* The tokenizer in llama.cpp's form; the tokens are as many as the model has rows. ALB_UNSUPPORTED for a tokenizer
 * that llama.cpp does not have; adds notes where its results differ. (gguf_out_vocab.c) */
alb_status alb_gguf_set_vocab(alb_diag *diag, const alb_write_job *job, alb_gguf_buffer *b, alb_written *out);

#endif
