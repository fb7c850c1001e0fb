/* ALBERT in TensorFlow checkpoints, as three programs call its tensors: Google's (google-research/albert),
 * transformers' Keras models, and the TensorFlow model garden (official/nlp). */
#include "converter/arch.h"

#define ROLE(role, name) \
  { ALB_ROLE_##role, name, false }
#define KERNEL_BIAS(role, name) {ALB_ROLE_##role##_W, name "/kernel", true}, ROLE(role##_B, name "/bias")
#define NORM(role, name) ROLE(role##_GAMMA, name "/gamma"), ROLE(role##_BETA, name "/beta")
#define COUNT(patterns) (sizeof(patterns) / sizeof(patterns)[0])

static const char *const ignored[] = {NULL};
static const char *const google_prefixes[] = {"", "bert/", "albert/", NULL};
static const char *const keras_prefixes[] = {"", "albert/", NULL};

#define GOOGLE "encoder/transformer/group_{G}/inner_group_{I}/"
static const alb_name_pattern google[] = {
    ROLE(WORD, "embeddings/word_embeddings"),
    ROLE(POSITION, "embeddings/position_embeddings"),
    ROLE(TYPE, "embeddings/token_type_embeddings"),
    NORM(EMBED, "embeddings/LayerNorm"),
    KERNEL_BIAS(PROJECTION, "encoder/embedding_hidden_mapping_in"),
    KERNEL_BIAS(QUERY, GOOGLE "attention_1/self/query"),
    KERNEL_BIAS(KEY, GOOGLE "attention_1/self/key"),
    KERNEL_BIAS(VALUE, GOOGLE "attention_1/self/value"),
    KERNEL_BIAS(OUTPUT, GOOGLE "attention_1/output/dense"),
    NORM(ATTENTION, GOOGLE "LayerNorm"),
    KERNEL_BIAS(UP, GOOGLE "ffn_1/intermediate/dense"),
    KERNEL_BIAS(DOWN, GOOGLE "ffn_1/intermediate/output/dense"),
    NORM(FFN, GOOGLE "LayerNorm_1"),
    KERNEL_BIAS(POOLER, "pooler/dense"),
    KERNEL_BIAS(MLM_DENSE, "cls/predictions/transform/dense"),
    NORM(MLM, "cls/predictions/transform/LayerNorm"),
    ROLE(MLM_DECODER_B, "cls/predictions/output_bias"),
};

const alb_arch alb_arch_albert_google = {
    .name = "albert",
    .prefixes = google_prefixes,
    .patterns = google,
    .pattern_count = COUNT(google),
    .ignored = ignored,
    .encoder = "encoder/",
};

#define KERAS "encoder/albert_layer_groups_._{G}/albert_layers_._{I}/"
static const alb_name_pattern keras[] = {
    ROLE(WORD, "embeddings/word_embeddings/weight"),
    ROLE(WORD, "embeddings/word_embeddings/embeddings"),
    ROLE(POSITION, "embeddings/position_embeddings/embeddings"),
    ROLE(TYPE, "embeddings/token_type_embeddings/embeddings"),
    NORM(EMBED, "embeddings/LayerNorm"),
    KERNEL_BIAS(PROJECTION, "encoder/embedding_hidden_mapping_in"),
    KERNEL_BIAS(QUERY, KERAS "attention/query"),
    KERNEL_BIAS(KEY, KERAS "attention/key"),
    KERNEL_BIAS(VALUE, KERAS "attention/value"),
    KERNEL_BIAS(OUTPUT, KERAS "attention/dense"),
    NORM(ATTENTION, KERAS "attention/LayerNorm"),
    KERNEL_BIAS(UP, KERAS "ffn"),
    KERNEL_BIAS(DOWN, KERAS "ffn_output"),
    NORM(FFN, KERAS "full_layer_layer_norm"),
    KERNEL_BIAS(POOLER, "pooler"),
    KERNEL_BIAS(MLM_DENSE, "predictions/dense"),
    NORM(MLM, "predictions/LayerNorm"),
    ROLE(MLM_DECODER_B, "predictions/decoder/bias"),
    ROLE(MLM_DECODER_B, "predictions/bias"),
};

const alb_arch alb_arch_albert_keras = {
    .name = "albert",
    .prefixes = keras_prefixes,
    .patterns = keras,
    .pattern_count = COUNT(keras),
    .ignored = ignored,
    .encoder = "encoder/",
};

/* One layer, without a number. */
static const alb_name_pattern garden[] = {
    ROLE(WORD, "word_embeddings/embeddings"),
    ROLE(POSITION, "position_embedding/embeddings"),
    ROLE(TYPE, "type_embeddings/embeddings"),
    NORM(EMBED, "embeddings/layer_norm"),
    KERNEL_BIAS(PROJECTION, "embedding_projection"),
    KERNEL_BIAS(QUERY, "transformer/self_attention/query"),
    KERNEL_BIAS(KEY, "transformer/self_attention/key"),
    KERNEL_BIAS(VALUE, "transformer/self_attention/value"),
    KERNEL_BIAS(OUTPUT, "transformer/self_attention/attention_output"),
    NORM(ATTENTION, "transformer/self_attention_layer_norm"),
    KERNEL_BIAS(UP, "transformer/intermediate"),
    KERNEL_BIAS(DOWN, "transformer/output"),
    NORM(FFN, "transformer/output_layer_norm"),
    KERNEL_BIAS(POOLER, "pooler_transform"),
    KERNEL_BIAS(MLM_DENSE, "cls/predictions/transform/dense"),
    NORM(MLM, "cls/predictions/transform/LayerNorm"),
    ROLE(MLM_DECODER_B, "cls/predictions/output_bias/bias"),
};

const alb_arch alb_arch_albert_garden = {
    .name = "albert",
    .prefixes = google_prefixes,
    .patterns = garden,
    .pattern_count = COUNT(garden),
    .ignored = ignored,
    .encoder = "transformer/",
    .split_heads = true,
};
