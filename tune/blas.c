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
