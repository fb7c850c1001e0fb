/* What config.json says of a classifier: the names of its classes, and how its logits become scores. */
#ifndef ALB_CONVERTER_CLASSES_H
#define ALB_CONVERTER_CLASSES_H

#include <jansson.h>

#include "base/arena.h"
#include "base/status.h"

/* Texts are in the caller's arena or static. Scores are "softmax", "sigmoid", "none"; "": no classifier of texts. */
typedef struct alb_classes {
  char **labels;
  size_t count;
  const char *class_score; /* as transformers' text-classification pipeline chooses it */
  const char *rank_score;  /* as sentence-transformers' CrossEncoder does */
} alb_classes;

/* For a classifier with that many classes of texts or tokens; 0: there is none, and labels are taken as they stand.
 * Without id2label the labels are LABEL_0, LABEL_1 ..., as transformers has them. Errors: ALB_SHAPE when neither
 * id2label nor num_labels, where they are there, states the number of classes; ALB_MALFORMED for an id2label that does
 * not name 0 .. n-1 and an unknown problem_type; ALB_UNSUPPORTED for an activation of cross-encoders that is not run.
 */
alb_status alb_classes_read(alb_diag *diag, alb_arena *arena, const json_t *config, uint32_t classes, bool of_texts,
                            alb_classes *out);

#endif
