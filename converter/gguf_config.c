/* The configuration in the metadata of a GGUF file. Keys: llama.cpp's for the architecture "bert". */
#include <math.h>

#include "base/half.h"
#include "base/utf8.h"
#include "converter/gguf_read.h"

alb_status alb_gguf_make(alb_diag *diag, alb_source *source, const char *name, json_t *json) {
  if (!source->made) source->made = json_object();
  if (json && json_object_set_new(source->made, name, json) == 0) return ALB_OK;
  return alb_fail_memory(diag, 1, name);
}

static alb_status check_architecture(alb_diag *diag, const alb_gguf *gguf) {
  const alb_gguf_value *value = alb_gguf_find(gguf, "general.architecture");
  if (!value || value->type != ALB_GGUF_STRING) return alb_fail(diag, ALB_MISSING, "no \"general.architecture\"");
  const alb_str name = {(const char *)value->bytes.p, value->bytes.n};
  if (alb_str_is(name, "bert")) return ALB_OK;
  return alb_fail(diag, ALB_UNSUPPORTED, "GGUF architecture \"%.*s\" is not supported (supported: bert)",
                  ALB_STR_ARGS(name));
}

/* Whole numbers: the key here, the key of config.json. All must be there. */
static const char *const numbers[][2] = {
    {"bert.block_count", "num_hidden_layers"},
    {"bert.embedding_length", "hidden_size"},
    {"bert.feed_forward_length", "intermediate_size"},
    {"bert.attention.head_count", "num_attention_heads"},
};

/* Sizes that the tables themselves say: a tensor's rows, the key of config.json. */
static const char *const rows[][2] = {
    {"token_embd.weight", "vocab_size"},
    {"position_embd.weight", "max_position_embeddings"},
    {"token_types.weight", "type_vocab_size"},
};

static alb_status set_number(alb_diag *diag, json_t *json, const char *key, uint64_t value) {
  return json_object_set_new(json, key, json_integer((json_int_t)value)) == 0 ? ALB_OK : alb_fail_memory(diag, 1, key);
}

static alb_status set_numbers(alb_diag *diag, const alb_gguf *gguf, json_t *json) {
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
    uint32_t value = 0;
    bool found;
    ALB_TRY(alb_gguf_uint(diag, gguf, numbers[i][0], &found, &value));
    if (!found) return alb_fail(diag, ALB_MISSING, "no \"%s\" in the metadata", numbers[i][0]);
    ALB_TRY(set_number(diag, json, numbers[i][1], value));
  }
  return ALB_OK;
}

static alb_status set_rows(alb_diag *diag, const alb_gguf *gguf, json_t *json) {
  for (size_t i = 0; i < gguf->tensors.count; i++) {
    const alb_gguf_tensor *t = &gguf->tensors.items[i];
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
      if (t->rank == 2 && alb_str_is(t->name, rows[k][0]) && t->dims[0] <= INT64_MAX) {
        ALB_TRY(set_number(diag, json, rows[k][1], t->dims[0]));
      }
    }
  }
  return ALB_OK;
}

static alb_status set_eps(alb_diag *diag, const alb_gguf *gguf, json_t *json) {
  static const char key[] = "bert.attention.layer_norm_epsilon";
  const alb_gguf_value *value = alb_gguf_find(gguf, key);
  if (!value || value->type != ALB_GGUF_FLOAT32) return alb_fail(diag, ALB_MISSING, "no \"%s\" in the metadata", key);
  const double eps = (double)alb_f32_of_bits(alb_load_u32(value->bytes.p));
  if (!isfinite(eps)) return alb_fail(diag, ALB_MALFORMED, "\"%s\" is not a finite number", key);
  return json_object_set_new(json, "layer_norm_eps", json_real(eps)) == 0 ? ALB_OK : alb_fail_memory(diag, 1, key);
}

static alb_status refuse_causal(alb_diag *diag, const alb_gguf *gguf) {
  const alb_gguf_value *value = alb_gguf_find(gguf, "bert.attention.causal");
  if (!value || value->type != ALB_GGUF_BOOL || !value->bytes.p[0]) return ALB_OK;
  return alb_fail(diag, ALB_UNSUPPORTED, "\"bert.attention.causal\" is true: decoders are not supported");
}

/* The pooling, as sentence-transformers says it; none for 0 (none) and 4 (rank, a head of its own). */
static alb_status make_pooling(alb_diag *diag, const alb_gguf *gguf, alb_source *source) {
  static const char *const keys[] = {NULL, "pooling_mode_mean_tokens", "pooling_mode_cls_token",
                                     "pooling_mode_lasttoken"};
  uint32_t type = 0;
  bool found;
  ALB_TRY(alb_gguf_uint(diag, gguf, "bert.pooling_type", &found, &type));
  if (type >= sizeof keys / sizeof *keys || !keys[type]) return ALB_OK;
  return alb_gguf_make(diag, source, "1_Pooling/config.json", json_pack("{s:b}", keys[type], 1));
}

/* The activation is not in the file: BERTs that llama.cpp takes have gelu. */
alb_status alb_gguf_config(alb_diag *diag, const alb_gguf *gguf, alb_source *source) {
  ALB_TRY(check_architecture(diag, gguf));
  ALB_TRY(refuse_causal(diag, gguf));
  json_t *json = json_pack("{s:s, s:s}", "model_type", "bert", "hidden_act", "gelu");
  ALB_TRY(alb_gguf_make(diag, source, "config.json", json));
  ALB_TRY(set_numbers(diag, gguf, json));
  ALB_TRY(set_rows(diag, gguf, json));
  ALB_TRY(set_eps(diag, gguf, json));
  return make_pooling(diag, gguf, source);
}
