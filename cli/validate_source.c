/* The source, run unfolded in f32 by the reference interpreter, against the model in the runtime. */
#include <stdlib.h>

#include "base/file.h"
#include "cli/validate.h"
#include "converter/golden.h"
#include "converter/model_load.h"
#include "graph/heads.h"
#include "graph/interpret.h"

enum { MLM_ROWS = 8, BUILTIN_LONGEST = 48 }; /* rows of logits compared in a sequence */

typedef struct validation {
  alb_diag *diag;
  const alb_loaded *loaded;
  const alb_graph *graph;
  const alb_subject *subject;
  alb_report *report;
} validation;

/* Hidden states layer after layer: [layers][tokens][hidden], of one of the two. */
typedef struct states {
  float *values;
  size_t layers, size; /* size = tokens * hidden */
} states;

static void keep_reference(void *context, uint32_t layer, const alb_array *hidden) {
  states *s = context;
  if (layer < s->layers) memcpy(s->values + layer * s->size, hidden->f32, s->size * sizeof *s->values);
}

/* The runtime counts from the state before the first layer. */
static void keep_got(void *context, size_t layer, size_t first, size_t tokens, const float *values) {
  states *s = context;
  const size_t width = tokens ? s->size / tokens : 0;
  if (layer < 1 || layer > s->layers || first != 0 || tokens * width != s->size) return;
  memcpy(s->values + (layer - 1) * s->size, values, s->size * sizeof *s->values);
}

static alb_status no_memory(const validation *v) {
  return alb_fail_memory(v->diag, 0, "the comparison");
}

static alb_status compare(const validation *v, const char *name, bool is_output, const float *reference,
                          const float *got, size_t rows, size_t width) {
  alb_check *check = alb_report_check(v->report, name, is_output);
  const bool added = check && alb_comparison_add(&check->comparison, reference, got, rows, width);
  return added ? ALB_OK : no_memory(v);
}

static alb_status compare_layers(const validation *v, const states *reference, const states *got, size_t rows) {
  for (size_t l = 0; l < reference->layers; l++) {
    char name[32];
    (void)snprintf(name, sizeof name, "layer %zu", l + 1);
    ALB_TRY(compare(v, name, false, reference->values + l * reference->size, got->values + l * got->size, rows,
                    reference->size / rows));
  }
  return ALB_OK;
}

/* One head: the interpreter on the reference's hidden states, the runtime on its own. */
static alb_status compare_head(const validation *v, const char *name, const alb_sequences *sequences,
                               const alb_batch *batch, const alb_array *hidden) {
  const uint32_t function = alb_graph_find(v->graph, name);
  const size_t width = alb_model_output_width(v->subject->model, name);
  if (function == ALB_NONE || width == 0) return ALB_OK;
  alb_array input = *hidden, reference = {0};
  if (batch->row_count) input.rows = batch->row_count;
  ALB_TRY(alb_interpret(v->diag, v->graph, function, sequences, &input, NULL, &reference));
  if (reference.width != width) {
    const size_t expected = reference.width;
    alb_array_free(&reference);
    return alb_fail(v->diag, ALB_DIFFERS, "is another model: \"%s\" has rows of %zu, the source has %zu", name, width,
                    expected);
  }
  const size_t n = reference.rows * reference.width;
  float *got = malloc(n * sizeof *got);
  alb_status status = got ? alb_subject_run(v->diag, v->subject, batch, name, got, n) : no_memory(v);
  if (status == ALB_OK) status = compare(v, name, true, reference.f32, got, reference.rows, reference.width);
  free(got);
  alb_array_free(&reference);
  return status;
}

/* Of the masked-language head, which has a row of the vocabulary for each token, some rows only. */
static alb_status compare_heads(const validation *v, const alb_sequences *sequences, alb_batch batch,
                                const alb_array *hidden) {
  static const size_t rows[MLM_ROWS] = {0, 1, 2, 3, 4, 5, 6, 7};
  batch.tap = NULL;
  for (int h = 0; h < ALB_HEAD_COUNT; h++) {
    const bool some = h == ALB_HEAD_MLM;
    batch.rows = some ? rows : NULL;
    batch.row_count = !some ? 0 : sequences->tokens < MLM_ROWS ? sequences->tokens : MLM_ROWS;
    ALB_TRY(compare_head(v, alb_head_info((alb_head)h)->function, sequences, &batch, hidden));
  }
  return ALB_OK;
}

static alb_status compare_states(const validation *v, const alb_sequences *sequences, const alb_batch *batch,
                                 states *reference, states *got, float *last) {
  const alb_layer_tap tap = {keep_reference, reference};
  alb_array hidden = {0};
  ALB_TRY(alb_interpret_encoder(v->diag, v->graph, sequences, &tap, &hidden));
  alb_status status = alb_subject_run(v->diag, v->subject, batch, "hidden", last, got->size);
  if (status == ALB_OK) status = compare_layers(v, reference, got, sequences->tokens);
  if (status == ALB_OK) status = compare(v, "hidden", true, hidden.f32, last, hidden.rows, hidden.width);
  if (status == ALB_OK) status = compare_heads(v, sequences, *batch, &hidden);
  alb_array_free(&hidden);
  return status;
}

static alb_status compare_sequence(const validation *v, const int32_t *ids, const int32_t *type_ids, size_t length) {
  const alb_encoder_config *config = &v->loaded->spec.config;
  const size_t size = length * config->hidden;
  states reference = {calloc(config->layers * size, sizeof(float)), config->layers, size};
  states got = {calloc(config->layers * size, sizeof(float)), config->layers, size};
  float *last = calloc(size, sizeof *last);
  int32_t *positions = calloc(length, sizeof *positions);
  const uint32_t count = (uint32_t)length;
  const alb_sequences sequences = {1, length, &count, ids, type_ids, positions};
  const alb_batch batch = {.size = sizeof batch,
                           .count = 1,
                           .lengths = &length,
                           .ids = ids,
                           .type_ids = type_ids,
                           .tap = keep_got,
                           .tap_user = &got};
  for (size_t t = 0; positions && t < length; t++) positions[t] = (int32_t)(t + config->position_offset);
  const bool memory = reference.values && got.values && last && positions;
  const alb_status status = memory ? compare_states(v, &sequences, &batch, &reference, &got, last) : no_memory(v);
  free(reference.values);
  free(got.values);
  free(last);
  free(positions);
  v->report->sequences++;
  v->report->tokens += length;
  return status;
}

static alb_status compare_builtin(const validation *v) {
  static const size_t lengths[] = {1, 9, 24, BUILTIN_LONGEST};
  int32_t ids[BUILTIN_LONGEST], type_ids[BUILTIN_LONGEST];
  v->report->inputs = "built-in token ids";
  for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
    const size_t n = alb_builtin_ids(&v->loaded->spec.config, 100 + i, lengths[i], ids, type_ids);
    ALB_TRY(compare_sequence(v, ids, type_ids, n));
  }
  return ALB_OK;
}

static alb_status compare_line(const validation *v, alb_str line) {
  const alb_text text = {.text = line.p, .length = line.n};
  alb_tokens tokens;
  alb_error error = {{0}};
  const alb_status status = alb_tokenize(v->subject->session, &text, 0, &tokens, &error);
  if (status != ALB_OK) return alb_fail(v->diag, status, "%s", error.text);
  int32_t *ids = calloc(2 * tokens.count, sizeof *ids);
  if (!ids) return no_memory(v);
  memcpy(ids, tokens.ids, tokens.count * sizeof *ids);
  memcpy(ids + tokens.count, tokens.type_ids, tokens.count * sizeof *ids);
  const alb_status compared = compare_sequence(v, ids, ids + tokens.count, tokens.count);
  free(ids);
  return compared;
}

static alb_status compare_text(const validation *v, alb_span text) {
  v->report->inputs = "lines of the text";
  while (text.n) {
    const uint8_t *end = memchr(text.p, '\n', text.n);
    const size_t n = end ? (size_t)(end - text.p) : text.n;
    if (n) ALB_TRY(compare_line(v, (alb_str){(const char *)text.p, n}));
    text = (alb_span){text.p + n + (end != NULL), text.n - n - (end != NULL)};
  }
  return v->report->sequences ? ALB_OK : alb_fail(v->diag, ALB_MALFORMED, "has no line of text");
}

static alb_status compare_file(const validation *v, const char *path, const char **file) {
  alb_file text;
  *file = path;
  ALB_TRY(alb_file_map(v->diag, path, &text));
  const alb_status status = compare_text(v, text.bytes);
  alb_file_unmap(&text);
  return status;
}

/* What must be equal before numbers can be compared. */
static alb_status check_sizes(const validation *v) {
  const alb_encoder_config *c = &v->loaded->spec.config;
  const alb_model_info *info = &v->subject->info;
  if (c->layers == info->layers && c->hidden == info->hidden && c->vocab == info->vocab) return ALB_OK;
  return alb_fail(v->diag, ALB_DIFFERS,
                  "is another model: %u layers, hidden %u, vocabulary %u; the source has %u, %u, %u", info->layers,
                  info->hidden, info->vocab, c->layers, c->hidden, c->vocab);
}

/* A class has one name in both. */
static alb_status check_labels(const validation *v) {
  const alb_classes *classes = &v->loaded->classes;
  const alb_model *model = v->subject->model;
  for (size_t i = 0; i < classes->count && i < alb_model_classes(model); i++) {
    if (strcmp(classes->labels[i], alb_model_label(model, i)) == 0) continue;
    return alb_fail(v->diag, ALB_DIFFERS, "class %zu is \"%.128s\", the source calls it \"%.128s\"", i,
                    alb_model_label(model, i), classes->labels[i]);
  }
  return ALB_OK;
}

static alb_status validate(alb_diag *diag, const alb_loaded *loaded, const alb_subject *subject, const char *text_path,
                           alb_report *report, const char **file) {
  alb_graph graph = {0};
  const validation v = {diag, loaded, &graph, subject, report};
  alb_status status = check_sizes(&v);
  if (status == ALB_OK) status = check_labels(&v);
  if (status == ALB_OK) status = alb_loaded_graph(diag, loaded, loaded->spec.tensors, &graph);
  if (status == ALB_OK) status = text_path ? compare_file(&v, text_path, file) : compare_builtin(&v);
  alb_graph_free(&graph);
  return status;
}

alb_status alb_validate_source(alb_diag *diag, const char *source, const alb_subject *subject, const char *text_path,
                               alb_report *report, const char **file) {
  alb_loaded loaded = {0};
  *file = source;
  alb_status status = alb_model_load(diag, source, &loaded);
  if (status == ALB_OK) {
    *file = subject->path;
    status = validate(diag, &loaded, subject, text_path, report, file);
  }
  alb_model_unload(&loaded);
  return status;
}
