/* A graph from its text, with bytes in its source blobs; for tests. */
#ifndef ALB_TESTS_GRAPH_TEXT_H
#define ALB_TESTS_GRAPH_TEXT_H

#include "graph/ir.h"

typedef struct graph_text {
  alb_arena arena; /* the blobs' bytes */
  alb_tensors tensors;
  alb_graph graph;
} graph_text;

/* Parses the text and fills its source blobs with numbers from -1 to 1, the same in every run; fails the
 * cmocka test when that is not to be had. graph_text_close at the end. */
void graph_text_open(graph_text *t, const char *text);
void graph_text_close(graph_text *t);

/* Gives a source blob of f32 these numbers (borrowed). */
void graph_text_fill(graph_text *t, uint32_t blob, const float *values);

/* The graph's text; the caller frees it. */
char *graph_text_print(const alb_graph *graph);

/* The next of a row of numbers from -1 to 1. Start with any seed. */
float graph_text_random(uint64_t *seed);

#endif
