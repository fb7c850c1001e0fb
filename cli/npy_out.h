/* Writing one float32 array in NumPy's format, row by row, without knowing how many rows there will be. */
#ifndef ALB_CLI_NPY_OUT_H
#define ALB_CLI_NPY_OUT_H

#include <stdio.h>

#include "base/status.h"

/* Rows wait in an unnamed temporary file, since the header states their number. */
typedef struct alb_npy {
  FILE *spool;
  size_t rows, width;
} alb_npy;

alb_status alb_npy_open(alb_diag *diag, size_t width, alb_npy *npy);
alb_status alb_npy_rows(alb_diag *diag, alb_npy *npy, const float *values, size_t rows);
/* Writes header and rows to `out`, whose errors are for the caller to look at. */
alb_status alb_npy_finish(alb_diag *diag, alb_npy *npy, FILE *out);
void alb_npy_close(alb_npy *npy);

#endif
