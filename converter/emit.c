/* From a package to the bytes of an .alb file. */
#include <stdlib.h>

#include "base/file.h"
#include "converter/manifest.h"
#include "converter/package.h"
#include "format/writer.h"

/* New numbers for tensors and blobs, given at first use. */
typedef struct numbering {
  alb_diag *diag;
  alb_arena *arena;
  const alb_package *package;
  uint32_t *tensor_number, *blob_number; /* by old id; ALB_NONE: not used */
  uint32_t *tensors, *blobs;             /* by new id */
  size_t tensor_count, blob_count;
} numbering;

static void number_blob(numbering *n, uint32_t blob) {
  if (blob == ALB_NO_BLOB || n->blob_number[blob] != ALB_NONE) return;
  n->blob_number[blob] = (uint32_t)n->blob_count;
  n->blobs[n->blob_count++] = blob;
}

/* A base and factors are stored, not their sum. The sum has a number too: that of its tensor, of which there is one. */
static void number_residual(numbering *n, uint32_t tensor, uint32_t blob) {
  const alb_residual parts = alb_blob_residual(n->package->graph->tensors, blob);
  n->blob_number[blob] = n->tensor_number[tensor];
  number_blob(n, parts.base);
  number_blob(n, parts.base_scale);
  number_blob(n, parts.left);
  number_blob(n, parts.right);
}

static void number_tensor(numbering *n, uint32_t tensor) {
  const alb_tensors *tensors = n->package->graph->tensors;
  const alb_tensor *t = &tensors->tensors.items[tensor];
  const bool residual = alb_blob_is_residual(tensors, t->blob);
  if (n->tensor_number[tensor] != ALB_NONE) return;
  if (residual && n->blob_number[t->blob] != ALB_NONE) {
    n->tensor_number[tensor] = n->blob_number[t->blob];
    return;
  }
  n->tensor_number[tensor] = (uint32_t)n->tensor_count;
  n->tensors[n->tensor_count++] = tensor;
  if (residual) {
    number_residual(n, tensor, t->blob);
    return;
  }
  number_blob(n, t->blob);
  number_blob(n, t->scale_blob);
}

/* Callers are walked in order, so tensors stand in the file in the order in which a run meets them. */
static void number_all(numbering *n) {
  const alb_graph *graph = n->package->graph;
  for (size_t f = 0; f < graph->functions.count; f++) {
    const alb_nodes *nodes = &graph->functions.items[f].nodes;
    for (size_t i = 0; i < nodes->count; i++) {
      const alb_node *node = &nodes->items[i];
      for (size_t k = 0; k < node->operand_count; k++) {
        if (node->operands[k].kind == ALB_OPERAND_TENSOR) number_tensor(n, node->operands[k].id);
      }
      if (node->op != ALB_OP_CALL) continue;
      const alb_set *set = &graph->sets.items[node->set];
      for (size_t k = 0; k < set->count; k++) number_tensor(n, set->tensors[k]);
    }
  }
}

static alb_status start(numbering *n) {
  const alb_tensors *tensors = n->package->graph->tensors;
  const size_t t = tensors->tensors.count, b = tensors->blobs.count;
  n->tensor_number = ALB_NEW_ARRAY(n->arena, uint32_t, t);
  n->tensors = ALB_NEW_ARRAY(n->arena, uint32_t, t);
  n->blob_number = ALB_NEW_ARRAY(n->arena, uint32_t, b);
  n->blobs = ALB_NEW_ARRAY(n->arena, uint32_t, b);
  if (!n->tensor_number || !n->tensors || !n->blob_number || !n->blobs) {
    return alb_fail_memory(n->diag, (t + b) * 2 * sizeof(uint32_t), "numbers of tensors");
  }
  memset(n->tensor_number, 0xff, t * sizeof *n->tensor_number);
  memset(n->blob_number, 0xff, b * sizeof *n->blob_number);
  return ALB_OK;
}

alb_status alb_emit_prepare(alb_diag *diag, alb_arena *arena, const alb_package *package, alb_emission *out) {
  numbering n = {.diag = diag, .arena = arena, .package = package};
  ALB_TRY(start(&n));
  number_all(&n);
  *out =
      (alb_emission){.blobs = n.blobs, .blob_count = n.blob_count, .tensor_count = n.tensor_count, .package = package};
  for (size_t i = 0; i < n.blob_count; i++) out->blob_bytes += alb_blob_bytes(package->graph->tensors, n.blobs[i]);
  const alb_numbers numbers = {n.tensor_number, n.blob_number, n.tensors, n.tensor_count};
  return alb_manifest_build(diag, arena, package, &numbers, &out->manifest);
}

static uint64_t vocab_size(const alb_package *package) {
  uint64_t bytes = 0;
  for (size_t i = 0; i < package->token_count; i++) bytes += package->tokens[i].n;
  return package->token_count ? alb_vocab_section_size(package->token_count, bytes) : 0;
}

alb_status alb_emit_size(alb_diag *diag, const alb_emission *emission, uint64_t *size) {
  uint64_t *sizes = calloc(emission->blob_count ? emission->blob_count : 1, sizeof *sizes);
  if (!sizes) return alb_fail_memory(diag, emission->blob_count * sizeof *sizes, "blob sizes");
  for (size_t i = 0; i < emission->blob_count; i++) {
    sizes[i] = alb_blob_bytes(emission->package->graph->tensors, emission->blobs[i]);
  }
  const alb_status status =
      alb_writer_predict_size(diag, sizes, emission->blob_count, alb__manifest__get_packed_size(emission->manifest),
                              vocab_size(emission->package), size);
  free(sizes);
  return status;
}

/* A source blob is written from where it lies; its pages are given back at once. */
static alb_status write_blob(alb_diag *diag, alb_writer *writer, const alb_tensors *tensors, uint32_t id,
                             bool compress) {
  const alb_blob *blob = &tensors->blobs.items[id];
  const uint32_t width = (uint32_t)alb_dtype_bytes(blob->dtype);
  if (blob->kind == ALB_BLOB_BYTES) {
    const alb_status status = alb_writer_add_blob(diag, writer, blob->bytes, width, compress, NULL);
    if (tensors->mapped) alb_file_release(blob->bytes);
    return status;
  }
  const size_t size = (size_t)alb_blob_bytes(tensors, id);
  void *bytes = malloc(size ? size : 1);
  alb_status status = bytes ? alb_blob_materialize(diag, tensors, id, bytes) : alb_fail_memory(diag, size, "a blob");
  if (status == ALB_OK) {
    status = alb_writer_add_blob(diag, writer, (alb_span){bytes, size}, width, compress, NULL);
  }
  free(bytes);
  return status;
}

static alb_status write_all(alb_diag *diag, alb_writer *writer, const alb_emission *emission, bool compress,
                            uint64_t *size) {
  const alb_package *package = emission->package;
  for (size_t i = 0; i < emission->blob_count; i++) {
    ALB_TRY(write_blob(diag, writer, package->graph->tensors, emission->blobs[i], compress));
  }
  ALB_TRY(alb_writer_set_manifest(diag, writer, emission->manifest));
  if (package->token_count) ALB_TRY(alb_writer_set_vocab(diag, writer, package->tokens, package->token_count));
  return alb_writer_commit(diag, writer, size);
}

alb_status alb_emit_write(alb_diag *diag, const alb_emission *emission, const char *path, bool replace, bool compress,
                          uint64_t *size) {
  alb_writer *writer = NULL;
  alb_status status = alb_writer_open(diag, path, replace, &writer);
  if (status == ALB_OK) status = write_all(diag, writer, emission, compress, size);
  alb_writer_close(writer);
  return status;
}
