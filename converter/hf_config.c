/* The small JSON files of a Hugging Face folder. Keys: transformers' BertConfig and AlbertConfig,
 * sentence-transformers' modules. */
#include "converter/hf_config.h"

#include <stdio.h>
#include <stdlib.h>

enum { INDENT = 2, DIGITS = 15, SCORE_DIGITS = 17 };

static alb_status no_memory(alb_diag *diag) {
  return alb_fail_memory(diag, 0, "a JSON file");
}

alb_status alb_small_json(alb_diag *diag, alb_arena *arena, alb_small_files *files, const char *name, json_t *json) {
  /* settings read well with 15 digits; scores of tokens have to come back as they are */
  const size_t digits = strcmp(name, "tokenizer.json") == 0 ? SCORE_DIGITS : DIGITS;
  char *text = json ? json_dumps(json, JSON_INDENT(INDENT) | JSON_REAL_PRECISION(digits)) : NULL;
  char *kept = text ? alb_arena_printf(arena, "%s\n", text) : NULL;
  free(text);
  json_decref(json);
  if (!kept) return no_memory(diag);
  const alb_small_file file = {name, {(const uint8_t *)kept, strlen(kept)}};
  return alb_vec_push(files, file) ? ALB_OK : no_memory(diag);
}

/* ---- config.json ---- */

/* As transformers calls them. */
static const char *activation_name(alb_activation activation) {
  static const char *const names[ALB_ACT_COUNT] = {
      [ALB_ACT_GELU] = "gelu", [ALB_ACT_GELU_TANH] = "gelu_new", [ALB_ACT_RELU] = "relu",
      [ALB_ACT_SILU] = "silu", [ALB_ACT_TANH] = "tanh",          [ALB_ACT_SIGMOID] = "sigmoid",
  };
  return names[activation];
}

/* The shortest decimal that is this float: 1e-12 and not 9.99999996e-13. */
static double short_decimal(float value) {
  char text[32];
  double found = (double)value;
  for (int digits = 9; digits > 0; digits--) {
    (void)snprintf(text, sizeof text, "%.*g", digits, (double)value);
    const double decimal = strtod(text, NULL);
    if ((float)decimal == value) found = decimal;
  }
  return found;
}

static const char *dtype_name(alb_dtype dtype) {
  return dtype == ALB_F16 ? "float16" : dtype == ALB_BF16 ? "bfloat16" : "float32";
}

static bool set_numbers(json_t *json, const alb_encoder_config *c, const alb_hf_layout *layout) {
  const struct {
    const char *key;
    uint32_t value;
    bool albert; /* of ALBERT only */
  } numbers[] = {
      {"hidden_size", c->hidden, false},
      {"embedding_size", c->embedding, true},
      {"num_hidden_layers", layout->stated_layers, false},
      {"num_hidden_groups", layout->groups, true},
      {"inner_group_num", layout->inner, true},
      {"num_attention_heads", c->heads, false},
      {"intermediate_size", c->intermediate, false},
      {"vocab_size", c->vocab, false},
      {"max_position_embeddings", c->max_positions, false},
      {"type_vocab_size", c->type_vocab, false},
      {"pad_token_id", c->pad_id, false},
  };
  bool done = true;
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
    if (numbers[i].albert && !layout->albert) continue;
    done = done && json_object_set_new(json, numbers[i].key, json_integer(numbers[i].value)) == 0;
  }
  return done;
}

/* A spelling of the source's that means the same is kept: "gelu_pytorch_tanh". */
static bool set_activation(json_t *json, const alb_write_job *job, alb_activation activation) {
  const bool stated = json_object_get(json, "hidden_act") && activation == job->loaded->config.encoder.activation;
  return stated || json_object_set_new(json, "hidden_act", json_string(activation_name(activation))) == 0;
}

static bool set_eps(json_t *json, float eps) {
  if ((float)json_number_value(json_object_get(json, "layer_norm_eps")) == eps) return true;
  return json_object_set_new(json, "layer_norm_eps", json_real(short_decimal(eps))) == 0;
}

/* What transformers' class for the model's head is called, behind "Bert" or "Albert". */
static const char *class_of(const alb_model_spec *spec) {
  static const struct {
    alb_role role;
    const char *name;
  } heads[] = {{ALB_ROLE_CLASSIFIER_W, "ForSequenceClassification"},
               {ALB_ROLE_SPAN_W, "ForQuestionAnswering"},
               {ALB_ROLE_MLM_DENSE_W, "ForMaskedLM"}};
  if (spec->token_classes) return "ForTokenClassification";
  for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
    if (spec->global[heads[i].role] != ALB_NO_TENSOR) return heads[i].name;
  }
  return "Model";
}

static bool set_type(json_t *json, const alb_model_spec *spec, const alb_hf_layout *layout) {
  json_t *classes = json_pack("[s+]", layout->albert ? "Albert" : "Bert", class_of(spec));
  return json_object_set_new(json, "architectures", classes) == 0 &&
         json_object_set_new(json, "model_type", json_string(layout->arch->name)) == 0;
}

/* How many classes there are, and how their logits become scores, where the names do not say it. */
static bool set_classes(json_t *json, const alb_write_job *job, const alb_model_spec *spec) {
  const char *score = job->package->class_score;
  bool done = true;
  if (!spec->config.classes) return true;
  if (!job->package->label_count) {
    done = json_object_set_new(json, "num_labels", json_integer(spec->config.classes)) == 0;
  }
  if (score && strcmp(score, "sigmoid") == 0 && spec->config.classes > 1) {
    done = done && json_object_set_new(json, "problem_type", json_string("multi_label_classification")) == 0;
  }
  if (score && strcmp(score, "none") == 0) {
    done = done && json_object_set_new(json, "problem_type", json_string("regression")) == 0;
  }
  return done;
}

/* A cross-encoder whose scores are its logits, where no config.json says it already. */
static bool set_rank(json_t *json, const alb_package *package) {
  const char *key = "sbert_ce_default_activation_function";
  if (package->label_count != 1 || !package->rank_score || strcmp(package->rank_score, "none") != 0) return true;
  if (json_object_get(json, key) || json_object_get(json, "sentence_transformers")) return true;
  return json_object_set_new(json, key, json_string("torch.nn.modules.linear.Identity")) == 0;
}

static bool set_labels(json_t *json, const alb_package *package) {
  json_t *names = json_object(), *ids = json_object();
  bool done = true;
  for (size_t i = 0; i < package->label_count; i++) {
    char key[24];
    (void)snprintf(key, sizeof key, "%zu", i);
    done = done && json_object_set_new(names, key, json_string(package->labels[i])) == 0 &&
           json_object_set_new(ids, package->labels[i], json_integer((json_int_t)i)) == 0;
  }
  done = done && json_object_set(json, "id2label", names) == 0 && json_object_set(json, "label2id", ids) == 0;
  json_decref(names);
  json_decref(ids);
  return done;
}

/* A copy of the source's own config.json when it is of the same architecture, else a new object. ALBERT's dropout
 * is 0 by default and BERT's is not: what a changed layout is trained with is said. */
static json_t *base_config(const alb_write_job *job, const alb_hf_layout *layout) {
  const json_t *source = job->loaded->source.config;
  if (source && strcmp(job->loaded->spec.config.architecture, layout->arch->name) == 0) return json_deep_copy(source);
  return json_pack("{s:f, s:f}", "hidden_dropout_prob", layout->albert ? 0.0 : 0.1, "attention_probs_dropout_prob",
                   layout->albert ? 0.0 : 0.1);
}

alb_status alb_hf_config(alb_diag *diag, const alb_write_job *job, const alb_model_spec *spec,
                         const alb_hf_layout *layout, alb_small_files *files) {
  json_t *json = base_config(job, layout);
  if (!json) return no_memory(diag);
  (void)json_object_del(json, "dtype");
  const bool done = set_type(json, spec, layout) && set_numbers(json, &spec->config, layout) &&
                    set_activation(json, job, spec->config.activation) && set_eps(json, spec->config.layer_norm_eps) &&
                    json_object_set_new(json, "tie_word_embeddings", json_boolean(layout->tied)) == 0 &&
                    json_object_set_new(json, "torch_dtype", json_string(dtype_name(layout->narrowest))) == 0 &&
                    set_classes(json, job, spec) && set_rank(json, job->package) &&
                    (!job->package->label_count || set_labels(json, job->package));
  if (done) return alb_small_json(diag, job->arena, files, "config.json", json);
  json_decref(json);
  return no_memory(diag);
}

/* ---- sentence-transformers ---- */

static alb_status add_modules(alb_diag *diag, const alb_write_job *job, bool normalize, alb_small_files *files) {
  static const char *const modules[][3] = {
      {"0", "", "Transformer"}, {"1", "1_Pooling", "Pooling"}, {"2", "2_Normalize", "Normalize"}};
  json_t *list = json_array();
  for (int i = 0; i < (normalize ? 3 : 2); i++) {
    char type[64];
    (void)snprintf(type, sizeof type, "sentence_transformers.models.%s", modules[i][2]);
    json_t *module =
        json_pack("{s:i, s:s, s:s, s:s}", "idx", i, "name", modules[i][0], "path", modules[i][1], "type", type);
    if (json_array_append_new(list, module) != 0) {
      json_decref(list);
      return no_memory(diag);
    }
  }
  return alb_small_json(diag, job->arena, files, "modules.json", list);
}

static alb_status add_pooling(alb_diag *diag, const alb_write_job *job, const alb_model_spec *spec,
                              alb_small_files *files) {
  static const struct {
    const char *key;
    alb_pooling pooling;
  } modes[] = {{"pooling_mode_cls_token", ALB_POOL_CLS},
               {"pooling_mode_mean_tokens", ALB_POOL_MEAN},
               {"pooling_mode_max_tokens", ALB_POOL_MAX},
               {"pooling_mode_lasttoken", ALB_POOL_LAST}};
  json_t *json = json_pack("{s:i}", "word_embedding_dimension", (int)spec->config.hidden);
  for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
    (void)json_object_set_new(json, modes[i].key, json_boolean(modes[i].pooling == spec->pooling));
  }
  if (json_object_size(json) != 5) {
    json_decref(json);
    return no_memory(diag);
  }
  return alb_small_json(diag, job->arena, files, "1_Pooling/config.json", json);
}

static alb_status add_length(alb_diag *diag, const alb_write_job *job, alb_small_files *files) {
  const uint32_t longest = job->package->tokenizer ? job->package->tokenizer->max_length : 0;
  if (!longest) return ALB_OK;
  return alb_small_json(diag, job->arena, files, "sentence_bert_config.json",
                        json_pack("{s:I, s:b}", "max_seq_length", (json_int_t)longest, "do_lower_case", 0));
}

static alb_status add_prompts(alb_diag *diag, const alb_write_job *job, alb_small_files *files) {
  const Alb__Embedding *embedding = job->package->embedding;
  if (!embedding->n_prompts) return ALB_OK;
  json_t *prompts = json_object();
  for (size_t i = 0; i < embedding->n_prompts; i++) {
    (void)json_object_set_new(prompts, embedding->prompts[i]->name, json_string(embedding->prompts[i]->text));
  }
  const char *name = embedding->default_prompt && *embedding->default_prompt ? embedding->default_prompt : NULL;
  return alb_small_json(diag, job->arena, files, "config_sentence_transformers.json",
                        json_pack("{s:o, s:s?}", "prompts", prompts, "default_prompt_name", name));
}

alb_status alb_hf_sentence(alb_diag *diag, const alb_write_job *job, const alb_model_spec *spec,
                           alb_small_files *files) {
  const Alb__Embedding *embedding = job->package->embedding;
  if (!embedding || !embedding->stated || spec->pooling == ALB_POOL_NONE) return ALB_OK;
  ALB_TRY(add_modules(diag, job, spec->normalize, files));
  ALB_TRY(add_pooling(diag, job, spec, files));
  ALB_TRY(add_length(diag, job, files));
  return add_prompts(diag, job, files);
}
