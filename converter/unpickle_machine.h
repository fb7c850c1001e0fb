/* What the pickle machine and its list of names share. */
#ifndef ALB_CONVERTER_UNPICKLE_MACHINE_H
#define ALB_CONVERTER_UNPICKLE_MACHINE_H

#include "converter/unpickle.h"

typedef struct alb_pickle_machine {
  alb_diag *diag;
  alb_pickle *pickle;
  const uint8_t *begin;
  alb_span rest;    /* not read yet */
  const char *name; /* of the opcode that runs, and its place: for messages */
  size_t offset;
  ALB_VEC(alb_pickle_value *) stack;
  ALB_VEC(size_t) marks; /* heights of the stack */
  ALB_VEC(alb_pickle_value *) memo;
  size_t values; /* made so far */
} alb_pickle_machine;

/* Records "pickle: OPCODE: what (offset N)". */
alb_status alb_pickle_wrong(const alb_pickle_machine *m, alb_status status, const char *what);
/* Counts `cost` values' worth of memory; ALB_LIMIT above what a checkpoint may have. */
alb_status alb_pickle_charge(alb_pickle_machine *m, size_t cost);
alb_status alb_pickle_new(alb_pickle_machine *m, alb_pickle_tag tag, alb_pickle_value **out);

/* The name `module`.`name`, if it is one of the list. */
alb_status alb_pickle_global(alb_pickle_machine *m, alb_str module, alb_str name, alb_pickle_value **out);
/* What calling it would give, described. */
alb_status alb_pickle_reduce(alb_pickle_machine *m, const alb_pickle_value *callable, const alb_pickle_value *args,
                             alb_pickle_value **out);
/* ("storage", type, key, device, elements): a persistent id. */
alb_status alb_pickle_persistent(alb_pickle_machine *m, const alb_pickle_value *id, alb_pickle_value **out);

#endif
