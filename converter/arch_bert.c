/* BERT: the names that transformers, and TensorFlow conversions before it, give to its tensors. */
#include "converter/arch.h"

#define WEIGHT_BIAS(role, name)            \
  {ALB_ROLE_##role##_W, name ".weight"}, { \
    ALB_ROLE_##role##_B, name ".bias"      \
  }
#define LAYER_NORM(role, name)                                                       \
  {ALB_ROLE_##role##_GAMMA, name ".weight"}, {ALB_ROLE_##role##_BETA, name ".bias"}, \
      {ALB_ROLE_##role##_GAMMA, name ".gamma"}, {                                    \
    ALB_ROLE_##role##_BETA, name ".beta"                                             \
  }

static const alb_name_pattern patterns[] = {
    {ALB_ROLE_WORD, "embeddings.word_embeddings.weight"},
    {ALB_ROLE_POSITION, "embeddings.position_embeddings.weight"},
    {ALB_ROLE_TYPE, "embeddings.token_type_embeddings.weight"},
    LAYER_NORM(EMBED, "embeddings.LayerNorm"),
    WEIGHT_BIAS(QUERY, "encoder.layer.{L}.attention.self.query"),
    WEIGHT_BIAS(KEY, "encoder.layer.{L}.attention.self.key"),
    WEIGHT_BIAS(VALUE, "encoder.layer.{L}.attention.self.value"),
    WEIGHT_BIAS(OUTPUT, "encoder.layer.{L}.attention.output.dense"),
    LAYER_NORM(ATTENTION, "encoder.layer.{L}.attention.output.LayerNorm"),
    WEIGHT_BIAS(UP, "encoder.layer.{L}.intermediate.dense"),
    WEIGHT_BIAS(DOWN, "encoder.layer.{L}.output.dense"),
    LAYER_NORM(FFN, "encoder.layer.{L}.output.LayerNorm"),
    WEIGHT_BIAS(POOLER, "pooler.dense"),
    WEIGHT_BIAS(MLM_DENSE, "cls.predictions.transform.dense"),
    LAYER_NORM(MLM, "cls.predictions.transform.LayerNorm"),
    {ALB_ROLE_MLM_DECODER_W, "cls.predictions.decoder.weight"},
    {ALB_ROLE_MLM_DECODER_B, "cls.predictions.bias"},
    {ALB_ROLE_MLM_DECODER_B, "cls.predictions.decoder.bias"},
    WEIGHT_BIAS(CLASSIFIER, "classifier"),
    WEIGHT_BIAS(SPAN, "qa_outputs"),
};

static const char *const prefixes[] = {"", "bert.", NULL};
static const char *const ignored[] = {"embeddings.position_ids", "embeddings.token_type_ids", NULL};
static const alb_role optional[] = {ALB_ROLE_PROJECTION_W, ALB_ROLE_PROJECTION_B};

const alb_arch alb_arch_bert = {"bert",
                                prefixes,
                                patterns,
                                sizeof patterns / sizeof patterns[0],
                                ignored,
                                optional,
                                sizeof optional / sizeof optional[0]};
