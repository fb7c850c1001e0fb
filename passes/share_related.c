/* share-related: layers that are one function in other bytes use the same tensors.
 *
 *   call set=0 {up, bias, down, ...}                               call set=0 {up, bias, down, ...}
 *   call set=1 {rows of up in another order, ... likewise}  -->    call set=2 {up, bias, down, ...}
 *
 * Neurons in another order give the same function, whatever the mode; sums run in another order. Layers that are equal
 * up to rounding are made one only where the mode folds their block (or is "related"), and within a group; so are
 * matrices that are another one and factors, by options->bases. Needs dedup-blobs and roll-layers; before fold-layers,
 * which sees equal layers then. */
#include <math.h>

#include "passes/layer_relation.h"

typedef struct sharer {
  alb_diag *diag;
  alb_graph *graph;
  const alb_pass_options *options;
  alb_layer_table table;
  alb_groups groups;
  alb_arena *scratch;
} sharer;

static bool is_folded(const sharer *s, bool ffn) {
  const alb_share_facts *mode = alb_share_info(s->options->mode);
  return s->options->mode == ALB_SHARE_RELATED ? true : ffn ? mode->ffn : mode->attention;
}

/* Rounding does not add up: only to a layer that is not like another one itself. */
static bool applies(const sharer *s, bool ffn, const alb_layer_relation *relations, size_t layer) {
  const alb_layer_relation *r = &relations[layer];
  if (r->kind != ALB_RELATION_ROUNDING) return r->kind != ALB_RELATION_NONE;
  return is_folded(s, ffn) && relations[r->of].kind == ALB_RELATION_NONE &&
         s->groups.group_of[r->of] == s->groups.group_of[layer];
}

/* Binds the tensors of the earlier layer, and says whether others were bound before. */
static bool bind(const sharer *s, bool ffn, size_t layer, size_t earlier) {
  bool changed = false;
  for (size_t p = 0; p < s->table.parameter_count; p++) {
    if (s->table.parameters[p].ffn != ffn) continue;
    uint32_t *tensor = alb_layer_tensor(&s->table, layer, p);
    const uint32_t wanted = *alb_layer_tensor(&s->table, earlier, p);
    changed = changed || *tensor != wanted;
    *tensor = wanted;
  }
  return changed;
}

static void note(const sharer *s, const alb_layer_relation *relation) {
  alb_fold_report *report = s->options->report;
  if (!report) return;
  report->permuted += relation->kind == ALB_RELATION_PERMUTED;
  report->rounded += relation->kind == ALB_RELATION_ROUNDING;
  report->max_delta = fmax(report->max_delta, relation->max_delta);
}

/* In order, so that a layer that is equal to one that was changed follows it. */
static alb_status share_block(const sharer *s, bool ffn, size_t *changes) {
  alb_layer_relation *relations = ALB_NEW_ARRAY(s->scratch, alb_layer_relation, s->table.layers);
  if (!relations) return alb_fail_memory(s->diag, s->table.layers * sizeof *relations, "layers");
  ALB_TRY(alb_layer_relations(s->diag, s->graph, &s->table, ffn, relations));
  for (size_t l = 0; l < s->table.layers; l++) {
    if (!applies(s, ffn, relations, l) || !bind(s, ffn, l, relations[l].of)) continue;
    note(s, &relations[l]);
    *changes += 1;
  }
  return ALB_OK;
}

/* Matrices that are another one and factors of low rank. */
static alb_status share_bases(sharer *s, size_t *changed) {
  const alb_fold_job job = {.graph = s->graph,
                            .table = &s->table,
                            .groups = &s->groups,
                            .attention = is_folded(s, false),
                            .ffn = is_folded(s, true),
                            .by_matrix = s->options->mode == ALB_SHARE_RELATED,
                            .report = s->options->report};
  if (!s->options->bases || (!job.attention && !job.ffn)) return ALB_OK;
  const size_t count = s->table.layers * s->table.parameter_count;
  uint32_t *before = ALB_NEW_ARRAY(s->scratch, uint32_t, count);
  if (!before) return alb_fail_memory(s->diag, count * sizeof *before, "layers");
  memcpy(before, s->table.tensors, count * sizeof *before);
  ALB_TRY(s->options->bases(s->diag, s->options->bases_context, &job));
  for (size_t i = 0; i < count; i++) *changed += before[i] != s->table.tensors[i];
  return ALB_OK;
}

static alb_status share(sharer *s, size_t *changes) {
  size_t changed = 0;
  ALB_TRY(alb_layer_table_read(s->diag, s->graph, s->scratch, &s->table));
  ALB_TRY(alb_groups_parse(s->diag, s->scratch, &s->options->groups, s->table.layers, &s->groups));
  if (!s->table.layers) return ALB_OK;
  if (is_folded(s, false)) ALB_TRY(share_block(s, false, &changed));
  ALB_TRY(share_block(s, true, &changed));
  ALB_TRY(share_bases(s, &changed));
  *changes += changed;
  return changed ? alb_layer_table_write(s->diag, s->graph, &s->table) : ALB_OK;
}

alb_status alb_pass_share_related(alb_diag *diag, alb_graph *graph, const alb_pass_options *options, size_t *changes) {
  alb_arena scratch = {0};
  sharer s = {.diag = diag, .graph = graph, .options = options, .scratch = &scratch};
  const alb_status status = options->mode == ALB_SHARE_NONE ? ALB_OK : share(&s, changes);
  alb_arena_free(&scratch);
  return status;
}
