/* Einsum: one loop over all labels, sums in f64. */
#include <stdlib.h>

#include "base/checked.h"
#include "converter/onnx/onnx_op.h"

enum { MAX_LABELS = 16, MAX_OPERANDS = 8, ELLIPSIS = 256 }; /* the dimensions of "..." are labels from ELLIPSIS on */

typedef struct einsum {
  const alb_onnx_call *c;
  size_t label_count, ellipsis_rank;
  int labels[MAX_LABELS];
  size_t sizes[MAX_LABELS];
  size_t index[MAX_LABELS];
  size_t operands;                              /* the output is operand `operands` */
  size_t strides[MAX_OPERANDS + 1][MAX_LABELS]; /* of an operand along a label */
} einsum;

static alb_status wrong(const einsum *e) {
  return alb_onnx_refuse(e->c, ALB_MALFORMED, "its equation does not fit its inputs");
}

static bool is_letter(char x) {
  return (x >= 'a' && x <= 'z') || (x >= 'A' && x <= 'Z');
}

/* The labels of a term, "..." as `ellipsis` of them. */
static alb_status term_labels(const einsum *e, alb_str term, size_t ellipsis, int *out, size_t *count) {
  *count = 0;
  for (size_t i = 0; i < term.n; i++) {
    if (term.p[i] == ' ') continue;
    const bool dots = i + 3 <= term.n && memcmp(term.p + i, "...", 3) == 0;
    if (!dots && !is_letter(term.p[i])) return wrong(e);
    for (size_t k = 0; k < (dots ? ellipsis : 1); k++) {
      if (*count == MAX_LABELS) return wrong(e);
      out[(*count)++] = dots ? ELLIPSIS + (int)(e->ellipsis_rank - ellipsis + k) : term.p[i];
    }
    if (dots) i += 2;
  }
  return ALB_OK;
}

static size_t letters_in(alb_str term, bool *dots) {
  size_t n = 0;
  *dots = false;
  for (size_t i = 0; i < term.n; i++) {
    n += is_letter(term.p[i]);
    *dots = *dots || term.p[i] == '.';
  }
  return n;
}

static alb_status add_label(einsum *e, int label, size_t size, size_t *at) {
  for (*at = 0; *at < e->label_count && e->labels[*at] != label;) ++*at;
  if (*at == MAX_LABELS) return wrong(e);
  if (*at == e->label_count) {
    e->labels[e->label_count] = label;
    e->sizes[e->label_count++] = size;
  }
  if (e->sizes[*at] == 1) e->sizes[*at] = size;
  return size == 1 || e->sizes[*at] == size ? ALB_OK : wrong(e);
}

/* Cuts the next term off the list of inputs. */
static alb_str next_term(alb_str *list) {
  const char *comma = list->n ? memchr(list->p, ',', list->n) : NULL;
  const size_t n = comma ? (size_t)(comma - list->p) : list->n;
  const alb_str term = {list->p, n};
  const size_t used = n + (comma != NULL);
  *list = (alb_str){list->p + used, list->n - used};
  return term;
}

static alb_status find_ellipsis(einsum *e, alb_str inputs) {
  for (size_t i = 0; i < e->operands; i++) {
    bool dots;
    const size_t letters = letters_in(next_term(&inputs), &dots), rank = e->c->inputs[i]->rank;
    if (rank < letters || (!dots && rank != letters)) return wrong(e);
    if (dots && rank - letters > e->ellipsis_rank) e->ellipsis_rank = rank - letters;
  }
  return ALB_OK;
}

static alb_status add_operands(einsum *e, alb_str inputs) {
  for (size_t i = 0; i < e->operands; i++) {
    const alb_onnx_tensor *t = e->c->inputs[i];
    const alb_str term = next_term(&inputs);
    int labels[MAX_LABELS];
    size_t count, step = 1, at;
    bool dots;
    const size_t letters = letters_in(term, &dots);
    ALB_TRY(alb_onnx_need_float(e->c, t));
    ALB_TRY(term_labels(e, term, t->rank - letters, labels, &count));
    if (count != t->rank) return wrong(e);
    for (size_t d = t->rank; d-- > 0; step *= (size_t)t->dims[d]) {
      ALB_TRY(add_label(e, labels[d], (size_t)t->dims[d], &at));
      if (t->dims[d] != 1) e->strides[i][at] += step;
    }
  }
  return ALB_OK;
}

/* Without "->": labels that stand once, in order, after those of "...". */
static void implied_output(alb_str inputs, char out[80]) {
  size_t n = 0;
  if (memchr(inputs.p, '.', inputs.n)) n = 3;
  memcpy(out, "...", 3);
  for (int letter = 'A'; letter <= 'z'; letter++) {
    size_t seen = 0;
    for (size_t i = 0; i < inputs.n; i++) seen += inputs.p[i] == letter;
    if (seen == 1 && is_letter((char)letter)) out[n++] = (char)letter;
  }
  out[n] = '\0';
}

static alb_status output_shape(einsum *e, alb_str term, int64_t *dims, size_t *rank) {
  int labels[MAX_LABELS];
  size_t step = 1;
  bool dots;
  (void)letters_in(term, &dots);
  ALB_TRY(term_labels(e, term, dots ? e->ellipsis_rank : 0, labels, rank));
  if (*rank > ALB_ONNX_MAX_RANK) return wrong(e);
  for (size_t d = *rank; d-- > 0;) {
    size_t at = 0;
    while (at < e->label_count && e->labels[at] != labels[d]) at++;
    if (at == e->label_count || e->strides[e->operands][at]) return wrong(e);
    e->strides[e->operands][at] = step;
    dims[d] = (int64_t)e->sizes[at];
    step *= e->sizes[at] ? e->sizes[at] : 1;
  }
  return ALB_OK;
}

static void sum_all(einsum *e, size_t steps, double *sums) {
  size_t at[MAX_OPERANDS + 1] = {0};
  for (size_t s = 0; s < steps; s++) {
    double x = 1;
    for (size_t i = 0; i < e->operands; i++) x *= alb_onnx_get_f64(e->c->inputs[i], at[i]);
    sums[at[e->operands]] += x;
    for (size_t l = e->label_count; l-- > 0;) { /* the next place, the last label first */
      for (size_t i = 0; i <= e->operands; i++) at[i] += e->strides[i][l];
      if (++e->index[l] < e->sizes[l]) break;
      for (size_t i = 0; i <= e->operands; i++) at[i] -= e->strides[i][l] * e->sizes[l];
      e->index[l] = 0;
    }
  }
}

static alb_status count_steps(const einsum *e, size_t *steps) {
  *steps = 1;
  for (size_t l = 0; l < e->label_count; l++) {
    if (e->sizes[l] == 0) *steps = 0;
  }
  for (size_t l = 0; *steps && l < e->label_count; l++) {
    if (!alb_mul_ok(*steps, e->sizes[l], steps)) return alb_onnx_refuse(e->c, ALB_LIMIT, "its size overflows");
  }
  return alb_onnx_spend(e->c, *steps);
}

static alb_status find_output(einsum *e, alb_str equation, char implied[80], alb_str *inputs, alb_str *output) {
  const char *arrow = equation.n ? memmem(equation.p, equation.n, "->", 2) : NULL;
  size_t terms = 1;
  *inputs = (alb_str){equation.p, arrow ? (size_t)(arrow - equation.p) : equation.n};
  for (size_t i = 0; i < inputs->n; i++) terms += inputs->p[i] == ',';
  if (equation.n == 0 || terms != e->operands) return wrong(e);
  *output = arrow ? (alb_str){arrow + 2, equation.n - inputs->n - 2} : (alb_str){0};
  if (arrow) return ALB_OK;
  implied_output(*inputs, implied);
  *output = alb_str_of(implied);
  return ALB_OK;
}

alb_status alb_onnx_run_einsum(alb_onnx_call *c) {
  einsum e = {.c = c, .operands = c->node->input_count};
  char implied[80];
  alb_str inputs = {0}, output = {0};
  int64_t dims[MAX_LABELS];
  size_t rank, steps;
  double *sums;
  for (size_t i = 0; i < e.operands; i++) {
    if (!c->inputs[i]) return alb_onnx_refuse(c, ALB_MALFORMED, "an input is left out");
  }
  ALB_TRY(find_output(&e, alb_onnx_attr_string(c->node, "equation", ALB_STR("")), implied, &inputs, &output));
  ALB_TRY(find_ellipsis(&e, inputs));
  ALB_TRY(add_operands(&e, inputs));
  ALB_TRY(output_shape(&e, output, dims, &rank));
  ALB_TRY(count_steps(&e, &steps));
  ALB_TRY(alb_onnx_out(c, 0, c->inputs[0]->type, rank, dims));
  ALB_TRY(alb_onnx_doubles(c, c->outputs[0].count, &sums));
  sum_all(&e, steps, sums);
  for (size_t i = 0; i < c->outputs[0].count; i++) alb_onnx_set_f64(&c->outputs[0], i, sums[i]);
  free(sums);
  return ALB_OK;
}
