/* What config.json says of a classifier: the names of its classes, and how its logits become scores. */
#include "converter/classes.h"

#include <stdio.h>
#include <string.h>

typedef struct reader {
  alb_diag *diag;
  alb_arena *arena;
  const json_t *config;
  uint32_t classes;
  alb_classes *out;
} reader;

/* ---- labels ---- */

/* The label of a class, or NULL. */
static const char *label_of(const json_t *labels, size_t id) {
  char key[24];
  (void)snprintf(key, sizeof key, "%zu", id);
  const json_t *label = json_object_get(labels, key);
  const char *text = json_string_value(label);
  return text && strlen(text) == json_string_length(label) ? text : NULL;
}

static alb_status add_label(const reader *r, const char *text) {
  r->out->labels[r->out->count] = alb_arena_strdup(r->arena, alb_str_of(text));
  if (!r->out->labels[r->out->count]) return alb_fail_memory(r->diag, strlen(text), "a label");
  r->out->count++;
  return ALB_OK;
}

/* id2label {"0": "NEG", "1": "POS"}, in any order; where it does not name 0 .. n-1 it says nothing of a model
 * without classes, and is wrong for one with classes. */
static alb_status copy_labels(const reader *r, const json_t *labels) {
  const size_t count = json_object_size(labels);
  for (size_t i = 0; i < count; i++) {
    const char *text = label_of(labels, i);
    if (text) {
      ALB_TRY(add_label(r, text));
      continue;
    }
    r->out->count = 0;
    if (!r->classes) return ALB_OK;
    return alb_fail(r->diag, ALB_MALFORMED, "config.json: \"id2label\" has no text for class %zu of %zu", i, count);
  }
  return ALB_OK;
}

static alb_status number_labels(const reader *r) {
  while (r->out->count < r->classes) {
    char text[24];
    (void)snprintf(text, sizeof text, "LABEL_%zu", r->out->count);
    ALB_TRY(add_label(r, text));
  }
  return ALB_OK;
}

static alb_status refuse_count(const reader *r, const char *key, json_int_t stated) {
  return alb_fail(r->diag, ALB_SHAPE, "config.json: \"%s\" states %lld classes, the classifier has %u", key,
                  (long long)stated, r->classes);
}

/* Old checkpoints have the right num_labels beside an id2label of two that says nothing; then the labels are
 * numbered, as transformers does it. */
static alb_status check_counts(const reader *r, size_t labels, bool *use_labels) {
  const json_t *number = json_object_get(r->config, "num_labels");
  const bool stated = json_is_integer(number);
  *use_labels = labels == r->classes;
  if (*use_labels || (stated && json_integer_value(number) == (json_int_t)r->classes)) return ALB_OK;
  if (labels) return refuse_count(r, "id2label", (json_int_t)labels);
  return stated ? refuse_count(r, "num_labels", json_integer_value(number)) : ALB_OK;
}

static alb_status read_labels(const reader *r) {
  const json_t *labels = json_object_get(r->config, "id2label");
  const size_t stated = json_object_size(labels);
  bool use_labels = true;
  if (r->classes) ALB_TRY(check_counts(r, stated, &use_labels));
  r->out->labels = ALB_NEW_ARRAY(r->arena, char *, stated > r->classes ? stated : r->classes);
  if (!r->out->labels) return alb_fail_memory(r->diag, stated * sizeof(char *), "labels");
  if (use_labels) ALB_TRY(copy_labels(r, labels));
  return number_labels(r);
}

/* ---- scores ---- */

/* transformers: TextClassificationPipeline. */
static alb_status read_class_score(const reader *r) {
  static const struct {
    const char *problem, *score;
  } problems[] = {
      {"single_label_classification", "softmax"}, {"multi_label_classification", "sigmoid"}, {"regression", "none"}};
  const json_t *value = json_object_get(r->config, "problem_type");
  const bool given = value && !json_is_null(value);
  const char *problem = json_string_value(value);
  r->out->class_score = r->classes == 1 ? "sigmoid" : "softmax";
  for (size_t i = 0; problem && i < sizeof problems / sizeof problems[0]; i++) {
    if (strcmp(problem, problems[i].problem) != 0) continue;
    if (r->classes > 1 || i == 2) r->out->class_score = problems[i].score;
    return ALB_OK;
  }
  return !given ? ALB_OK
                : alb_fail(r->diag, ALB_MALFORMED,
                           "config.json: \"problem_type\" is \"%.64s\", allowed: single_label_classification, "
                           "multi_label_classification, regression",
                           problem ? problem : "no text");
}

/* The activation that sentence-transformers keeps with a cross-encoder, under its new and its old key; or NULL. */
static const char *cross_activation(const json_t *config) {
  const json_t *own = json_object_get(config, "sentence_transformers");
  const char *name = json_string_value(json_object_get(own, "activation_fn"));
  return name ? name : json_string_value(json_object_get(config, "sbert_ce_default_activation_function"));
}

static alb_status read_rank_score(const reader *r) {
  static const struct { const char *end, *score; } activations[] = {{".Identity", "none"}, {".Sigmoid", "sigmoid"}};
  const char *name = cross_activation(r->config);
  r->out->rank_score = r->classes == 1 ? "sigmoid" : "none";
  for (size_t i = 0; name && i < sizeof activations / sizeof activations[0]; i++) {
    if (!alb_str_ends(alb_str_of(name), alb_str_of(activations[i].end))) continue;
    r->out->rank_score = activations[i].score;
    return ALB_OK;
  }
  if (!name) return ALB_OK;
  return alb_fail(r->diag, ALB_UNSUPPORTED,
                  "config.json: a cross-encoder with the activation \"%.64s\" is not supported (supported: "
                  "Identity, Sigmoid)",
                  name);
}

alb_status alb_classes_read(alb_diag *diag, alb_arena *arena, const json_t *config, uint32_t classes, bool of_texts,
                            alb_classes *out) {
  const reader r = {diag, arena, config, classes, out};
  *out = (alb_classes){.class_score = "", .rank_score = ""};
  ALB_TRY(read_labels(&r));
  if (!classes || !of_texts) return ALB_OK;
  ALB_TRY(read_class_score(&r));
  return read_rank_score(&r);
}
