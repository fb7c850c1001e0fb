/* One step of a plan on one piece of its rows and columns: finds the arrays, calls the kernel. */
#include "runtime/exec_ops.h"

#include <math.h>
#include <string.h>

/* Where row r of a value lies, and (with `range`) where its quantisation ranges do. */
static unsigned char *locate(const alb_exec *x, const alb_piece *p, uint32_t value, size_t r, bool range) {
  const alb_plan_value *v = &x->plan->values.items[value];
  unsigned char *base = NULL;
  size_t room = x->rows[v->rows]; /* rows of the array; ranges stand behind it */
  switch (v->place) {
    case ALB_PLACE_INPUT:
      base = (unsigned char *)(uintptr_t)x->inputs[v->slot];
      break;
    case ALB_PLACE_OUTPUT:
      base = (unsigned char *)x->output;
      break;
    case ALB_PLACE_SHARED:
      base = x->shared + x->workspace->offsets[v->slot];
      break;
    case ALB_PLACE_LOCAL:
      base = p->local + v->slot * p->local_rows;
      room = p->local_rows;
      r -= p->local0;
      break;
  }
  return range ? base + room * v->row_bytes + r * v->range_bytes : base + r * v->row_bytes;
}

static float *floats(const alb_exec *x, const alb_piece *p, uint32_t value, size_t r) {
  return (float *)(void *)locate(x, p, value, r, false);
}

static alb_range *ranges(const alb_exec *x, const alb_piece *p, uint32_t value, size_t r) {
  return (alb_range *)(void *)locate(x, p, value, r, true);
}

static size_t columns(const alb_exec *x, uint32_t value) {
  return x->plan->values.items[value].columns;
}

static const float *vector(const alb_weight *weight) {
  return weight ? weight->data : NULL;
}

static void gather(const alb_exec *x, const alb_step *s, const alb_piece *p, size_t k, size_t r, bool add, float *out) {
  const int32_t *ids = (const int32_t *)(const void *)locate(x, p, s->in[k], r, false);
  const alb_weight *table = s->tables[k];
  (void)alb_gather_row(table->dtype, table->data, table->scales, (size_t)*ids, table->columns, add, out);
}

static void exec_embedding(const alb_exec *x, const alb_step *s, const alb_piece *p) {
  for (size_t r = p->row0; r < p->row1; r++) gather(x, s, p, 0, r, false, floats(x, p, s->out, r));
}

static void exec_add(const alb_exec *x, const alb_step *s, const alb_piece *p) {
  const size_t n = (p->row1 - p->row0) * columns(x, s->out);
  const float *a = floats(x, p, s->in[0], p->row0), *b = floats(x, p, s->in[1], p->row0);
  float *out = floats(x, p, s->out, p->row0);
  for (size_t i = 0; i < n; i++) out[i] = a[i] + b[i];
}

static void linear_s8(const alb_exec *x, const alb_step *s, const alb_piece *p, size_t n0, size_t n1) {
  const alb_weight *w = s->weight;
  const alb_gemm_s8 args = {.a = (const uint8_t *)locate(x, p, s->in[0], p->row0, false),
                            .a_range = ranges(x, p, s->in[0], p->row0),
                            .packed = w->data,
                            .w_scale = w->scales,
                            .bias = vector(s->bias),
                            .c = floats(x, p, s->out, p->row0),
                            .lda = alb_s8_stride(w->columns),
                            .ldc = w->rows,
                            .m = p->row1 - p->row0,
                            .n = w->rows,
                            .k = w->columns,
                            .n0 = n0,
                            .n1 = n1,
                            .activation = s->activation};
  x->kernels->gemm_s8(&args);
}

static void linear_intn(const alb_exec *x, const alb_step *s, const alb_piece *p, size_t n0, size_t n1) {
  const alb_weight *w = s->weight;
  const alb_gemm_intn args = {.a = (const uint8_t *)locate(x, p, s->in[0], p->row0, false),
                              .a_range = ranges(x, p, s->in[0], p->row0),
                              .packed = w->data,
                              .bias = vector(s->bias),
                              .c = floats(x, p, s->out, p->row0),
                              .lda = alb_s8_stride(w->columns),
                              .ldc = w->rows,
                              .m = p->row1 - p->row0,
                              .n = w->rows,
                              .k = w->columns,
                              .n0 = n0,
                              .n1 = n1,
                              .activation = s->activation};
  (w->dtype == ALB_I4 ? x->kernels->gemm_s4 : x->kernels->gemm_s6)(&args);
}

static void exec_linear(const alb_exec *x, const alb_step *s, const alb_piece *p) {
  const alb_weight *w = s->weight;
  const size_t n0 = p->panel0 * ALB_PANEL, end = p->panel1 * ALB_PANEL, n1 = end < w->rows ? end : w->rows;
  if (w->dtype == ALB_I8) {
    linear_s8(x, s, p, n0, n1);
    return;
  }
  if (alb_intn_bits(w->dtype)) {
    linear_intn(x, s, p, n0, n1);
    return;
  }
  const alb_gemm_f32 args = {.a = floats(x, p, s->in[0], p->row0),
                             .packed = w->data,
                             .bias = vector(s->bias),
                             .c = floats(x, p, s->out, p->row0),
                             .lda = w->columns,
                             .ldc = w->rows,
                             .m = p->row1 - p->row0,
                             .n = w->rows,
                             .k = w->columns,
                             .n0 = n0,
                             .n1 = n1,
                             .activation = s->activation};
  x->kernels->gemm_f32(&args);
}

static void exec_quantize(const alb_exec *x, const alb_step *s, const alb_piece *p) {
  const size_t width = columns(x, s->in[0]);
  const alb_quantize_s8 args = {.x = floats(x, p, s->in[0], p->row0),
                                .q = (uint8_t *)locate(x, p, s->out, p->row0, false),
                                .range = ranges(x, p, s->out, p->row0),
                                .ldx = width,
                                .ldq = alb_s8_stride(width),
                                .rows = p->row1 - p->row0,
                                .width = width};
  x->kernels->quantize_s8(&args);
}

static void norm(const alb_exec *x, const alb_step *s, const alb_piece *p, const float *in, const float *residual) {
  const alb_layer_norm args = {.x = in,
                               .residual = residual,
                               .gamma = vector(s->gamma),
                               .beta = vector(s->beta),
                               .out = floats(x, p, s->out, p->row0),
                               .rows = p->row1 - p->row0,
                               .width = columns(x, s->out),
                               .eps = s->eps};
  x->kernels->layer_norm(&args);
}

static void exec_layer_norm(const alb_exec *x, const alb_step *s, const alb_piece *p) {
  norm(x, s, p, floats(x, p, s->in[0], p->row0), NULL);
}

static void exec_add_norm(const alb_exec *x, const alb_step *s, const alb_piece *p) {
  norm(x, s, p, floats(x, p, s->in[0], p->row0), floats(x, p, s->in[1], p->row0));
}

/* The order of the sum is the original code's when the operands are: word, type, position. */
static void exec_embed_norm(const alb_exec *x, const alb_step *s, const alb_piece *p) {
  for (size_t r = p->row0; r < p->row1; r++) {
    for (size_t k = 0; k < 3; k++) gather(x, s, p, k, r, k > 0, floats(x, p, s->out, r));
  }
  norm(x, s, p, floats(x, p, s->out, p->row0), NULL);
}

static void exec_activation(const alb_exec *x, const alb_step *s, const alb_piece *p) {
  const alb_activate args = {.x = floats(x, p, s->in[0], p->row0),
                             .out = floats(x, p, s->out, p->row0),
                             .n = (p->row1 - p->row0) * columns(x, s->out),
                             .activation = s->activation};
  x->kernels->activate(&args);
}

/* Rows of tokens before sequence i. */
static size_t first_row(const alb_exec *x, size_t i) {
  return x->starts[i] - x->starts[0];
}

static void exec_attention(const alb_exec *x, const alb_step *s, const alb_piece *p) {
  const size_t first = first_row(x, p->row0), width = columns(x, s->out) / s->heads, at = p->head * width;
  const alb_attention args = {.q = floats(x, p, s->in[0], first) + s->column[0] + at,
                              .k = floats(x, p, s->in[1], first) + s->column[1] + at,
                              .v = floats(x, p, s->in[2], first) + s->column[2] + at,
                              .out = floats(x, p, s->out, first) + at,
                              .stride = columns(x, s->in[0]),
                              .out_stride = columns(x, s->out),
                              .tokens = first_row(x, p->row0 + 1) - first,
                              .width = width,
                              .scale = 1 / sqrtf((float)width),
                              .scratch = (float *)(void *)p->scratch};
  x->kernels->attention(&args);
}

static void exec_pool(const alb_exec *x, const alb_step *s, const alb_piece *p) {
  for (size_t r = p->row0; r < p->row1; r++) {
    const size_t first = first_row(x, r);
    (void)alb_pool_tokens(s->pooling, floats(x, p, s->in[0], first), first_row(x, r + 1) - first, columns(x, s->out),
                          floats(x, p, s->out, r));
  }
}

static void exec_normalize(const alb_exec *x, const alb_step *s, const alb_piece *p) {
  const size_t width = columns(x, s->out);
  for (size_t r = p->row0; r < p->row1; r++) {
    float *out = floats(x, p, s->out, r);
    memcpy(out, floats(x, p, s->in[0], r), width * sizeof *out);
    alb_normalize_row(out, width);
  }
}

typedef void exec_function(const alb_exec *x, const alb_step *s, const alb_piece *p);

static exec_function *const functions[ALB_STEP_COUNT] = {
#define ALB_RUNTIME_OP(id, work, name) [ALB_OP_##id] = exec_##name,
#include "runtime/ops.def"
#undef ALB_RUNTIME_OP
    [ALB_STEP_QUANTIZE] = exec_quantize,
};

void alb_exec_step(const alb_exec *exec, const alb_step *step, const alb_piece *piece) {
  functions[step->kind](exec, step, piece);
}
