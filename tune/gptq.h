/* Rounding a matrix to int4, int5 or int6 so that its products with known inputs change least. */
#ifndef ALB_TUNE_GPTQ_H
#define ALB_TUNE_GPTQ_H

#include <stddef.h>
#include <stdint.h>

#include "base/dtype.h"
#include "base/status.h"

/* w[n, k] becomes what `codes` and `scales` say: rows of groups of `dtype` and their f16 scales, as base/intn.h has
 * them.
 * Each column is rounded in turn, and those behind it make up for what it lost, as gram[k, k] (x^T x of the inputs, the
 * upper triangle, which is lost) tells. The same on any number of threads. Errors: ALB_UNSUPPORTED when numbers are not
 * finite or too large for the type, ALB_MEMORY. */
alb_status alb_gptq(alb_diag *diag, double *gram, size_t k, size_t n, alb_dtype dtype, float *w, uint8_t *codes,
                    uint16_t *scales);

#endif
