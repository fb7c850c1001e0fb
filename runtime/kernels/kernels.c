/* The table of kernels: filled reference first, then instruction set by instruction set. */
#include "runtime/kernels/kernels.h"

#include <string.h>

#include "runtime/kernels/variants.h"

enum {
#define ALB_ISA(id, name, features) ISA_##id,
#include "runtime/kernels/isa.def"
#undef ALB_ISA
  ISA_COUNT
};

enum {
#define ALB_ISA(id, name, features) NEEDS_##id = (features),
#include "runtime/kernels/isa.def"
#undef ALB_ISA
};

static const struct {
  const char *name;
  alb_cpu needs;
} isas[ISA_COUNT] = {
#define ALB_ISA(id, name, features) {name, features},
#include "runtime/kernels/isa.def"
#undef ALB_ISA
};

static const alb_kernel_variant variants[] = {
#define ALB_VARIANT(slot, isa) {#slot, #isa, NEEDS_##isa},
#include "runtime/kernels/variants.def"
#undef ALB_VARIANT
};

const alb_kernel_variant *alb_kernel_variants(size_t *count) {
  *count = sizeof variants / sizeof variants[0];
  return variants;
}

static void fill(alb_kernels *out, int isa) {
#define ALB_VARIANT(slot, id) \
  if (isa == ISA_##id) out->slot = alb_##slot##_##id;
#include "runtime/kernels/variants.def"
#undef ALB_VARIANT
  out->isa = isas[isa].name;
}

static alb_status unknown_name(alb_diag *diag, const char *name) {
  char list[128] = "";
  for (int i = 0; i < ISA_COUNT; i++) {
    if (i) strncat(list, ", ", sizeof list - strlen(list) - 1);
    strncat(list, isas[i].name, sizeof list - strlen(list) - 1);
  }
  return alb_fail(diag, ALB_USAGE, "no instruction set named '%.64s' (known: %s)", name, list);
}

/* The newest instruction set to use: the named one, or the last. */
static alb_status find_limit(alb_diag *diag, alb_cpu cpu, const char *name, int *limit) {
  *limit = ISA_COUNT - 1;
  if (!name || !*name) return ALB_OK;
  for (int i = 0; i < ISA_COUNT; i++) {
    if (strcmp(isas[i].name, name)) continue;
    *limit = i;
    if ((isas[i].needs & ~cpu) == 0) return ALB_OK;
    char missing[ALB_CPU_NAMES_MAX];
    return alb_fail(diag, ALB_UNSUPPORTED, "this machine cannot run '%s': it lacks %s", name,
                    alb_cpu_names(isas[i].needs & ~cpu, missing));
  }
  return unknown_name(diag, name);
}

alb_status alb_kernels_select(alb_diag *diag, alb_cpu cpu, const char *name, alb_kernels *out) {
  int limit;
  ALB_TRY(find_limit(diag, cpu, name, &limit));
  *out = (alb_kernels){0};
  for (int i = 0; i <= limit; i++) {
    if ((isas[i].needs & ~cpu) == 0) fill(out, i);
  }
  return ALB_OK;
}
