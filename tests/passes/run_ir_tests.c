/* Runs the passes on texts: tests/passes/NAME.ir holds a graph, "---", and the graph that is expected.
 *
 *   ; pass: fuse-activation        the passes to run
 *   ; share: all  ; groups: 2  ; dtype: int8  ; tables: int4  ; share-norms  ; left-out: 2   options of the passes
 *   ; embedding-size: 4           the width of a factor; as many words as it is are factored exactly
 *   ; equal: 0 3                   blob 3 has the bytes of blob 0 (others are random)
 *   ; tolerance: 0.05              how far values may move; default 1e-6; "any" for lossy passes
 *
 * Three things are checked: the text, that a second run changes nothing, and that the function that
 * stands last gives the same numbers before and after, by the reference interpreter on random inputs.
 * run_ir_tests FOLDER [--update] */
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "graph/interpret.h"
#include "passes/pass.h"

enum { TOKENS = 5, SEQUENCES = 2 };

typedef struct test {
  alb_arena arena;
  const char *path, *passes;
  alb_str input, expected;
  alb_pass_options options;
  double tolerance; /* < 0: any */
  alb_tensors tensors;
  alb_graph graph;
  ALB_VEC(float *) bytes;
} test;

static uint64_t random_state;

static float random_float(void) {
  random_state = random_state * 6364136223846793005u + 1442695040888963407u;
  return (float)((double)(random_state >> 40) / (1 << 23) - 1.0);
}

/* The value behind "; KEY:" in the head of the text, or NULL. */
static const char *directive(test *t, const char *key, size_t from) {
  const char *mark = alb_arena_printf(&t->arena, "; %s:", key);
  const char *head = alb_arena_strdup(&t->arena, t->input);
  const char *at = strstr(head + from, mark);
  if (!at) return NULL;
  at += strlen(mark) + 1;
  return alb_arena_strdup(&t->arena, (alb_str){at, strcspn(at, "\n")});
}

/* Of a table of `size` words: the identity times the table, so that numbers stay. */
static alb_status factor_trivially(alb_diag *diag, void *context, alb_tensors *tensors, uint32_t table, size_t size,
                                   uint32_t *factor, uint32_t *projection) {
  const alb_tensor t = tensors->tensors.items[table];
  float *values;
  uint32_t identity, turned;
  (void)context;
  ALB_TRY(alb_tensors_made(diag, tensors, size * size, &values, &identity));
  for (size_t i = 0; i < size * size; i++) values[i] = i / size == i % size ? 1 : 0;
  ALB_TRY(alb_blob_transposed(diag, tensors, t.blob, t.dims[0], t.dims[1], &turned));
  ALB_TRY(alb_tensors_view(diag, tensors, ALB_STR("factor"), 2, (uint64_t[]){size, size}, identity, factor));
  return alb_tensors_view(diag, tensors, ALB_STR("projection"), 2, (uint64_t[]){t.dims[1], size}, turned, projection);
}

static bool read_options(test *t) {
  const char *share = directive(t, "share", 0), *dtype = directive(t, "dtype", 0);
  const char *tables = directive(t, "tables", 0);
  const char *tolerance = directive(t, "tolerance", 0), *left_out = directive(t, "left-out", 0);
  t->passes = directive(t, "pass", 0);
  t->options.groups.spec = directive(t, "groups", 0);
  t->options.share_norms = directive(t, "share-norms", 0) != NULL;
  if (left_out) t->options.left_out = strtoul(left_out, NULL, 10);
  if (share) t->options.mode = alb_share_by_name(alb_str_of(share));
  if (dtype) t->options.dtype = alb_dtype_by_name(alb_str_of(dtype));
  if (tables) t->options.tables = alb_dtype_by_name(alb_str_of(tables));
  const char *size = directive(t, "embedding-size", 0);
  if (size) t->options.embedding_size = (size_t)atoi(size);
  t->options.factor = factor_trivially;
  t->tolerance = !tolerance ? 1e-6 : strcmp(tolerance, "any") == 0 ? -1 : strtod(tolerance, NULL);
  return t->passes != NULL;
}

static bool split(test *t, alb_span text) {
  const char *all = (const char *)text.p, *mark = memmem(all, text.n, "\n---\n", 5);
  if (!mark) return false;
  t->input = (alb_str){all, (size_t)(mark - all) + 1};
  t->expected = (alb_str){mark + 5, text.n - t->input.n - 4};
  return true;
}

/* Random f32 bytes for every source blob, then the copies that "; equal: A B" asks for. */
static void fill_blobs(test *t) {
  random_state = 42;
  for (size_t b = 0; b < t->tensors.blobs.count; b++) {
    alb_blob *blob = &t->tensors.blobs.items[b];
    float *values = malloc((size_t)blob->elements * sizeof *values);
    for (uint64_t i = 0; i < blob->elements; i++) values[i] = random_float();
    (void)alb_vec_push(&t->bytes, values);
    if (blob->kind != ALB_BLOB_BYTES) continue;
    (void)alb_from_f32(blob->dtype, values, (size_t)blob->elements, values);
    blob->bytes = (alb_span){(const uint8_t *)values, (size_t)alb_blob_bytes(&t->tensors, (uint32_t)b)};
  }
  const char *equal = directive(t, "equal", 0);
  for (unsigned a, b; equal && sscanf(equal, "%u %u", &a, &b) == 2;
       equal = strchr(equal, ','), equal = equal ? equal + 1 : NULL) {
    memcpy(t->bytes.items[b], t->bytes.items[a], t->tensors.blobs.items[a].bytes.n);
  }
}

/* Runs the last function on inputs that are always the same. */
static alb_status run(alb_diag *diag, const test *t, alb_array *out) {
  static const uint32_t lengths[SEQUENCES] = {2, 3};
  static const int32_t indices[TOKENS] = {0, 1, 1, 0, 1};
  const alb_sequences batch = {SEQUENCES, TOKENS, lengths, indices, indices, indices};
  const uint32_t last = (uint32_t)t->graph.functions.count - 1;
  const alb_function *function = &t->graph.functions.items[last];
  alb_array inputs[8] = {{0}};
  float values[8 * 64];
  random_state = 7;
  for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) values[i] = random_float();
  for (size_t i = 0; i < function->input_count; i++) {
    const alb_type *type = &function->inputs[i];
    inputs[i].rows = type->dims[0] == ALB_DIM_SEQUENCES ? SEQUENCES : TOKENS;
    inputs[i].width = type->rank == 2 ? (size_t)type->dims[1] : 0;
    inputs[i].f32 = type->rank == 2 ? values : NULL;
    inputs[i].i32 = type->rank == 2 ? NULL : indices;
  }
  return alb_interpret(diag, &t->graph, last, &batch, inputs, NULL, out);
}

static char *print(const alb_graph *graph) {
  char *text = NULL;
  size_t size = 0;
  FILE *out = open_memstream(&text, &size);
  alb_graph_print(graph, out);
  (void)fclose(out);
  return text;
}

static bool same_numbers(const test *t, const alb_array *a, const alb_array *b, double *worst) {
  *worst = a->rows == b->rows && a->width == b->width ? 0 : INFINITY;
  for (size_t i = 0; *worst < INFINITY && i < a->rows * a->width; i++) {
    const double difference = fabs((double)a->f32[i] - (double)b->f32[i]);
    if (!(difference <= *worst)) *worst = difference;
  }
  return t->tolerance < 0 || *worst <= t->tolerance;
}

static void count_changes(void *context, const alb_pass *pass, size_t changes, const alb_graph *graph) {
  (void)pass, (void)graph;
  *(size_t *)context += changes;
}

static bool check_text(const test *t, const char *got) {
  if (strlen(got) == t->expected.n && memcmp(got, t->expected.p, t->expected.n) == 0) return true;
  printf("%s: other text than expected:\n%s", t->path, got);
  return false;
}

static void update(const test *t, const char *got) {
  FILE *out = fopen(t->path, "w");
  fprintf(out, "%.*s---\n%s", (int)t->input.n, t->input.p, got);
  (void)fclose(out);
}

static bool check(alb_diag *diag, test *t, bool updating) {
  alb_array before = {0}, after = {0};
  size_t changes = 0, again = 0;
  double worst = 0;
  const alb_pass_observer first = {count_changes, &changes}, second = {count_changes, &again};
  bool good = alb_graph_verify(diag, &t->graph) == ALB_OK && run(diag, t, &before) == ALB_OK &&
              alb_passes_run(diag, &t->graph, t->passes, &t->options, &first) == ALB_OK;
  char *got = good ? print(&t->graph) : NULL;
  if (good && updating) update(t, got);
  if (good && !updating) good = check_text(t, got);
  if (good) good = run(diag, t, &after) == ALB_OK;
  if (good && !same_numbers(t, &before, &after, &worst)) {
    good = false;
    printf("%s: values moved by %g\n", t->path, worst);
  }
  if (good && alb_passes_run(diag, &t->graph, t->passes, &t->options, &second) != ALB_OK) good = false;
  if (good && again) {
    good = false;
    printf("%s: a second run makes %zu changes\n", t->path, again);
  }
  if (good) printf("%s: ok (%zu changes, values within %.2g)\n", t->path, changes, worst);
  free(got);
  alb_array_free(&before);
  alb_array_free(&after);
  return good;
}

static bool run_test(const char *path, bool updating, bool *covered) {
  test t = {.path = path};
  alb_diag diag = {0};
  alb_file file;
  t.graph.tensors = &t.tensors;
  bool good = alb_file_map(&diag, path, &file) == ALB_OK;
  /* A copy: --update writes the file anew. */
  const char *text = good ? alb_arena_strdup(&t.arena, (alb_str){(const char *)file.bytes.p, file.bytes.n}) : NULL;
  if (good) good = split(&t, (alb_span){(const uint8_t *)text, file.bytes.n}) && read_options(&t);
  if (good) good = alb_graph_parse(&diag, t.input, &t.graph) == ALB_OK;
  if (good) {
    size_t count;
    const alb_pass *passes = alb_passes(&count);
    for (size_t i = 0; i < count; i++) covered[i] = covered[i] || strcmp(passes[i].name, t.passes) == 0;
    fill_blobs(&t);
    good = check(&diag, &t, updating);
  }
  if (!good) printf("%s: FAILED %s\n", path, alb_diag_text(&diag, ALB_OK));
  for (size_t i = 0; i < t.bytes.count; i++) free(t.bytes.items[i]);
  alb_vec_free(&t.bytes);
  alb_graph_free(&t.graph);
  alb_tensors_free(&t.tensors);
  alb_arena_free(&t.arena);
  alb_file_unmap(&file);
  alb_diag_free(&diag);
  return good;
}

static int is_test(const struct dirent *entry) {
  return alb_str_ends(alb_str_of(entry->d_name), ALB_STR(".ir"));
}

int main(int argc, char **argv) {
  struct dirent **entries;
  bool covered[64] = {false};
  size_t passed = 0, failed = 0, count;
  const bool updating = argc > 2 && strcmp(argv[2], "--update") == 0;
  const int n = argc > 1 ? scandir(argv[1], &entries, is_test, alphasort) : -1;
  if (n < 0) return 2;
  for (int i = 0; i < n; i++) {
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/%s", argv[1], entries[i]->d_name);
    const bool good = run_test(path, updating, covered);
    passed += good;
    failed += !good;
    free(entries[i]);
  }
  free(entries);
  const alb_pass *passes = alb_passes(&count);
  for (size_t i = 0; i < count; i++) {
    if (!covered[i]) printf("pass %s has no test of its own\n", passes[i].name);
    failed += !covered[i];
  }
  printf("%zu passed, %zu failed\n", passed, failed);
  return failed != 0;
}
