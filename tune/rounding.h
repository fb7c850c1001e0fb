/* Numbers as a file holds them: through their stored form and back. */
#ifndef ALB_TUNE_ROUNDING_H
#define ALB_TUNE_ROUNDING_H

#include <stddef.h>

#include "base/dtype.h"

/* to[rows, columns] = from[rows, columns] stored as `dtype` and read again, by what makes the files' bytes; on all
 * threads; may be in place. What no scale can hold becomes 0: the writer refuses it. */
void alb_round_rows(alb_dtype dtype, const float *from, size_t rows, size_t columns, float *to);

#endif
