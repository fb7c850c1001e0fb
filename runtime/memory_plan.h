/* Where the values of a plan live: lifetimes to slots, and slots to offsets for a given batch. */
#ifndef ALB_RUNTIME_MEMORY_PLAN_H
#define ALB_RUNTIME_MEMORY_PLAN_H

#include "runtime/plan.h"

/* Gives every value its place. A value made and used within one segment is local to the block of
 * rows a thread works on; others get a slot that holds all rows and is shared, one after the other,
 * by values whose segments do not meet. */
alb_status alb_memory_plan_make(alb_diag *diag, alb_plan *plan);

/* Bytes a row takes in its slot: its values, and the scale of a quantised row. */
size_t alb_value_slot_bytes(const alb_plan_value *value);

/* The offsets of the slots for a batch with rows[kind] rows, each a multiple of 64, and the bytes
 * of all. offsets has plan->slots.count places. False: the size overflows. */
bool alb_memory_plan_layout(const alb_plan *plan, const size_t rows[ALB_ROWS_COUNT], size_t *offsets, size_t *bytes);

#endif
