/* ALBERT: the names that transformers gives to its tensors. */
#include "converter/arch.h"

#define WEIGHT_BIAS(role, name)            \
  {ALB_ROLE_##role##_W, name ".weight"}, { \
    ALB_ROLE_##role##_B, name ".bias"      \
  }
#define LAYER_NORM(role, name)                 \
  {ALB_ROLE_##role##_GAMMA, name ".weight"}, { \
    ALB_ROLE_##role##_BETA, name ".bias"       \
  }
#define LAYER "encoder.albert_layer_groups.{G}.albert_layers.{I}."

static const alb_name_pattern patterns[] = {
    {ALB_ROLE_WORD, "embeddings.word_embeddings.weight"},
    {ALB_ROLE_POSITION, "embeddings.position_embeddings.weight"},
    {ALB_ROLE_TYPE, "embeddings.token_type_embeddings.weight"},
    LAYER_NORM(EMBED, "embeddings.LayerNorm"),
    WEIGHT_BIAS(PROJECTION, "encoder.embedding_hidden_mapping_in"),
    WEIGHT_BIAS(QUERY, LAYER "attention.query"),
    WEIGHT_BIAS(KEY, LAYER "attention.key"),
    WEIGHT_BIAS(VALUE, LAYER "attention.value"),
    WEIGHT_BIAS(OUTPUT, LAYER "attention.dense"),
    LAYER_NORM(ATTENTION, LAYER "attention.LayerNorm"),
    WEIGHT_BIAS(UP, LAYER "ffn"),
    WEIGHT_BIAS(DOWN, LAYER "ffn_output"),
    LAYER_NORM(FFN, LAYER "full_layer_layer_norm"),
    WEIGHT_BIAS(POOLER, "pooler"),
    WEIGHT_BIAS(MLM_DENSE, "predictions.dense"),
    LAYER_NORM(MLM, "predictions.LayerNorm"),
    {ALB_ROLE_MLM_DECODER_W, "predictions.decoder.weight"},
    {ALB_ROLE_MLM_DECODER_B, "predictions.bias"},
    {ALB_ROLE_MLM_DECODER_B, "predictions.decoder.bias"},
    WEIGHT_BIAS(CLASSIFIER, "classifier"),
    WEIGHT_BIAS(SPAN, "qa_outputs"),
};

static const char *const prefixes[] = {"", "albert.", NULL};
static const char *const ignored[] = {"embeddings.position_ids", "embeddings.token_type_ids", NULL};

const alb_arch alb_arch_albert = {"albert", prefixes, patterns, sizeof patterns / sizeof patterns[0], ignored, NULL, 0};
