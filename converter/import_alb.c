/* An .alb file as a source. The format's reader has checked every id and name; types along the
 * graph are checked by the graph's own verifier. */
#include "converter/import_alb.h"

#include <fcntl.h>
#include <unistd.h>

#include "format/reader.h"

bool alb_is_alb(const char *path) {
  static const char magic[8] =
      "\x89"
      "ALB\r\n\x1a\n";
  char head[8];
  const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
  if (fd < 0) return false;
  const bool same = read(fd, head, sizeof head) == (ssize_t)sizeof head && memcmp(head, magic, sizeof head) == 0;
  (void)close(fd);
  return same;
}

/* ---- tensors ---- */

/* A blob's element type and number of elements: what the tensor over it says; scales are f32 or f16. Rows of int4
 * to int6 hold more than their elements. */
static void type_blobs(const Alb__Manifest *m, alb_tensors *tensors) {
  for (size_t i = 0; i < m->n_tensors; i++) {
    const Alb__Tensor *t = m->tensors[i];
    alb_blob *blob = &tensors->blobs.items[t->blob];
    blob->dtype = (alb_dtype)t->dtype;
    blob->elements =
        alb_intn_bits(blob->dtype) ? t->dims[0] * t->dims[1] : blob->bytes.n / alb_dtype_bytes(blob->dtype);
    if (!t->scale_blob) continue;
    alb_blob *scales = &tensors->blobs.items[t->scale_blob - 1];
    scales->dtype = alb_intn_bits(blob->dtype) ? ALB_F16 : ALB_F32;
    scales->elements = scales->bytes.n / alb_dtype_bytes(scales->dtype);
  }
}

/* Factors are f32 or f16: their width says which. */
static void type_factors(const alb_reader *reader, alb_tensors *tensors) {
  const Alb__Manifest *m = alb_reader_manifest(reader);
  for (size_t i = 0; i < m->n_tensors; i++) {
    const uint32_t ids[] = {m->tensors[i]->left_blob, m->tensors[i]->right_blob};
    for (size_t k = 0; k < 2 && ids[k]; k++) {
      alb_blob *blob = &tensors->blobs.items[ids[k] - 1];
      blob->dtype = alb_reader_blob(reader, ids[k] - 1).width == 2 ? ALB_F16 : ALB_F32;
      blob->elements = blob->bytes.n / alb_dtype_bytes(blob->dtype);
    }
  }
}

static alb_status import_blobs(alb_diag *diag, const alb_reader *reader, alb_tensors *tensors) {
  for (size_t i = 0; i < alb_reader_blob_count(reader); i++) {
    const alb_stored_blob stored = alb_reader_blob(reader, i);
    const alb_blob blob = {.kind = ALB_BLOB_BYTES, .dtype = ALB_U8, .bytes = stored.bytes};
    if (!alb_vec_push(&tensors->blobs, blob)) return alb_fail_memory(diag, sizeof blob, "a blob");
  }
  type_blobs(alb_reader_manifest(reader), tensors);
  type_factors(reader, tensors);
  return ALB_OK;
}

/* The reader allows tensors of several types over a blob, which the converter never writes; a blob has one here. */
static alb_status check_types(alb_diag *diag, const alb_tensors *tensors, const Alb__Tensor *t) {
  const alb_blob *blobs = tensors->blobs.items;
  const alb_dtype scales = alb_intn_bits((alb_dtype)t->dtype) ? ALB_F16 : ALB_F32;
  if (blobs[t->blob].dtype == (alb_dtype)t->dtype && (!t->scale_blob || blobs[t->scale_blob - 1].dtype == scales)) {
    return ALB_OK;
  }
  return alb_fail(diag, ALB_UNSUPPORTED, "tensor \"%.128s\": its bytes are of another type elsewhere", t->name);
}

/* The tensor as a sum, which is f32. */
static alb_status import_residual(alb_diag *diag, const Alb__Tensor *t, alb_tensors *tensors, alb_tensor *out) {
  const alb_residual parts = {t->blob, t->scale_blob ? t->scale_blob - 1 : ALB_NO_BLOB, t->left_blob - 1,
                              t->right_blob - 1};
  out->dtype = ALB_F32;
  out->scale_blob = ALB_NO_BLOB;
  uint32_t inputs[4];
  const alb_blob recipe = alb_residual_recipe(&parts, t->dims[0], t->dims[1], inputs);
  return alb_tensors_new_recipe(diag, tensors, &recipe, &out->blob);
}

static alb_status import_tensors(alb_diag *diag, const Alb__Manifest *m, alb_tensors *tensors) {
  for (size_t i = 0; i < m->n_tensors; i++) {
    const Alb__Tensor *t = m->tensors[i];
    uint32_t id;
    ALB_TRY(check_types(diag, tensors, t));
    ALB_TRY(alb_tensors_view(diag, tensors, alb_str_of(t->name), t->n_dims, t->dims, t->blob, &id));
    if (t->scale_blob) tensors->tensors.items[id].scale_blob = t->scale_blob - 1;
    if (t->left_blob) ALB_TRY(import_residual(diag, t, tensors, &tensors->tensors.items[id]));
  }
  return ALB_OK;
}

/* ---- settings ---- */

static alb_status import_config(alb_diag *diag, const Alb__Config *c, alb_encoder_config *out) {
  *out = (alb_encoder_config){.architecture = c->architecture,
                              .layers = c->layers,
                              .hidden = c->hidden,
                              .embedding = c->embedding,
                              .heads = c->heads,
                              .intermediate = c->intermediate,
                              .vocab = c->vocab,
                              .max_positions = c->max_positions,
                              .type_vocab = c->type_vocab,
                              .position_offset = c->position_offset,
                              .pad_id = c->pad_id,
                              .mlm_width = c->embedding,
                              .activation = alb_activation_by_name(alb_str_of(c->activation)),
                              .layer_norm_eps = c->layer_norm_eps};
  if (out->activation < ALB_ACT_COUNT) return ALB_OK;
  return alb_fail(diag, ALB_UNSUPPORTED, "activation \"%s\" is not known", c->activation);
}

static alb_status import_embedding(alb_diag *diag, const Alb__Embedding *e, alb_arena *arena, alb_sentence *out) {
  *out = (alb_sentence){.default_prompt = ""};
  if (!e) return ALB_OK;
  out->pooling = alb_pooling_by_name(alb_str_of(e->pooling));
  if (out->pooling >= ALB_POOL_COUNT) return alb_fail(diag, ALB_UNSUPPORTED, "pooling \"%s\" is not known", e->pooling);
  out->normalize = e->normalize;
  out->stated = e->stated;
  out->default_prompt = e->default_prompt;
  out->prompts = ALB_NEW_ARRAY(arena, alb_prompt, e->n_prompts);
  if (!out->prompts) return alb_fail_memory(diag, e->n_prompts * sizeof *out->prompts, "prompts");
  for (; out->prompt_count < e->n_prompts; out->prompt_count++) {
    const Alb__Prompt *prompt = e->prompts[out->prompt_count];
    out->prompts[out->prompt_count] = (alb_prompt){prompt->name, prompt->text};
  }
  return ALB_OK;
}

static alb_status import_vocab(alb_diag *diag, const alb_reader *reader, alb_arena *arena, alb_vocab *out) {
  const size_t count = alb_reader_token_count(reader);
  alb_str *tokens = ALB_NEW_ARRAY(arena, alb_str, count);
  if (!tokens) return alb_fail_memory(diag, count * sizeof *tokens, "the vocabulary");
  for (size_t i = 0; i < count; i++) tokens[i] = alb_reader_token(reader, i);
  *out = (alb_vocab){alb_reader_manifest(reader)->tokenizer, tokens, count, alb_reader_vocab(reader)};
  return ALB_OK;
}

static alb_status import_all(alb_diag *diag, alb_loaded *out) {
  const Alb__Manifest *m = alb_reader_manifest(out->alb);
  ALB_TRY(import_blobs(diag, out->alb, &out->tensors));
  ALB_TRY(import_tensors(diag, m, &out->tensors));
  ALB_TRY(import_config(diag, m->config, &out->spec.config));
  ALB_TRY(import_embedding(diag, m->embedding, &out->arena, &out->sentence));
  ALB_TRY(import_vocab(diag, out->alb, &out->arena, &out->vocab));
  out->classes = (alb_classes){m->labels, m->n_labels, m->config->class_score, m->config->rank_score};
  out->task = m->config->task;
  out->spec.tensors = &out->tensors;
  out->spec.pooling = out->sentence.pooling;
  out->spec.normalize = out->sentence.normalize;
  return ALB_OK;
}

alb_status alb_import_open(alb_diag *diag, const char *path, alb_loaded *out) {
  ALB_TRY(alb_source_note(diag, &out->source, path));
  ALB_TRY(alb_reader_open(diag, path, NULL, &out->alb));
  return import_all(diag, out);
}

/* ---- graph ---- */

static alb_operand import_operand(uint32_t code) {
  return (alb_operand){(alb_operand_kind)(code & 3), code >> 2};
}

static alb_status import_node(alb_diag *diag, const Alb__Node *m, alb_graph *graph, alb_function *function) {
  alb_operand operands[ALB_MAX_OPERANDS];
  uint32_t value;
  if (m->n_operands > ALB_MAX_OPERANDS) return alb_fail(diag, ALB_MALFORMED, "a node has %zu operands", m->n_operands);
  for (size_t k = 0; k < m->n_operands; k++) operands[k] = import_operand(m->operands[k]);
  alb_node node = alb_node_make((alb_op)m->op);
  node.activation = (alb_activation)m->activation;
  node.pooling = (alb_pooling)m->pooling;
  node.heads = m->heads;
  node.eps = m->eps;
  if (node.op == ALB_OP_CALL) {
    node.callee = m->callee;
    node.set = m->set;
  }
  node.layer = m->layer ? m->layer - 1 : ALB_NONE;
  return alb_function_append(diag, graph, function, node, operands, m->n_operands, &value);
}

static alb_status import_types(alb_diag *diag, const Alb__Function *m, alb_type *types) {
  for (size_t i = 0; i < m->n_inputs; i++) {
    types[i] = (alb_type){.dtype = (alb_dtype)m->inputs[i]->dtype, .rank = m->inputs[i]->n_dims};
    if (types[i].rank > ALB_MAX_RANK) return alb_fail(diag, ALB_MALFORMED, "an input has rank %zu", types[i].rank);
    memcpy(types[i].dims, m->inputs[i]->dims, types[i].rank * sizeof *types[i].dims);
  }
  return ALB_OK;
}

static alb_status import_function(alb_diag *diag, const Alb__Function *m, alb_graph *graph) {
  alb_type *types = ALB_NEW_ARRAY(&graph->arena, alb_type, m->n_inputs);
  uint32_t id;
  if (!types) return alb_fail_memory(diag, m->n_inputs * sizeof *types, "types");
  ALB_TRY(import_types(diag, m, types));
  ALB_TRY(alb_graph_add_function(diag, graph, m->name, types, m->n_inputs, &id));
  alb_function *function = &graph->functions.items[id];
  function->parameters = (const char *const *)m->parameters;
  function->parameter_count = m->n_parameters;
  for (size_t i = 0; i < m->n_nodes; i++) ALB_TRY(import_node(diag, m->nodes[i], graph, function));
  if (m->n_outputs != 1) return alb_fail(diag, ALB_UNSUPPORTED, "a function with %zu outputs", m->n_outputs);
  function->output = m->outputs[0];
  return ALB_OK;
}

alb_status alb_import_graph(alb_diag *diag, const alb_loaded *loaded, alb_graph *graph) {
  const Alb__Manifest *m = alb_reader_manifest(loaded->alb);
  uint32_t id;
  for (size_t i = 0; i < m->n_sets; i++) {
    const Alb__ParameterSet *set = m->sets[i];
    ALB_TRY(alb_graph_add_set(diag, graph, set->name, set->tensors, set->n_tensors, &id));
  }
  for (size_t i = 0; i < m->n_functions; i++) ALB_TRY(import_function(diag, m->functions[i], graph));
  const alb_status status = alb_graph_verify(diag, graph);
  return status == ALB_INTERNAL ? ALB_MALFORMED : status;
}
