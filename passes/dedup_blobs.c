/* dedup-blobs: make tensors with equal bytes share one blob.
 *
 *   tensor 0 "layer.0.w" f32[2,2] blob 0              tensor 0 "layer.0.w" f32[2,2] blob 0
 *   tensor 1 "layer.1.w" f32[2,2] blob 1 (= blob 0)   every use of tensor 1 is a use of tensor 0
 *
 * Equal means: same dtype, same number of elements, same bytes, and for int4 to int6 the same rows, which its bytes do
 * not tell; a transposed, cut or joined blob is compared by the bytes it will have. Needs nothing; keeps all values. */
#include <stdlib.h>
#include <string.h>

#include "graph/alike.h"
#include "passes/pass.h"

typedef struct entry {
  alb_hash128 hash;
  alb_dtype dtype;
  uint64_t elements;
  uint64_t columns; /* int4 to int6: of the tensor that has the blob; else 0 */
  uint32_t blob;
} entry;

static int compare_entries(const void *a, const void *b) {
  const entry *x = a, *y = b;
  const int order = memcmp(x->hash.bytes, y->hash.bytes, sizeof x->hash.bytes);
  if (order) return order;
  if (x->dtype != y->dtype) return x->dtype < y->dtype ? -1 : 1;
  if (x->elements != y->elements) return x->elements < y->elements ? -1 : 1;
  if (x->columns != y->columns) return x->columns < y->columns ? -1 : 1;
  return x->blob < y->blob ? -1 : 1;
}

static bool equal_entries(const entry *x, const entry *y) {
  return x->dtype == y->dtype && x->elements == y->elements && x->columns == y->columns &&
         alb_hash_equal(&x->hash, &y->hash);
}

/* columns[b] of the int4 to int6 tensor that has blob b, and 0 for other blobs. */
static void find_columns(const alb_tensors *tensors, uint64_t *columns) {
  memset(columns, 0, tensors->blobs.count * sizeof *columns);
  for (size_t t = 0; t < tensors->tensors.count; t++) {
    const alb_tensor *tensor = &tensors->tensors.items[t];
    if (alb_intn_bits(tensor->dtype) && tensor->rank == 2) columns[tensor->blob] = tensor->dims[1];
  }
}

/* first[b] = the lowest blob with the bytes of b. */
static alb_status find_equal(alb_diag *diag, alb_tensors *tensors, uint64_t *columns, entry *entries, uint32_t *first) {
  size_t n = 0;
  find_columns(tensors, columns);
  ALB_TRY(alb_tensors_hash_alike(diag, tensors));
  for (uint32_t b = 0; b < tensors->blobs.count; b++) {
    const alb_blob *blob = &tensors->blobs.items[b];
    first[b] = b;
    if (blob->hashed && alb_blob_has_content(tensors, blob)) {
      entries[n++] = (entry){blob->hash, blob->dtype, blob->elements, columns[b], b};
    }
  }
  qsort(entries, n, sizeof *entries, compare_entries);
  for (size_t i = 1; i < n; i++) {
    if (equal_entries(&entries[i - 1], &entries[i])) first[entries[i].blob] = first[entries[i - 1].blob];
  }
  return ALB_OK;
}

bool alb_tensor_same(const alb_tensors *tensors, uint32_t a, uint32_t b) {
  const alb_tensor *x = &tensors->tensors.items[a], *y = &tensors->tensors.items[b];
  if (x->blob != y->blob || x->scale_blob != y->scale_blob || x->rank != y->rank) return false;
  return memcmp(x->dims, y->dims, x->rank * sizeof *x->dims) == 0;
}

/* same[t] = the lowest tensor that reads the same bytes in the same way and is the same thing in its layer: a
 * bias of zeros may have the bytes of another, but stays what it is. next[t] chains the lowest ones by blob. */
static void find_same(const alb_tensors *tensors, uint32_t *first_of_blob, uint32_t *next, uint32_t *same) {
  for (size_t b = 0; b < tensors->blobs.count; b++) first_of_blob[b] = UINT32_MAX;
  for (uint32_t t = 0; t < tensors->tensors.count; t++) {
    const alb_str name = alb_parameter_name(tensors->tensors.items[t].name);
    uint32_t *link = &first_of_blob[tensors->tensors.items[t].blob];
    while (*link != UINT32_MAX && !(alb_tensor_same(tensors, *link, t) &&
                                    alb_str_equal(alb_parameter_name(tensors->tensors.items[*link].name), name))) {
      link = &next[*link];
    }
    same[t] = *link == UINT32_MAX ? t : *link;
    if (*link != UINT32_MAX) continue;
    *link = t;
    next[t] = UINT32_MAX;
  }
}

static size_t rename_operands(alb_function *function, const uint32_t *same) {
  size_t changes = 0;
  for (size_t i = 0; i < function->nodes.count; i++) {
    alb_node *node = &function->nodes.items[i];
    alb_operand *operands = alb_node_operands(node);
    for (size_t k = 0; k < node->operand_count; k++) {
      if (operands[k].kind != ALB_OPERAND_TENSOR || same[operands[k].id] == operands[k].id) continue;
      operands[k].id = same[operands[k].id];
      changes++;
    }
  }
  return changes;
}

/* Renames tensors in operands and sets; returns how many uses changed. */
static size_t rename_tensors(alb_graph *graph, const uint32_t *same) {
  size_t changes = 0;
  for (size_t f = 0; f < graph->functions.count; f++) changes += rename_operands(&graph->functions.items[f], same);
  for (size_t s = 0; s < graph->sets.count; s++) {
    uint32_t *ids = alb_set_tensors(&graph->sets.items[s]);
    for (size_t k = 0; k < graph->sets.items[s].count; k++) {
      changes += same[ids[k]] != ids[k];
      ids[k] = same[ids[k]];
    }
  }
  return changes;
}

/* Every tensor reads the first of its blob's equals. */
static void share_blobs(alb_tensors *tensors, const uint32_t *first, size_t *changes) {
  for (size_t t = 0; t < tensors->tensors.count; t++) {
    uint32_t *blob = &tensors->tensors.items[t].blob;
    *changes += first[*blob] != *blob;
    *blob = first[*blob];
  }
}

alb_status alb_pass_dedup_blobs(alb_diag *diag, alb_graph *graph, const alb_pass_options *options, size_t *changes) {
  (void)options;
  alb_tensors *tensors = graph->tensors;
  alb_arena scratch = {0};
  entry *entries = ALB_NEW_ARRAY(&scratch, entry, tensors->blobs.count);
  uint64_t *columns = ALB_NEW_ARRAY(&scratch, uint64_t, tensors->blobs.count);
  uint32_t *first = ALB_NEW_ARRAY(&scratch, uint32_t, tensors->blobs.count);
  uint32_t *same = ALB_NEW_ARRAY(&scratch, uint32_t, tensors->tensors.count);
  uint32_t *next = ALB_NEW_ARRAY(&scratch, uint32_t, tensors->tensors.count);
  alb_status status = entries && columns && first && same && next
                          ? find_equal(diag, tensors, columns, entries, first)
                          : alb_fail_memory(diag, tensors->blobs.count * sizeof *entries, "hashes");
  if (status == ALB_OK) {
    share_blobs(tensors, first, changes);
    find_same(tensors, first, next, same);
    *changes += rename_tensors(graph, same);
  }
  alb_arena_free(&scratch);
  return status;
}
