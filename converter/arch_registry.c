/* Finding the tables of an architecture by its name. */
#include <string.h>

#include "converter/arch.h"

const alb_arch *alb_arch_next(const char *name, const alb_arch *after) {
  static const alb_arch *const archs[] = {
#define ALB_ARCH(id) &alb_arch_##id,
#include "converter/archs.def"
#undef ALB_ARCH
  };
  for (size_t i = 0; i < sizeof archs / sizeof archs[0]; i++) {
    if (!after && strcmp(name, archs[i]->name) == 0) return archs[i];
    if (after == archs[i]) after = NULL;
  }
  return NULL;
}
