/* Healing of a lossy fold as a helper of the pass fold-layers. */
#ifndef ALB_TUNE_FOLD_HEAL_H
#define ALB_TUNE_FOLD_HEAL_H

#include "passes/pass.h"
#include "tune/train.h"

typedef struct alb_heal_job {
  const alb_model_spec *spec;       /* the source's roles; tensor ids as in the graph's table */
  bool independent;                 /* classes of a text are scored each by itself */
  const alb_train_options *options; /* its head is looked for here */
  alb_tune_types types;             /* of the file; int4 matrices are trained for */
  size_t embedding_size;            /* the table of words will be a product of that width; 0: it stays as it is */
  const alb_sequences *words;       /* and the texts that alb_factor_words will make it by; may be NULL */
  alb_train_report *report;
} alb_heal_job;

/* Trains the folded layers to compute what the source's did. context: an alb_heal_job. A head for classes or
 * answers that the graph has is to give the same answers. Layers that share a parameter go on sharing it; embeddings
 * and heads stay, but the student looks words up as the file will have them. Errors: ALB_UNSUPPORTED for layers of
 * another structure, those of alb_factor_words and alb_train. */
alb_status alb_fold_heal(alb_diag *diag, void *context, const alb_fold_job *job);

#endif
