/* What the two halves of choosing share: what may be chosen, with what is known of it. */
#ifndef ALB_TUNE_CHOOSER_H
#define ALB_TUNE_CHOOSER_H

#include "base/vec.h"
#include "tune/choose.h"

/* A choice, predicted from the guides until it was made. */
typedef struct alb_candidate {
  alb_choice choice;
  bool shares; /* layers use one matrix */
  bool sized;  /* bytes are the file's */
  bool made;   /* damage is measured, too */
  double bytes, damage;
  alb_choice_made figures;
} alb_candidate;

/* Which layers share what, as the source stores numbers. */
typedef struct alb_structure {
  alb_share_mode mode;
  const char *groups;
  bool shares;
  double damage, saved; /* saved: bytes, against exact sharing */
} alb_structure;

/* A number type by itself: of matrices, or of tables. */
typedef struct alb_stored {
  alb_dtype type;
  double damage, more; /* more: bytes, against the source's own type; negative */
  double scale;        /* bytes of layers, as a part of those in the source's own type */
} alb_stored;

typedef ALB_VEC(alb_stored) alb_stored_list;

struct alb_chooser {
  alb_choose_model model;
  alb_arena arena;
  alb_choice_made own; /* exact sharing, the source's own types */
  double *cost[2];     /* [layers, layers] of attention and FFN: damage of folding first .. last alone */
  ALB_VEC(alb_structure) structures;
  alb_stored_list matrices, tables;
  ALB_VEC(alb_candidate) candidates;
};

double alb_damage_of(double cosine);

#endif
