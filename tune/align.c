/* Aligning layers: heads by orthogonal Procrustes and assignment, neurons by assignment. */
#include "tune/align.h"

#include <lapacke.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/parallel.h"
#include "tune/assign.h"
#include "tune/blas.h"

size_t alb_align_rows(const alb_align_dims *dims, alb_align_matrix matrix) {
  return matrix == ALB_ALIGN_UP ? dims->inner : dims->hidden;
}

size_t alb_align_elements(const alb_align_dims *dims, alb_align_matrix matrix) {
  return dims->hidden * (matrix == ALB_ALIGN_UP || matrix == ALB_ALIGN_DOWN ? dims->inner : dims->hidden);
}

/* ---- heads ---- */

/* Everything of one pair of layers; d = hidden / heads. */
typedef struct turning {
  const alb_align_dims *dims;
  size_t d;
  double *product;  /* [hidden, hidden]: block (i, j) belongs to head i of the reference and j of the layer */
  double *wide[2];  /* [hidden, hidden] each: matrices as f64 */
  double *rotation; /* [heads, heads, d, d] of query and key, then of value and output */
  double *work;     /* 3 * d * d + d */
  float *score;     /* [heads, heads] */
  uint32_t *head;   /* [heads]: which head of the layer becomes head i */
  float *turned;    /* [hidden, hidden] */
} turning;

static void turning_free(turning *t) {
  free(t->product);
  free(t->wide[0]);
  free(t->wide[1]);
  free(t->rotation);
  free(t->work);
  free(t->score);
  free(t->head);
  free(t->turned);
}

static alb_status turning_new(alb_diag *diag, const alb_align_dims *dims, turning *t) {
  const size_t h = dims->hidden * dims->hidden, d = dims->hidden / dims->heads, pairs = dims->heads * dims->heads;
  *t = (turning){.dims = dims,
                 .d = d,
                 .product = malloc(h * sizeof(double)),
                 .wide = {malloc(h * sizeof(double)), malloc(h * sizeof(double))},
                 .rotation = malloc(2 * pairs * d * d * sizeof(double)),
                 .work = malloc((3 * d * d + d) * sizeof(double)),
                 .score = calloc(pairs, sizeof(float)),
                 .head = calloc(dims->heads, sizeof(uint32_t)),
                 .turned = malloc(h * sizeof(float))};
  const bool done =
      t->product && t->wide[0] && t->wide[1] && t->rotation && t->work && t->score && t->head && t->turned;
  return done ? ALB_OK : alb_fail_memory(diag, h * sizeof(double), "the alignment of heads");
}

static double *rotation_at(const turning *t, size_t which, size_t i, size_t j) {
  const size_t heads = t->dims->heads;
  return t->rotation + ((which * heads + i) * heads + j) * t->d * t->d;
}

static void widen(const float *matrix, size_t n, double *out) {
  for (size_t i = 0; i < n; i++) out[i] = (double)matrix[i];
}

/* product (+)= a b^T, or a^T b for the output matrix, whose columns belong to heads. */
static void multiply(const turning *t, const float *a, const float *b, bool columns, double beta) {
  const int h = (int)t->dims->hidden;
  widen(a, t->dims->hidden * t->dims->hidden, t->wide[0]);
  widen(b, t->dims->hidden * t->dims->hidden, t->wide[1]);
  cblas_dgemm(CblasRowMajor, columns ? CblasTrans : CblasNoTrans, columns ? CblasNoTrans : CblasTrans, h, h, h, 1.0,
              t->wide[0], h, t->wide[1], h, beta, t->product, h);
}

/* The rotation that brings head j of the layer nearest to head i: U V^T of the block's singular value decomposition.
 * Adds the sum of its singular values, which is what the rotation gains, to the score. */
static alb_status solve_pair(alb_diag *diag, const turning *t, size_t which, size_t i, size_t j) {
  const size_t d = t->d, h = t->dims->hidden;
  double *a = t->work, *u = a + d * d, *vt = u + d * d, *singular = vt + d * d;
  for (size_t r = 0; r < d; r++) memcpy(a + r * d, t->product + (i * d + r) * h + j * d, d * sizeof *a);
  const lapack_int n = (lapack_int)d;
  if (LAPACKE_dgesdd(LAPACK_ROW_MAJOR, 'A', n, n, a, n, singular, u, n, vt, n) != 0) {
    return alb_fail(diag, ALB_UNSUPPORTED, "heads cannot be aligned: their products have no singular values");
  }
  cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (int)d, (int)d, (int)d, 1.0, u, (int)d, vt, (int)d, 0.0,
              rotation_at(t, which, i, j), (int)d);
  for (size_t k = 0; k < d; k++) t->score[i * t->dims->heads + j] += (float)singular[k];
  return ALB_OK;
}

static alb_status solve_pairs(alb_diag *diag, const turning *t, size_t which) {
  for (size_t i = 0; i < t->dims->heads; i++) {
    for (size_t j = 0; j < t->dims->heads; j++) ALB_TRY(solve_pair(diag, t, which, i, j));
  }
  return ALB_OK;
}

/* Rows [i d, (i + 1) d) become R times the rows of the head that was chosen for i. `columns` is 1 for a bias. */
static void turn_rows(const turning *t, size_t which, float *matrix, size_t columns) {
  const size_t d = t->d;
  if (!matrix) return;
  for (size_t i = 0; i < t->dims->heads; i++) {
    const double *r = rotation_at(t, which, i, t->head[i]);
    widen(matrix + t->head[i] * d * columns, d * columns, t->wide[0]);
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (int)d, (int)columns, (int)d, 1.0, r, (int)d, t->wide[0],
                (int)columns, 0.0, t->wide[1], (int)columns);
    for (size_t k = 0; k < d * columns; k++) t->turned[i * d * columns + k] = (float)t->wide[1][k];
  }
  memcpy(matrix, t->turned, t->dims->hidden * columns * sizeof *matrix);
}

/* The same for columns, which are turned by R^T from the right. */
static void turn_columns(const turning *t, float *matrix) {
  const size_t d = t->d, h = t->dims->hidden;
  widen(matrix, h * h, t->wide[0]);
  for (size_t i = 0; i < t->dims->heads; i++) {
    const double *r = rotation_at(t, 1, i, t->head[i]);
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)h, (int)d, (int)d, 1.0, t->wide[0] + t->head[i] * d,
                (int)h, r, (int)d, 0.0, t->wide[1] + i * d, (int)h);
  }
  for (size_t k = 0; k < h * h; k++) matrix[k] = (float)t->wide[1][k];
}

static void turn_layer(const turning *t, const alb_align_layer *layer) {
  for (int m = ALB_ALIGN_QUERY; m <= ALB_ALIGN_VALUE; m++) {
    turn_rows(t, m == ALB_ALIGN_VALUE, layer->matrix[m], t->dims->hidden);
    turn_rows(t, m == ALB_ALIGN_VALUE, layer->bias[m], 1);
  }
  turn_columns(t, layer->matrix[ALB_ALIGN_OUTPUT]);
}

alb_status alb_align_heads(alb_diag *diag, const alb_align_dims *dims, const alb_align_layer *reference,
                           const alb_align_layer *layer) {
  float *const *a = reference->matrix, *const *b = layer->matrix;
  turning t;
  alb_status status = turning_new(diag, dims, &t);
  if (status == ALB_OK) {
    multiply(&t, a[ALB_ALIGN_QUERY], b[ALB_ALIGN_QUERY], false, 0);
    multiply(&t, a[ALB_ALIGN_KEY], b[ALB_ALIGN_KEY], false, 1);
    status = solve_pairs(diag, &t, 0);
  }
  if (status == ALB_OK) {
    multiply(&t, a[ALB_ALIGN_VALUE], b[ALB_ALIGN_VALUE], false, 0);
    multiply(&t, a[ALB_ALIGN_OUTPUT], b[ALB_ALIGN_OUTPUT], true, 1);
    status = solve_pairs(diag, &t, 1);
  }
  if (status == ALB_OK) status = alb_assign(diag, dims->heads, t.score, t.head);
  if (status == ALB_OK) turn_layer(&t, layer);
  turning_free(&t);
  return status;
}

/* ---- neurons ---- */

/* 1 / (|a| |b|), or 0. */
static float scale_of(const float *a, const float *b, size_t n) {
  double aa = 0, bb = 0;
  for (size_t i = 0; i < n; i++) {
    aa += (double)a[i] * (double)a[i];
    bb += (double)b[i] * (double)b[i];
  }
  return aa > 0 && bb > 0 ? (float)(1 / sqrt(aa * bb)) : 0;
}

/* score[i * inner + j]: how alike neuron i of the reference and j of the layer are, in what they read and write. */
static void score_neurons(const alb_align_dims *dims, const alb_align_layer *a, const alb_align_layer *b,
                          float *score) {
  const int h = (int)dims->hidden, n = (int)dims->inner;
  const float *up = a->matrix[ALB_ALIGN_UP], *down = a->matrix[ALB_ALIGN_DOWN];
  const float in = scale_of(up, b->matrix[ALB_ALIGN_UP], dims->hidden * dims->inner);
  const float out = scale_of(down, b->matrix[ALB_ALIGN_DOWN], dims->hidden * dims->inner);
  cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, n, n, h, in, up, h, b->matrix[ALB_ALIGN_UP], h, 0, score, n);
  cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, n, n, h, out, down, n, b->matrix[ALB_ALIGN_DOWN], n, 1, score,
              n);
  if (!a->bias[ALB_ALIGN_UP] || !b->bias[ALB_ALIGN_UP]) return;
  cblas_sger(CblasRowMajor, n, n, in, a->bias[ALB_ALIGN_UP], 1, b->bias[ALB_ALIGN_UP], 1, score, n);
}

/* Row i becomes row order[i]. */
static void order_rows(const uint32_t *order, size_t rows, size_t columns, float *matrix, float *spare) {
  if (!matrix) return;
  memcpy(spare, matrix, rows * columns * sizeof *matrix);
  for (size_t r = 0; r < rows; r++) {
    memcpy(matrix + r * columns, spare + order[r] * columns, columns * sizeof *matrix);
  }
}

static void order_columns(const uint32_t *order, size_t rows, size_t columns, float *matrix, float *spare) {
  memcpy(spare, matrix, rows * columns * sizeof *matrix);
  for (size_t r = 0; r < rows; r++) {
    for (size_t c = 0; c < columns; c++) matrix[r * columns + c] = spare[r * columns + order[c]];
  }
}

static void order_neurons(const alb_align_dims *dims, const uint32_t *order, const alb_align_layer *layer,
                          float *spare) {
  order_rows(order, dims->inner, dims->hidden, layer->matrix[ALB_ALIGN_UP], spare);
  order_rows(order, dims->inner, 1, layer->bias[ALB_ALIGN_UP], spare);
  order_columns(order, dims->hidden, dims->inner, layer->matrix[ALB_ALIGN_DOWN], spare);
}

alb_status alb_align_neurons(alb_diag *diag, const alb_align_dims *dims, const alb_align_layer *reference,
                             const alb_align_layer *layer) {
  const size_t n = dims->inner;
  if (n > ALB_ASSIGN_MAX) return ALB_OK;
  float *score = malloc(n * n * sizeof *score), *spare = malloc(n * dims->hidden * sizeof *spare);
  uint32_t *order = calloc(n, sizeof *order);
  alb_status status =
      score && spare && order ? ALB_OK : alb_fail_memory(diag, n * n * sizeof *score, "the alignment of neurons");
  if (status == ALB_OK) {
    score_neurons(dims, reference, layer, score);
    status = alb_assign(diag, n, score, order);
  }
  if (status == ALB_OK) order_neurons(dims, order, layer, spare);
  free(score);
  free(spare);
  free(order);
  return status;
}

/* ---- layers ---- */

typedef struct aligning {
  const alb_align_dims *dims;
  unsigned blocks;
  const alb_align_layer *layers;
  size_t reference;
  alb_diag diags[ALB_PARALLEL_MAX];
  alb_status status[ALB_PARALLEL_MAX];
} aligning;

static void align_some(void *context, size_t index, size_t first, size_t last) {
  aligning *a = context;
  for (size_t l = first; l < last && a->status[index] == ALB_OK; l++) {
    if (l == a->reference) continue;
    const alb_align_layer *reference = &a->layers[a->reference], *layer = &a->layers[l];
    alb_status status = ALB_OK;
    if (a->blocks & ALB_ALIGN_ATTENTION) status = alb_align_heads(&a->diags[index], a->dims, reference, layer);
    if (status == ALB_OK && (a->blocks & ALB_ALIGN_FFN)) {
      status = alb_align_neurons(&a->diags[index], a->dims, reference, layer);
    }
    a->status[index] = status;
  }
}

alb_status alb_align_layers(alb_diag *diag, const alb_align_dims *dims, unsigned blocks, const alb_align_layer *layers,
                            size_t n, size_t reference) {
  aligning a = {.dims = dims, .blocks = blocks, .layers = layers, .reference = reference};
  alb_status status = ALB_OK;
  alb_blas_parallel(n, 1, align_some, &a);
  for (size_t i = 0; i < ALB_PARALLEL_MAX; i++) {
    if (status == ALB_OK && a.status[i] != ALB_OK) {
      status = alb_fail(diag, a.status[i], "%s", alb_diag_text(&a.diags[i], a.status[i]));
    }
    alb_diag_free(&a.diags[i]);
  }
  return status;
}
