/* Finding an architecture by name. */
#include <string.h>

#include "converter/arch.h"

const alb_arch *alb_arch_by_name(const char *name) {
  static const alb_arch *const archs[] = {
#define ALB_ARCH(id) &alb_arch_##id,
#include "converter/archs.def"
#undef ALB_ARCH
  };
  for (size_t i = 0; i < sizeof archs / sizeof archs[0]; i++) {
    if (strcmp(name, archs[i]->name) == 0) return archs[i];
  }
  return NULL;
}
