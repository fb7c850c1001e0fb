/* Golden outputs: a few inputs with what the source gives for them. */
#include "converter/golden.h"

#include "graph/heads.h"
#include "graph/interpret.h"

size_t alb_builtin_ids(const alb_encoder_config *config, uint64_t seed, size_t length, int32_t *ids,
                       int32_t *type_ids) {
  const size_t room = config->max_positions - config->position_offset;
  uint64_t state = 1 + seed;
  if (length > room) length = room;
  for (size_t t = 0; t < length; t++) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    ids[t] = (int32_t)((state >> 33) % config->vocab);
    type_ids[t] = 2 * t >= length ? (int32_t)config->type_vocab - 1 : 0;
  }
  return length;
}

void alb_golden_fill(const alb_encoder_config *config, alb_golden_batch *out) {
  static const size_t lengths[ALB_GOLDEN_COUNT] = {ALB_GOLDEN_LONGEST, 5, 2};
  out->tokens = 0;
  for (size_t i = 0; i < ALB_GOLDEN_COUNT; i++) {
    const size_t at = out->tokens, n = alb_builtin_ids(config, i, lengths[i], out->ids + at, out->type_ids + at);
    for (size_t t = 0; t < n; t++) out->positions[at + t] = (int32_t)(t + config->position_offset);
    out->lengths[i] = (uint32_t)n;
    out->tokens += n;
  }
}

typedef struct maker {
  alb_diag *diag;
  alb_arena *arena;
  const alb_encoder_config *config;
  const alb_graph *graph;
  bool sizes_only;
} maker;

static alb_status no_memory(const maker *m) {
  return alb_fail_memory(m->diag, 0, "golden outputs");
}

/* Appends the first `rows` rows of an array (values NULL: zeros). */
static alb_status keep(const maker *m, Alb__Golden *golden, const char *function, size_t rows, size_t width,
                       const float *values) {
  Alb__GoldenOutput *out = ALB_NEW(m->arena, Alb__GoldenOutput);
  if (!out) return no_memory(m);
  alb__golden_output__init(out);
  out->function = (char *)(uintptr_t)function;
  out->dims = ALB_NEW_ARRAY(m->arena, uint64_t, 2);
  out->values.len = rows * width * sizeof *values;
  out->values.data = alb_arena_alloc(m->arena, out->values.len);
  if (!out->dims || !out->values.data) return no_memory(m);
  out->n_dims = 2;
  out->dims[0] = rows;
  out->dims[1] = width;
  if (values) memcpy(out->values.data, values, out->values.len);
  golden->outputs[golden->n_outputs++] = out;
  return ALB_OK;
}

/* What a head would give for the sequence, by its type alone. */
static alb_status keep_size(const maker *m, Alb__Golden *golden, const alb_head_facts *head) {
  const uint32_t id = alb_graph_find(m->graph, head->function);
  if (id == ALB_NONE) return ALB_OK;
  const alb_function *function = &m->graph->functions.items[id];
  alb_type *types = ALB_NEW_ARRAY(m->arena, alb_type, function->input_count + function->nodes.count);
  if (!types) return no_memory(m);
  ALB_TRY(alb_function_types(m->diag, m->graph, id, types));
  const alb_type *out = &types[function->output];
  const size_t rows = out->dims[0] == ALB_DIM_SEQUENCES ? 1 : head->golden_rows ? head->golden_rows : golden->n_ids;
  return keep(m, golden, head->function, rows, (size_t)out->dims[1], NULL);
}

static alb_status keep_sizes(const maker *m, Alb__Golden *golden) {
  ALB_TRY(keep(m, golden, ALB_FN_ENCODER, golden->n_ids, m->config->hidden, NULL));
  for (int h = 0; h < ALB_HEAD_COUNT; h++) ALB_TRY(keep_size(m, golden, alb_head_info((alb_head)h)));
  return ALB_OK;
}

static alb_status run_head(const maker *m, const alb_sequences *batch, alb_array hidden, const alb_head_facts *head,
                           Alb__Golden *golden) {
  const uint32_t function = alb_graph_find(m->graph, head->function);
  alb_array out = {0};
  if (function == ALB_NONE) return ALB_OK;
  if (head->golden_rows && hidden.rows > head->golden_rows) hidden.rows = head->golden_rows;
  ALB_TRY(alb_interpret(m->diag, m->graph, function, batch, &hidden, NULL, &out));
  const alb_status status = keep(m, golden, head->function, out.rows, out.width, out.f32);
  alb_array_free(&out);
  return status;
}

/* What the encoder and the heads give for one of the sequences; hidden: its rows. */
static alb_status keep_outputs(const maker *m, alb_array hidden, Alb__Golden *golden) {
  const uint32_t length = (uint32_t)hidden.rows;
  const alb_sequences one = {.sequences = 1, .tokens = length, .lengths = &length};
  ALB_TRY(keep(m, golden, ALB_FN_ENCODER, hidden.rows, hidden.width, hidden.f32));
  for (int h = 0; h < ALB_HEAD_COUNT; h++) ALB_TRY(run_head(m, &one, hidden, alb_head_info((alb_head)h), golden));
  return ALB_OK;
}

/* Outputs of every sequence; hidden: the rows of all. */
static alb_status keep_all(const maker *m, alb_array hidden, Alb__Golden *const golden[ALB_GOLDEN_COUNT]) {
  for (size_t i = 0; i < ALB_GOLDEN_COUNT; i++) {
    hidden.rows = golden[i]->n_ids;
    ALB_TRY(keep_outputs(m, hidden, golden[i]));
    hidden.f32 += hidden.rows * hidden.width;
  }
  return ALB_OK;
}

/* Runs the encoder on all sequences at once, so that every weight is fetched once. */
static alb_status run(const maker *m, const alb_golden_batch *b, Alb__Golden *const golden[ALB_GOLDEN_COUNT]) {
  const alb_sequences batch = {ALB_GOLDEN_COUNT, b->tokens, b->lengths, b->ids, b->type_ids, b->positions};
  alb_array hidden = {0};
  alb_status status = alb_interpret_encoder(m->diag, m->graph, &batch, NULL, &hidden);
  if (status == ALB_OK) status = keep_all(m, hidden, golden);
  alb_array_free(&hidden);
  return status;
}

/* Sequence i, which begins at token `first`, with room for its outputs. */
static alb_status make(const maker *m, const alb_golden_batch *batch, size_t i, size_t first, Alb__Golden **out) {
  const size_t length = batch->lengths[i];
  Alb__Golden *golden = *out = ALB_NEW(m->arena, Alb__Golden);
  if (!golden) return no_memory(m);
  alb__golden__init(golden);
  golden->ids = ALB_NEW_ARRAY(m->arena, uint32_t, length);
  golden->type_ids = ALB_NEW_ARRAY(m->arena, uint32_t, length);
  golden->outputs = ALB_NEW_ARRAY(m->arena, Alb__GoldenOutput *, ALB_HEAD_COUNT + 1);
  if (!golden->ids || !golden->type_ids || !golden->outputs) return no_memory(m);
  golden->n_ids = golden->n_type_ids = length;
  for (size_t t = 0; t < length; t++) {
    golden->ids[t] = (uint32_t)batch->ids[first + t];
    golden->type_ids[t] = (uint32_t)batch->type_ids[first + t];
  }
  return m->sizes_only ? keep_sizes(m, golden) : ALB_OK;
}

alb_status alb_golden_make(alb_diag *diag, alb_arena *arena, const alb_encoder_config *config, const alb_graph *graph,
                           const float *known, bool sizes_only, Alb__Golden ***golden, size_t *count) {
  const maker m = {diag, arena, config, graph, sizes_only};
  alb_golden_batch batch;
  alb_golden_fill(config, &batch);
  *golden = ALB_NEW_ARRAY(arena, Alb__Golden *, ALB_GOLDEN_COUNT);
  if (!*golden) return no_memory(&m);
  for (size_t i = 0, first = 0; i < ALB_GOLDEN_COUNT; first += batch.lengths[i++]) {
    ALB_TRY(make(&m, &batch, i, first, &(*golden)[i]));
  }
  *count = ALB_GOLDEN_COUNT;
  if (sizes_only) return ALB_OK;
  return known ? keep_all(&m, (alb_array){.width = config->hidden, .f32 = known}, *golden) : run(&m, &batch, *golden);
}

static alb_status select_outputs(alb_diag *diag, alb_arena *arena, const Alb__Golden *from, const alb_graph *graph,
                                 Alb__Golden *to) {
  *to = *from;
  to->n_outputs = 0;
  to->outputs = ALB_NEW_ARRAY(arena, Alb__GoldenOutput *, from->n_outputs);
  if (!to->outputs) return alb_fail_memory(diag, from->n_outputs * sizeof *to->outputs, "golden outputs");
  for (size_t i = 0; i < from->n_outputs; i++) {
    if (alb_graph_find(graph, from->outputs[i]->function) != ALB_NONE) to->outputs[to->n_outputs++] = from->outputs[i];
  }
  return ALB_OK;
}

alb_status alb_golden_select(alb_diag *diag, alb_arena *arena, const Alb__Manifest *manifest, const alb_graph *graph,
                             Alb__Golden ***golden, size_t *count) {
  *golden = ALB_NEW_ARRAY(arena, Alb__Golden *, manifest->n_golden);
  if (!*golden) return alb_fail_memory(diag, manifest->n_golden * sizeof **golden, "golden outputs");
  for (*count = 0; *count < manifest->n_golden; ++*count) {
    Alb__Golden *copy = (*golden)[*count] = ALB_NEW(arena, Alb__Golden);
    if (!copy) return alb_fail_memory(diag, sizeof *copy, "golden outputs");
    ALB_TRY(select_outputs(diag, arena, manifest->golden[*count], graph, copy));
  }
  return ALB_OK;
}
