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

/* N groups, as even as they come, of the layers from `first` on: the l-th is in group l * N / layers. */
static alb_status even_groups(alb_diag *diag, size_t count, size_t first, size_t layers, uint32_t *group_of,
                              alb_groups *out) {
  if (count < 1 || count > layers)
    return alb_fail(diag, ALB_USAGE, "--groups: %zu groups of %zu layers", count, layers);
  for (size_t l = 0; l < layers; l++) group_of[first + l] = (uint32_t)(out->count + l * count / layers);
  out->count += count;
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
    if (group_of[l] != UINT32_MAX)
      return alb_fail(diag, ALB_USAGE, "--groups: layer %zu stands in two groups, or is kept", l);
    group_of[l] = (uint32_t)out->count;
  }
  out->count++;
  return ALB_OK;
}

/* "0-5,6-11": each item is one group; a single number is a group of one. */
static alb_status listed_groups(alb_diag *diag, const char *p, uint32_t *group_of, alb_groups *out) {
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

/* Layers first .. first + count - 1, each as a group of its own. */
static void keep(size_t first, size_t count, uint32_t *group_of, alb_groups *out) {
  for (size_t l = first; l < first + count; l++) group_of[l] = (uint32_t)out->count++;
}

alb_status alb_groups_parse(alb_diag *diag, alb_arena *arena, const alb_group_options *options, size_t layers,
                            alb_groups *out) {
  uint32_t *group_of = ALB_NEW_ARRAY(arena, uint32_t, layers ? layers : 1);
  if (!group_of) return alb_fail_memory(diag, layers * sizeof *group_of, "groups");
  *out = (alb_groups){.layers = layers, .group_of = group_of};
  if (!layers) return ALB_OK;
  const size_t first = options->keep_first, last = options->keep_last;
  if (first >= layers || last >= layers - first) {
    return alb_fail(diag, ALB_USAGE, "--keep-first %zu, --keep-last %zu: no layer of %zu is left", first, last, layers);
  }
  for (size_t l = 0; l < layers; l++) group_of[l] = UINT32_MAX;
  keep(0, first, group_of, out);
  keep(layers - last, last, group_of, out);
  const char *p = options->spec ? options->spec : "1";
  size_t count;
  if (take_layer(&p, &count) && *p == '\0') {
    return even_groups(diag, count, first, layers - first - last, group_of, out);
  }
  return listed_groups(diag, options->spec, group_of, out);
}
