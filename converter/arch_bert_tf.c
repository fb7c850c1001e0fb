/* BERT in TensorFlow checkpoints, as three programs call its tensors: Google's first one (google-research/bert),
 * transformers' Keras models, and the TensorFlow model garden (official/nlp). */
#include "converter/arch.h"

#define ROLE(role, name) \
  { ALB_ROLE_##role, name, false }
#define KERNEL_BIAS(role, name) {ALB_ROLE_##role##_W, name "/kernel", true}, ROLE(role##_B, name "/bias")
#define NORM(role, name) ROLE(role##_GAMMA, name "/gamma"), ROLE(role##_BETA, name "/beta")

/* What Google's and transformers' names have in common: they differ in how a layer's scope is called. */
#define LAYER(scope)                                                                                         \
  KERNEL_BIAS(QUERY, scope "attention/self/query"), KERNEL_BIAS(KEY, scope "attention/self/key"),            \
      KERNEL_BIAS(VALUE, scope "attention/self/value"), KERNEL_BIAS(OUTPUT, scope "attention/output/dense"), \
      NORM(ATTENTION, scope "attention/output/LayerNorm"), KERNEL_BIAS(UP, scope "intermediate/dense"),      \
      KERNEL_BIAS(DOWN, scope "output/dense"), NORM(FFN, scope "output/LayerNorm")
#define MLM(scope) KERNEL_BIAS(MLM_DENSE, scope "transform/dense"), NORM(MLM, scope "transform/LayerNorm")

#define COUNT(patterns) (sizeof(patterns) / sizeof(patterns)[0])
static const char *const prefixes[] = {"", "bert/", NULL};
static const char *const ignored[] = {NULL};
static const alb_role optional[] = {ALB_ROLE_PROJECTION_W, ALB_ROLE_PROJECTION_B};

static const alb_name_pattern google[] = {
    ROLE(WORD, "embeddings/word_embeddings"),
    ROLE(POSITION, "embeddings/position_embeddings"),
    ROLE(TYPE, "embeddings/token_type_embeddings"),
    NORM(EMBED, "embeddings/LayerNorm"),
    LAYER("encoder/layer_{L}/"),
    KERNEL_BIAS(POOLER, "pooler/dense"),
    MLM("cls/predictions/"),
    ROLE(MLM_DECODER_B, "cls/predictions/output_bias"),
};

const alb_arch alb_arch_bert_google = {
    .name = "bert",
    .prefixes = prefixes,
    .patterns = google,
    .pattern_count = COUNT(google),
    .ignored = ignored,
    .optional = optional,
    .optional_count = COUNT(optional),
    .encoder = "encoder/",
};

static const alb_name_pattern keras[] = {
    ROLE(WORD, "embeddings/word_embeddings/weight"),
    ROLE(WORD, "embeddings/word_embeddings/embeddings"),
    ROLE(POSITION, "embeddings/position_embeddings/embeddings"),
    ROLE(TYPE, "embeddings/token_type_embeddings/embeddings"),
    NORM(EMBED, "embeddings/LayerNorm"),
    LAYER("encoder/layer_._{L}/"),
    KERNEL_BIAS(POOLER, "pooler/dense"),
    MLM("mlm___cls/predictions/"),
    MLM("cls/predictions/"),
    ROLE(MLM_DECODER_B, "mlm___cls/predictions/bias"),
    ROLE(MLM_DECODER_B, "cls/predictions/bias"),
};

const alb_arch alb_arch_bert_keras = {
    .name = "bert",
    .prefixes = prefixes,
    .patterns = keras,
    .pattern_count = COUNT(keras),
    .ignored = ignored,
    .optional = optional,
    .optional_count = COUNT(optional),
    .encoder = "encoder/",
};

static const alb_name_pattern garden[] = {
    ROLE(WORD, "word_embeddings/embeddings"),
    ROLE(POSITION, "position_embedding/embeddings"),
    ROLE(TYPE, "type_embeddings/embeddings"),
    NORM(EMBED, "embeddings/layer_norm"),
    KERNEL_BIAS(QUERY, "transformer/layer_{L}/self_attention/query"),
    KERNEL_BIAS(KEY, "transformer/layer_{L}/self_attention/key"),
    KERNEL_BIAS(VALUE, "transformer/layer_{L}/self_attention/value"),
    KERNEL_BIAS(OUTPUT, "transformer/layer_{L}/self_attention/attention_output"),
    NORM(ATTENTION, "transformer/layer_{L}/self_attention_layer_norm"),
    KERNEL_BIAS(UP, "transformer/layer_{L}/intermediate"),
    KERNEL_BIAS(DOWN, "transformer/layer_{L}/output"),
    NORM(FFN, "transformer/layer_{L}/output_layer_norm"),
    KERNEL_BIAS(POOLER, "pooler_transform"),
    MLM("cls/predictions/"),
    ROLE(MLM_DECODER_B, "cls/predictions/output_bias/bias"),
};

const alb_arch alb_arch_bert_garden = {
    .name = "bert",
    .prefixes = prefixes,
    .patterns = garden,
    .pattern_count = COUNT(garden),
    .ignored = ignored,
    .optional = optional,
    .optional_count = COUNT(optional),
    .encoder = "transformer/",
    .split_heads = true,
};
