/* MatMul, Gemm and their relatives: products of matrices, summed as f64. */
#include <stdlib.h>

#include "base/checked.h"
#include "base/parallel.h"
#include "converter/onnx/onnx_matmul.h"
#include "graph/products.h"

/* ---- the product ---- */

/* One operand as batches of matrices: where element (row, column) of batch i stands. */
typedef struct matrices {
  size_t row_step, column_step;
  size_t batch_rank;
  size_t dims[ALB_ONNX_MAX_RANK], steps[ALB_ONNX_MAX_RANK]; /* of the batch dimensions */
} matrices;

/* Sizes of the two matrix dimensions, as they are used; a vector is a row (of a) or a column (of b). */
static void matrix_sizes(const alb_onnx_tensor *t, bool turned, bool batch_turned, bool is_a, size_t *rows,
                         size_t *columns) {
  if (t->rank == 1) {
    *rows = is_a ? 1 : (size_t)t->dims[0];
    *columns = is_a ? (size_t)t->dims[0] : 1;
    return;
  }
  const size_t before = (size_t)t->dims[batch_turned ? 0 : t->rank - 2], last = (size_t)t->dims[t->rank - 1];
  *rows = turned ? last : before;
  *columns = turned ? before : last;
}

static matrices matrices_of(const alb_onnx_tensor *t, bool turned, bool batch_turned, bool is_a) {
  size_t steps[ALB_ONNX_MAX_RANK], step = 1;
  matrices m = {0};
  for (size_t i = t->rank; i-- > 0; step *= (size_t)t->dims[i]) steps[i] = step;
  if (t->rank == 1) {
    m.row_step = m.column_step = 1;
    (void)is_a;
    return m;
  }
  const size_t before = batch_turned ? 0 : t->rank - 2, last = t->rank - 1;
  m.row_step = steps[turned ? last : before];
  m.column_step = steps[turned ? before : last];
  for (size_t i = 0; i < t->rank; i++) {
    if (i == before || i == last) continue;
    m.dims[m.batch_rank] = (size_t)t->dims[i];
    m.steps[m.batch_rank++] = steps[i];
  }
  return m;
}

/* The element at which batch `index` begins; dims are those of the result's batches. */
static size_t batch_begin(const matrices *m, const int64_t *dims, size_t rank, size_t index) {
  size_t at = 0;
  for (size_t i = rank; i-- > 0; index /= (size_t)dims[i]) {
    if (i + m->batch_rank < rank) continue;
    const size_t own = i + m->batch_rank - rank;
    if (m->dims[own] != 1) at += index % (size_t)dims[i] * m->steps[own];
  }
  return at;
}

static alb_status batch_shape(const alb_onnx_call *c, alb_onnx_product *p) {
  const matrices a = matrices_of(p->a, p->a_turned, p->a_batch_turned, true);
  const matrices b = matrices_of(p->b, p->b_turned, p->b_batch_turned, false);
  p->rank = a.batch_rank > b.batch_rank ? a.batch_rank : b.batch_rank;
  p->batches = 1;
  for (size_t i = 0; i < p->rank; i++) {
    const size_t x = i + a.batch_rank < p->rank ? 1 : a.dims[i + a.batch_rank - p->rank];
    const size_t y = i + b.batch_rank < p->rank ? 1 : b.dims[i + b.batch_rank - p->rank];
    if (x != y && x != 1 && y != 1) return alb_onnx_refuse(c, ALB_SHAPE, "batches of %zu and %zu matrices", x, y);
    p->dims[i] = (int64_t)(x == 1 ? y : x);
    if (!alb_mul_ok(p->batches, (size_t)p->dims[i], &p->batches))
      return alb_onnx_refuse(c, ALB_LIMIT, "too many batches");
  }
  return ALB_OK;
}

/* One number for all, or one for each of n. */
static bool affine_fits(const alb_onnx_tensor *t, size_t n) {
  return !t || t->count == 1 || (t->count == n && n > 0);
}

alb_status alb_onnx_product_shape(const alb_onnx_call *c, alb_onnx_product *p) {
  size_t b_rows, work;
  if (p->a->rank == 0 || p->b->rank == 0 || (p->a->rank == 1 && p->a_turned) || (p->b->rank == 1 && p->b_turned)) {
    return alb_onnx_refuse(c, ALB_SHAPE, "takes matrices");
  }
  matrix_sizes(p->a, p->a_turned, p->a_batch_turned, true, &p->m, &p->k);
  matrix_sizes(p->b, p->b_turned, p->b_batch_turned, false, &b_rows, &p->n);
  if (p->k != b_rows) return alb_onnx_refuse(c, ALB_SHAPE, "%zu columns times %zu rows", p->k, b_rows);
  if (!affine_fits(p->a_affine.zero, p->m) || !affine_fits(p->a_affine.scale, p->m) ||
      !affine_fits(p->b_affine.zero, p->n) || !affine_fits(p->b_affine.scale, p->n)) {
    return alb_onnx_refuse(c, ALB_UNSUPPORTED, "scales or zero points that are not one, or one for each row or column");
  }
  ALB_TRY(batch_shape(c, p));
  if (!alb_mul_ok(p->batches, p->m, &work) || !alb_mul_ok(work, p->n, &work)) work = SIZE_MAX;
  ALB_TRY(alb_onnx_spend_product(c, work, p->k ? p->k : 1));
  if (p->a->rank > 1) p->dims[p->rank++] = (int64_t)p->m;
  if (p->b->rank > 1) p->dims[p->rank++] = (int64_t)p->n;
  return ALB_OK;
}

static double affine(const alb_onnx_affine *f, size_t i, double x) {
  if (f->zero) x -= alb_onnx_get_f64(f->zero, f->zero->count == 1 ? 0 : i);
  return f->scale ? x * alb_onnx_get_f64(f->scale, f->scale->count == 1 ? 0 : i) : x;
}

/* DEPTH rows of b are taken at a time, COLUMNS of them at a time, so that what is added stays in the nearest cache. */
enum { DEPTH = ALB_PRODUCT_DEPTH, COLUMNS = 256 };

/* One product of two matrices, columns in parts. */
typedef struct multiplication {
  const alb_onnx_product *p;
  const matrices *a, *b;
  size_t a_at, b_at; /* where they begin */
  double *sums;      /* [m][n] */
  double *factors;   /* [m][k], by DEPTH columns: [k / DEPTH][m][DEPTH] */
} multiplication;

/* Part of a row of b as doubles: n columns from `first` on of the row that begins at `at`; floats that stand side by
 * side, as most weights do, without a call for each. */
static void load_row(const multiplication *x, size_t at, size_t first, size_t n, double *out) {
  const alb_onnx_product *p = x->p;
  if (p->b->type == ALB_ONNX_FLOAT && x->b->column_step == 1 && !p->b_affine.zero && !p->b_affine.scale) {
    for (size_t j = 0; j < n; j++) {
      float value;
      memcpy(&value, p->b->data + (at + first + j) * sizeof value, sizeof value);
      out[j] = (double)value;
    }
    return;
  }
  for (size_t j = 0; j < n; j++) {
    out[j] = affine(&p->b_affine, first + j, alb_onnx_get_f64(p->b, at + (first + j) * x->b->column_step));
  }
}

/* Columns k .. k + depth - 1 of a, row by row. */
static void load_factors(const multiplication *x, size_t k, size_t depth, double *out) {
  for (size_t i = 0; i < x->p->m; i++) {
    for (size_t d = 0; d < depth; d++) {
      const size_t at = x->a_at + i * x->a->row_step + (k + d) * x->a->column_step;
      *out++ = affine(&x->p->a_affine, i, alb_onnx_get_f64(x->p->a, at));
    }
  }
}

/* Columns first .. last-1 of the sums. Row by row of b, so that each element is converted once. */
static void multiply(void *context, size_t index, size_t first, size_t last) {
  const multiplication *x = context;
  const alb_onnx_product *p = x->p;
  const alb_products *products = alb_products_of(alb_wide_best());
  double rows[DEPTH * COLUMNS];
  (void)index;
  for (size_t i = 0; i < p->m; i++) memset(x->sums + i * p->n + first, 0, (last - first) * sizeof *x->sums);
  for (size_t k = 0; k < p->k; k += DEPTH) {
    const size_t depth = p->k - k < DEPTH ? p->k - k : DEPTH;
    for (size_t j = first; j < last; j += COLUMNS) {
      const size_t n = last - j < COLUMNS ? last - j : COLUMNS;
      for (size_t d = 0; d < depth; d++) load_row(x, x->b_at + (k + d) * x->b->row_step, j, n, rows + d * COLUMNS);
      products->add(x->factors + k * p->m, p->m, rows, COLUMNS, depth, n, x->sums + j, p->n);
    }
  }
}

/* Multiply-adds for which a thread is worth starting. */
enum { WORTH_A_THREAD = 1 << 19 };

/* The fewest columns that make a part. */
static size_t least_columns(const alb_onnx_product *p) {
  size_t work;
  return alb_mul_ok(p->m, p->k, &work) ? WORTH_A_THREAD / (work + 1) + 1 : 1;
}

/* One batch: every factor is read once, before the parts begin. */
static void run_batch(multiplication *x) {
  for (size_t k = 0; k < x->p->k; k += DEPTH) {
    load_factors(x, k, x->p->k - k < DEPTH ? x->p->k - k : DEPTH, x->factors + k * x->p->m);
  }
  alb_parallel(x->p->n, least_columns(x->p), multiply, x);
}

alb_status alb_onnx_product_run(const alb_onnx_call *c, const alb_onnx_product *p,
                                void (*put)(void *context, size_t i, double sum), void *context) {
  const matrices a = matrices_of(p->a, p->a_turned, p->a_batch_turned, true);
  const matrices b = matrices_of(p->b, p->b_turned, p->b_batch_turned, false);
  const size_t batch_rank = p->rank - (p->a->rank > 1) - (p->b->rank > 1);
  multiplication x = {.p = p, .a = &a, .b = &b};
  size_t size, factors;
  if (!alb_mul_ok(p->m, p->n, &size) || !alb_mul_ok(p->m, p->k, &factors)) {
    return alb_onnx_refuse(c, ALB_LIMIT, "its size overflows");
  }
  if (size == 0 || p->batches == 0) return ALB_OK;
  ALB_TRY(alb_onnx_doubles(c, size, &x.sums));
  const alb_status status = alb_onnx_doubles(c, factors, &x.factors);
  for (size_t i = 0; status == ALB_OK && i < p->batches; i++) {
    x.a_at = batch_begin(&a, p->dims, batch_rank, i);
    x.b_at = batch_begin(&b, p->dims, batch_rank, i);
    run_batch(&x);
    for (size_t k = 0; k < size; k++) put(context, i * size + k, x.sums[k] * p->alpha);
  }
  free(x.sums);
  free(x.factors);
  return status;
}

/* ---- MatMul, FusedMatMul ---- */

static void put_float(void *context, size_t i, double sum) {
  alb_onnx_set_f64(context, i, sum);
}

static alb_status matmul(alb_onnx_call *c, alb_onnx_product *p) {
  ALB_TRY(alb_onnx_need_same_type(c, p->a, p->b));
  ALB_TRY(alb_onnx_product_shape(c, p));
  ALB_TRY(alb_onnx_out(c, 0, p->a->type, p->rank, p->dims));
  return alb_onnx_product_run(c, p, put_float, &c->outputs[0]);
}

/* Of integers: exact while the sums stay below 2^53. */
alb_status alb_onnx_run_matmul(alb_onnx_call *c) {
  alb_onnx_product p = {.a = c->inputs[0], .b = c->inputs[1], .alpha = 1};
  if (p.a->type == ALB_ONNX_BOOL) return alb_onnx_refuse(c, ALB_MALFORMED, "takes no bool");
  return matmul(c, &p);
}

alb_status alb_onnx_run_fused_matmul(alb_onnx_call *c) {
  alb_onnx_product p = {.a = c->inputs[0],
                        .b = c->inputs[1],
                        .a_turned = alb_onnx_attr_int(c->node, "transA", 0) != 0 && c->inputs[0]->rank > 1,
                        .b_turned = alb_onnx_attr_int(c->node, "transB", 0) != 0 && c->inputs[1]->rank > 1,
                        .a_batch_turned = alb_onnx_attr_int(c->node, "transBatchA", 0) != 0,
                        .b_batch_turned = alb_onnx_attr_int(c->node, "transBatchB", 0) != 0,
                        .alpha = (double)alb_onnx_attr_float(c->node, "alpha", 1)};
  ALB_TRY(alb_onnx_need_float(c, p.a));
  if ((p.a_batch_turned && p.a->rank < 3) || (p.b_batch_turned && p.b->rank < 3)) {
    return alb_onnx_refuse(c, ALB_SHAPE, "turns batches that are not there");
  }
  return matmul(c, &p);
}

/* ---- Gemm ---- */

typedef struct gemm_sum {
  alb_onnx_tensor *out;
  const alb_onnx_tensor *bias; /* broadcast by walk */
  alb_onnx_walk walk;
  double beta;
} gemm_sum;

static void put_gemm(void *context, size_t i, double sum) {
  gemm_sum *g = context;
  if (g->bias) {
    sum += g->beta * alb_onnx_get_f64(g->bias, g->walk.at[0]);
    alb_onnx_walk_next(&g->walk);
  }
  alb_onnx_set_f64(g->out, i, sum);
}

alb_status alb_onnx_run_gemm(alb_onnx_call *c) {
  alb_onnx_product p = {.a = c->inputs[0],
                        .b = c->inputs[1],
                        .a_turned = alb_onnx_attr_int(c->node, "transA", 0) != 0,
                        .b_turned = alb_onnx_attr_int(c->node, "transB", 0) != 0,
                        .alpha = (double)alb_onnx_attr_float(c->node, "alpha", 1)};
  gemm_sum g = {.bias = alb_onnx_in(c, 2), .beta = (double)alb_onnx_attr_float(c->node, "beta", 1)};
  if (p.a->rank != 2 || p.b->rank != 2) return alb_onnx_refuse(c, ALB_SHAPE, "takes matrices");
  ALB_TRY(alb_onnx_need_same_type(c, p.a, p.b));
  ALB_TRY(alb_onnx_product_shape(c, &p));
  ALB_TRY(alb_onnx_walk_over(c, 2, p.dims, &g.walk));
  if (g.bias) {
    ALB_TRY(alb_onnx_need_same_type(c, p.a, g.bias));
    ALB_TRY(alb_onnx_walk_add(c, &g.walk, g.bias));
  }
  ALB_TRY(alb_onnx_out(c, 0, p.a->type, 2, p.dims));
  g.out = &c->outputs[0];
  return alb_onnx_product_run(c, &p, put_gemm, &g);
}
