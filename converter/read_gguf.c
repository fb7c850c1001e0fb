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
  void *room = NULL;
  if (!alb_mul_ok(n, sizeof(float), &bytes)) return alb_fail(diag, ALB_OVERFLOW, "a tensor is too large");
  ALB_TRY(alb_source_room(diag, source, bytes, &room));
  if (t->type == ALB_GGUF_Q8_0) {
    alb_gguf_from_q8_0(t->bytes.p, n, room);
  } else {
    alb_gguf_from_q4_0(t->bytes.p, n, room);
  }
  *out = (alb_span){room, bytes};
  return ALB_OK;
}

static alb_status add_tensor(alb_diag *diag, alb_source *source, const alb_gguf_tensor *t) {
  alb_dtype dtype = plain_dtype(t->type);
  alb_span bytes = t->bytes;
  uint32_t id;
  if (dtype == ALB_DTYPE_NONE) {
    dtype = ALB_F32;
    ALB_TRY(multiply_out(diag, source, t, &bytes));
  }
  return alb_tensors_add(diag, &source->tensors, t->name, dtype, t->rank, t->dims, bytes, &id);
}

static alb_status read_all(alb_diag *diag, alb_source *source, const alb_gguf *gguf) {
  ALB_TRY(alb_gguf_config(diag, gguf, source));
  ALB_TRY(alb_gguf_tokenizer(diag, gguf, source));
  for (size_t i = 0; i < gguf->tensors.count; i++) ALB_TRY(add_tensor(diag, source, &gguf->tensors.items[i]));
  return ALB_OK;
}

alb_status alb_read_gguf(alb_diag *diag, alb_source *source, const alb_file *file) {
  alb_gguf gguf = {0};
  alb_status status = alb_gguf_index(diag, file->bytes, &gguf);
  if (status == ALB_OK) status = read_all(diag, source, &gguf);
  alb_gguf_free(&gguf);
  return status;
}
