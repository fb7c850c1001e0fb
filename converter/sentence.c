/* What the files of sentence-transformers say. */
#include "converter/sentence.h"

/* Pooling modes: the name, the key of older files that stands for it, and ours (NONE: not run). */
static const struct {
  const char *name, *key;
  alb_pooling pooling;
} modes[] = {
    {"cls", "pooling_mode_cls_token", ALB_POOL_CLS},
    {"mean", "pooling_mode_mean_tokens", ALB_POOL_MEAN},
    {"max", "pooling_mode_max_tokens", ALB_POOL_MAX},
    {"lasttoken", "pooling_mode_lasttoken", ALB_POOL_LAST},
    {"mean_sqrt_len_tokens", "pooling_mode_mean_sqrt_len_tokens", ALB_POOL_NONE},
    {"weightedmean", "pooling_mode_weightedmean_tokens", ALB_POOL_NONE},
};
enum { MODES = sizeof modes / sizeof modes[0] };

/* Is mode m set: by "pooling_mode" (a name or names) where that is there, else by its own key. */
static bool is_set(const json_t *json, size_t m) {
  const json_t *mode = json_object_get(json, "pooling_mode");
  if (!mode) return json_is_true(json_object_get(json, modes[m].key));
  for (size_t i = 0; i < json_array_size(mode); i++) {
    const char *name = json_string_value(json_array_get(mode, i));
    if (name && strcmp(name, modes[m].name) == 0) return true;
  }
  return json_is_string(mode) && strcmp(json_string_value(mode), modes[m].name) == 0;
}

/* Exactly one mode must be set, and be one that we run. Without any key there is sentence-transformers'
 * default, the mean. */
static alb_status choose_mode(alb_diag *diag, const json_t *json, const char *file, alb_sentence *out) {
  size_t set = MODES, count = 0;
  for (size_t m = 0; m < MODES; m++) {
    if (!is_set(json, m)) continue;
    set = m;
    count++;
  }
  if (!json_is_object(json)) return alb_fail(diag, ALB_MALFORMED, "%s: not an object", file);
  if (count == 0 && json_object_get(json, "pooling_mode")) {
    return alb_fail(diag, ALB_UNSUPPORTED, "%s: \"pooling_mode\" is not one of cls, mean, max, lasttoken", file);
  }
  if (count > 1 || (count == 1 && modes[set].pooling == ALB_POOL_NONE)) {
    return alb_fail(diag, ALB_UNSUPPORTED, "%s: %spooling mode \"%s\" is not supported", file,
                    count > 1 ? "more than one pooling mode, the last being " : "", modes[set].name);
  }
  out->pooling = count ? modes[set].pooling : ALB_POOL_MEAN;
  out->stated = count > 0;
  out->pools_prompt = !json_is_false(json_object_get(json, "include_prompt"));
  return ALB_OK;
}

/* *found: is there such a file. */
static alb_status read_pooling(alb_diag *diag, alb_source *source, const char *file, bool *found, alb_sentence *out) {
  json_t *json;
  ALB_TRY(alb_source_json(diag, source, file, &json));
  *found = json != NULL;
  if (!json) return ALB_OK;
  const alb_status status = choose_mode(diag, json, file, out);
  json_decref(json);
  return status;
}

static bool ends_with(const char *text, const char *end) {
  return alb_str_ends(alb_str_of(text), alb_str_of(end));
}

static alb_status read_module(alb_diag *diag, alb_source *source, const json_t *module, bool *pools,
                              alb_sentence *out) {
  const char *type = json_string_value(json_object_get(module, "type"));
  const char *path = json_string_value(json_object_get(module, "path"));
  if (!type) return alb_fail(diag, ALB_MALFORMED, "modules.json: a module without a type");
  if (ends_with(type, ".Transformer")) return ALB_OK;
  if (ends_with(type, ".Normalize")) {
    out->normalize = true;
    return ALB_OK;
  }
  if (!ends_with(type, ".Pooling")) {
    return alb_fail(diag, ALB_UNSUPPORTED, "modules.json: module \"%s\" is not supported", type);
  }
  if (*pools) return alb_fail(diag, ALB_UNSUPPORTED, "modules.json: more than one module pools");
  const char *file = alb_arena_printf(&source->arena, "%s/config.json", path && *path ? path : "1_Pooling");
  if (!file) return alb_fail_memory(diag, 1, "a path");
  ALB_TRY(read_pooling(diag, source, file, pools, out));
  return *pools ? ALB_OK : alb_fail(diag, ALB_MISSING, "%s is missing, which modules.json names", file);
}

static alb_status read_modules(alb_diag *diag, alb_source *source, alb_sentence *out) {
  json_t *json;
  bool pools = false;
  ALB_TRY(alb_source_json(diag, source, "modules.json", &json));
  if (!json) return read_pooling(diag, source, "1_Pooling/config.json", &pools, out);
  alb_status status = json_is_array(json) ? ALB_OK : alb_fail(diag, ALB_MALFORMED, "modules.json: not a list");
  for (size_t i = 0; status == ALB_OK && i < json_array_size(json); i++) {
    status = read_module(diag, source, json_array_get(json, i), &pools, out);
  }
  json_decref(json);
  return status;
}

static alb_status read_length(alb_diag *diag, alb_source *source, alb_sentence *out) {
  json_t *json;
  ALB_TRY(alb_source_json(diag, source, "sentence_bert_config.json", &json));
  if (!json) return ALB_OK;
  const json_t *length = json_object_get(json, "max_seq_length");
  const json_int_t value = json_integer_value(length);
  const bool wrong = length && !json_is_null(length) && (!json_is_integer(length) || value < 1 || value > 1 << 20);
  if (!wrong) out->max_length = (uint32_t)value;
  json_decref(json);
  return wrong ? alb_fail(diag, ALB_MALFORMED, "sentence_bert_config.json: \"max_seq_length\" must be 1 to 1048576")
               : ALB_OK;
}

static alb_status copy_prompts(alb_diag *diag, alb_arena *arena, json_t *json, alb_sentence *out) {
  const char *name = json_string_value(json_object_get(json, "default_prompt_name"));
  json_t *prompts = json_object_get(json, "prompts"), *text;
  out->prompts = ALB_NEW_ARRAY(arena, alb_prompt, json_object_size(prompts));
  out->default_prompt = alb_arena_strdup(arena, alb_str_of(name ? name : ""));
  if (!out->prompts || !out->default_prompt) return alb_fail_memory(diag, 1, "prompts");
  json_object_foreach(prompts, name, text) {
    if (!json_is_string(text) || strlen(json_string_value(text)) != json_string_length(text))
      return alb_fail(diag, ALB_MALFORMED, "prompts: \"%s\" is not a text", name);
    alb_prompt *prompt = &out->prompts[out->prompt_count++];
    prompt->name = alb_arena_strdup(arena, alb_str_of(name));
    prompt->text = alb_arena_strdup(arena, alb_str_of(json_string_value(text)));
    if (!prompt->name || !prompt->text) return alb_fail_memory(diag, 1, "prompts");
  }
  return ALB_OK;
}

static alb_status read_prompts(alb_diag *diag, alb_arena *arena, alb_source *source, alb_sentence *out) {
  json_t *json;
  out->default_prompt = "";
  ALB_TRY(alb_source_json(diag, source, "config_sentence_transformers.json", &json));
  if (!json) return ALB_OK;
  const alb_status status = copy_prompts(diag, arena, json, out);
  json_decref(json);
  return status;
}

alb_status alb_sentence_read(alb_diag *diag, alb_arena *arena, alb_source *source, alb_sentence *out) {
  *out = (alb_sentence){.pooling = ALB_POOL_MEAN, .pools_prompt = true};
  ALB_TRY(read_modules(diag, source, out));
  ALB_TRY(read_length(diag, source, out));
  ALB_TRY(read_prompts(diag, arena, source, out));
  if (out->pools_prompt || out->prompt_count == 0) return ALB_OK;
  return alb_fail(diag, ALB_UNSUPPORTED,
                  "pooling that leaves prompts out (\"include_prompt\": false) is not supported");
}
