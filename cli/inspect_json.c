/* An inspection as JSON for programs. */
#include "cli/inspect.h"
#include "cli/json_out.h"

static void key_text(alb_json *json, const char *key, const char *text) {
  alb_json_key(json, key);
  alb_json_text(json, alb_str_of(text));
}

static void key_int(alb_json *json, const char *key, uint64_t value) {
  alb_json_key(json, key);
  alb_json_int(json, (int64_t)value);
}

/* What a classifier's classes are called, and how its logits become scores. */
static void json_classes(alb_json *json, const alb_classes *classes) {
  alb_json_key(json, "labels");
  alb_json_open(json, '[');
  for (size_t i = 0; i < classes->count; i++) alb_json_text(json, alb_str_of(classes->labels[i]));
  alb_json_close(json, ']');
  key_text(json, "class_score", classes->class_score);
  key_text(json, "rank_score", classes->rank_score);
}

static void json_config(alb_json *json, const alb_inspection *in) {
  const alb_encoder_config *c = &in->loaded.spec.config;
  const struct {
    const char *key;
    uint32_t value;
  } sizes[] = {{"layers", c->layers},
               {"hidden", c->hidden},
               {"embedding", c->embedding},
               {"heads", c->heads},
               {"intermediate", c->intermediate},
               {"vocab", c->vocab},
               {"max_positions", c->max_positions},
               {"type_vocab", c->type_vocab}};
  alb_json_key(json, "config");
  alb_json_open(json, '{');
  key_text(json, "architecture", c->architecture);
  key_text(json, "task", in->loaded.task);
  for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) key_int(json, sizes[i].key, sizes[i].value);
  key_text(json, "activation", alb_activation_name(c->activation));
  alb_json_key(json, "layer_norm_eps");
  alb_json_float(json, c->layer_norm_eps);
  key_text(json, "pooling", alb_pooling_name(in->loaded.sentence.pooling));
  alb_json_key(json, "normalize");
  alb_json_bool(json, in->loaded.sentence.normalize);
  alb_json_key(json, "pooling_stated");
  alb_json_bool(json, in->loaded.sentence.stated);
  alb_json_key(json, "tokenizer");
  if (in->loaded.vocab.tokenizer)
    alb_json_text(json, alb_str_of(in->loaded.vocab.tokenizer->model));
  else
    alb_json_null(json);
  json_classes(json, &in->loaded.classes);
  alb_json_close(json, '}');
}

static void json_tensor(alb_json *json, const alb_inspection *in, uint32_t t) {
  const alb_tensor *tensor = &in->loaded.tensors.tensors.items[t];
  const uint32_t first = alb_inspect_first_equal(in, t);
  alb_json_open(json, '{');
  alb_json_key(json, "name");
  alb_json_text(json, tensor->name);
  key_text(json, "dtype", alb_dtype_name(tensor->dtype));
  alb_json_key(json, "shape");
  alb_json_open(json, '[');
  for (size_t i = 0; i < tensor->rank; i++) alb_json_int(json, (int64_t)tensor->dims[i]);
  alb_json_close(json, ']');
  key_int(json, "bytes", alb_blob_bytes(&in->loaded.tensors, tensor->blob));
  alb_json_key(json, "equal_to");
  if (first == t)
    alb_json_null(json);
  else
    alb_json_text(json, in->loaded.tensors.tensors.items[first].name);
  alb_json_close(json, '}');
}

static void json_relation(alb_json *json, const alb_layer_relation *relation) {
  alb_json_open(json, '{');
  key_text(json, "kind", alb_relation_name(relation->kind));
  key_int(json, "of", relation->of);
  alb_json_key(json, "max_delta");
  alb_json_double(json, relation->max_delta, 9);
  alb_json_close(json, '}');
}

void alb_inspect_cosines_json(alb_json *json, const alb_block_signature *block, size_t layers) {
  alb_json_open(json, '[');
  for (size_t a = 0; a < layers; a++) {
    alb_json_open(json, '[');
    for (size_t b = 0; b < layers; b++) alb_json_double(json, block->cosine[a * layers + b], 6);
    alb_json_close(json, ']');
  }
  alb_json_close(json, ']');
}

static void json_block(alb_json *json, const char *key, const alb_block_signature *s, size_t layers) {
  alb_json_key(json, key);
  alb_json_open(json, '{');
  alb_json_key(json, "set_of_layer");
  alb_json_open(json, '[');
  for (size_t l = 0; l < layers; l++) alb_json_int(json, s->equal[l]);
  alb_json_close(json, ']');
  alb_json_key(json, "relations");
  alb_json_open(json, '[');
  for (size_t l = 0; l < layers; l++) json_relation(json, &s->relations[l]);
  alb_json_close(json, ']');
  alb_json_key(json, "cosine");
  alb_inspect_cosines_json(json, s, layers);
  alb_json_close(json, '}');
}

/* Matrices that are another layer's and factors of low rank. */
static void json_bases(alb_json *json, const alb_inspection *in) {
  alb_json_key(json, "low_rank");
  alb_json_open(json, '[');
  for (size_t m = 0; m < in->matrix_count; m++) {
    for (size_t l = 0; l < in->layers.layers; l++) {
      const alb_base_relation *r = &in->matrices[m].layers[l];
      if (!alb_base_is_found(r, l)) continue;
      alb_json_open(json, '{');
      key_text(json, "matrix", in->matrices[m].name);
      key_int(json, "layer", l);
      key_int(json, "of", r->of);
      key_int(json, "rank", r->rank);
      alb_json_key(json, "max_delta");
      alb_json_double(json, r->max_delta, 9);
      alb_json_close(json, '}');
    }
  }
  alb_json_close(json, ']');
}

static void json_role(alb_json *json, const alb_role_share *role, size_t layers) {
  alb_json_open(json, '{');
  key_text(json, "name", role->name);
  key_text(json, "block", role->ffn ? "ffn" : "attention");
  alb_json_key(json, "rho");
  alb_json_double(json, role->rho, 6);
  alb_json_key(json, "chance");
  alb_json_double(json, 1 / (double)layers, 6);
  alb_json_key(json, "share");
  alb_json_double(json, role->share, 6);
  alb_json_key(json, "adjacent");
  alb_json_open(json, '[');
  for (size_t l = 0; l + 1 < layers; l++) alb_json_double(json, role->adjacent[l], 6);
  alb_json_close(json, ']');
  alb_json_close(json, '}');
}

static void json_shareability(alb_json *json, const alb_inspection *in) {
  alb_json_key(json, "shareability");
  alb_json_open(json, '{');
  alb_json_key(json, "roles");
  alb_json_open(json, '[');
  for (size_t r = 0; r < in->layers.role_count; r++) json_role(json, &in->layers.roles[r], in->layers.layers);
  alb_json_close(json, ']');
  alb_json_key(json, "verdict");
  alb_json_open(json, '{');
  for (int mode = 0; in->layers.role_count && mode < ALB_SHARE_COUNT; mode++) {
    const alb_share_facts *facts = alb_share_info((alb_share_mode)mode);
    if (facts->attention || facts->ffn) key_text(json, facts->name, alb_inspect_verdict(in, (alb_share_mode)mode));
  }
  alb_json_close(json, '}');
  alb_json_close(json, '}');
}

static void json_sizes(alb_json *json, const alb_inspection *in) {
  alb_json_key(json, "sizes");
  alb_json_open(json, '{');
  for (int mode = 0; mode < ALB_SHARE_COUNT; mode++) {
    alb_json_key(json, alb_share_info((alb_share_mode)mode)->name);
    alb_json_open(json, '{');
    for (size_t d = 0; d < ALB_SIZE_DTYPES; d++) {
      alb_json_key(json, alb_dtype_name(alb_size_dtypes[d]));
      if (in->sizes[mode][d])
        alb_json_int(json, (int64_t)in->sizes[mode][d]);
      else
        alb_json_null(json);
    }
    alb_json_key(json, "lossy");
    alb_json_bool(json, in->lossy[mode]);
    alb_json_close(json, '}');
  }
  alb_json_close(json, '}');
}

static void json_provenance(alb_json *json, const alb_inspection *in) {
  const Alb__Manifest *m = alb_reader_manifest(in->loaded.alb);
  char hex[33];
  const alb_hash128 root = alb_reader_root(in->loaded.alb);
  alb_hash_hex(&root, hex);
  alb_json_key(json, "file");
  alb_json_open(json, '{');
  key_int(json, "bytes", alb_reader_file_size(in->loaded.alb));
  key_text(json, "root_hash", hex);
  key_text(json, "dtype", m->config->dtype);
  key_text(json, "share", m->config->share);
  key_int(json, "blobs", alb_reader_blob_count(in->loaded.alb));
  key_int(json, "parameter_sets", m->n_sets);
  key_int(json, "golden_inputs", m->n_golden);
  if (m->provenance) {
    key_text(json, "tool", m->provenance->tool);
    key_text(json, "options", m->provenance->options);
    key_text(json, "fold", m->provenance->fold);
  }
  alb_json_close(json, '}');
}

void alb_inspection_json(const alb_inspection *in, FILE *out) {
  alb_json json = {.file = out};
  alb_json_open(&json, '{');
  key_text(&json, "path", in->path);
  key_text(&json, "form", in->loaded.alb ? "alb" : in->loaded.source.form);
  json_config(&json, in);
  key_int(&json, "weight_bytes", in->source_bytes);
  key_int(&json, "parameters", in->parameters);
  if (in->loaded.alb) json_provenance(&json, in);
  alb_json_key(&json, "tensors");
  alb_json_open(&json, '[');
  for (uint32_t t = 0; t < in->loaded.tensors.tensors.count; t++) json_tensor(&json, in, t);
  alb_json_close(&json, ']');
  json_block(&json, "attention", &in->layers.attention, in->layers.layers);
  json_block(&json, "ffn", &in->layers.ffn, in->layers.layers);
  json_bases(&json, in);
  json_shareability(&json, in);
  if (in->align) alb_inspection_json_aligned(&json, in);
  json_sizes(&json, in);
  alb_json_key(&json, "unused");
  alb_json_open(&json, '[');
  for (size_t i = 0; i < in->loaded.binding.unused_count; i++) alb_json_text(&json, in->loaded.binding.unused[i]);
  alb_json_close(&json, ']');
  alb_json_close(&json, '}');
  alb_json_line(&json);
}
