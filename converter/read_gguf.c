/* Reader of GGUF files (llama.cpp): tensors of BERT models, quantised ones multiplied out to f32. */
#include "base/checked.h"
#include "converter/gguf_read.h"
#include "converter/reader.h"

alb_probe alb_probe_gguf(alb_span head) {
  return head.n >= 4 && memcmp(head.p, ALB_GGUF_MAGIC, 4) == 0 ? ALB_PROBE_YES : ALB_PROBE_NO;
}

static alb_dtype plain_dtype(uint32_t type) {
  return type == ALB_GGUF_F32    ? ALB_F32
         : type == ALB_GGUF_F16  ? ALB_F16
         : type == ALB_GGUF_BF16 ? ALB_BF16
         : type == ALB_GGUF_F64  ? ALB_F64
                                 : ALB_DTYPE_NONE;
}

/* The elements of a quantised tensor as f32, in memory of the source: at most 8 times the file's bytes. */
static alb_status multiply_out(alb_diag *diag, alb_source *source, const alb_gguf_tensor *t, alb_span *out) {
  const alb_gguf_type_facts *facts = alb_gguf_type_info(t->type);
  const size_t n = t->bytes.n / facts->bytes * facts->elements;
  size_t bytes = 0;
  uint8_t *room = NULL;
  if (!alb_mul_ok(n, sizeof(float), &bytes)) return alb_fail(diag, ALB_OVERFLOW, "a tensor is too large");
  ALB_TRY(alb_spill_alloc(diag, &source->spill, bytes, &room));
  if (t->type == ALB_GGUF_Q8_0) {
    alb_gguf_from_q8_0(t->bytes.p, n, (float *)(void *)room);
  } else if (t->type == ALB_GGUF_Q5_0) {
    alb_gguf_from_q5_0(t->bytes.p, n, (float *)(void *)room);
  } else {
    alb_gguf_from_q4_0(t->bytes.p, n, (float *)(void *)room);
  }
  *out = (alb_span){room, bytes};
  return ALB_OK;
}

/* Whether every number is the same in the narrower type. */
static bool fits(alb_span bytes, alb_dtype dtype) {
  float value, back;
  uint16_t half;
  for (size_t i = 0; i + sizeof value <= bytes.n; i += sizeof value) {
    memcpy(&value, bytes.p + i, sizeof value);
    if (!alb_from_f32(dtype, &value, 1, &half) || !alb_to_f32(dtype, &half, 1, &back) || back != value) return false;
  }
  return true;
}

/* llama.cpp wants the tables of positions and types as f32, whatever the model's type is: they become the type of
 * the word embeddings again where that loses nothing. */
static alb_status narrow(alb_diag *diag, alb_source *source, alb_dtype words, alb_dtype *dtype, alb_span *bytes) {
  float block[256];
  uint8_t *room = NULL;
  if ((words != ALB_F16 && words != ALB_BF16) || *dtype != ALB_F32 || !fits(*bytes, words)) return ALB_OK;
  const size_t n = bytes->n / sizeof(float), step = sizeof block / sizeof *block;
  ALB_TRY(alb_spill_alloc(diag, &source->spill, 2 * n, &room));
  for (size_t i = 0; i < n; i += step) {
    const size_t count = n - i < step ? n - i : step;
    memcpy(block, bytes->p + i * sizeof *block, count * sizeof *block);
    (void)alb_from_f32(words, block, count, room + 2 * i);
  }
  *bytes = (alb_span){room, 2 * n};
  *dtype = words;
  return ALB_OK;
}

static bool is_small_table(alb_str name) {
  return alb_str_is(name, "position_embd.weight") || alb_str_is(name, "token_types.weight");
}

/* `words`: the type of the word embeddings. */
static alb_status add_tensor(alb_diag *diag, alb_source *source, const alb_gguf_tensor *t, alb_dtype words) {
  alb_dtype dtype = plain_dtype(t->type);
  alb_span bytes = t->bytes;
  uint32_t id;
  if (dtype == ALB_DTYPE_NONE) {
    dtype = ALB_F32;
    ALB_TRY(multiply_out(diag, source, t, &bytes));
  }
  if (is_small_table(t->name)) ALB_TRY(narrow(diag, source, words, &dtype, &bytes));
  source->widened += (int64_t)bytes.n - (int64_t)t->bytes.n;
  return alb_tensors_add(diag, &source->tensors, t->name, dtype, t->rank, t->dims, bytes, &id);
}

static alb_dtype word_dtype(const alb_gguf *gguf) {
  for (size_t i = 0; i < gguf->tensors.count; i++) {
    if (alb_str_is(gguf->tensors.items[i].name, "token_embd.weight")) return plain_dtype(gguf->tensors.items[i].type);
  }
  return ALB_DTYPE_NONE;
}

static alb_status read_all(alb_diag *diag, alb_source *source, const alb_gguf *gguf) {
  ALB_TRY(alb_gguf_config(diag, gguf, source));
  ALB_TRY(alb_gguf_tokenizer(diag, gguf, source));
  const alb_dtype words = word_dtype(gguf);
  for (size_t i = 0; i < gguf->tensors.count; i++) ALB_TRY(add_tensor(diag, source, &gguf->tensors.items[i], words));
  return ALB_OK;
}

alb_status alb_read_gguf(alb_diag *diag, alb_source *source, const alb_file *file) {
  alb_gguf gguf = {0};
  alb_status status = alb_gguf_index(diag, file->bytes, &gguf);
  if (status == ALB_OK) status = read_all(diag, source, &gguf);
  alb_gguf_free(&gguf);
  return status;
}
