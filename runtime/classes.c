/* The classes of a model's heads: their labels, and scores of logits. */
#include <math.h>
#include <string.h>

#include "runtime/model.h"

size_t alb_model_classes(const alb_model *model) {
  const size_t texts = alb_model_output_width(model, "classify");
  return texts ? texts : alb_model_output_width(model, "ner");
}

const char *alb_model_label(const alb_model *model, size_t number) {
  if (number >= alb_model_classes(model) || number >= model->manifest->n_labels) return "";
  return model->manifest->labels[number];
}

/* What a file leaves open is as for a source that says nothing. */
const char *alb_model_score(const alb_model *model, const char *task) {
  const Alb__Config *config = model->manifest->config;
  const bool one = alb_model_output_width(model, "classify") == 1;
  if (strcmp(task, "classify") == 0) return *config->class_score ? config->class_score : one ? "sigmoid" : "softmax";
  if (strcmp(task, "rerank") == 0) return *config->rank_score ? config->rank_score : one ? "sigmoid" : "none";
  return strcmp(task, "ner") == 0 ? "softmax" : "none";
}

static void softmax(const float *logits, size_t n, float *scores) {
  double most = -INFINITY, total = 0;
  for (size_t i = 0; i < n; i++) most = fmax(most, (double)logits[i]);
  for (size_t i = 0; i < n; i++) total += exp((double)logits[i] - most);
  for (size_t i = 0; i < n; i++) scores[i] = (float)(exp((double)logits[i] - most) / total);
}

alb_status alb_scores(const alb_model *model, const char *task, const float *logits, float *scores) {
  if (!model || !task || !logits || !scores) return ALB_ARGUMENT;
  const size_t n = alb_model_classes(model);
  const char *kind = alb_model_score(model, task);
  if (strcmp(kind, "softmax") == 0) {
    softmax(logits, n, scores);
    return ALB_OK;
  }
  const bool squash = strcmp(kind, "sigmoid") == 0;
  for (size_t i = 0; i < n; i++) scores[i] = squash ? (float)(1 / (1 + exp(-(double)logits[i]))) : logits[i];
  return ALB_OK;
}

alb_status alb_model_check_labels(alb_diag *diag, const alb_model *model) {
  const size_t classes = alb_model_classes(model), labels = model->manifest->n_labels;
  if (labels == classes) return ALB_OK;
  return alb_fail(diag, ALB_SHAPE, "the file has %zu labels for %zu classes", labels, classes);
}
