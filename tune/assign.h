/* The best way to pair the rows of a square table with its columns. */
#ifndef ALB_TUNE_ASSIGN_H
#define ALB_TUNE_ASSIGN_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

enum { ALB_ASSIGN_MAX = 4096 };

/* column_of[row]: the pairing with the largest sum of score[row * n + column], every column once. Of several that are
 * equally good always the same one. O(n^3) at worst. Errors: ALB_LIMIT for n above ALB_ASSIGN_MAX,
 * ALB_UNSUPPORTED for a score that is not finite, ALB_MEMORY. */
alb_status alb_assign(alb_diag *diag, size_t n, const float *score, uint32_t *column_of);

#endif
