/* Which blobs can have equal bytes: a few elements of each are compared, wherever they stand in the source. */
#include "graph/alike.h"

#include <stdlib.h>

#include "base/file.h"

/* Few, as each may bring other pages of a mapped file into memory. */
enum { SAMPLES = 16, WIDEST = 8 };

/* What equal blobs have in common. */
typedef struct sketch {
  alb_hash128 samples;
  alb_dtype dtype;
  uint64_t elements;
  uint32_t blob;
} sketch;

bool alb_blob_has_content(const alb_tensors *tensors, const alb_blob *blob) {
  if (blob->kind == ALB_BLOB_BYTES) return blob->bytes.p != NULL;
  const bool moves = blob->kind == ALB_BLOB_TRANSPOSE || blob->kind == ALB_BLOB_PART || blob->kind == ALB_BLOB_CONCAT;
  if (!moves) return false;
  for (size_t i = 0; i < blob->input_count; i++) {
    if (!alb_blob_has_content(tensors, &tensors->blobs.items[blob->inputs[i]])) return false;
  }
  return true;
}

/* What samples are taken of: elements; of int4 to int6, bytes, which are fewer. */
static uint64_t places(const alb_tensors *tensors, uint32_t id) {
  const alb_blob *blob = &tensors->blobs.items[id];
  return alb_intn_bits(blob->dtype) ? alb_blob_bytes(tensors, id) : blob->elements;
}

/* Where place i of a blob with content stands: step by step to the source blob. */
static const uint8_t *element(const alb_tensors *tensors, const alb_blob *blob, uint64_t i) {
  while (blob->kind != ALB_BLOB_BYTES) {
    size_t input = 0;
    if (blob->kind == ALB_BLOB_TRANSPOSE) {
      i = i % blob->rows * blob->columns + i / blob->rows;
    } else if (blob->kind == ALB_BLOB_PART) {
      i += blob->rows;
    } else {
      while (i >= places(tensors, blob->inputs[input])) i -= places(tensors, blob->inputs[input++]);
    }
    blob = &tensors->blobs.items[blob->inputs[input]];
  }
  return blob->bytes.p + i * alb_dtype_bytes(blob->dtype);
}

/* The place of sample s: evenly spread from the first to the last. */
static uint64_t sample_at(uint64_t count, uint64_t s) {
  enum { STEPS = SAMPLES - 1 };
  return (count - 1) / STEPS * s + (count - 1) % STEPS * s / STEPS;
}

/* Gives the pages of the source bytes that a blob is made of back. */
static void release(const alb_tensors *tensors, const alb_blob *blob) {
  for (size_t i = 0; i < blob->input_count; i++) release(tensors, &tensors->blobs.items[blob->inputs[i]]);
  if (blob->kind == ALB_BLOB_BYTES) alb_file_release(blob->bytes);
}

static sketch sketch_blob(const alb_tensors *tensors, uint32_t id) {
  const alb_blob *blob = &tensors->blobs.items[id];
  const size_t width = alb_dtype_bytes(blob->dtype);
  const uint64_t count = places(tensors, id);
  uint8_t samples[SAMPLES * WIDEST] = {0};
  for (size_t s = 0; count && s < SAMPLES; s++) {
    memcpy(samples + s * WIDEST, element(tensors, blob, sample_at(count, s)), width);
  }
  if (tensors->mapped) release(tensors, blob);
  return (sketch){alb_hash_bytes((alb_span){samples, sizeof samples}), blob->dtype, blob->elements, id};
}

static int compare_contents(const sketch *x, const sketch *y) {
  if (x->dtype != y->dtype) return x->dtype < y->dtype ? -1 : 1;
  if (x->elements != y->elements) return x->elements < y->elements ? -1 : 1;
  return memcmp(x->samples.bytes, y->samples.bytes, sizeof x->samples.bytes);
}

static int compare(const void *a, const void *b) {
  const sketch *x = a, *y = b;
  const int order = compare_contents(x, y);
  return order ? order : x->blob < y->blob ? -1 : 1;
}

alb_status alb_tensors_hash_alike(alb_diag *diag, alb_tensors *tensors) {
  const size_t count = tensors->blobs.count;
  size_t n = 0;
  alb_hash128 hash;
  alb_status status = ALB_OK;
  sketch *sketches = calloc(count + 1, sizeof *sketches);
  if (!sketches) return alb_fail_memory(diag, count * sizeof *sketches, "hashes");
  for (uint32_t b = 0; b < count; b++) {
    if (alb_blob_has_content(tensors, &tensors->blobs.items[b])) sketches[n++] = sketch_blob(tensors, b);
  }
  qsort(sketches, n, sizeof *sketches, compare);
  for (size_t i = 0; status == ALB_OK && i < n; i++) {
    const bool before = i > 0 && compare_contents(&sketches[i - 1], &sketches[i]) == 0;
    const bool after = i + 1 < n && compare_contents(&sketches[i], &sketches[i + 1]) == 0;
    if (before || after) status = alb_blob_hash(diag, tensors, sketches[i].blob, &hash);
  }
  free(sketches);
  return status;
}
