/* An open model inside: the file, its weights and a plan for every function that can be run. */
#ifndef ALB_RUNTIME_MODEL_H
#define ALB_RUNTIME_MODEL_H

#include <pthread.h>
#include <stdatomic.h>

#include "albert.h"
#include "format/reader.h"
#include "runtime/kernels/kernels.h"
#include "runtime/plan.h"
#include "runtime/tokenizer/tokenizer.h"

/* A function without parameters. Planned when the model is opened; its weights are prepared when
 * it is first wanted, so that a model with many heads starts as fast as one with none. */
typedef struct alb_entry {
  const char *output; /* the output's public name */
  alb_plan plan;
  bool runnable;     /* its input is the hidden states (of all or of chosen tokens) */
  atomic_bool ready; /* weights are prepared */
} alb_entry;

struct alb_model {
  alb_reader *reader;
  const Alb__Manifest *manifest; /* borrowed from reader */
  alb_kernels kernels;
  alb_weights weights;
  alb_entry *entries; /* [entry_count] */
  size_t entry_count;
  alb_entry *encoder; /* one of entries */
  pthread_mutex_t preparing;
  bool mutex_made;
  _Atomic(alb_tokenizer *) tokenizer; /* made when it is first wanted */
  size_t max_tokens;                  /* of a sequence */
  size_t id_limit, type_limit;        /* ids must be below */
};

/* The entry of an output ("hidden", "embed" ...), or NULL. */
alb_entry *alb_model_entry(const alb_model *model, const char *output);

/* How logits of a task ("classify", "rerank", "ner") become scores: "softmax", "sigmoid", "none". */
const char *alb_model_score(const alb_model *model, const char *task);

/* ALB_SHAPE when the file has not one label a class. */
alb_status alb_model_check_labels(alb_diag *diag, const alb_model *model);

/* Makes an entry's weights ready, once; any number of threads may ask. */
alb_status alb_model_prepare(alb_diag *diag, alb_model *model, alb_entry *entry, alb_pool *pool);

/* The model's tokenizer, made by the first who asks. ALB_UNSUPPORTED: it has none. */
alb_status alb_model_tokenizer(alb_diag *diag, alb_model *model, const alb_tokenizer **out);

/* Copies a diagnostic to the caller's error (may be NULL), frees it and returns the status. */
alb_status alb_report(alb_error *error, alb_diag *diag, alb_status status);

#endif
