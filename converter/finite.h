/* Looking for NaN and infinity in weights. */
#ifndef ALB_CONVERTER_FINITE_H
#define ALB_CONVERTER_FINITE_H

#include "base/dtype.h"
#include "base/status.h"

/* ALB_NONFINITE naming the tensor, the first index and the count. Runs at memory speed. */
alb_status alb_check_finite(alb_diag *diag, alb_str name, alb_dtype dtype, alb_span bytes);

#endif
