/* The search: candidates that are predicted to be best are made whole and measured, those between by halves. */
#include <math.h>
#include <stdlib.h>

#include "tune/chooser.h"

/* Candidates beside the frontier that are made as well: predictions are not exact. */
enum { CLOSER_LOOKS = 4 };

/* A candidate as it is known now. */
typedef struct point {
  double bytes, damage;
  size_t index;
} point;

typedef struct search {
  alb_diag *diag;
  alb_chooser *c;
  const alb_choose_goal *goal;
  point *points, *frontier; /* of candidates that may fit; those that nothing smaller is as good as, by bytes */
  size_t count, length;
  const alb_candidate *best; /* NULL: none was found */
} search;

static bool fits(const alb_choose_goal *goal, double bytes) {
  return !goal->budget || bytes <= (double)goal->budget;
}

/* Predictions know nothing of padding. */
static bool may_fit(const alb_choose_goal *goal, const alb_candidate *candidate) {
  return fits(goal, candidate->sized ? candidate->bytes : 0.99 * candidate->bytes - 4096);
}

/* Written so that what is no number does not meet it. */
static bool meets(const alb_choose_goal *goal, const alb_choice_made *made) {
  return fits(goal, (double)made->bytes) && (goal->min_cosine < 0 || made->cosine >= goal->min_cosine);
}

bool alb_choose_better(const alb_choose_goal *goal, const alb_choice_made *a, const alb_choice_made *b) {
  if (goal->min_cosine >= 0 && a->bytes != b->bytes) return a->bytes < b->bytes;
  return a->cosine > b->cosine || (a->cosine >= b->cosine && a->bytes < b->bytes);
}

static alb_status make(const search *s, size_t index) {
  alb_candidate *candidate = &s->c->candidates.items[index];
  const alb_choose_model *model = &s->c->model;
  if (candidate->made) return ALB_OK;
  ALB_TRY(model->make(s->diag, model->context, &candidate->choice, ALB_CHOICE_WHOLE, &candidate->figures));
  candidate->sized = candidate->made = true;
  candidate->bytes = (double)candidate->figures.bytes;
  candidate->damage = alb_damage_of(candidate->figures.cosine);
  return ALB_OK;
}

/* Keeps a candidate that was made if it is the best one that meets the goal. */
static bool keep(search *s, const alb_candidate *candidate) {
  const bool met = meets(s->goal, &candidate->figures);
  if (met && (!s->best || alb_choose_better(s->goal, &candidate->figures, &s->best->figures))) s->best = candidate;
  return met;
}

/* Looks at the size first, which costs little. */
static alb_status try(search *s, size_t index, bool *met) {
  const alb_choose_model *model = &s->c->model;
  alb_candidate *candidate = &s->c->candidates.items[index];
  alb_choice_made sized;
  if (!candidate->sized) {
    ALB_TRY(model->make(s->diag, model->context, &candidate->choice, ALB_CHOICE_BYTES, &sized));
    candidate->sized = true;
    candidate->bytes = (double)sized.bytes;
  }
  *met = false;
  if (!fits(s->goal, candidate->bytes)) return ALB_OK;
  ALB_TRY(make(s, index));
  *met = keep(s, candidate);
  return ALB_OK;
}

/* ---- orders ---- */

static int compare(double a, double b) {
  return (a > b) - (a < b);
}

static int by_index(const point *a, const point *b) {
  return (a->index > b->index) - (a->index < b->index);
}

static int by_bytes(const void *a, const void *b) {
  const point *x = a, *y = b;
  const int bytes = compare(x->bytes, y->bytes), damage = compare(x->damage, y->damage);
  return bytes ? bytes : damage ? damage : by_index(x, y);
}

static int by_damage(const void *a, const void *b) {
  const point *x = a, *y = b;
  const int damage = compare(x->damage, y->damage), bytes = compare(x->bytes, y->bytes);
  return damage ? damage : bytes ? bytes : by_index(x, y);
}

static void collect(search *s, bool sharing) {
  for (size_t i = 0; i < s->c->candidates.count; i++) {
    const alb_candidate *candidate = &s->c->candidates.items[i];
    if (candidate->shares != sharing || !may_fit(s->goal, candidate)) continue;
    if (candidate->made) (void)keep(s, candidate);
    s->points[s->count++] = (point){candidate->bytes, candidate->damage, i};
  }
  qsort(s->points, s->count, sizeof *s->points, by_bytes);
  for (size_t i = 0; i < s->count; i++) {
    if (!s->length || s->points[i].damage < s->frontier[s->length - 1].damage) s->frontier[s->length++] = s->points[i];
  }
  qsort(s->points, s->count, sizeof *s->points, by_damage);
}

/* ---- the search ---- */

/* The first of the frontier that is true enough, by halves: more bytes, less damage. */
static alb_status find_true(search *s) {
  size_t from = 0, to = s->length;
  while (from < to) {
    const size_t middle = from + (to - from) / 2;
    bool met;
    ALB_TRY(try(s, s->frontier[middle].index, &met));
    if (met)
      to = middle;
    else
      from = middle + 1;
  }
  return ALB_OK;
}

/* The last of the frontier that fits indeed. */
static alb_status find_fitting(search *s) {
  bool met = false;
  for (size_t i = s->length; i-- > 0 && !met;) ALB_TRY(try(s, s->frontier[i].index, &met));
  return ALB_OK;
}

/* The least damaged ones that would be better than the best. */
static alb_status look_closer(search *s) {
  size_t looks = 0;
  for (size_t i = 0; i < s->count && looks < CLOSER_LOOKS; i++) {
    const alb_candidate *candidate = &s->c->candidates.items[s->points[i].index];
    bool met;
    if (candidate->made) continue;
    if (s->goal->min_cosine >= 0 && s->best && candidate->bytes >= s->best->bytes) continue;
    ALB_TRY(try(s, s->points[i].index, &met));
    looks += candidate->made;
  }
  return ALB_OK;
}

/* Where nothing meets the goal: the truest of those that were made and fit, else the smallest of all. */
static const alb_candidate *nearest(const search *s, bool sharing) {
  const alb_candidate *truest = NULL, *smallest = NULL;
  for (size_t i = 0; i < s->c->candidates.count; i++) {
    const alb_candidate *candidate = &s->c->candidates.items[i];
    if (candidate->shares != sharing) continue;
    if (!smallest || candidate->bytes < smallest->bytes) smallest = candidate;
    if (!candidate->made || !fits(s->goal, candidate->bytes)) continue;
    if (!truest || candidate->figures.cosine > truest->figures.cosine) truest = candidate;
  }
  return truest ? truest : smallest;
}

static alb_status run(search *s, bool sharing, alb_chosen *out) {
  collect(s, sharing);
  ALB_TRY(s->goal->min_cosine >= 0 ? find_true(s) : find_fitting(s));
  ALB_TRY(look_closer(s));
  const alb_candidate *chosen = s->best ? s->best : nearest(s, sharing);
  *out = (alb_chosen){.any = chosen != NULL};
  if (!chosen) return ALB_OK;
  ALB_TRY(make(s, (size_t)(chosen - s->c->candidates.items)));
  out->found = keep(s, chosen);
  out->choice = chosen->choice;
  out->made = chosen->figures;
  return ALB_OK;
}

alb_status alb_choose(alb_diag *diag, alb_chooser *chooser, bool sharing, const alb_choose_goal *goal,
                      alb_chosen *out) {
  const size_t n = chooser->candidates.count + 1;
  search s = {.diag = diag, .c = chooser, .goal = goal};
  s.points = calloc(n, sizeof *s.points);
  s.frontier = calloc(n, sizeof *s.frontier);
  const alb_status status =
      s.points && s.frontier ? run(&s, sharing, out) : alb_fail_memory(diag, n * sizeof *s.points, "choices");
  free(s.points);
  free(s.frontier);
  return status;
}
