/* Choosing which layers share matrices and how numbers are stored, by what choices are measured to cost.
 *
 * Damage is -ln of the mean cosine with the source's embeddings, so that damages add up, roughly. That of each number
 * type alone and of folding each range of layers alone guides the search; what is chosen was measured whole. */
#ifndef ALB_TUNE_CHOOSE_H
#define ALB_TUNE_CHOOSE_H

#include "base/arena.h"
#include "passes/pass.h"

/* What a conversion may be told. */
typedef struct alb_choice {
  alb_share_mode mode;
  const char *groups;      /* of the modes that fold: "0-1,2,3"; else NULL */
  alb_dtype dtype, tables; /* of matrices and of tables of words; none is left open */
} alb_choice;

/* What came of it. */
typedef struct alb_choice_made {
  uint64_t bytes;  /* of the file */
  uint64_t blocks; /* of the layers among them */
  double cosine;   /* mean; not with ALB_CHOICE_BYTES */
} alb_choice_made;

/* BYTES: nothing is measured. GUIDE: quickly, without fitting to texts. WHOLE: as the output would be. */
typedef enum alb_choice_depth { ALB_CHOICE_BYTES, ALB_CHOICE_GUIDE, ALB_CHOICE_WHOLE } alb_choice_depth;

typedef alb_status alb_choice_maker(alb_diag *diag, void *context, const alb_choice *choice, alb_choice_depth depth,
                                    alb_choice_made *out);

typedef struct alb_choose_model {
  alb_choice_maker *make; /* the same choice gives the same figures */
  void *context;
  size_t layers;
  const uint32_t *attention, *ffn; /* [layers]: the first layer whose block is equal byte for byte */
  alb_dtype dtype, tables;         /* the source's own: floats */
} alb_choose_model;

/* A file that meets both; of these, with min_cosine the smallest, else the one nearest to the source. */
typedef struct alb_choose_goal {
  uint64_t budget;   /* bytes; 0: any */
  double min_cosine; /* < 0: none */
} alb_choose_goal;

typedef struct alb_chosen {
  bool found;        /* else the choice is the one nearest to the goal: the smallest, or within the budget the truest */
  bool any;          /* there was something to choose from */
  alb_choice choice; /* groups: the chooser's */
  alb_choice_made made;
} alb_chosen;

/* A search with its guides; alb_chooser_free accepts NULL. */
typedef struct alb_chooser alb_chooser;

/* Measures the guides: a number type or a range of layers at a time. *model is borrowed. */
alb_status alb_chooser_new(alb_diag *diag, const alb_choose_model *model, alb_chooser **out);
/* sharing: among models whose layers share matrices, else among those whose layers share none. What was measured once
 * is remembered, so that a second search with another goal costs little. */
alb_status alb_choose(alb_diag *diag, alb_chooser *chooser, bool sharing, const alb_choose_goal *goal, alb_chosen *out);
/* Whether a is the better choice for the goal; found ones only. */
bool alb_choose_better(const alb_choose_goal *goal, const alb_choice_made *a, const alb_choice_made *b);
void alb_chooser_free(alb_chooser *chooser);

#endif
