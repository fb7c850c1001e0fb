/* Where the values of a plan live: lifetimes to slots, and slots to offsets for a given batch. */
#include "runtime/memory_plan.h"

#include <stdlib.h>

#include "base/checked.h"

enum { ALIGN = 64 };

size_t alb_value_slot_bytes(const alb_plan_value *value) {
  return value->row_bytes + value->range_bytes;
}

static bool is_tapped(const alb_plan *plan, uint32_t value) {
  for (size_t i = 0; i < plan->taps.count; i++) {
    if (plan->taps.items[i] == value) return true;
  }
  return false;
}

/* The segment of every step. */
static uint32_t *segment_of_steps(const alb_plan *plan) {
  uint32_t *of = calloc(plan->steps.count, sizeof *of);
  for (size_t i = 0; of && i < plan->segments.count; i++) {
    const alb_segment *segment = &plan->segments.items[i];
    for (size_t k = 0; k < segment->count; k++) of[segment->first + k] = (uint32_t)i;
  }
  return of;
}

/* A free slot of the right kind whose width is nearest, or a new one. */
static alb_status take_slot(alb_diag *diag, alb_plan *plan, const alb_plan_value *value, uint32_t made, uint32_t last,
                            size_t *out) {
  const size_t need = alb_value_slot_bytes(value);
  size_t best = plan->slots.count, best_gap = SIZE_MAX;
  for (size_t i = 0; i < plan->slots.count; i++) {
    const alb_slot *slot = &plan->slots.items[i];
    const size_t gap = slot->row_bytes > need ? slot->row_bytes - need : need - slot->row_bytes;
    if (slot->rows != value->rows || slot->last >= made || gap >= best_gap) continue;
    best = i;
    best_gap = gap;
  }
  if (best == plan->slots.count && !alb_vec_push(&plan->slots, (alb_slot){value->rows, 0, 0})) {
    return alb_fail_memory(diag, sizeof(alb_slot), "a plan");
  }
  alb_slot *slot = &plan->slots.items[best];
  if (need > slot->row_bytes) slot->row_bytes = need;
  slot->last = last;
  *out = best;
  return ALB_OK;
}

/* The lowest place beside the local values of this segment that are still needed. `first` is the
 * segment's first value. Values stand in the order of their steps. */
static size_t take_local(const alb_plan *plan, uint32_t first, uint32_t id) {
  const alb_plan_value *value = &plan->values.items[id];
  const size_t need = alb_value_slot_bytes(value);
  size_t at = 0;
  for (bool moved = true; moved;) {
    moved = false;
    for (uint32_t i = first; i < id; i++) {
      const alb_plan_value *other = &plan->values.items[i];
      if (other->place != ALB_PLACE_LOCAL || other->last < value->made) continue;
      const size_t end = other->slot + alb_value_slot_bytes(other);
      if (other->slot >= at + need || end <= at) continue;
      at = end;
      moved = true;
    }
  }
  return at;
}

static bool is_local(const alb_plan *plan, const uint32_t *segment_of, uint32_t id) {
  const alb_plan_value *value = &plan->values.items[id];
  const uint32_t segment = segment_of[value->made];
  return segment == segment_of[value->last] && plan->segments.items[segment].work == ALB_WORK_ROWS &&
         !is_tapped(plan, id);
}

static void place_local(alb_plan *plan, uint32_t first, uint32_t id) {
  alb_plan_value *value = &plan->values.items[id];
  value->slot = take_local(plan, first, id);
  value->place = ALB_PLACE_LOCAL;
  const size_t end = value->slot + alb_value_slot_bytes(value);
  if (end > plan->local_row_bytes) plan->local_row_bytes = end;
}

static alb_status place_values(alb_diag *diag, alb_plan *plan, const uint32_t *segment_of) {
  uint32_t first = plan->input_count; /* the current segment's first value */
  for (uint32_t id = first; id < plan->values.count; id++) {
    alb_plan_value *value = &plan->values.items[id];
    const uint32_t segment = segment_of[value->made];
    if (segment_of[plan->values.items[first].made] != segment) first = id;
    if (id == plan->output) {
      value->place = ALB_PLACE_OUTPUT;
    } else if (is_local(plan, segment_of, id)) {
      place_local(plan, first, id);
    } else {
      ALB_TRY(take_slot(diag, plan, value, segment, segment_of[value->last], &value->slot));
    }
  }
  return ALB_OK;
}

alb_status alb_memory_plan_make(alb_diag *diag, alb_plan *plan) {
  uint32_t *segment_of = segment_of_steps(plan);
  if (!segment_of) return alb_fail_memory(diag, plan->steps.count * sizeof *segment_of, "a plan");
  const alb_status status = place_values(diag, plan, segment_of);
  free(segment_of);
  return status;
}

bool alb_memory_plan_layout(const alb_plan *plan, const size_t rows[ALB_ROWS_COUNT], size_t *offsets, size_t *bytes) {
  *bytes = 0;
  for (size_t i = 0; i < plan->slots.count; i++) {
    const alb_slot *slot = &plan->slots.items[i];
    size_t size;
    offsets[i] = *bytes;
    if (!alb_mul_ok(rows[slot->rows], slot->row_bytes, &size) || !alb_add_ok(*bytes, size, bytes) ||
        !alb_align_ok(*bytes, ALIGN, bytes)) {
      return false;
    }
  }
  return true;
}
