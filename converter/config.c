/* config.json to the configuration of an encoder. Keys and defaults: transformers' BertConfig and
 * AlbertConfig. */
#include "converter/config.h"

#include <stdlib.h>

enum { MAX_LAYERS = 1024 };

/* A whole number of the configuration: key, where it goes, its default by architecture, and its range. */
typedef struct number_key {
  const char *key;
  size_t offset;
  uint32_t bert_default, albert_default, lowest, highest;
} number_key;

#define ENCODER(field) offsetof(alb_source_config, encoder.field)

static const number_key number_keys[] = {
    {"hidden_size", ENCODER(hidden), 768, 4096, 1, 1 << 16},
    {"num_attention_heads", ENCODER(heads), 12, 64, 1, 1 << 12},
    {"intermediate_size", ENCODER(intermediate), 3072, 16384, 1, 1 << 18},
    {"num_hidden_layers", offsetof(alb_source_config, stated_layers), 12, 12, 1, MAX_LAYERS},
    {"vocab_size", ENCODER(vocab), 30522, 30000, 1, 1 << 24},
    {"max_position_embeddings", ENCODER(max_positions), 512, 512, 1, 1 << 20},
    {"type_vocab_size", ENCODER(type_vocab), 2, 2, 1, 1 << 16},
    {"pad_token_id", ENCODER(pad_id), 0, 0, 0, 1 << 24},
};

static const number_key albert_keys[] = {
    {"embedding_size", ENCODER(embedding), 128, 128, 1, 1 << 16},
    {"num_hidden_groups", offsetof(alb_source_config, groups), 1, 1, 1, MAX_LAYERS},
    {"inner_group_num", offsetof(alb_source_config, inner_layers), 1, 1, 1, 64},
};

static const struct {
  const char *name;
  alb_activation activation;
} activations[] = {
    {"gelu", ALB_ACT_GELU},           {"gelu_new", ALB_ACT_GELU_TANH}, {"gelu_pytorch_tanh", ALB_ACT_GELU_TANH},
    {"gelu_fast", ALB_ACT_GELU_TANH}, {"gelu_python", ALB_ACT_GELU},   {"relu", ALB_ACT_RELU},
    {"silu", ALB_ACT_SILU},           {"swish", ALB_ACT_SILU},         {"tanh", ALB_ACT_TANH},
};

static alb_status bad_value(alb_diag *diag, const char *key, json_t *value, const char *allowed) {
  char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
  const alb_status status =
      alb_fail(diag, ALB_MALFORMED, "config.json: \"%s\" is %.64s, allowed: %s", key, text ? text : "?", allowed);
  free(text);
  return status;
}

static alb_status read_number(alb_diag *diag, const json_t *json, const number_key *key, bool albert,
                              alb_source_config *out) {
  json_t *value = json_object_get(json, key->key);
  json_int_t number = albert ? key->albert_default : key->bert_default;
  if (value && !json_is_null(value)) {
    number = json_integer_value(value);
    if (!json_is_integer(value) || number < key->lowest || number > key->highest) {
      char range[64];
      (void)snprintf(range, sizeof range, "a whole number from %u to %u", key->lowest, key->highest);
      return bad_value(diag, key->key, value, range);
    }
  }
  const uint32_t stored = (uint32_t)number;
  memcpy((char *)out + key->offset, &stored, sizeof stored);
  return ALB_OK;
}

static alb_status read_activation(alb_diag *diag, const json_t *json, bool albert, alb_source_config *out) {
  json_t *value = json_object_get(json, "hidden_act");
  const char *name = value ? json_string_value(value) : albert ? "gelu_new" : "gelu";
  if (!name) return bad_value(diag, "hidden_act", value, "a name");
  for (size_t i = 0; i < sizeof activations / sizeof activations[0]; i++) {
    if (strcmp(name, activations[i].name) != 0) continue;
    out->encoder.activation = activations[i].activation;
    return ALB_OK;
  }
  return alb_fail(diag, ALB_UNSUPPORTED, "config.json: hidden_act \"%s\" is not supported", name);
}

static alb_status read_eps(alb_diag *diag, const json_t *json, alb_source_config *out) {
  json_t *value = json_object_get(json, "layer_norm_eps");
  const bool given = value && !json_is_null(value);
  const double eps = given ? json_number_value(value) : 1e-12;
  if ((given && !json_is_number(value)) || !(eps > 0 && eps < 1) || (float)eps <= 0) {
    return bad_value(diag, "layer_norm_eps", value, "a number above 0 and below 1");
  }
  out->encoder.layer_norm_eps = (float)eps;
  return ALB_OK;
}

/* A yes or no of the configuration; absent and null are the default. */
static alb_status read_flag(alb_diag *diag, const json_t *json, const char *key, bool otherwise, bool *out) {
  json_t *value = json_object_get(json, key);
  *out = otherwise;
  if (!value || json_is_null(value)) return ALB_OK;
  if (!json_is_boolean(value)) return bad_value(diag, key, value, "true or false");
  *out = json_is_true(value);
  return ALB_OK;
}

/* Features of the architecture that change what the encoder computes, with the one value we run. */
static alb_status refuse_features(alb_diag *diag, const json_t *json) {
  static const char *const flags[] = {"is_decoder", "add_cross_attention"};
  json_t *position = json_object_get(json, "position_embedding_type");
  if (position && !json_is_null(position)) {
    const char *name = json_string_value(position);
    if (!name) return bad_value(diag, "position_embedding_type", position, "a name");
    if (strcmp(name, "absolute") != 0) {
      return alb_fail(diag, ALB_UNSUPPORTED, "config.json: position_embedding_type \"%s\" is not supported", name);
    }
  }
  for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++) {
    bool set;
    ALB_TRY(read_flag(diag, json, flags[i], false, &set));
    if (!set) continue;
    return alb_fail(diag, ALB_UNSUPPORTED, "config.json: \"%s\" is true: decoders are not supported", flags[i]);
  }
  return ALB_OK;
}

static alb_status read_model_type(alb_diag *diag, const json_t *json, bool *albert) {
  const json_t *first = json_array_get(json_object_get(json, "architectures"), 0);
  const char *type = json_string_value(json_object_get(json, "model_type"));
  if (!type) { /* old checkpoints: "AlbertForMaskedLM" */
    const char *name = json_string_value(first);
    type = name && strncmp(name, "Albert", 6) == 0 ? "albert" : name && strncmp(name, "Bert", 4) == 0 ? "bert" : NULL;
  }
  if (!type)
    return alb_fail(diag, ALB_UNSUPPORTED, "config.json: no model_type, and architectures does not say either");
  *albert = strcmp(type, "albert") == 0;
  if (*albert || strcmp(type, "bert") == 0) return ALB_OK;
  return alb_fail(diag, ALB_UNSUPPORTED, "config.json: model_type \"%s\" is not supported (supported: bert, albert)",
                  type);
}

/* The class that transformers saved the model from says what its classifier is for. */
static alb_classifier_use read_classifier(const json_t *json) {
  static const struct {
    const char *end;
    alb_classifier_use use;
  } heads[] = {{"ForSequenceClassification", ALB_CLASSIFIER_TEXTS},
               {"ForTokenClassification", ALB_CLASSIFIER_TOKENS},
               {"ForMultipleChoice", ALB_CLASSIFIER_OTHER}};
  const char *name = json_string_value(json_array_get(json_object_get(json, "architectures"), 0));
  for (size_t i = 0; name && i < sizeof heads / sizeof heads[0]; i++) {
    if (alb_str_ends(alb_str_of(name), alb_str_of(heads[i].end))) return heads[i].use;
  }
  return ALB_CLASSIFIER_UNSTATED;
}

static alb_status check_relations(alb_diag *diag, alb_source_config *c) {
  if (c->encoder.hidden % c->encoder.heads) {
    return alb_fail(diag, ALB_MALFORMED, "config.json: \"num_attention_heads\" %u does not divide \"hidden_size\" %u",
                    c->encoder.heads, c->encoder.hidden);
  }
  if (c->groups > c->stated_layers) {
    return alb_fail(diag, ALB_MALFORMED, "config.json: \"num_hidden_groups\" %u is above \"num_hidden_layers\" %u",
                    c->groups, c->stated_layers);
  }
  c->encoder.layers = c->stated_layers * c->inner_layers; /* at most 1024 * 64 */
  if (c->encoder.layers > MAX_LAYERS) {
    return alb_fail(diag, ALB_LIMIT,
                    "config.json: \"num_hidden_layers\" %u with \"inner_group_num\" %u makes %u layers, "
                    "at most %d are allowed",
                    c->stated_layers, c->inner_layers, c->encoder.layers, MAX_LAYERS);
  }
  if (c->encoder.pad_id < c->encoder.vocab) return ALB_OK;
  return alb_fail(diag, ALB_MALFORMED, "config.json: \"pad_token_id\" %u is not below \"vocab_size\" %u",
                  c->encoder.pad_id, c->encoder.vocab);
}

alb_status alb_config_read(alb_diag *diag, const json_t *json, alb_source_config *out) {
  bool albert;
  *out = (alb_source_config){0};
  if (!json_is_object(json)) return alb_fail(diag, ALB_MALFORMED, "config.json: not an object");
  ALB_TRY(read_model_type(diag, json, &albert));
  ALB_TRY(refuse_features(diag, json));
  for (size_t i = 0; i < sizeof number_keys / sizeof number_keys[0]; i++) {
    ALB_TRY(read_number(diag, json, &number_keys[i], albert, out));
  }
  for (size_t i = 0; albert && i < sizeof albert_keys / sizeof albert_keys[0]; i++) {
    ALB_TRY(read_number(diag, json, &albert_keys[i], albert, out));
  }
  if (!albert) {
    out->encoder.embedding = out->encoder.hidden;
    out->groups = out->stated_layers;
    out->inner_layers = 1;
  }
  out->encoder.architecture = albert ? "albert" : "bert";
  out->encoder.mlm_width = out->encoder.embedding;
  out->classifier = read_classifier(json);
  ALB_TRY(read_activation(diag, json, albert, out));
  ALB_TRY(read_eps(diag, json, out));
  ALB_TRY(read_flag(diag, json, "tie_word_embeddings", true, &out->tied_decoder));
  return check_relations(diag, out);
}
