/* How near the embeddings of two models are, text by text and as a space. */
#ifndef ALB_CLI_EMBED_FIGURES_H
#define ALB_CLI_EMBED_FIGURES_H

#include <stdbool.h>
#include <stddef.h>

#include "cli/histogram.h"

typedef struct alb_embed_figures {
  double mean, low, least; /* cosines of each text's two embeddings; low: one in twenty is below */
  double from, to;         /* of the mean: nine in ten samples of as many texts, drawn from these, lie between */
  double nearest;          /* texts whose nearest other text is the same one, as a part of 1 */
  alb_histogram histogram; /* of the cosines */
  double correlation;      /* Pearson's, of the cosines of all pairs of texts; 0 where all cosines are alike */
} alb_embed_figures;

/* The figures as reports name them. */
enum { ALB_EMBED_FIGURES = 7 };
typedef struct alb_named_figure {
  const char *key;
  double value;
} alb_named_figure;

void alb_embed_figures_named(const alb_embed_figures *figures, alb_named_figure out[ALB_EMBED_FIGURES]);

/* Compares rows x width numbers; needs two rows, and three say something. What is no number is as far as can be.
 * False when memory is not to be had. */
bool alb_embed_figures_of(const float *reference, const float *got, size_t rows, size_t width, alb_embed_figures *out);

#endif
