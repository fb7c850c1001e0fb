/* OpenBLAS, on our threads. */
#ifndef ALB_TUNE_BLAS_H
#define ALB_TUNE_BLAS_H

#include <cblas.h>

#include "base/parallel.h"

/* To be called before the first function of BLAS or LAPACK, from any thread, and as often as one likes: from then on
 * each call runs on the calling thread alone, so that its result does not depend on the processors. */
void alb_blas_begin(void);

/* alb_parallel for parts that call BLAS or LAPACK. Some builds of OpenBLAS, such as Debian's serial one, have no locks
 * and give wrong numbers when two threads call them: with these all parts run on the calling thread. */
void alb_blas_parallel(size_t n, size_t least, alb_parallel_part *part, void *context);

#endif
