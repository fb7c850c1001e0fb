/* Runs the ONNX graph in the interpreter for ONNX and the encoder in the interpreter for our graph, and compares. */
#include "converter/onnx/onnx_prove.h"

#include <math.h>
#include <stdlib.h>

#include "converter/golden.h"
#include "graph/build_encoder.h"
#include "graph/interpret.h"

enum { OTHER_LENGTH = 4 };

typedef struct proof {
  alb_diag *diag;
  const alb_onnx_claim *claim;
  const alb_graph *graph;
  alb_onnx_trace *trace;
  size_t length;
  double *worst;
  alb_arena *arena;
  const float *golden;
} proof;

static double row_distance(const float *a, const float *b, size_t n) {
  double dot = 0, aa = 0, bb = 0;
  for (size_t i = 0; i < n; i++) {
    dot += (double)a[i] * (double)b[i];
    aa += (double)a[i] * (double)a[i];
    bb += (double)b[i] * (double)b[i];
  }
  return aa > 0 && bb > 0 ? 1 - dot / sqrt(aa * bb) : aa == bb ? 0 : 1;
}

/* Our rows against the values of the ONNX graph; both [rows][width]. */
static alb_status compare(const proof *p, const char *what, uint32_t value, const alb_array *ours) {
  const float *theirs;
  const size_t n = ours->rows * ours->width;
  double difference = 0;
  ALB_TRY(alb_onnx_trace_f32(p->diag, p->trace, value, &theirs));
  if (p->trace->tensors[value].count != n) {
    return alb_fail(p->diag, ALB_UNSUPPORTED, "the %s of the graph has %zu numbers, of the encoder recognised %zu",
                    what, p->trace->tensors[value].count, n);
  }
  if (p->claim->cosine > 0) {
    for (size_t r = 0; r < ours->rows; r++)
      difference = fmax(difference, row_distance(ours->f32 + r * ours->width, theirs + r * ours->width, ours->width));
  } else {
    difference = alb_match_error(ours->f32, theirs, n);
  }
  *p->worst = fmax(*p->worst, difference);
  const double bound = p->claim->cosine > 0 ? 1 - p->claim->cosine : p->claim->tolerance;
  if (difference <= bound) return ALB_OK;
  return alb_fail(
      p->diag, ALB_UNSUPPORTED,
      "the encoder that was recognised gives another %s than the graph: %s %.3g, allowed %.3g, on %zu tokens; "
      "the graph computes something else than a BERT or ALBERT encoder",
      what, p->claim->cosine > 0 ? "1 - cosine" : "difference", difference, bound, p->length);
}

static alb_status compare_head(const proof *p, const char *function, uint32_t value, const alb_sequences *batch,
                               const alb_array *hidden) {
  alb_array out = {0};
  const uint32_t id = alb_graph_find(p->graph, function);
  if (value == ALB_ONNX_NONE || id == ALB_NONE) return ALB_OK;
  ALB_TRY(alb_interpret(p->diag, p->graph, id, batch, hidden, NULL, &out));
  const alb_status status = compare(p, function, value, &out);
  alb_array_free(&out);
  return status;
}

/* Starts and ends that are outputs by themselves. */
static alb_status compare_columns(const proof *p, const alb_sequences *batch, const alb_array *hidden) {
  const alb_onnx_encoder *e = p->claim->encoder;
  const uint32_t id = alb_graph_find(p->graph, ALB_FN_QA);
  alb_array both = {0};
  if (id == ALB_NONE) return ALB_OK;
  ALB_TRY(alb_interpret(p->diag, p->graph, id, batch, hidden, NULL, &both));
  float *one = calloc(both.rows, sizeof *one);
  alb_status status = one ? ALB_OK : alb_fail_memory(p->diag, 0, "the proof");
  for (size_t c = 0; c < 2 && status == ALB_OK; c++) {
    const alb_array column = {.rows = 1, .width = both.rows, .f32 = one};
    for (size_t t = 0; t < both.rows; t++) one[t] = both.f32[2 * t + c];
    if (e->span_columns[c] != ALB_ONNX_NONE) status = compare(p, ALB_FN_QA, e->span_columns[c], &column);
  }
  free(one);
  alb_array_free(&both);
  return status;
}

static alb_status compare_all(const proof *p, const alb_sequences *batch, const alb_array *hidden) {
  const alb_onnx_encoder *e = p->claim->encoder;
  const struct {
    const char *function;
    uint32_t value;
  } heads[] = {{ALB_FN_POOLER, e->pooler_value},  {ALB_FN_MLM, e->mlm_value}, {ALB_FN_CLASSIFY, e->classifier_value},
               {ALB_FN_NER, e->classifier_value}, {ALB_FN_QA, e->span_value}, {ALB_FN_EMBED, e->pooled_value}};
  ALB_TRY(compare(p, "last hidden state", e->hidden_value, hidden));
  for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++)
    ALB_TRY(compare_head(p, heads[i].function, heads[i].value, batch, hidden));
  return compare_columns(p, batch, hidden);
}

/* Runs the ONNX graph; only the values that are compared are kept. */
static alb_status run_onnx(proof *p, const int64_t *ids, const int64_t *type_ids) {
  const alb_onnx_encoder *e = p->claim->encoder;
  const uint32_t values[] = {e->hidden_value, e->pooler_value, e->classifier_value, e->span_value,
                             e->mlm_value,    e->pooled_value, e->span_columns[0],  e->span_columns[1]};
  bool *wanted = calloc(p->claim->model->values.count + 1, sizeof *wanted);
  alb_onnx_feeds feeds = {.count = 0};
  if (!wanted) return alb_fail_memory(p->diag, 0, "the proof");
  for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
    if (values[i] != ALB_ONNX_NONE) wanted[values[i]] = true;
  }
  alb_onnx_trace_options options = {.wanted = wanted};
  alb_onnx_inputs_bound(p->claim->model, p->length, &options);
  alb_status status = alb_onnx_feeds_make(p->diag, p->claim->model, p->claim->inputs, ids, type_ids, p->length, &feeds);
  if (status == ALB_OK)
    status = alb_onnx_trace_run(p->diag, p->claim->model, feeds.feeds, feeds.count, &options, p->trace);
  p->trace->options.wanted = NULL;
  alb_onnx_feeds_free(&feeds);
  free(wanted);
  return status;
}

/* Ids spread over the vocabulary, the second half of another type. */
static void choose_ids(const proof *p, uint64_t seed, int64_t *ids) {
  const alb_encoder_config *c = &p->claim->spec->config;
  const bool types = p->claim->inputs->values[ALB_ONNX_INPUT_TYPES] != ALB_ONNX_NONE;
  uint64_t state = seed;
  for (size_t t = 0; t < p->length; t++) {
    state = state * 6364136223846793005U + 1442695040888963407U;
    ids[t] = (int64_t)((state >> 33) % c->vocab);
    ids[p->length + t] = types && 2 * t >= p->length ? (int64_t)c->type_vocab - 1 : 0;
  }
}

/* One sequence: what the graph ran on, and what came of it. */
typedef struct run {
  const int64_t *ids; /* [2 * length]: ids, type ids */
  size_t length;
  alb_onnx_trace *trace;
} run;

enum { RUNS = 2, SEQUENCES = RUNS + ALB_GOLDEN_COUNT };

/* Sequences packed for our interpreter, the golden ones behind the runs: ids, type ids, positions, each [tokens]. */
static void pack(const run runs[RUNS], const alb_golden_batch *golden, size_t tokens, int32_t *packed) {
  size_t at = 0;
  for (size_t r = 0; r < RUNS; r++) {
    for (size_t t = 0; t < runs[r].length; t++, at++) {
      packed[at] = (int32_t)runs[r].ids[t];
      packed[tokens + at] = (int32_t)runs[r].ids[runs[r].length + t];
      packed[2 * tokens + at] = (int32_t)t;
    }
  }
  memcpy(packed + at, golden->ids, golden->tokens * sizeof *packed);
  memcpy(packed + tokens + at, golden->type_ids, golden->tokens * sizeof *packed);
  memcpy(packed + 2 * tokens + at, golden->positions, golden->tokens * sizeof *packed);
}

/* Every sequence's rows of our hidden states against its trace. */
static alb_status compare_runs(proof *p, const run runs[RUNS], const alb_array *hidden) {
  size_t first = 0;
  for (size_t r = 0; r < RUNS; r++) {
    const uint32_t length = (uint32_t)runs[r].length;
    const alb_sequences one = {.sequences = 1, .tokens = length, .lengths = &length};
    const alb_array rows = {.rows = length, .width = hidden->width, .f32 = hidden->f32 + first * hidden->width};
    p->length = length;
    p->trace = runs[r].trace;
    ALB_TRY(compare_all(p, &one, &rows));
    first += length;
  }
  return ALB_OK;
}

/* Keeps the last `tokens` rows. */
static alb_status keep_golden(proof *p, const alb_array *hidden, size_t tokens) {
  const size_t n = tokens * hidden->width;
  float *kept = ALB_NEW_ARRAY(p->arena, float, n);
  if (!kept) return alb_fail_memory(p->diag, n * sizeof *kept, "golden outputs");
  memcpy(kept, hidden->f32 + (hidden->rows - tokens) * hidden->width, n * sizeof *kept);
  p->golden = kept;
  return ALB_OK;
}

/* Our encoder on all sequences at once: every weight is fetched once. */
static alb_status run_ours(proof *p, const run runs[RUNS]) {
  alb_golden_batch golden;
  alb_golden_fill(&p->claim->spec->config, &golden);
  uint32_t lengths[SEQUENCES] = {(uint32_t)runs[0].length, (uint32_t)runs[1].length};
  memcpy(lengths + RUNS, golden.lengths, sizeof golden.lengths);
  const size_t tokens = runs[0].length + runs[1].length + golden.tokens;
  int32_t *packed = calloc(3 * tokens, sizeof *packed);
  alb_array hidden = {0};
  if (!packed) return alb_fail_memory(p->diag, 0, "the proof");
  pack(runs, &golden, tokens, packed);
  const alb_sequences batch = {SEQUENCES, tokens, lengths, packed, packed + tokens, packed + 2 * tokens};
  alb_status status = alb_interpret_encoder(p->diag, p->graph, &batch, NULL, &hidden);
  if (status == ALB_OK) status = compare_runs(p, runs, &hidden);
  if (status == ALB_OK) status = keep_golden(p, &hidden, golden.tokens);
  alb_array_free(&hidden);
  free(packed);
  return status;
}

/* Runs the graph on ids of the given length; *ids is the caller's to free. */
static alb_status run_graph(proof *p, size_t length, uint64_t seed, int64_t **ids, alb_onnx_trace *trace, run *out) {
  *ids = calloc(2 * length, sizeof **ids);
  if (!*ids) return alb_fail_memory(p->diag, 0, "the proof");
  *out = (run){*ids, length, trace};
  p->length = length;
  p->trace = trace;
  choose_ids(p, seed, *ids);
  return run_onnx(p, *ids, *ids + length);
}

alb_status alb_onnx_prove(alb_diag *diag, alb_arena *arena, const alb_onnx_claim *claim, double *worst,
                          const float **golden) {
  const size_t fixed = claim->inputs->length, longest = claim->spec->config.max_positions;
  const size_t other = fixed ? fixed : OTHER_LENGTH < longest ? OTHER_LENGTH : longest;
  alb_graph graph = {0};
  alb_onnx_trace traces[RUNS] = {0};
  int64_t *ids[RUNS] = {NULL, NULL};
  run runs[RUNS] = {{claim->ids, claim->tokens, claim->seen}};
  *worst = 0;
  proof p = {.diag = diag, .claim = claim, .graph = &graph, .worst = worst, .arena = arena};
  alb_status status = alb_build_encoder(diag, claim->spec, &graph);
  if (status == ALB_OK && !claim->seen) status = run_graph(&p, claim->tokens, 16, &ids[0], &traces[0], &runs[0]);
  if (status == ALB_OK) status = run_graph(&p, other, 17, &ids[1], &traces[1], &runs[1]);
  if (status == ALB_OK) status = run_ours(&p, runs);
  *golden = p.golden;
  for (size_t i = 0; i < RUNS; i++) {
    alb_onnx_trace_free(&traces[i]);
    free(ids[i]);
  }
  alb_graph_free(&graph);
  return status;
}
