/* bert_config.json and albert_config.json, the configurations of Google's own checkpoints. */
#include "converter/config_google.h"

/* Keys of BertConfig in google-research/albert's modeling.py that BERT's does not have. */
static const char *const albert_keys[] = {"embedding_size", "num_hidden_groups", "inner_group_num"};
static const char *const albert_parts[] = {"inner_group_", "embedding_hidden_mapping_in", "albert_layer"};

static bool config_says_albert(const json_t *config) {
  for (size_t i = 0; i < sizeof albert_keys / sizeof *albert_keys; i++) {
    if (json_object_get(config, albert_keys[i])) return true;
  }
  return false;
}

static bool names_say_albert(const alb_tensors *tensors) {
  for (size_t i = 0; i < tensors->tensors.count; i++) {
    const alb_str name = tensors->tensors.items[i].name;
    for (size_t k = 0; k < sizeof albert_parts / sizeof *albert_parts; k++) {
      if (memmem(name.p, name.n, albert_parts[k], strlen(albert_parts[k]))) return true;
    }
  }
  return false;
}

static bool is_googles(const alb_source *source) {
  if (!json_is_object(source->config)) return false;
  if (json_object_get(source->config, "model_type") || json_object_get(source->config, "architectures")) return false;
  return source->tensorflow || strcmp(source->config_name, "config.json") != 0;
}

static bool set_text(json_t *config, const char *key, const char *text) {
  return json_object_set_new(config, key, json_string(text)) == 0;
}

alb_status alb_config_google(alb_diag *diag, alb_source *source) {
  json_t *config = source->config;
  if (!is_googles(source)) return ALB_OK;
  const bool albert = config_says_albert(config) || names_say_albert(&source->tensors);
  bool set = set_text(config, "model_type", albert ? "albert" : "bert");
  const char *activation = json_string_value(json_object_get(config, "hidden_act"));
  if (albert && activation && strcmp(activation, "gelu") == 0) set = set && set_text(config, "hidden_act", "gelu_new");
  return set ? ALB_OK : alb_fail_memory(diag, 0, "the configuration");
}
