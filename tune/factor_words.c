/* Eigenvectors of the words' weighted covariance: the projection is those of the largest eigenvalues, the narrow table
 * what words have along them. */
#include "tune/factor_words.h"

#include <lapacke.h>
#include <math.h>
#include <stdlib.h>

#include "tune/blas.h"

enum { PIECE = 1024 }; /* words that are made f64 at once */

typedef struct words {
  alb_diag *diag;
  size_t count, width, size; /* words, of the table, of the factor */
  float *table;              /* [count, width] */
  double *weight;            /* [count] */
  double *covariance;        /* [width, width], then eigenvectors as rows, those of large eigenvalues last */
  double *values;            /* [width] */
  double *rows;              /* [PIECE, width] */
  double *narrow;            /* [PIECE, size] */
} words;

static void weigh(const words *w, const alb_sequences *texts) {
  const double spread = texts ? (double)texts->tokens / (double)w->count : 0;
  for (size_t v = 0; v < w->count; v++) w->weight[v] = texts ? spread : 1 / (double)(v + 1);
  for (size_t i = 0; texts && i < texts->tokens; i++) {
    if (texts->ids[i] >= 0 && (size_t)texts->ids[i] < w->count) w->weight[texts->ids[i]]++;
  }
}

/* Rows first .. first + n - 1 as f64, each times the root of its weight if weighted. */
static void load(const words *w, size_t first, size_t n, bool weighted) {
  for (size_t r = 0; r < n; r++) {
    const double scale = weighted ? sqrt(w->weight[first + r]) : 1;
    for (size_t i = 0; i < w->width; i++) {
      w->rows[r * w->width + i] = scale * (double)w->table[(first + r) * w->width + i];
    }
  }
}

static void covary(const words *w) {
  const int k = (int)w->width;
  for (size_t first = 0; first < w->count; first += PIECE) {
    const size_t n = w->count - first < PIECE ? w->count - first : PIECE;
    load(w, first, n, true);
    cblas_dsyrk(CblasRowMajor, CblasUpper, CblasTrans, k, (int)n, 1, w->rows, k, 1, w->covariance, k);
  }
}

/* In column-major order, columns of eigenvectors are rows of ours. */
static alb_status find_directions(const words *w) {
  const lapack_int k = (lapack_int)w->width;
  double trace = 0;
  for (size_t i = 0; i < w->width; i++) trace += w->covariance[i * w->width + i];
  if (isfinite(trace) && LAPACKE_dsyevd(LAPACK_COL_MAJOR, 'V', 'L', k, w->covariance, k, w->values) == 0) return ALB_OK;
  return alb_fail(w->diag, ALB_UNSUPPORTED, "the table of words cannot be factored: its numbers are not finite");
}

static const double *directions(const words *w) {
  return w->covariance + (w->width - w->size) * w->width;
}

static void project(const words *w, float *factor) {
  const int k = (int)w->width, e = (int)w->size;
  for (size_t first = 0; first < w->count; first += PIECE) {
    const size_t n = w->count - first < PIECE ? w->count - first : PIECE;
    load(w, first, n, false);
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)n, e, k, 1, w->rows, k, directions(w), k, 0, w->narrow,
                e);
    for (size_t i = 0; i < n * w->size; i++) factor[first * w->size + i] = (float)w->narrow[i];
  }
}

static alb_status add(const words *w, alb_tensors *tensors, const char *name, size_t rows, float **values,
                      uint32_t *tensor) {
  uint32_t blob;
  ALB_TRY(alb_tensors_made(w->diag, tensors, rows * w->size, values, &blob));
  return alb_tensors_view(w->diag, tensors, alb_str_of(name), 2, (uint64_t[]){rows, w->size}, blob, tensor);
}

static void turn(const words *w, float *projection) {
  for (size_t i = 0; i < w->width; i++) {
    for (size_t e = 0; e < w->size; e++) projection[i * w->size + e] = (float)directions(w)[e * w->width + i];
  }
}

static alb_status make(const words *w, alb_tensors *tensors, uint32_t *factor, uint32_t *projection) {
  float *narrow, *wide;
  ALB_TRY(add(w, tensors, "embeddings.word.factor", w->count, &narrow, factor));
  ALB_TRY(add(w, tensors, "embeddings.word.projection", w->width, &wide, projection));
  project(w, narrow);
  turn(w, wide);
  return ALB_OK;
}

static alb_status multiply(const words *w, float *out) {
  const int n = (int)w->count, k = (int)w->width, e = (int)w->size;
  float *narrow = malloc((w->count + w->width) * w->size * sizeof *narrow);
  if (!narrow) return alb_fail_memory(w->diag, w->count * w->size * sizeof *narrow, "a narrow table");
  float *wide = narrow + w->count * w->size;
  project(w, narrow);
  turn(w, wide);
  cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, n, k, e, 1, narrow, e, wide, e, 0, out, k);
  free(narrow);
  return ALB_OK;
}

static alb_status allocate(words *w) {
  w->table = malloc((w->count * w->width + 1) * sizeof *w->table);
  w->weight = malloc((w->count + 1) * sizeof *w->weight);
  w->covariance = calloc(w->width * w->width + 1, sizeof *w->covariance);
  w->values = malloc((w->width + 1) * sizeof *w->values);
  w->rows = malloc((PIECE * w->width + 1) * sizeof *w->rows);
  w->narrow = malloc((PIECE * w->size + 1) * sizeof *w->narrow);
  const bool done = w->table && w->weight && w->covariance && w->values && w->rows && w->narrow;
  return done ? ALB_OK : alb_fail_memory(w->diag, w->count * w->width * sizeof *w->table, "a table of words");
}

static void release(words *w) {
  free(w->table);
  free(w->weight);
  free(w->covariance);
  free(w->values);
  free(w->rows);
  free(w->narrow);
}

/* Finds the directions; to be released also after a failure. */
static alb_status solve(words *w, const alb_sequences *texts, const alb_tensors *tensors, uint32_t table) {
  const alb_tensor *t = &tensors->tensors.items[table];
  w->count = (size_t)t->dims[0];
  w->width = (size_t)t->dims[1];
  if (w->size >= w->width) {
    return alb_fail(w->diag, ALB_USAGE, "--embedding-size %zu: the table of words is %zu wide, expected less", w->size,
                    w->width);
  }
  alb_blas_begin();
  ALB_TRY(allocate(w));
  ALB_TRY(alb_blob_f32(w->diag, tensors, t->blob, w->table));
  weigh(w, texts);
  covary(w);
  return find_directions(w);
}

alb_status alb_factor_words(alb_diag *diag, void *context, alb_tensors *tensors, uint32_t table, size_t size,
                            uint32_t *factor, uint32_t *projection) {
  words w = {.diag = diag, .size = size};
  alb_status status = solve(&w, context, tensors, table);
  if (status == ALB_OK) status = make(&w, tensors, factor, projection);
  release(&w);
  return status;
}

alb_status alb_factor_words_product(alb_diag *diag, const alb_sequences *texts, const alb_tensors *tensors,
                                    uint32_t table, size_t size, float *out) {
  words w = {.diag = diag, .size = size};
  alb_status status = solve(&w, texts, tensors, table);
  if (status == ALB_OK) status = multiply(&w, out);
  release(&w);
  return status;
}
