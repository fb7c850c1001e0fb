/* A small model file that uses everything the format has; for tests. */
#include "tests/support/tiny_model.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/dtype.h"
#include "base/vocabulary.h"

const alb_str tiny_tokens[TINY_TOKENS] = {
    ALB_STR("[PAD]"), ALB_STR("[UNK]"), ALB_STR("[CLS]"), ALB_STR("[SEP]"),
    ALB_STR("a"),     ALB_STR(""),      ALB_STR("##b"),   ALB_STR("\xc3\xa9"),
};

/* Blobs: 0 f32 [8,4], 1 int8 [4,4], 2 f32 scales [4], 3 f32 [4], 4 f16 [4], 5 bf16 [100,4] */
static float words[32], scales[4] = {0.5f, 0.25f, 1, 2}, vector[4] = {1, 2, 3, 4};
static int8_t matrix[16];
static uint16_t half[4] = {0x3c00, 0x4000, 0xbc00, 0}, table[400];

static void fill_blobs(void) {
  for (int i = 0; i < 32; i++) words[i] = (float)i / 8 - 1;
  for (int i = 0; i < 16; i++) matrix[i] = (int8_t)(16 * i - 120);
  for (int i = 0; i < 400; i++) table[i] = (uint16_t)(0x3f80 + i % 50);
}

alb_span tiny_blob(size_t id, uint32_t *width) {
  static const struct {
    const void *p;
    size_t n;
    uint32_t width;
  } blobs[TINY_BLOBS] = {{words, sizeof words, 4},   {matrix, sizeof matrix, 1}, {scales, sizeof scales, 4},
                         {vector, sizeof vector, 4}, {half, sizeof half, 2},     {table, sizeof table, 2}};
  fill_blobs();
  *width = blobs[id].width;
  return (alb_span){blobs[id].p, blobs[id].n};
}

#define LIST(arena, type, count) ((type **)list((arena), sizeof(type), (count)))

/* `count` pointers to zeroed items. */
static void **list(alb_arena *arena, size_t size, size_t count) {
  void **items = alb_arena_array(arena, count, sizeof *items);
  for (size_t i = 0; i < count; i++) items[i] = alb_arena_alloc(arena, size);
  return items;
}

static char *text(alb_arena *arena, const char *value) {
  return alb_arena_strdup(arena, alb_str_of(value));
}

static uint32_t *ids(alb_arena *arena, size_t n, const uint32_t *values) {
  uint32_t *copy = ALB_NEW_ARRAY(arena, uint32_t, n);
  memcpy(copy, values, n * sizeof *values);
  return copy;
}
#define IDS(arena, field, ...)                                           \
  do {                                                                   \
    const uint32_t values_[] = {__VA_ARGS__};                            \
    (field) = ids((arena), sizeof values_ / sizeof values_[0], values_); \
  } while (0)

static Alb__Config *make_config(alb_arena *arena) {
  Alb__Config *config = ALB_NEW(arena, Alb__Config);
  alb__config__init(config);
  config->architecture = text(arena, "albert");
  config->task = text(arena, "embed");
  config->layers = 2;
  config->hidden = config->embedding = config->intermediate = 4;
  config->heads = 2;
  config->vocab = TINY_TOKENS;
  config->max_positions = 100;
  config->type_vocab = 1;
  config->activation = text(arena, "gelu");
  config->layer_norm_eps = 1e-12f;
  config->dtype = text(arena, "int8");
  config->share = text(arena, "exact");
  return config;
}

static void make_tensors(alb_arena *arena, Alb__Manifest *m) {
  static const struct {
    const char *name;
    alb_dtype dtype;
    uint64_t dims[2];
    uint32_t rank, blob, scale;
  } rows[] = {
      {"embeddings.word", ALB_F32, {8, 4}, 2, 0, 0}, {"layer.0.weight", ALB_I8, {4, 4}, 2, 1, 3},
      {"layer.1.weight", ALB_I8, {4, 4}, 2, 1, 3},   {"norm.weight", ALB_F32, {4, 0}, 1, 3, 0},
      {"norm.bias", ALB_F16, {4, 0}, 1, 4, 0},       {"embeddings.position", ALB_BF16, {100, 4}, 2, 5, 0},
  };
  m->n_tensors = sizeof rows / sizeof rows[0];
  m->tensors = LIST(arena, Alb__Tensor, m->n_tensors);
  for (size_t i = 0; i < m->n_tensors; i++) {
    Alb__Tensor *tensor = m->tensors[i];
    alb__tensor__init(tensor);
    tensor->name = text(arena, rows[i].name);
    tensor->dtype = rows[i].dtype;
    tensor->n_dims = rows[i].rank;
    tensor->dims = ALB_NEW_ARRAY(arena, uint64_t, 2);
    memcpy(tensor->dims, rows[i].dims, sizeof rows[i].dims);
    tensor->blob = rows[i].blob;
    tensor->scale_blob = rows[i].scale;
  }
}

static void make_sets(alb_arena *arena, Alb__Manifest *m) {
  m->n_sets = 2;
  m->sets = LIST(arena, Alb__ParameterSet, 2);
  for (uint32_t i = 0; i < 2; i++) {
    alb__parameter_set__init(m->sets[i]);
    m->sets[i]->name = alb_arena_printf(arena, "layer.%u", i);
    m->sets[i]->n_tensors = 3;
    IDS(arena, m->sets[i]->tensors, 1 + i, 3, 4);
  }
}

static Alb__Function *make_function(alb_arena *arena, const char *name, size_t inputs, size_t parameters,
                                    size_t nodes) {
  Alb__Function *f = ALB_NEW(arena, Alb__Function);
  alb__function__init(f);
  f->name = text(arena, name);
  f->n_inputs = inputs;
  f->inputs = LIST(arena, Alb__Type, inputs);
  f->n_parameters = parameters;
  f->parameters = ALB_NEW_ARRAY(arena, char *, parameters);
  for (size_t i = 0; i < parameters; i++) f->parameters[i] = alb_arena_printf(arena, "p%zu", i);
  f->n_nodes = nodes;
  f->nodes = LIST(arena, Alb__Node, nodes);
  for (size_t i = 0; i < nodes; i++) alb__node__init(f->nodes[i]);
  f->n_outputs = 1;
  IDS(arena, f->outputs, (uint32_t)(inputs + nodes - 1));
  return f;
}

static void make_input(alb_arena *arena, Alb__Type *type, alb_dtype dtype, int64_t columns) {
  alb__type__init(type);
  type->dtype = dtype;
  type->n_dims = columns ? 2 : 1;
  type->dims = ALB_NEW_ARRAY(arena, int64_t, 2);
  type->dims[0] = ALB_DIM_TOKENS;
  type->dims[1] = columns;
}

static uint32_t value(uint32_t id) {
  return id * 4 + ALB_OPERAND_VALUE;
}

static uint32_t parameter(uint32_t id) {
  return id * 4 + ALB_OPERAND_PARAMETER;
}

static uint32_t tensor(uint32_t id) {
  return id * 4 + ALB_OPERAND_TENSOR;
}

#define OPERANDS(arena, node, ...)                                  \
  do {                                                              \
    const uint32_t operands_[] = {__VA_ARGS__};                     \
    (node)->n_operands = sizeof operands_ / sizeof operands_[0];    \
    (node)->operands = ids((arena), (node)->n_operands, operands_); \
  } while (0)

/* layer(x): attention over x w^T, then add_norm. */
static Alb__Function *make_layer(alb_arena *arena) {
  Alb__Function *f = make_function(arena, "layer", 1, 3, 3);
  make_input(arena, f->inputs[0], ALB_F32, 4);
  f->nodes[0]->op = ALB_OP_LINEAR;
  f->nodes[0]->activation = ALB_ACT_GELU;
  OPERANDS(arena, f->nodes[0], value(0), parameter(0));
  f->nodes[1]->op = ALB_OP_ATTENTION;
  f->nodes[1]->heads = 2;
  OPERANDS(arena, f->nodes[1], value(1), value(1), value(1));
  f->nodes[2]->op = ALB_OP_ADD_NORM;
  f->nodes[2]->eps = 1e-12f;
  OPERANDS(arena, f->nodes[2], value(0), value(2), parameter(1), parameter(2));
  return f;
}

/* encoder(ids, positions): two embeddings, two layers. */
static Alb__Function *make_encoder(alb_arena *arena) {
  Alb__Function *f = make_function(arena, "encoder", 2, 0, 5);
  make_input(arena, f->inputs[0], ALB_I32, 0);
  make_input(arena, f->inputs[1], ALB_I32, 0);
  f->nodes[0]->op = f->nodes[1]->op = ALB_OP_EMBEDDING;
  OPERANDS(arena, f->nodes[0], value(0), tensor(0));
  OPERANDS(arena, f->nodes[1], value(1), tensor(5));
  f->nodes[2]->op = ALB_OP_ADD;
  OPERANDS(arena, f->nodes[2], value(2), value(3));
  for (uint32_t i = 0; i < 2; i++) {
    Alb__Node *node = f->nodes[3 + i];
    node->op = ALB_OP_CALL;
    node->set = i;
    node->layer = 1 + i;
    OPERANDS(arena, node, value(4 + i));
  }
  return f;
}

static Alb__Function *make_embed(alb_arena *arena) {
  Alb__Function *f = make_function(arena, "embed", 1, 0, 2);
  make_input(arena, f->inputs[0], ALB_F32, 4);
  f->nodes[0]->op = ALB_OP_POOL;
  f->nodes[0]->pooling = ALB_POOL_MEAN;
  OPERANDS(arena, f->nodes[0], value(0));
  f->nodes[1]->op = ALB_OP_NORMALIZE;
  OPERANDS(arena, f->nodes[1], value(1));
  return f;
}

static void make_golden(alb_arena *arena, Alb__Manifest *m) {
  static const uint8_t values[16] = {0, 0, 0x80, 0x3f};
  m->n_golden = 1;
  m->golden = LIST(arena, Alb__Golden, 1);
  Alb__Golden *golden = m->golden[0];
  alb__golden__init(golden);
  golden->n_ids = golden->n_type_ids = 3;
  IDS(arena, golden->ids, 2, 4, 3);
  IDS(arena, golden->type_ids, 0, 0, 0);
  golden->n_outputs = 1;
  golden->outputs = LIST(arena, Alb__GoldenOutput, 1);
  Alb__GoldenOutput *output = golden->outputs[0];
  alb__golden_output__init(output);
  output->function = text(arena, "embed");
  output->n_dims = 2;
  output->dims = ALB_NEW_ARRAY(arena, uint64_t, 2);
  output->dims[0] = 1;
  output->dims[1] = 4;
  output->values = (ProtobufCBinaryData){sizeof values, alb_arena_alloc(arena, sizeof values)};
  memcpy(output->values.data, values, sizeof values);
}

static void make_embedding(alb_arena *arena, Alb__Manifest *m) {
  m->embedding = ALB_NEW(arena, Alb__Embedding);
  alb__embedding__init(m->embedding);
  m->embedding->pooling = text(arena, "mean");
  m->embedding->normalize = m->embedding->stated = 1;
  m->embedding->n_prompts = 1;
  m->embedding->prompts = LIST(arena, Alb__Prompt, 1);
  alb__prompt__init(m->embedding->prompts[0]);
  m->embedding->prompts[0]->name = text(arena, "query");
  m->embedding->prompts[0]->text = text(arena, "query: ");
  m->embedding->default_prompt = text(arena, "query");
}

static void make_provenance(alb_arena *arena, Alb__Manifest *m) {
  m->provenance = ALB_NEW(arena, Alb__Provenance);
  alb__provenance__init(m->provenance);
  m->provenance->tool = text(arena, "test 1");
  m->provenance->fold = text(arena, "lossless");
  m->provenance->n_files = 1;
  m->provenance->files = LIST(arena, Alb__SourceFile, 1);
  Alb__SourceFile *file = m->provenance->files[0];
  alb__source_file__init(file);
  file->name = text(arena, "model.safetensors");
  file->size = 1234;
  file->xxh128 = (ProtobufCBinaryData){16, alb_arena_alloc(arena, 16)};
}

Alb__Manifest *tiny_manifest(alb_arena *arena) {
  Alb__Manifest *m = ALB_NEW(arena, Alb__Manifest);
  alb__manifest__init(m);
  m->config = make_config(arena);
  make_tensors(arena, m);
  make_sets(arena, m);
  m->n_functions = 3;
  m->functions = ALB_NEW_ARRAY(arena, Alb__Function *, 3);
  m->functions[0] = make_layer(arena);
  m->functions[1] = make_encoder(arena);
  m->functions[2] = make_embed(arena);
  m->tokenizer = ALB_NEW(arena, Alb__Tokenizer);
  alb__tokenizer__init(m->tokenizer);
  m->tokenizer->model = text(arena, "wordpiece");
  m->n_labels = 2;
  m->labels = ALB_NEW_ARRAY(arena, char *, 2);
  m->labels[0] = text(arena, "no");
  m->labels[1] = text(arena, "yes");
  make_embedding(arena, m);
  make_provenance(arena, m);
  make_golden(arena, m);
  return m;
}

alb_status tiny_write(alb_diag *diag, alb_writer *writer, const Alb__Manifest *manifest, bool compress) {
  for (size_t i = 0; i < TINY_BLOBS; i++) {
    uint32_t width;
    const alb_span bytes = tiny_blob(i, &width);
    ALB_TRY(alb_writer_add_blob(diag, writer, bytes, width, compress, NULL));
  }
  ALB_TRY(alb_writer_set_manifest(diag, writer, manifest));
  return alb_writer_set_vocab(diag, writer, tiny_tokens, TINY_TOKENS);
}

alb_status tiny_file(alb_diag *diag, const char *path, const Alb__Manifest *manifest, bool compress) {
  alb_writer *writer;
  ALB_TRY(alb_writer_open(diag, path, true, &writer));
  alb_status status = tiny_write(diag, writer, manifest, compress);
  if (status == ALB_OK) status = alb_writer_commit(diag, writer, NULL);
  alb_writer_close(writer);
  return status;
}

char *tiny_folder(void) {
  const char *base = getenv("TMPDIR");
  char *name = NULL;
  if (asprintf(&name, "%s/alb-test-XXXXXX", base ? base : "/tmp") < 0) return NULL;
  return mkdtemp(name);
}

void tiny_remove_folder(char *folder) {
  DIR *dir = opendir(folder);
  for (const struct dirent *entry; dir && (entry = readdir(dir));) {
    if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
      (void)unlinkat(dirfd(dir), entry->d_name, 0);
  }
  if (dir) (void)closedir(dir);
  (void)rmdir(folder);
  free(folder);
}

char *tiny_path(alb_arena *arena, const char *folder, const char *name) {
  return alb_arena_printf(arena, "%s/%s", folder, name);
}
