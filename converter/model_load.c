/* A source model, read and bound. */
#include "converter/model_load.h"

#include <stdio.h>

#include "converter/config_google.h"
#include "converter/import_alb.h"
#include "converter/onnx/onnx_import.h"
#include "graph/alike.h"
#include "graph/build_encoder.h"

/* What the model is for, by its heads: the first that is there. */
static const char *find_task(const alb_model_spec *spec) {
  const uint32_t *global = spec->global;
  if (global[ALB_ROLE_SPAN_W] != ALB_NO_TENSOR) return "qa";
  if (global[ALB_ROLE_CLASSIFIER_W] != ALB_NO_TENSOR) {
    return spec->token_classes ? "ner" : spec->config.classes == 1 ? "rerank" : "classify";
  }
  return global[ALB_ROLE_MLM_DENSE_W] != ALB_NO_TENSOR ? "fill-mask" : "embed";
}

/* The longest input: what sentence-transformers says, else what the tokenizer says, at most the positions. */
static alb_status read_vocab(alb_diag *diag, alb_loaded *out) {
  const alb_encoder_config *config = &out->spec.config;
  size_t longest = config->max_positions - config->position_offset;
  if (out->sentence.max_length && out->sentence.max_length < longest) longest = out->sentence.max_length;
  const alb_vocab_options options = {.rows = config->vocab, .max_length = longest};
  return alb_vocab_import(diag, &out->source, &out->arena, &options, &out->vocab);
}

static alb_status read_config(alb_diag *diag, alb_loaded *out) {
  alb_source *source = &out->source;
  if (!source->config) {
    return alb_fail(diag, ALB_MISSING, "no config.json (nor bert_config.json, albert_config.json) beside the weights");
  }
  alb_status status = alb_config_google(diag, source);
  if (status == ALB_OK) status = alb_config_read(diag, source->config, &out->config);
  if (status != ALB_OK) alb_diag_prefix(diag, "%s", source->config_name);
  return status;
}

/* Weights with names: config.json says what they are. */
static alb_status load_weights(alb_diag *diag, alb_loaded *out) {
  ALB_TRY(read_config(diag, out));
  return alb_bind_roles(diag, &out->arena, &out->source, &out->config, &out->tensors, &out->spec, &out->binding);
}

/* Is it one number everywhere? Such vectors (biases of 0, gammas of 1) can be told from one another by nobody. */
static bool is_uniform(const alb_onnx_tensor *t) {
  for (size_t i = 1; i < t->count; i++) {
    if (alb_onnx_get_f64(t, i) != alb_onnx_get_f64(t, 0)) return false;
  }
  return true;
}

/* Named constants of floats that no weight is made of, and that are more than numbers of formulas. */
static alb_status list_unused(alb_diag *diag, alb_loaded *out, const bool *used) {
  const alb_onnx_model *model = out->source.onnx;
  alb_str *names = ALB_NEW_ARRAY(&out->arena, alb_str, model->values.count);
  if (!names) return alb_fail_memory(diag, model->values.count * sizeof *names, "names");
  out->binding = (alb_binding){.unused = names};
  for (uint32_t v = 0; v < model->values.count; v++) {
    const uint32_t c = model->values.items[v].constant;
    if (c == ALB_ONNX_NONE || used[c] || model->values.items[v].name.n == 0) continue;
    const alb_onnx_tensor *t = &model->constants.items[c];
    if (alb_onnx_type_is_float(t->type) && !is_uniform(t))
      names[out->binding.unused_count++] = model->values.items[v].name;
  }
  return ALB_OK;
}

/* An ONNX graph says by itself what it computes; config.json only adds what a graph can't say. */
static alb_status load_graph(alb_diag *diag, alb_loaded *out) {
  alb_onnx_imported imported;
  ALB_TRY(alb_onnx_import(diag, &out->arena, out->source.onnx, out->source.onnx_bytes, &out->tensors, &out->spec,
                          &imported));
  out->golden_hidden = imported.golden_hidden;
  const json_t *pad = json_object_get(out->source.config, "pad_token_id");
  const json_int_t id = json_integer_value(pad);
  if (id > 0 && id < out->spec.config.vocab) out->spec.config.pad_id = (uint32_t)id;
  if (imported.dequantised) out->note = "the graph has integers for weights: dequantised to f32";
  return list_unused(diag, out, imported.used);
}

/* A pooled output of an ONNX graph counts where no file says how sentences are pooled. */
static void use_own_pooling(alb_loaded *out) {
  if (!out->source.onnx || out->sentence.stated || out->spec.pooling == ALB_POOL_NONE) return;
  out->sentence.pooling = out->spec.pooling;
  out->sentence.normalize = out->spec.normalize;
  out->sentence.stated = true;
}

static alb_status load_checkpoint(alb_diag *diag, const char *path, alb_loaded *out) {
  ALB_TRY(alb_source_open(diag, path, &out->source));
  ALB_TRY(out->source.onnx ? load_graph(diag, out) : load_weights(diag, out));
  ALB_TRY(alb_sentence_read(diag, &out->arena, &out->source, &out->sentence));
  use_own_pooling(out);
  ALB_TRY(alb_classes_read(diag, &out->arena, out->source.config, out->spec.config.classes, !out->spec.token_classes,
                           &out->classes));
  out->spec.pooling = out->sentence.pooling;
  out->spec.normalize = out->sentence.normalize;
  out->task = find_task(&out->spec);
  return read_vocab(diag, out);
}

alb_status alb_model_load(alb_diag *diag, const char *path, alb_loaded *out) {
  return alb_is_alb(path) ? alb_import_open(diag, path, out) : load_checkpoint(diag, path, out);
}

alb_status alb_loaded_clone(alb_diag *diag, alb_loaded *loaded, alb_tensors *tensors) {
  alb_hash128 hash;
  ALB_TRY(alb_tensors_hash_alike(diag, &loaded->tensors));
  for (uint32_t b = 0; b < loaded->tensors.blobs.count; b++) {
    if (alb_blob_has_content(&loaded->tensors, &loaded->tensors.blobs.items[b])) continue;
    ALB_TRY(alb_blob_hash(diag, &loaded->tensors, b, &hash));
  }
  return alb_tensors_clone(diag, &loaded->tensors, tensors);
}

alb_status alb_loaded_graph(alb_diag *diag, const alb_loaded *loaded, alb_tensors *tensors, alb_graph *graph) {
  alb_model_spec spec = loaded->spec;
  spec.tensors = tensors;
  graph->tensors = tensors;
  return loaded->alb ? alb_import_graph(diag, loaded, graph) : alb_build_encoder(diag, &spec, graph);
}

void alb_model_unload(alb_loaded *loaded) {
  alb_reader_close(loaded->alb);
  alb_source_free(&loaded->source);
  alb_tensors_free(&loaded->tensors);
  alb_arena_free(&loaded->arena);
  *loaded = (alb_loaded){0};
}
