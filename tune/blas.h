/* OpenBLAS, on our threads. */
#ifndef ALB_TUNE_BLAS_H
#define ALB_TUNE_BLAS_H

#include <cblas.h>

/* To be called before the first function of BLAS or LAPACK, from any thread, and as often as one likes: from then on
 * each call runs on the calling thread alone, so that its result does not depend on the processors, and several of our
 * threads may call at once. That needs a build of OpenBLAS with locks, which Debian's serial one has not. */
void alb_blas_begin(void);

#endif
