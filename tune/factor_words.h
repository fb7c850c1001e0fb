/* The table of words as a product of a narrow table and a projection, as a helper of the pass factor-words. */
#ifndef ALB_TUNE_FACTOR_WORDS_H
#define ALB_TUNE_FACTOR_WORDS_H

#include "graph/interpret.h"
#include "passes/pass.h"

/* An alb_factor_helper; context: texts (const alb_sequences *) or NULL. Of all products of that width it is the one
 * with the least sum of squared errors over words, each weighted by how often it comes: as counted in the texts, with
 * as many again spread over all words; without texts as Zipf's law has it, 1 / (id + 1), since vocabularies begin with
 * frequent words. Errors: ALB_USAGE for a
 * size that is not less than the table's width; ALB_UNSUPPORTED for numbers that are not finite; ALB_MEMORY. */
alb_status alb_factor_words(alb_diag *diag, void *context, alb_tensors *tensors, uint32_t table, size_t size,
                            uint32_t *factor, uint32_t *projection);

/* The product of the same two, as f32 [V,H], in `out`. */
alb_status alb_factor_words_product(alb_diag *diag, const alb_sequences *texts, const alb_tensors *tensors,
                                    uint32_t table, size_t size, float *out);

#endif
