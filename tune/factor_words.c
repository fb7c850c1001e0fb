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

static alb_status make(const words *w, alb_tensors *tensors, uint32_t *factor, uint32_t *projection) {
  float *narrow, *wide;
  ALB_TRY(add(w, tensors, "embeddings.word.factor", w->count, &narrow, factor));
  ALB_TRY(add(w, tensors, "embeddings.word.projection", w->width, &wide, projection));
  project(w, narrow);
  for (size_t i = 0; i < w->width; i++) {
    for (size_t e = 0; e < w->size; e++) wide[i * w->size + e] = (float)directions(w)[e * w->width + i];
  }
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

alb_status alb_factor_words(alb_diag *diag, void *context, alb_tensors *tensors, uint32_t table, size_t size,
                            uint32_t *factor, uint32_t *projection) {
  const alb_tensor *t = &tensors->tensors.items[table];
  words w = {.diag = diag, .count = (size_t)t->dims[0], .width = (size_t)t->dims[1], .size = size};
  alb_blas_begin();
  alb_status status = allocate(&w);
  if (status == ALB_OK) status = alb_blob_f32(diag, tensors, t->blob, w.table);
  if (status == ALB_OK) {
    weigh(&w, context);
    covary(&w);
    status = find_directions(&w);
  }
  if (status == ALB_OK) status = make(&w, tensors, factor, projection);
  release(&w);
  return status;
}
