/* Memory for bytes that stand in no file as they are needed: pages of an unnamed file, so that alb_file_release may
 * give them back as it does for mapped files, and they are still there when they are looked at again. */
#ifndef ALB_BASE_SPILL_H
#define ALB_BASE_SPILL_H

#include "base/span.h"
#include "base/status.h"
#include "base/vec.h"

/* Start with {0}; alb_spill_free at the end, which ends all that was handed out. */
typedef struct alb_spill {
  ALB_VEC(alb_span) maps;
  size_t used; /* of the last map */
} alb_spill;

/* *out: n zeroed bytes aligned to 64. Errors: ALB_MEMORY. */
alb_status alb_spill_alloc(alb_diag *diag, alb_spill *spill, size_t n, uint8_t **out);
void alb_spill_free(alb_spill *spill);

#endif
