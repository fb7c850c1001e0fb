/* The guides of a choice: number types and ranges of layers, measured one at a time; and all that may be chosen, with
 * what they predict. */
#include <math.h>
#include <stdlib.h>

#include "tune/choose_groups.h"
#include "tune/chooser.h"

/* A range whose shorter ones have lost half is not measured: what its neighbours cost is added. */
static const double hopeless = 0.7;

typedef struct guiding {
  alb_diag *diag;
  alb_chooser *c;
} guiding;

static alb_status no_memory(const guiding *g) {
  return alb_fail_memory(g->diag, 0, "choices");
}

double alb_damage_of(double cosine) {
  return cosine < 1 ? -log(cosine > 1e-3 ? cosine : 1e-3) : 0;
}

static alb_status make(const guiding *g, alb_choice choice, alb_choice_depth depth, alb_choice_made *out) {
  const alb_choose_model *model = &g->c->model;
  return model->make(g->diag, model->context, &choice, depth, out);
}

/* As the source stores numbers. */
static alb_choice own(const guiding *g, alb_share_mode mode, const char *groups) {
  return (alb_choice){mode, groups, g->c->model.dtype, g->c->model.tables};
}

/* ---- ranges of layers ---- */

static const uint32_t *map_of(const guiding *g, bool ffn) {
  return ffn ? g->c->model.ffn : g->c->model.attention;
}

static bool is_equal(const guiding *g, bool ffn, size_t first, size_t last) {
  const uint32_t *map = map_of(g, ffn);
  for (size_t l = first; l <= last; l++) {
    if (map[l] != map[first]) return false;
  }
  return true;
}

/* Every layer a group of its own, but first .. last. */
static const char *range_text(const guiding *g, size_t first, size_t last) {
  size_t *starts = ALB_NEW_ARRAY(&g->c->arena, size_t, g->c->model.layers), count = 0;
  for (size_t l = 0; starts && l < g->c->model.layers; l++) {
    if (l <= first || l > last) starts[count++] = l;
  }
  return starts ? alb_groups_text(&g->c->arena, starts, count, g->c->model.layers) : NULL;
}

static alb_status measure_range(const guiding *g, bool ffn, size_t first, size_t last) {
  const size_t n = g->c->model.layers;
  double *cost = g->c->cost[ffn];
  alb_choice_made made;
  if (is_equal(g, ffn, first, last)) return ALB_OK;
  cost[first * n + last] = cost[first * n + last - 1] + cost[(last - 1) * n + last];
  if (cost[first * n + last - 1] > hopeless || cost[(first + 1) * n + last] > hopeless) return ALB_OK;
  const char *groups = range_text(g, first, last);
  if (!groups) return no_memory(g);
  ALB_TRY(make(g, own(g, ffn ? ALB_SHARE_FFN : ALB_SHARE_ATTENTION, groups), ALB_CHOICE_GUIDE, &made));
  cost[first * n + last] = alb_damage_of(made.cosine);
  return ALB_OK;
}

/* Short ranges first: longer ones may follow from them. */
static alb_status measure_ranges(const guiding *g, bool ffn) {
  const size_t n = g->c->model.layers;
  g->c->cost[ffn] = ALB_NEW_ARRAY(&g->c->arena, double, n *n);
  if (!g->c->cost[ffn]) return no_memory(g);
  for (size_t length = 1; length < n; length++) {
    for (size_t first = 0; first + length < n; first++) ALB_TRY(measure_range(g, ffn, first, first + length));
  }
  return ALB_OK;
}

/* ---- structures ---- */

static bool shares_exactly(const guiding *g) {
  for (size_t l = 0; l < g->c->model.layers; l++) {
    if (map_of(g, false)[l] != l || map_of(g, true)[l] != l) return true;
  }
  return false;
}

/* What saves nothing is none. */
static alb_status add_structure(const guiding *g, alb_structure structure) {
  alb_choice_made made;
  ALB_TRY(make(g, own(g, structure.mode, structure.groups), ALB_CHOICE_BYTES, &made));
  structure.saved = (double)g->c->own.bytes - (double)made.bytes;
  if (structure.groups && structure.saved <= 0) return ALB_OK;
  return alb_vec_push(&g->c->structures, structure) ? ALB_OK : no_memory(g);
}

/* The best partition into each number of groups. */
static alb_status add_partitions(const guiding *g, alb_share_mode mode) {
  const size_t n = g->c->model.layers;
  double *cost = ALB_NEW_ARRAY(&g->c->arena, double, n *n), *damage = ALB_NEW_ARRAY(&g->c->arena, double, n);
  size_t *first = ALB_NEW_ARRAY(&g->c->arena, size_t, n * n);
  if (!cost || !damage || !first) return no_memory(g);
  const alb_share_facts *facts = alb_share_info(mode);
  for (size_t i = 0; i < n * n; i++) {
    cost[i] = (facts->attention ? g->c->cost[0][i] : 0) + (facts->ffn ? g->c->cost[1][i] : 0);
  }
  if (!alb_partitions_best(cost, n, damage, first)) return no_memory(g);
  for (size_t k = 1; k < n; k++) {
    const char *groups = alb_groups_text(&g->c->arena, first + (k - 1) * n, k, n);
    if (!groups) return no_memory(g);
    ALB_TRY(add_structure(g, (alb_structure){mode, groups, true, damage[k - 1], 0}));
  }
  return ALB_OK;
}

/* Equal layers always share, but in the search that forbids sharing. A block is folded only where layers differ. */
static alb_status add_structures(const guiding *g) {
  const size_t n = g->c->model.layers;
  const bool shared = shares_exactly(g), attention = n && !is_equal(g, false, 0, n - 1),
             ffn = n && !is_equal(g, true, 0, n - 1);
  ALB_TRY(add_structure(g, (alb_structure){ALB_SHARE_EXACT, NULL, shared, 0, 0}));
  if (shared) ALB_TRY(add_structure(g, (alb_structure){ALB_SHARE_NONE, NULL, false, 0, 0}));
  if (attention) ALB_TRY(measure_ranges(g, false));
  if (ffn) ALB_TRY(measure_ranges(g, true));
  if (attention) ALB_TRY(add_partitions(g, ALB_SHARE_ATTENTION));
  if (ffn) ALB_TRY(add_partitions(g, ALB_SHARE_FFN));
  return attention && ffn ? add_partitions(g, ALB_SHARE_ALL) : ALB_OK;
}

/* ---- number types ---- */

static const alb_dtype types[] = {
#define ALB_DTYPE(id, value, name, st_name, bytes, bits) ALB_##id,
#include "base/dtype.def"
#undef ALB_DTYPE
};

/* f16 is no gain where numbers have 16 bits already. */
static bool is_narrower(alb_dtype type, alb_dtype source) {
  return alb_dtype_is_quantised(type) || (type == ALB_F16 && source == ALB_F32);
}

static alb_status measure_type(const guiding *g, alb_dtype dtype, alb_dtype tables, alb_stored *out) {
  alb_choice_made made;
  const alb_choice choice = {ALB_SHARE_EXACT, NULL, dtype, tables};
  ALB_TRY(make(g, choice, ALB_CHOICE_GUIDE, &made));
  const double blocks = (double)(g->c->own.blocks ? g->c->own.blocks : 1);
  out->damage = alb_damage_of(made.cosine);
  out->more = (double)made.bytes - (double)g->c->own.bytes;
  out->scale = (double)made.blocks / blocks;
  return ALB_OK;
}

/* Of tables or of matrices; the others stay as they are. */
static alb_status add_type(const guiding *g, bool tables, alb_dtype type) {
  const alb_choose_model *model = &g->c->model;
  const alb_dtype source = tables ? model->tables : model->dtype;
  alb_stored_list *list = tables ? &g->c->tables : &g->c->matrices;
  alb_stored stored = {type, 0, 0, 1};
  if (type != source && !is_narrower(type, source)) return ALB_OK;
  if (type != source) {
    ALB_TRY(measure_type(g, tables ? model->dtype : type, tables ? type : model->tables, &stored));
  }
  return alb_vec_push(list, stored) ? ALB_OK : no_memory(g);
}

static alb_status add_types(const guiding *g) {
  for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
    ALB_TRY(add_type(g, false, types[i]));
    ALB_TRY(add_type(g, true, types[i]));
  }
  return ALB_OK;
}

/* ---- all of them ---- */

static bool add_candidate(const guiding *g, const alb_structure *s, const alb_stored *m, const alb_stored *t) {
  return alb_vec_push(&g->c->candidates,
                      (alb_candidate){.choice = {s->mode, s->groups, m->type, t->type},
                                      .shares = s->shares,
                                      .bytes = (double)g->c->own.bytes + m->more + t->more - s->saved * m->scale,
                                      .damage = s->damage + m->damage + t->damage});
}

static alb_status add_candidates(const guiding *g) {
  const alb_chooser *c = g->c;
  for (size_t s = 0; s < c->structures.count; s++) {
    for (size_t m = 0; m < c->matrices.count; m++) {
      for (size_t t = 0; t < c->tables.count; t++) {
        if (!add_candidate(g, &c->structures.items[s], &c->matrices.items[m], &c->tables.items[t])) {
          return no_memory(g);
        }
      }
    }
  }
  return ALB_OK;
}

static alb_status guide(const guiding *g) {
  ALB_TRY(make(g, own(g, ALB_SHARE_EXACT, NULL), ALB_CHOICE_BYTES, &g->c->own));
  ALB_TRY(add_types(g));
  ALB_TRY(add_structures(g));
  return add_candidates(g);
}

alb_status alb_chooser_new(alb_diag *diag, const alb_choose_model *model, alb_chooser **out) {
  const guiding g = {diag, calloc(1, sizeof **out)};
  if (!g.c) return no_memory(&g);
  g.c->model = *model;
  const alb_status status = guide(&g);
  if (status != ALB_OK) alb_chooser_free(g.c);
  *out = status == ALB_OK ? g.c : NULL;
  return status;
}

void alb_chooser_free(alb_chooser *chooser) {
  if (!chooser) return;
  alb_vec_free(&chooser->structures);
  alb_vec_free(&chooser->matrices);
  alb_vec_free(&chooser->tables);
  alb_vec_free(&chooser->candidates);
  alb_arena_free(&chooser->arena);
  free(chooser);
}
