/* Logits of frozen heads, their distance, and the way back to the hidden states. Products are small: plain loops. */
#include "tune/head_loss.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- reading ---- */

/* Roles of a kind, in the order of the struct's arrays. */
static void roles_of(alb_head kind, alb_role roles[4], bool used[4]) {
  const bool text = kind == ALB_HEAD_CLASSIFY, span = kind == ALB_HEAD_QA;
  const alb_role all[4] = {ALB_ROLE_POOLER_W, ALB_ROLE_POOLER_B, span ? ALB_ROLE_SPAN_W : ALB_ROLE_CLASSIFIER_W,
                           span ? ALB_ROLE_SPAN_B : ALB_ROLE_CLASSIFIER_B};
  for (int i = 0; i < 4; i++) {
    roles[i] = all[i];
    used[i] = i >= 2 || text;
  }
}

static alb_status count_role(alb_diag *diag, const alb_model_spec *spec, alb_role role, size_t expected,
                             size_t *total) {
  const alb_tensor *tensor = &spec->tensors->tensors.items[spec->global[role]];
  uint64_t found;
  ALB_TRY(alb_shape_elements(diag, tensor->rank, tensor->dims, &found));
  *total += expected;
  if (found == expected) return ALB_OK;
  return alb_fail(diag, ALB_SHAPE, "%s has %llu numbers, expected %zu", alb_role_info(role)->name,
                  (unsigned long long)found, expected);
}

static alb_status read_roles(alb_diag *diag, const alb_model_spec *spec, const alb_role roles[4], const bool used[4],
                             alb_tune_head *out) {
  const size_t sizes[4] = {out->hidden * out->hidden, out->hidden, out->classes * out->hidden, out->classes};
  float **const arrays[4] = {&out->pooler_w, &out->pooler_b, &out->w, &out->b};
  size_t total = 0, at = 0;
  for (int i = 0; i < 4; i++)
    if (used[i] && spec->global[roles[i]] != ALB_NO_TENSOR) ALB_TRY(count_role(diag, spec, roles[i], sizes[i], &total));
  out->block = malloc((total + 1) * sizeof *out->block);
  if (!out->block) return alb_fail_memory(diag, total * sizeof *out->block, "a head");
  for (int i = 0; i < 4; i++) {
    if (!used[i] || spec->global[roles[i]] == ALB_NO_TENSOR) continue;
    *arrays[i] = out->block + at;
    ALB_TRY(alb_blob_f32(diag, spec->tensors, spec->tensors->tensors.items[spec->global[roles[i]]].blob, *arrays[i]));
    at += sizes[i];
  }
  return ALB_OK;
}

alb_status alb_tune_head_load(alb_diag *diag, const alb_model_spec *spec, alb_head kind, bool independent,
                              alb_tune_head *out, bool *found) {
  alb_role roles[4];
  bool used[4];
  roles_of(kind, roles, used);
  *found = spec->global[roles[2]] != ALB_NO_TENSOR && (!used[0] || spec->global[roles[0]] != ALB_NO_TENSOR);
  if (kind == ALB_HEAD_CLASSIFY || kind == ALB_HEAD_NER)
    *found = *found && spec->token_classes == (kind == ALB_HEAD_NER);
  *out = (alb_tune_head){.kind = kind,
                         .independent = independent,
                         .hidden = spec->config.hidden,
                         .classes = kind == ALB_HEAD_QA ? 2 : spec->config.classes};
  return *found ? read_roles(diag, spec, roles, used, out) : ALB_OK;
}

void alb_tune_head_free(alb_tune_head *head) {
  if (!head) return;
  free(head->block);
  *head = (alb_tune_head){0};
}

/* ---- products ---- */

/* out[rows] = w[rows, n] x + b. */
static void multiply(const float *w, const float *b, size_t rows, size_t n, const float *x, float *out) {
  for (size_t r = 0; r < rows; r++) {
    double sum = b ? (double)b[r] : 0;
    for (size_t i = 0; i < n; i++) sum += (double)(w[r * n + i] * x[i]);
    out[r] = (float)sum;
  }
}

/* dx += w[rows, n]^T d. */
static void multiply_back(const float *w, size_t rows, size_t n, const float *d, float *dx) {
  for (size_t r = 0; r < rows; r++)
    for (size_t i = 0; i < n; i++) dx[i] += w[r * n + i] * d[r];
}

static void pool(const alb_tune_head *head, const float *x, float *out) {
  multiply(head->pooler_w, head->pooler_b, head->hidden, head->hidden, x, out);
  for (size_t i = 0; i < head->hidden; i++) out[i] = tanhf(out[i]);
}

/* ---- distances of n logits, `stride` apart; d, where given, becomes `weight` times the gradient by s ---- */

static double log_sum(const float *x, size_t n, size_t stride) {
  double most = (double)x[0], sum = 0;
  for (size_t i = 1; i < n; i++) most = fmax(most, (double)x[i * stride]);
  for (size_t i = 0; i < n; i++) sum += exp((double)x[i * stride] - most);
  return most + log(sum);
}

static double softmax_distance(const float *s, const float *t, size_t n, size_t stride, double weight, float *d) {
  const double of_s = log_sum(s, n, stride), of_t = log_sum(t, n, stride);
  double distance = 0;
  for (size_t i = 0; i < n; i++) {
    const double log_q = (double)s[i * stride] - of_s, log_p = (double)t[i * stride] - of_t;
    distance += exp(log_p) * (log_p - log_q);
    if (d) d[i * stride] = (float)(weight * (exp(log_q) - exp(log_p)));
  }
  return distance;
}

/* log(1 + e^x). */
static double soft_plus(double x) {
  return x > 0 ? x + log1p(exp(-x)) : log1p(exp(x));
}

static double sigmoid_distance(double s, double t, double weight, float *d) {
  const double p = 1 / (1 + exp(-t)), q = 1 / (1 + exp(-s));
  if (d) *d = (float)(weight * (q - p));
  return p * (soft_plus(-s) - soft_plus(-t)) + (1 - p) * (soft_plus(s) - soft_plus(t));
}

static double number_distance(double s, double t, double weight, float *d) {
  if (d) *d = (float)(weight * (s - t) / (1 + t * t));
  return 0.5 * (s - t) * (s - t) / (1 + t * t);
}

static double single_distances(const float *s, const float *t, size_t n, double weight, float *d) {
  double distance = 0;
  if (n == 1) return number_distance((double)s[0], (double)t[0], weight, d);
  for (size_t i = 0; i < n; i++) distance += sigmoid_distance((double)s[i], (double)t[i], weight, d ? d + i : NULL);
  return distance;
}

static size_t largest(const float *x, size_t n, size_t stride) {
  size_t best = 0;
  for (size_t i = 1; i < n; i++)
    if (x[i * stride] > x[best * stride]) best = i;
  return best;
}

static bool same_signs(const float *s, const float *t, size_t n) {
  size_t i = 0;
  while (i < n && (s[i] > 0) == (t[i] > 0)) i++;
  return i == n;
}

static void compare(const alb_tune_head *head, const float *s, const float *t, size_t n, size_t stride, double weight,
                    float *d, alb_tune_head_sums *sums) {
  const bool single = head->kind == ALB_HEAD_CLASSIFY && (head->independent || n == 1);
  sums->distance += single ? single_distances(s, t, n, weight, d) : softmax_distance(s, t, n, stride, weight, d);
  sums->same += single ? same_signs(s, t, n) : largest(s, n, stride) == largest(t, n, stride);
}

/* ---- one text ---- */

size_t alb_tune_head_count(const alb_tune_head *head, size_t n) {
  return head->kind == ALB_HEAD_NER ? n : head->kind == ALB_HEAD_QA ? 2 : 1;
}

size_t alb_tune_head_room(const alb_tune_head *head, size_t n) {
  return 3 * n * head->classes + 2 * head->hidden;
}

/* The first token, pooled, is classified. */
static alb_tune_head_sums text_loss(const alb_tune_head *head, const float *s, const float *t, double weight, float *d,
                                    float *room) {
  const size_t hidden = head->hidden, classes = head->classes;
  float *logits = room, *wanted = room + classes, *back = room + 2 * classes;
  float *pooled = room + 3 * classes, *dpooled = pooled + hidden;
  alb_tune_head_sums sums = {0};
  pool(head, t, pooled);
  multiply(head->w, head->b, classes, hidden, pooled, wanted);
  pool(head, s, pooled);
  multiply(head->w, head->b, classes, hidden, pooled, logits);
  compare(head, logits, wanted, classes, 1, weight, d ? back : NULL, &sums);
  if (!d) return sums;
  memset(dpooled, 0, hidden * sizeof *dpooled);
  multiply_back(head->w, classes, hidden, back, dpooled);
  for (size_t i = 0; i < hidden; i++) dpooled[i] *= 1 - pooled[i] * pooled[i];
  multiply_back(head->pooler_w, hidden, hidden, dpooled, d);
  return sums;
}

/* Every token has its logits: a distribution each, or one over the tokens for each of them. */
static alb_tune_head_sums token_loss(const alb_tune_head *head, size_t n, const float *s, const float *t, double weight,
                                     float *d, float *room) {
  const size_t hidden = head->hidden, classes = head->classes;
  float *logits = room, *wanted = room + n * classes, *back = d ? room + 2 * n * classes : NULL;
  alb_tune_head_sums sums = {0};
  for (size_t r = 0; r < n; r++) {
    multiply(head->w, head->b, classes, hidden, s + r * hidden, logits + r * classes);
    multiply(head->w, head->b, classes, hidden, t + r * hidden, wanted + r * classes);
  }
  const bool over_tokens = head->kind == ALB_HEAD_QA;
  for (size_t i = 0; i < (over_tokens ? classes : n); i++) {
    const size_t at = over_tokens ? i : i * classes;
    compare(head, logits + at, wanted + at, over_tokens ? n : classes, over_tokens ? classes : 1, weight,
            back ? back + at : NULL, &sums);
  }
  for (size_t r = 0; d && r < n; r++) multiply_back(head->w, classes, hidden, back + r * classes, d + r * hidden);
  return sums;
}

alb_tune_head_sums alb_tune_head_loss(const alb_tune_head *head, size_t n, const float *s, const float *t,
                                      double weight, float *d, float *room) {
  return head->kind == ALB_HEAD_CLASSIFY ? text_loss(head, s, t, weight, d, room)
                                         : token_loss(head, n, s, t, weight, d, room);
}
