/* Which tensors of a TensorFlow checkpoint are a model's variables, and what they are called. */
#ifndef ALB_CONVERTER_TF_NAMES_H
#define ALB_CONVERTER_TF_NAMES_H

#include "converter/tf_bundle.h"

#define ALB_TF_GRAPH_KEY "_CHECKPOINTABLE_OBJECT_GRAPH"

/* names[i], of length 0 when entry i is not a variable: slices, optimizer slots (a variable's name and one word
 * more), counters, types that are not read. `graph` is the object graph that Keras' checkpoints carry (empty:
 * none); then a variable has the full name that the graph gives, or the path of its key when those do not tell
 * variables apart. What stands before the model's own name ("tf_bert_model/", "module/") is left out.
 * names[0..entries.count) live in the bundle's arena. ALB_MALFORMED: a broken graph. */
alb_status alb_tf_names(alb_diag *diag, alb_tf_bundle *bundle, alb_span graph, alb_str **names);

#endif
