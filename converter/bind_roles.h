/* From a source's tensors to filled roles. */
#ifndef ALB_CONVERTER_BIND_ROLES_H
#define ALB_CONVERTER_BIND_ROLES_H

#include "converter/arch.h"
#include "converter/config.h"
#include "converter/source.h"

/* What binding found besides the roles; in the arena. */
typedef struct alb_binding {
  const alb_str *unused; /* tensors of the source that no role takes, in the source's order */
  size_t unused_count;
} alb_binding;

/* Fills spec->global and spec->layer with tensors of `tensors` (empty before), which get canonical
 * names ("layer.3.attention.query.weight") over the source's bytes. A layer that several calls use
 * (ALBERT) is bound to each of them. Errors: ALB_MISSING naming all missing and all unused tensors at
 * once; ALB_SHAPE naming expected and found; ALB_UNSUPPORTED for a dtype that is not float;
 * ALB_NONFINITE. */
alb_status alb_bind_roles(alb_diag *diag, alb_arena *arena, const alb_source *source, const alb_source_config *config,
                          alb_tensors *tensors, alb_model_spec *spec, alb_binding *binding);

#endif
