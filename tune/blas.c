/* The one place where OpenBLAS is told about threads. */
#include "tune/blas.h"

#include <pthread.h>

static void use_one_thread(void) {
  openblas_set_num_threads(1);
}

void alb_blas_begin(void) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  (void)pthread_once(&once, use_one_thread);
}

void alb_blas_parallel(size_t n, size_t least, alb_parallel_part *part, void *context) {
  alb_blas_begin();
  if (openblas_get_parallel() == OPENBLAS_SEQUENTIAL)
    alb_parallel_on(1, n, least, part, context);
  else
    alb_parallel(n, least, part, context);
}
