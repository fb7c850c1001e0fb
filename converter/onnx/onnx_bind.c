/* Recognised parts to roles: one table says which part fills which role. */
#include "converter/onnx/onnx_bind.h"

#include <stddef.h>

#include "converter/onnx/onnx_parameter.h"

#define GLOBAL(role, field) \
  { ALB_ROLE_##role, offsetof(alb_onnx_encoder, field), false }
#define OPTIONAL(role, field) \
  { ALB_ROLE_##role, offsetof(alb_onnx_encoder, field), true }
#define LAYER(role, field) \
  { ALB_ROLE_##role, offsetof(alb_onnx_matched_layer, field), false }

/* Where the part of a role stands. optional: a head, or ALBERT's projection; bound when the key is there. */
typedef struct place {
  alb_role role;
  size_t offset;
  bool optional;
} place;

static const place globals[] = {
    GLOBAL(WORD, word),
    GLOBAL(POSITION, position),
    GLOBAL(TYPE, type),
    GLOBAL(EMBED_GAMMA, embed_norm.gamma),
    GLOBAL(EMBED_BETA, embed_norm.beta),
    OPTIONAL(PROJECTION_W, projection_w),
    OPTIONAL(PROJECTION_B, projection_b),
    OPTIONAL(POOLER_W, pooler_w),
    OPTIONAL(POOLER_B, pooler_b),
    OPTIONAL(MLM_DENSE_W, mlm_dense_w),
    OPTIONAL(MLM_DENSE_B, mlm_dense_b),
    OPTIONAL(MLM_GAMMA, mlm_norm.gamma),
    OPTIONAL(MLM_BETA, mlm_norm.beta),
    OPTIONAL(MLM_DECODER_W, mlm_decoder_w),
    OPTIONAL(MLM_DECODER_B, mlm_decoder_b),
    OPTIONAL(CLASSIFIER_W, classifier_w),
    OPTIONAL(CLASSIFIER_B, classifier_b),
    OPTIONAL(SPAN_W, span_w),
    OPTIONAL(SPAN_B, span_b),
};

static const place layered[] = {
    LAYER(QUERY_W, query_w),
    LAYER(QUERY_B, query_b),
    LAYER(KEY_W, key_w),
    LAYER(KEY_B, key_b),
    LAYER(VALUE_W, value_w),
    LAYER(VALUE_B, value_b),
    LAYER(OUTPUT_W, output_w),
    LAYER(OUTPUT_B, output_b),
    LAYER(ATTENTION_GAMMA, attention_norm.gamma),
    LAYER(ATTENTION_BETA, attention_norm.beta),
    LAYER(UP_W, up_w),
    LAYER(UP_B, up_b),
    LAYER(DOWN_W, down_w),
    LAYER(DOWN_B, down_b),
    LAYER(FFN_GAMMA, ffn_norm.gamma),
    LAYER(FFN_BETA, ffn_norm.beta),
};

typedef struct binder {
  alb_onnx_match *m;
  alb_onnx_parameters parameters;
  alb_arena *arena;
  alb_model_spec *spec;
} binder;

static const alb_onnx_part *part_at(const void *base, size_t offset) {
  return (const alb_onnx_part *)(const void *)((const uint8_t *)base + offset);
}

/* Which optional block a role belongs to is there when its matrix is. */
static bool is_there(const alb_onnx_encoder *e, const place *p) {
  const alb_role_facts *facts = alb_role_info(p->role);
  if (!p->optional) return true;
  switch (facts->block) {
    case ALB_BLOCK_EMBEDDINGS:
      return e->projection_w.value != ALB_ONNX_NONE;
    case ALB_BLOCK_POOLER:
      return e->pooler_w.value != ALB_ONNX_NONE;
    case ALB_BLOCK_MLM:
      return e->mlm_dense_w.value != ALB_ONNX_NONE;
    case ALB_BLOCK_CLASSIFIER:
      return e->classifier_w.value != ALB_ONNX_NONE;
    case ALB_BLOCK_SPAN:
      return e->span_w.value != ALB_ONNX_NONE;
    case ALB_BLOCK_ATTENTION:
    case ALB_BLOCK_FFN:
      break;
  }
  return true;
}

static bool is_gamma(alb_role role) {
  return role == ALB_ROLE_EMBED_GAMMA || role == ALB_ROLE_ATTENTION_GAMMA || role == ALB_ROLE_FFN_GAMMA ||
         role == ALB_ROLE_MLM_GAMMA;
}

static alb_status bind(binder *b, alb_role role, const alb_onnx_part *part, uint32_t layer, uint32_t *id) {
  const alb_role_facts *facts = alb_role_info(role);
  uint64_t dims[2];
  const size_t rank = alb_role_shape(&b->spec->config, role, dims);
  const alb_onnx_layout layout = rank == 1                       ? ALB_ONNX_VECTOR
                                 : facts->part == ALB_PART_TABLE ? ALB_ONNX_TABLE
                                                                 : ALB_ONNX_MATRIX;
  const char *name =
      facts->scope == ALB_SCOPE_LAYER ? alb_arena_printf(b->arena, "layer.%u.%s", layer, facts->name) : facts->name;
  if (!name) return alb_fail_memory(b->m->diag, 64, "a tensor name");
  return alb_onnx_parameter(&b->parameters, alb_str_of(name), part, layout, rank == 1 ? 1 : (size_t)dims[0],
                            (size_t)dims[rank - 1], is_gamma(role), id);
}

/* The rows of a table: all that the constant has, or one for a part of one row or none. */
static size_t table_rows(const alb_onnx_match *m, const alb_onnx_part *part, size_t width) {
  if (part->value == ALB_ONNX_NONE || part->size) return 1;
  return alb_match_count(m, part->value) / width;
}

static alb_status set_config(binder *b) {
  const alb_onnx_encoder *e = b->m->out;
  alb_encoder_config *c = &b->spec->config;
  const size_t sizes[] = {e->hidden,
                          e->embedding,
                          e->heads,
                          e->intermediate,
                          table_rows(b->m, &e->word, e->embedding),
                          table_rows(b->m, &e->position, e->embedding)};
  for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
    if (sizes[i] == 0 || sizes[i] > 1U << 24)
      return alb_fail(b->m->diag, ALB_LIMIT, "a size of the model is %zu, allowed is 1 to 2^24", sizes[i]);
  }
  *c = (alb_encoder_config){
      .architecture = e->projection_w.value == ALB_ONNX_NONE ? "bert" : "albert",
      .layers = (uint32_t)e->layers.count,
      .hidden = (uint32_t)e->hidden,
      .embedding = (uint32_t)e->embedding,
      .heads = (uint32_t)e->heads,
      .intermediate = (uint32_t)e->intermediate,
      .vocab = (uint32_t)sizes[4],
      .max_positions = (uint32_t)sizes[5],
      .type_vocab = (uint32_t)table_rows(b->m, &e->type, e->embedding),
      .mlm_width = (uint32_t)(e->mlm_width ? e->mlm_width : e->embedding),
      .classes = (uint32_t)e->classes,
      .activation = e->activation,
      .layer_norm_eps = e->layers.items[0].ffn_norm.eps,
  };
  return ALB_OK;
}

/* One eps for all: what differs by so little that no float shows it is the same. */
static alb_status check_eps(const binder *b) {
  const alb_onnx_encoder *e = b->m->out;
  const float eps = b->spec->config.layer_norm_eps;
  for (size_t l = 0; l < e->layers.count; l++) {
    const float others[] = {e->layers.items[l].attention_norm.eps, e->layers.items[l].ffn_norm.eps, e->embed_norm.eps};
    for (size_t i = 0; i < 3; i++) {
      if (others[i] <= 2e-7F && eps <= 2e-7F) continue;
      if (others[i] == eps) continue;
      return alb_fail(b->m->diag, ALB_UNSUPPORTED, "LayerNorms with different epsilons (%g and %g) are not supported",
                      (double)eps, (double)others[i]);
    }
  }
  return ALB_OK;
}

static alb_status bind_all(binder *b) {
  const alb_onnx_encoder *e = b->m->out;
  for (size_t r = 0; r < ALB_ROLE_COUNT; r++) b->spec->global[r] = ALB_NO_TENSOR;
  for (size_t i = 0; i < sizeof globals / sizeof globals[0]; i++) {
    if (is_there(e, &globals[i]))
      ALB_TRY(bind(b, globals[i].role, part_at(e, globals[i].offset), 0, &b->spec->global[globals[i].role]));
  }
  for (uint32_t l = 0; l < e->layers.count; l++) {
    for (size_t r = 0; r < ALB_ROLE_COUNT; r++) b->spec->layer[l][r] = ALB_NO_TENSOR;
    for (size_t i = 0; i < sizeof layered / sizeof layered[0]; i++) {
      ALB_TRY(bind(b, layered[i].role, part_at(&e->layers.items[l], layered[i].offset), l,
                   &b->spec->layer[l][layered[i].role]));
    }
  }
  return ALB_OK;
}

/* A decoder with the bytes of the word embeddings is these, as in every other source. */
static alb_status tie_decoder(const binder *b) {
  uint32_t *decoder = &b->spec->global[ALB_ROLE_MLM_DECODER_W];
  alb_tensors *tensors = b->parameters.tensors;
  if (*decoder == ALB_NO_TENSOR) return ALB_OK;
  const uint32_t word = b->spec->global[ALB_ROLE_WORD];
  const alb_tensor *x = &tensors->tensors.items[*decoder], *y = &tensors->tensors.items[word];
  alb_hash128 a, c;
  if (x->dtype != y->dtype || memcmp(x->dims, y->dims, 2 * sizeof *x->dims) != 0) return ALB_OK;
  ALB_TRY(alb_blob_hash(b->m->diag, tensors, x->blob, &a));
  ALB_TRY(alb_blob_hash(b->m->diag, tensors, y->blob, &c));
  if (alb_hash_equal(&a, &c)) *decoder = word;
  return ALB_OK;
}

alb_status alb_onnx_bind(alb_onnx_match *m, alb_arena *arena, alb_tensors *tensors, alb_span file, alb_model_spec *spec,
                         bool *used, size_t *computed) {
  binder b = {
      .m = m, .arena = arena, .spec = spec, .parameters = {.m = m, .tensors = tensors, .file = file, .used = used}};
  spec->tensors = tensors;
  tensors->mapped = true;
  ALB_TRY(set_config(&b));
  ALB_TRY(check_eps(&b));
  spec->layer = alb_arena_array(arena, m->out->layers.count, sizeof *spec->layer);
  if (!spec->layer) return alb_fail_memory(m->diag, 0, "roles");
  alb_status status = bind_all(&b);
  if (status == ALB_OK) status = tie_decoder(&b);
  *computed = b.parameters.computed;
  spec->pooling = m->out->pooling;
  spec->normalize = m->out->normalize;
  spec->token_classes = m->out->token_classes;
  alb_onnx_parameters_free(&b.parameters);
  return status;
}
