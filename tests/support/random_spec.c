#include "tests/support/random_spec.h"

#include "graph/build_encoder.h"
#include "tests/support/check.h"
#include "tests/support/tiny_encoder.h"

static const uint32_t lengths[] = {7, 1, 12, 9};

alb_sequences random_spec_batch(random_spec *s, size_t sequences) {
  alb_sequences batch = {sequences, 0, lengths, s->ids, s->types, s->positions};
  for (size_t i = 0; i < sequences; i++)
    for (uint32_t t = 0; t < lengths[i]; t++, batch.tokens++) {
      s->ids[batch.tokens] = (int32_t)enc_random(&s->seed, SPEC_VOCAB);
      s->types[batch.tokens] = (int32_t)enc_random(&s->seed, s->spec.config.type_vocab);
      s->positions[batch.tokens] = (int32_t)t;
    }
  return batch;
}

/* Between -1/2 and 1/2; factors of norms around 1. */
static void add_role(random_spec *s, alb_role role, uint32_t layer, uint32_t *slot) {
  uint64_t dims[2];
  const size_t rank = alb_role_shape(&s->spec.config, role, dims);
  const size_t n = (size_t)(dims[0] * (rank == 2 ? dims[1] : 1));
  float *values = alb_arena_array(&s->arena, n, sizeof *values);
  const float middle = role == ALB_ROLE_EMBED_GAMMA || role == ALB_ROLE_ATTENTION_GAMMA || role == ALB_ROLE_FFN_GAMMA;
  for (size_t i = 0; i < n; i++) values[i] = middle + ((float)enc_random(&s->seed, 2001) - 1000.0f) / 2000.0f;
  const char *name = alb_arena_printf(&s->arena, "layer.%u.%s", layer, alb_role_info(role)->name);
  const alb_span bytes = {(const uint8_t *)values, n * sizeof *values};
  assert_ok(&s->diag, alb_tensors_add(&s->diag, &s->tensors, alb_str_of(name), ALB_F32, rank, dims, bytes, slot));
}

static bool has_role(const random_spec *s, alb_role role) {
  const bool projection = role == ALB_ROLE_PROJECTION_W || role == ALB_ROLE_PROJECTION_B;
  return alb_role_info(role)->block <= ALB_BLOCK_FFN && (!projection || s->spec.config.embedding != SPEC_HIDDEN);
}

static void add_roles(random_spec *s, bool shared) {
  for (int r = 0; r < ALB_ROLE_COUNT; r++) {
    const alb_role role = (alb_role)r;
    const bool global = alb_role_info(role)->scope == ALB_SCOPE_GLOBAL;
    s->spec.global[r] = ALB_NO_TENSOR;
    if (global && has_role(s, role)) add_role(s, role, 0, &s->spec.global[r]);
    for (uint32_t l = 0; !global && l < SPEC_LAYERS; l++) {
      if (l > 0 && shared)
        s->spec.layer[l][r] = s->spec.layer[0][r];
      else
        add_role(s, role, l, &s->spec.layer[l][r]);
    }
  }
}

void random_spec_make(random_spec *s, uint32_t embedding, bool shared, alb_activation activation) {
  s->seed = 7;
  s->spec.config = (alb_encoder_config){.architecture = shared ? "albert" : "bert",
                                        .layers = SPEC_LAYERS,
                                        .hidden = SPEC_HIDDEN,
                                        .embedding = embedding,
                                        .heads = 3,
                                        .intermediate = SPEC_INNER,
                                        .vocab = s->vocab ? s->vocab : SPEC_VOCAB,
                                        .max_positions = SPEC_POSITIONS,
                                        .type_vocab = 2,
                                        .activation = activation,
                                        .layer_norm_eps = 1e-6f};
  s->spec.tensors = &s->tensors;
  s->spec.layer = alb_arena_array(&s->arena, SPEC_LAYERS, sizeof *s->spec.layer);
  add_roles(s, shared);
  assert_ok(&s->diag, alb_build_encoder(&s->diag, &s->spec, &s->graph));
}

void random_spec_free(random_spec *s) {
  alb_graph_free(&s->graph);
  alb_tensors_free(&s->tensors);
  alb_arena_free(&s->arena);
  alb_diag_free(&s->diag);
}
