/* Sharing modes, and the groups of layers that they work on. */
#include "passes/pass.h"

static const alb_share_facts modes[] = {
#define ALB_SHARE(id, name, attention, ffn, meaning) {name, attention, ffn, meaning},
#include "passes/share_mode.def"
#undef ALB_SHARE
};

const alb_share_facts *alb_share_info(alb_share_mode mode) {
  return &modes[mode];
}

alb_share_mode alb_share_by_name(alb_str name) {
  unsigned i = 0;
  while (i < ALB_SHARE_COUNT && !alb_str_is(name, modes[i].name)) i++;
  return (alb_share_mode)i;
}

static bool take_layer(const char **p, size_t *out) {
  if (**p < '0' || **p > '9') return false;
  *out = 0;
  for (; **p >= '0' && **p <= '9'; (*p)++) {
    if (*out > 1000000) return false;
    *out = *out * 10 + (size_t)(**p - '0');
  }
  return true;
}

/* N groups as even as they come: layer l is in group l * N / layers. */
static alb_status even_groups(alb_diag *diag, size_t count, uint32_t *group_of, alb_groups *out) {
  if (count < 1 || count > out->layers) {
    return alb_fail(diag, ALB_USAGE, "--groups: %zu groups of %zu layers", count, out->layers);
  }
  for (size_t l = 0; l < out->layers; l++) group_of[l] = (uint32_t)(l * count / out->layers);
  out->count = count;
  return ALB_OK;
}

static alb_status take_group(alb_diag *diag, const char **p, uint32_t *group_of, alb_groups *out) {
  size_t first, last;
  bool good = take_layer(p, &first);
  last = first;
  if (good && **p == '-') {
    (*p)++;
    good = take_layer(p, &last);
  }
  if (!good) return alb_fail(diag, ALB_USAGE, "--groups: expected a layer number at \"%s\"", *p);
  if (last < first || last >= out->layers) {
    return alb_fail(diag, ALB_USAGE, "--groups: %zu-%zu is not within layers 0-%zu", first, last, out->layers - 1);
  }
  for (size_t l = first; l <= last; l++) {
    if (group_of[l] != UINT32_MAX) return alb_fail(diag, ALB_USAGE, "--groups: layer %zu stands in two groups", l);
    group_of[l] = (uint32_t)out->count;
  }
  out->count++;
  return ALB_OK;
}

/* "0-5,6-11": each item is one group; a single number is a group of one. */
static alb_status listed_groups(alb_diag *diag, const char *p, uint32_t *group_of, alb_groups *out) {
  for (size_t l = 0; l < out->layers; l++) group_of[l] = UINT32_MAX;
  out->count = 0;
  ALB_TRY(take_group(diag, &p, group_of, out));
  while (*p == ',') {
    p++;
    ALB_TRY(take_group(diag, &p, group_of, out));
  }
  if (*p) return alb_fail(diag, ALB_USAGE, "--groups: cannot read \"%s\"", p);
  for (size_t l = 0; l < out->layers; l++) {
    if (group_of[l] == UINT32_MAX) return alb_fail(diag, ALB_USAGE, "--groups: layer %zu stands in no group", l);
  }
  return ALB_OK;
}

alb_status alb_groups_parse(alb_diag *diag, alb_arena *arena, const char *spec, size_t layers, alb_groups *out) {
  uint32_t *group_of = ALB_NEW_ARRAY(arena, uint32_t, layers ? layers : 1);
  if (!group_of) return alb_fail_memory(diag, layers * sizeof *group_of, "groups");
  *out = (alb_groups){.layers = layers, .count = layers ? 1 : 0, .group_of = group_of};
  if (!spec || !layers) return ALB_OK;
  const char *p = spec;
  size_t count;
  if (take_layer(&p, &count) && *p == '\0') return even_groups(diag, count, group_of, out);
  return listed_groups(diag, spec, group_of, out);
}
