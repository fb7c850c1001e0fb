/* A graph from its text, with bytes in its source blobs; for tests. */
#include "tests/support/graph_text.h"

#include "tests/support/check.h"

float graph_text_random(uint64_t *seed) {
  *seed = *seed * 6364136223846793005u + 1442695040888963407u;
  return (float)((double)(*seed >> 40) / (1 << 23) - 1.0);
}

void graph_text_fill(graph_text *t, uint32_t blob, const float *values) {
  t->tensors.blobs.items[blob].bytes = (alb_span){(const uint8_t *)values, (size_t)alb_blob_bytes(&t->tensors, blob)};
}

static void fill(graph_text *t, uint32_t blob, uint64_t *seed) {
  alb_blob *b = &t->tensors.blobs.items[blob];
  const size_t n = (size_t)b->elements;
  float *values = ALB_NEW_ARRAY(&t->arena, float, n);
  uint8_t *bytes = alb_arena_alloc(&t->arena, (size_t)alb_blob_bytes(&t->tensors, blob));
  for (size_t i = 0; i < n; i++) values[i] = graph_text_random(seed);
  if (alb_dtype_is_float(b->dtype)) assert_true(alb_from_f32(b->dtype, values, n, bytes));
  b->bytes = (alb_span){bytes, (size_t)alb_blob_bytes(&t->tensors, blob)};
}

void graph_text_open(graph_text *t, const char *text) {
  alb_diag diag = {0};
  uint64_t seed = 42;
  *t = (graph_text){0};
  t->graph.tensors = &t->tensors;
  assert_ok(&diag, alb_graph_parse(&diag, alb_str_of(text), &t->graph));
  for (uint32_t b = 0; b < t->tensors.blobs.count; b++) {
    if (t->tensors.blobs.items[b].kind == ALB_BLOB_BYTES) fill(t, b, &seed);
  }
}

void graph_text_close(graph_text *t) {
  alb_graph_free(&t->graph);
  alb_tensors_free(&t->tensors);
  alb_arena_free(&t->arena);
}

char *graph_text_print(const alb_graph *graph) {
  char *text = NULL;
  size_t size = 0;
  FILE *out = open_memstream(&text, &size);
  assert_non_null(out);
  alb_graph_print(graph, out);
  (void)fclose(out);
  return text;
}
