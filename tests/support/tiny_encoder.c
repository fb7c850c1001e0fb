/* Small encoders with made-up weights: the .alb file, and what it computes, in plain f64 C. */
#include "tests/support/tiny_encoder.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/half.h"
#include "base/intn.h"
#include "format/writer.h"

const enc_options enc_small = {.layers = 2,
                               .hidden = 24,
                               .embedding = 16,
                               .heads = 3,
                               .intermediate = 40,
                               .vocab = 50,
                               .positions = 70,
                               .offset = 2,
                               .types = 2,
                               .dtype = ALB_F32,
                               .activation = ALB_ACT_GELU,
                               .pooling = ALB_POOL_MEAN,
                               .normalize = true};

/* Tensors in the order in which they are made. */
enum {
  WORD,
  TYPE,
  POSITION,
  EMBED_GAMMA,
  EMBED_BETA,
  PROJECTION_W,
  PROJECTION_B,
  DENSE_W,
  DENSE_B,
  MLM_GAMMA,
  MLM_BETA,
  DECODER_B,
  POOLER_W,
  POOLER_B,
  LAYERS
};
/* ... and of a layer, from LAYERS on; a fused layer has Q, K and V in one tensor and leaves two places empty. */
enum {
  Q_W,
  Q_B,
  K_W,
  K_B,
  V_W,
  V_B,
  OUT_W,
  OUT_B,
  GAMMA1,
  BETA1,
  UP_W,
  UP_B,
  DOWN_W,
  DOWN_B,
  GAMMA2,
  BETA2,
  PER_LAYER
};

static const float eps = 1e-6f;

uint32_t enc_random(uint32_t *seed, uint32_t below) {
  *seed = *seed * 1664525u + 1013904223u;
  return (uint32_t)((uint64_t)*seed * below >> 32);
}

static float uniform(enc *e) {
  return ((float)enc_random(&e->seed, 1u << 24) / (float)(1 << 23) - 1);
}

/* ---- tensors ---- */

static uint32_t add_blob(enc *e, void *bytes, size_t n, uint32_t width) {
  (void)alb_vec_push(&e->blobs, (enc_blob){bytes, n, width});
  return (uint32_t)e->blobs.count - 1;
}

static void quantize(enc *e, const float *x, enc_tensor *t, Alb__Tensor *out) {
  int8_t *q = alb_arena_alloc(&e->arena, t->rows * t->columns);
  float *scales = ALB_NEW_ARRAY(&e->arena, float, t->rows);
  for (size_t r = 0; r < t->rows; r++) {
    float most = 0;
    for (size_t c = 0; c < t->columns; c++) most = fmaxf(most, fabsf(x[r * t->columns + c]));
    scales[r] = most / 127;
    for (size_t c = 0; c < t->columns; c++) {
      const size_t i = r * t->columns + c;
      q[i] = (int8_t)lrintf(x[i] / scales[r]);
      t->values[i] = (double)q[i] * (double)scales[r];
    }
  }
  out->blob = add_blob(e, q, t->rows * t->columns, 1);
  out->scale_blob = add_blob(e, scales, t->rows * sizeof *scales, 4) + 1;
}

/* Rows in groups of 32 with scales of either sign, made the plain way. */
static void quantize_intn(enc *e, const float *x, enc_tensor *t, Alb__Tensor *out) {
  const unsigned bits = alb_intn_bits((alb_dtype)out->dtype);
  const size_t groups = (size_t)alb_intn_groups(t->columns), count = t->rows * groups, size = alb_intn_bytes(bits);
  const float highest = (float)alb_intn_zero(bits) - 1;
  uint8_t *q = alb_arena_alloc(&e->arena, count * size);
  uint16_t *scales = ALB_NEW_ARRAY(&e->arena, uint16_t, count);
  for (size_t i = 0; i < count * ALB_INTN_GROUP; i++) {
    alb_intn_put(q + i / ALB_INTN_GROUP * size, bits, i % ALB_INTN_GROUP, 0);
  }
  for (size_t g = 0; g < count; g++) {
    const size_t row = g / groups * t->columns, first = g % groups * ALB_INTN_GROUP, end = first + ALB_INTN_GROUP;
    float most = 1e-6f;
    for (size_t c = first; c < end && c < t->columns; c++) most = fmaxf(most, fabsf(x[row + c]));
    scales[g] = alb_f32_to_f16(g % 2 ? -most / highest : most / highest);
    for (size_t c = first; c < end && c < t->columns; c++) {
      const float scale = alb_f16_to_f32(scales[g]);
      const long n = lrintf(fmaxf(-highest - 1, fminf(highest, x[row + c] / scale)));
      alb_intn_put(q + g * size, bits, c % ALB_INTN_GROUP, (int)n);
      t->values[row + c] = (double)n * (double)scale;
    }
  }
  out->blob = add_blob(e, q, count * size, 1);
  out->scale_blob = add_blob(e, scales, count * sizeof *scales, 2) + 1;
}

static void store(enc *e, const float *x, size_t n, enc_tensor *t, Alb__Tensor *out) {
  const alb_dtype type = (alb_dtype)out->dtype;
  void *bytes = alb_arena_alloc(&e->arena, n * alb_dtype_bytes(type));
  float *back = ALB_NEW_ARRAY(&e->arena, float, n);
  (void)alb_from_f32(type, x, n, bytes);
  (void)alb_to_f32(type, bytes, n, back);
  for (size_t i = 0; i < n; i++) t->values[i] = (double)back[i];
  out->blob = add_blob(e, bytes, n * alb_dtype_bytes(type), (uint32_t)alb_dtype_bytes(type));
}

/* Values are center + spread * uniform; rows 0 makes a vector, which stays f32. */
static uint32_t add_typed(enc *e, alb_dtype dtype, size_t rows, size_t columns, float center, float spread) {
  const size_t n = (rows ? rows : 1) * columns, id = e->tensors.count;
  enc_tensor t = {rows, columns, ALB_NEW_ARRAY(&e->arena, double, n)};
  float *x = ALB_NEW_ARRAY(&e->arena, float, n);
  for (size_t i = 0; i < n; i++) x[i] = center + spread * uniform(e);
  Alb__Tensor *out = ALB_NEW(&e->arena, Alb__Tensor);
  alb__tensor__init(out);
  out->name = alb_arena_printf(&e->arena, "tensor.%zu", id);
  out->dtype = rows ? dtype : ALB_F32;
  out->n_dims = rows ? 2 : 1;
  out->dims = ALB_NEW_ARRAY(&e->arena, uint64_t, 2);
  out->dims[0] = rows ? rows : columns;
  out->dims[1] = columns;
  if (out->dtype == ALB_I8)
    quantize(e, x, &t, out);
  else if (alb_intn_bits((alb_dtype)out->dtype))
    quantize_intn(e, x, &t, out);
  else
    store(e, x, n, &t, out);
  e->manifest->tensors[e->manifest->n_tensors++] = out;
  (void)alb_vec_push(&e->tensors, t);
  return (uint32_t)id;
}

static uint32_t add_tensor(enc *e, size_t rows, size_t columns, float center, float spread) {
  return add_typed(e, e->options.dtype, rows, columns, center, spread);
}

static void add_table(enc *e, size_t rows) {
  const alb_dtype dtype = e->options.tables ? e->options.tables : e->options.dtype;
  (void)add_typed(e, dtype, rows, e->options.embedding, 0, 1);
}

static void add_linear(enc *e, size_t rows, size_t columns) {
  (void)add_tensor(e, rows, columns, 0, 1.7f / sqrtf((float)columns));
  (void)add_tensor(e, 0, rows, 0, 0.2f);
}

static void add_norm(enc *e, size_t columns) {
  (void)add_tensor(e, 0, columns, 1, 0.3f);
  (void)add_tensor(e, 0, columns, 0, 0.2f);
}

static void add_global_tensors(enc *e) {
  const enc_options *o = &e->options;
  add_table(e, o->vocab);
  add_table(e, o->types);
  add_table(e, o->positions);
  add_norm(e, o->embedding);
  add_linear(e, o->hidden, o->embedding);
  add_linear(e, o->embedding, o->hidden); /* of the mlm head, whose decoder is the word table */
  add_norm(e, o->embedding);
  (void)add_tensor(e, 0, o->vocab, 0, 0.2f);
  add_linear(e, o->hidden, o->hidden);
}

static void add_layer_tensors(enc *e) {
  const enc_options *o = &e->options;
  if (o->fused) {
    add_linear(e, 3 * o->hidden, o->hidden);
    for (int i = 0; i < 4; i++) (void)add_tensor(e, 0, 1, 0, 1); /* nobody uses them, but each is a blob's tensor */
  } else {
    for (int i = 0; i < 3; i++) add_linear(e, o->hidden, o->hidden);
  }
  add_linear(e, o->hidden, o->hidden);
  add_norm(e, o->hidden);
  add_linear(e, o->intermediate, o->hidden);
  add_linear(e, o->hidden, o->intermediate);
  add_norm(e, o->hidden);
}

/* ---- the graph ---- */

static uint32_t value(uint32_t id) {
  return id * 4 + ALB_OPERAND_VALUE;
}

static uint32_t tensor(uint32_t id) {
  return id * 4 + ALB_OPERAND_TENSOR;
}

static uint32_t parameter(uint32_t id) {
  return id * 4 + ALB_OPERAND_PARAMETER;
}

static Alb__Function *add_function(enc *e, const char *name, size_t inputs, uint32_t dtype, int64_t rows,
                                   int64_t width) {
  Alb__Function *f = ALB_NEW(&e->arena, Alb__Function);
  alb__function__init(f);
  f->name = alb_arena_strdup(&e->arena, alb_str_of(name));
  f->n_inputs = inputs;
  f->inputs = ALB_NEW_ARRAY(&e->arena, Alb__Type *, inputs);
  for (size_t i = 0; i < inputs; i++) {
    f->inputs[i] = ALB_NEW(&e->arena, Alb__Type);
    alb__type__init(f->inputs[i]);
    f->inputs[i]->dtype = dtype;
    f->inputs[i]->n_dims = width ? 2 : 1;
    f->inputs[i]->dims = ALB_NEW_ARRAY(&e->arena, int64_t, 2);
    f->inputs[i]->dims[0] = rows;
    f->inputs[i]->dims[1] = width;
  }
  f->nodes = ALB_NEW_ARRAY(&e->arena, Alb__Node *, 64);
  f->outputs = ALB_NEW_ARRAY(&e->arena, uint32_t, 1);
  f->n_outputs = 1;
  e->manifest->functions[e->manifest->n_functions++] = f;
  return f;
}

/* Appends a node; the function's output is always the last one. Returns the operand that names it. */
static uint32_t add_node(enc *e, Alb__Function *f, Alb__Node **out, uint32_t op, size_t count,
                         const uint32_t *operands) {
  Alb__Node *node = ALB_NEW(&e->arena, Alb__Node);
  alb__node__init(node);
  node->op = op;
  node->n_operands = count;
  node->operands = ALB_NEW_ARRAY(&e->arena, uint32_t, count);
  memcpy(node->operands, operands, count * sizeof *operands);
  f->nodes[f->n_nodes++] = node;
  f->outputs[0] = (uint32_t)(f->n_inputs + f->n_nodes - 1);
  if (out) *out = node;
  return value(f->outputs[0]);
}

#define NODE(op, out, ...) \
  add_node(e, f, out, op, sizeof((uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t), (uint32_t[]){__VA_ARGS__})

static uint32_t activated(enc *e, Alb__Function *f, uint32_t x, uint32_t w, uint32_t b, alb_activation activation) {
  Alb__Node *node;
  if (e->options.fused) {
    x = NODE(ALB_OP_LINEAR, &node, x, w, b);
  } else {
    x = NODE(ALB_OP_LINEAR, NULL, x, w, b);
    x = NODE(ALB_OP_ACTIVATION, &node, x);
  }
  node->activation = activation;
  return x;
}

static uint32_t normed(enc *e, Alb__Function *f, uint32_t x, uint32_t y, uint32_t gamma, uint32_t beta) {
  Alb__Node *node;
  if (e->options.fused && y) {
    x = NODE(ALB_OP_ADD_NORM, &node, x, y, gamma, beta);
  } else {
    if (y) x = NODE(ALB_OP_ADD, NULL, x, y);
    x = NODE(ALB_OP_LAYER_NORM, &node, x, gamma, beta);
  }
  node->eps = eps;
  return x;
}

static void make_layer(enc *e) {
  Alb__Function *f = add_function(e, "layer", 1, ALB_F32, ALB_DIM_TOKENS, e->options.hidden);
  Alb__Node *node;
  f->n_parameters = PER_LAYER;
  f->parameters = ALB_NEW_ARRAY(&e->arena, char *, PER_LAYER);
  uint32_t p[PER_LAYER], x = value(0), y;
  for (uint32_t i = 0; i < PER_LAYER; i++)
    f->parameters[i] = alb_arena_printf(&e->arena, "p%u", i), p[i] = parameter(i);
  const uint32_t q = NODE(ALB_OP_LINEAR, NULL, x, p[Q_W], p[Q_B]);
  if (e->options.fused) {
    y = NODE(ALB_OP_ATTENTION, &node, q);
  } else {
    const uint32_t k = NODE(ALB_OP_LINEAR, NULL, x, p[K_W], p[K_B]), v = NODE(ALB_OP_LINEAR, NULL, x, p[V_W], p[V_B]);
    y = NODE(ALB_OP_ATTENTION, &node, q, k, v);
  }
  node->heads = e->options.heads;
  y = NODE(ALB_OP_LINEAR, NULL, y, p[OUT_W], p[OUT_B]);
  x = normed(e, f, y, x, p[GAMMA1], p[BETA1]);
  y = activated(e, f, x, p[UP_W], p[UP_B], e->options.activation);
  y = NODE(ALB_OP_LINEAR, NULL, y, p[DOWN_W], p[DOWN_B]);
  (void)normed(e, f, y, x, p[GAMMA2], p[BETA2]);
}

static uint32_t make_embeddings(enc *e, Alb__Function *f) {
  Alb__Node *node;
  if (e->options.fused) {
    const uint32_t x = NODE(ALB_OP_EMBED_NORM, &node, value(0), value(1), value(2), tensor(WORD), tensor(TYPE),
                            tensor(POSITION), tensor(EMBED_GAMMA), tensor(EMBED_BETA));
    node->eps = eps;
    return x;
  }
  const uint32_t word = NODE(ALB_OP_EMBEDDING, NULL, value(0), tensor(WORD));
  const uint32_t type = NODE(ALB_OP_EMBEDDING, NULL, value(1), tensor(TYPE));
  const uint32_t position = NODE(ALB_OP_EMBEDDING, NULL, value(2), tensor(POSITION));
  const uint32_t sum = NODE(ALB_OP_ADD, NULL, word, type);
  return normed(e, f, sum, position, tensor(EMBED_GAMMA), tensor(EMBED_BETA));
}

static void make_encoder(enc *e) {
  Alb__Function *f = add_function(e, "encoder", 3, ALB_I32, ALB_DIM_TOKENS, 0);
  Alb__Node *node;
  uint32_t x = make_embeddings(e, f);
  x = NODE(ALB_OP_LINEAR, NULL, x, tensor(PROJECTION_W), tensor(PROJECTION_B));
  for (uint32_t i = 0; i < e->options.layers; i++) {
    x = NODE(ALB_OP_CALL, &node, x);
    node->set = e->options.shared ? 0 : i;
    node->layer = i + 1;
  }
}

static void make_heads(enc *e) {
  Alb__Node *node;
  Alb__Function *f = add_function(e, "embed", 1, ALB_F32, ALB_DIM_TOKENS, e->options.hidden);
  uint32_t x = NODE(ALB_OP_POOL, &node, value(0));
  node->pooling = e->options.pooling;
  if (e->options.normalize) (void)NODE(ALB_OP_NORMALIZE, NULL, x);
  f = add_function(e, "pooler", 1, ALB_F32, ALB_DIM_TOKENS, e->options.hidden);
  x = NODE(ALB_OP_POOL, &node, value(0));
  node->pooling = ALB_POOL_CLS;
  (void)activated(e, f, x, tensor(POOLER_W), tensor(POOLER_B), ALB_ACT_TANH);
  f = add_function(e, "mlm", 1, ALB_F32, ALB_DIM_ROWS, e->options.hidden);
  x = activated(e, f, value(0), tensor(DENSE_W), tensor(DENSE_B), e->options.activation);
  x = normed(e, f, x, 0, tensor(MLM_GAMMA), tensor(MLM_BETA));
  (void)NODE(ALB_OP_LINEAR, NULL, x, tensor(WORD), tensor(DECODER_B));
}

static void make_sets(enc *e) {
  const size_t count = e->options.shared ? 1 : e->options.layers;
  e->manifest->n_sets = count;
  e->manifest->sets = ALB_NEW_ARRAY(&e->arena, Alb__ParameterSet *, count);
  for (size_t i = 0; i < count; i++) {
    Alb__ParameterSet *set = e->manifest->sets[i] = ALB_NEW(&e->arena, Alb__ParameterSet);
    alb__parameter_set__init(set);
    set->name = alb_arena_printf(&e->arena, "layer.%zu", i);
    set->n_tensors = PER_LAYER;
    set->tensors = ALB_NEW_ARRAY(&e->arena, uint32_t, PER_LAYER);
    for (uint32_t k = 0; k < PER_LAYER; k++) set->tensors[k] = (uint32_t)(LAYERS + i * PER_LAYER + k);
  }
}

static void make_config(enc *e) {
  const enc_options *o = &e->options;
  Alb__Config *c = e->manifest->config = ALB_NEW(&e->arena, Alb__Config);
  alb__config__init(c);
  c->architecture = alb_arena_strdup(&e->arena, ALB_STR("bert"));
  c->activation = alb_arena_strdup(&e->arena, ALB_STR("gelu"));
  c->dtype = alb_arena_strdup(&e->arena, alb_str_of(alb_dtype_name(o->dtype)));
  c->task = alb_arena_strdup(&e->arena, ALB_STR("embed"));
  c->layers = o->layers, c->hidden = o->hidden, c->embedding = o->embedding, c->heads = o->heads;
  c->intermediate = o->intermediate, c->vocab = o->vocab, c->max_positions = o->positions;
  c->type_vocab = o->types, c->position_offset = o->offset, c->layer_norm_eps = eps;
}

void enc_make(enc *e, const enc_options *options) {
  *e = (enc){.options = *options, .seed = 12345};
  e->manifest = ALB_NEW(&e->arena, Alb__Manifest);
  alb__manifest__init(e->manifest);
  e->manifest->tensors = ALB_NEW_ARRAY(&e->arena, Alb__Tensor *, LAYERS + PER_LAYER * options->layers);
  e->manifest->functions = ALB_NEW_ARRAY(&e->arena, Alb__Function *, 16);
  make_config(e);
  add_global_tensors(e);
  for (uint32_t i = 0; i < (options->shared ? 1 : options->layers); i++) add_layer_tensors(e);
  make_sets(e);
  make_layer(e);
  make_encoder(e);
  make_heads(e);
}

static alb_status write_all(enc *e, alb_diag *diag, alb_writer *writer) {
  for (size_t i = 0; i < e->blobs.count; i++) {
    const enc_blob *blob = &e->blobs.items[i];
    ALB_TRY(
        alb_writer_add_blob(diag, writer, (alb_span){blob->bytes, blob->n}, blob->width, e->options.compress, NULL));
  }
  ALB_TRY(alb_writer_set_manifest(diag, writer, e->manifest));
  return alb_writer_commit(diag, writer, NULL);
}

alb_status enc_write(enc *e, alb_diag *diag, const char *path) {
  alb_writer *writer;
  ALB_TRY(alb_writer_open(diag, path, true, &writer));
  const alb_status status = write_all(e, diag, writer);
  alb_writer_close(writer);
  return status;
}

void enc_free(enc *e) {
  alb_vec_free(&e->tensors);
  alb_vec_free(&e->blobs);
  alb_arena_free(&e->arena);
}

/* ---- the reference ---- */

static double activate(alb_activation activation, double x) {
  switch (activation) {
    case ALB_ACT_GELU:
      return 0.5 * x * (1 + erf(x / sqrt(2)));
    case ALB_ACT_GELU_TANH:
      return 0.5 * x * (1 + tanh(sqrt(2 / acos(-1)) * (x + 0.044715 * x * x * x)));
    case ALB_ACT_RELU:
      return x > 0 ? x : 0;
    case ALB_ACT_SILU:
      return x / (1 + exp(-x));
    case ALB_ACT_TANH:
      return tanh(x);
    default:
      return x;
  }
}

static void linear(const enc *e, size_t w, size_t b, size_t first, size_t rows, alb_activation activation,
                   const double *x, double *out) {
  const enc_tensor *m = &e->tensors.items[w];
  for (size_t r = 0; r < rows; r++) {
    double sum = e->tensors.items[b].values[first + r];
    for (size_t c = 0; c < m->columns; c++) sum += x[c] * m->values[(first + r) * m->columns + c];
    out[r] = activate(activation, sum);
  }
}

static void layer_norm(const enc *e, size_t gamma, double *x, size_t width) {
  double mean = 0, variance = 0;
  for (size_t i = 0; i < width; i++) mean += x[i] / (double)width;
  for (size_t i = 0; i < width; i++) variance += (x[i] - mean) * (x[i] - mean) / (double)width;
  for (size_t i = 0; i < width; i++) {
    x[i] = (x[i] - mean) / sqrt(variance + (double)eps) * e->tensors.items[gamma].values[i] +
           e->tensors.items[gamma + 1].values[i];
  }
}

static void attend(size_t n, size_t hidden, size_t heads, const double *q, const double *k, const double *v,
                   double *out) {
  const size_t width = hidden / heads;
  double *weights = calloc(n, sizeof *weights);
  memset(out, 0, n * hidden * sizeof *out);
  for (size_t t = 0; t < n * heads; t++) {
    const size_t at = t / heads * hidden + t % heads * width, head = t % heads * width;
    double total = 0;
    for (size_t s = 0; s < n; s++) {
      double dot = 0;
      for (size_t i = 0; i < width; i++) dot += q[at + i] * k[s * hidden + head + i];
      total += weights[s] = exp(dot / sqrt((double)width));
    }
    for (size_t s = 0; s < n; s++) {
      for (size_t i = 0; i < width; i++) out[at + i] += weights[s] / total * v[s * hidden + head + i];
    }
  }
  free(weights);
}

static void run_layer(const enc *e, size_t base, size_t n, double *x) {
  const size_t h = e->options.hidden, f = e->options.intermediate;
  double *qkv[3], *context = calloc(n * h, sizeof *context), *y = calloc(h, sizeof *y), *up = calloc(f, sizeof *up);
  for (size_t i = 0; i < 3; i++) {
    qkv[i] = calloc(n * h, sizeof *qkv[i]);
    const size_t w = base + (e->options.fused ? 0 : 2 * i);
    for (size_t t = 0; t < n; t++) {
      linear(e, w, w + 1, e->options.fused ? i * h : 0, h, ALB_ACT_NONE, x + t * h, qkv[i] + t * h);
    }
  }
  attend(n, h, e->options.heads, qkv[0], qkv[1], qkv[2], context);
  for (size_t t = 0; t < n; t++) {
    double *row = x + t * h;
    linear(e, base + OUT_W, base + OUT_B, 0, h, ALB_ACT_NONE, context + t * h, y);
    for (size_t i = 0; i < h; i++) row[i] += y[i];
    layer_norm(e, base + GAMMA1, row, h);
    linear(e, base + UP_W, base + UP_B, 0, f, e->options.activation, row, up);
    linear(e, base + DOWN_W, base + DOWN_B, 0, h, ALB_ACT_NONE, up, y);
    for (size_t i = 0; i < h; i++) row[i] += y[i];
    layer_norm(e, base + GAMMA2, row, h);
  }
  for (size_t i = 0; i < 3; i++) free(qkv[i]);
  free(context), free(y), free(up);
}

void enc_hidden(const enc *e, size_t n, const int32_t *ids, const int32_t *types, double *hidden) {
  const size_t w = e->options.embedding, h = e->options.hidden;
  double *x = calloc(w, sizeof *x);
  for (size_t t = 0; t < n; t++) {
    for (size_t i = 0; i < w; i++) {
      x[i] = e->tensors.items[WORD].values[(size_t)ids[t] * w + i] +
             e->tensors.items[TYPE].values[(size_t)(types ? types[t] : 0) * w + i] +
             e->tensors.items[POSITION].values[(t + e->options.offset) * w + i];
    }
    layer_norm(e, EMBED_GAMMA, x, w);
    linear(e, PROJECTION_W, PROJECTION_B, 0, h, ALB_ACT_NONE, x, hidden + t * h);
  }
  for (size_t i = 0; i < e->options.layers; i++) {
    run_layer(e, LAYERS + (e->options.shared ? 0 : i * PER_LAYER), n, hidden);
  }
  free(x);
}

void enc_embed(const enc *e, size_t n, const double *hidden, double *out) {
  const size_t h = e->options.hidden;
  double length = 0;
  for (size_t i = 0; i < h; i++) {
    out[i] = hidden[i];
    for (size_t t = 1; t < n; t++) {
      const double x = hidden[t * h + i];
      if (e->options.pooling == ALB_POOL_MEAN) out[i] += x;
      if (e->options.pooling == ALB_POOL_MAX) out[i] = fmax(out[i], x);
    }
    if (e->options.pooling == ALB_POOL_MEAN) out[i] /= (double)n;
    length += out[i] * out[i];
  }
  for (size_t i = 0; i < h && e->options.normalize; i++) out[i] /= sqrt(length);
}

void enc_mlm(const enc *e, const double *row, double *logits) {
  double *x = calloc(e->options.embedding, sizeof *x);
  linear(e, DENSE_W, DENSE_B, 0, e->options.embedding, e->options.activation, row, x);
  layer_norm(e, MLM_GAMMA, x, e->options.embedding);
  linear(e, WORD, DECODER_B, 0, e->options.vocab, ALB_ACT_NONE, x, logits);
  free(x);
}
