/* The manifest's verifier: configuration, tensors, sets and the small messages. */
#include "format/validate.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "base/checked.h"
#include "base/dtype.h"
#include "base/half.h"
#include "base/intn.h"
#include "base/strmap.h"
#include "base/vocabulary.h"
#include "format/layout.h"

alb_status alb_validate_unknown(alb_diag *diag, const alb_validation *v, const char *what, uint32_t value) {
  const bool newer = v->minor > ALB_FORMAT_MINOR;
  return alb_fail(diag, newer ? ALB_VERSION : ALB_MALFORMED, "manifest: unknown %s %" PRIu32 "%s", what, value,
                  newer ? "; the file was written by a newer version" : "");
}

alb_status alb_validate_name(alb_diag *diag, const char *what, size_t index, const char *name) {
  const size_t n = strlen(name);
  if (n > 0 && n <= ALB_MAX_NAME_BYTES) return ALB_OK;
  return ALB_BAD(diag, "%s %zu: name of %zu bytes, allowed are 1 to %d", what, index, n, ALB_MAX_NAME_BYTES);
}

/* ---- config ---- */

static const struct config_range {
  const char *name;
  size_t offset;
  uint32_t low, high;
} config_ranges[] = {
    {"layers", offsetof(Alb__Config, layers), 1, ALB_MAX_LAYERS},
    {"hidden", offsetof(Alb__Config, hidden), 1, ALB_MAX_WIDTH},
    {"embedding", offsetof(Alb__Config, embedding), 1, ALB_MAX_WIDTH},
    {"heads", offsetof(Alb__Config, heads), 1, ALB_MAX_WIDTH},
    {"intermediate", offsetof(Alb__Config, intermediate), 1, ALB_MAX_WIDTH},
    {"vocab", offsetof(Alb__Config, vocab), 1, ALB_MAX_TOKENS},
    {"max_positions", offsetof(Alb__Config, max_positions), 1, ALB_MAX_POSITIONS},
    {"type_vocab", offsetof(Alb__Config, type_vocab), 1, ALB_MAX_POSITIONS},
};

/* How logits become scores; "" leaves it open. */
static alb_status check_score(alb_diag *diag, const alb_validation *v, const char *field, const char *score) {
  static const char *const known[] = {"", "softmax", "sigmoid", "none"};
  for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
    if (strcmp(score, known[i]) == 0) return ALB_OK;
  }
  const bool newer = v->minor > ALB_FORMAT_MINOR;
  return alb_fail(diag, newer ? ALB_VERSION : ALB_MALFORMED, "manifest: config: %s \"%.128s\"%s", field, score,
                  newer ? "; the file was written by a newer version" : "");
}

static alb_status check_config(alb_diag *diag, const Alb__Config *config) {
  if (!config) return alb_fail(diag, ALB_MISSING, "manifest: config is missing");
  for (size_t i = 0; i < sizeof config_ranges / sizeof config_ranges[0]; i++) {
    const struct config_range *range = &config_ranges[i];
    uint32_t value;
    memcpy(&value, (const uint8_t *)config + range->offset, sizeof value);
    if (value < range->low || value > range->high) {
      return ALB_BAD(diag, "config: %s is %" PRIu32 ", allowed are %" PRIu32 " to %" PRIu32, range->name, value,
                     range->low, range->high);
    }
  }
  if (config->hidden % config->heads) {
    return ALB_BAD(diag, "config: %" PRIu32 " heads do not divide hidden %" PRIu32, config->heads, config->hidden);
  }
  if (config->position_offset >= config->max_positions) {
    return ALB_BAD(diag, "config: position_offset %" PRIu32 " of %" PRIu32, config->position_offset,
                   config->max_positions);
  }
  if (config->pad_id >= config->vocab)
    return ALB_BAD(diag, "config: pad_id %" PRIu32 " is not a token", config->pad_id);
  if (!(config->layer_norm_eps > 0 && config->layer_norm_eps < 1)) {
    return ALB_BAD(diag, "config: layer_norm_eps is %g", (double)config->layer_norm_eps);
  }
  const alb_activation activation = alb_activation_by_name(alb_str_of(config->activation));
  if (activation == ALB_ACT_NONE || activation == ALB_ACT_COUNT) {
    return ALB_BAD(diag, "config: activation \"%.128s\"", config->activation);
  }
  return alb_validate_name(diag, "config: architecture", 0, config->architecture);
}

/* ---- tensors ---- */

/* What was found out about a blob, so that a blob with many tensors is looked at once. */
enum { BLOB_USED = 1, BLOB_SCALES_OK = 2, BLOB_INT8_OK = 4, BLOB_GROUP_SCALES_OK = 8, BLOB_LEFT = 16 };

typedef struct blob_mark {
  unsigned found;
  uint64_t columns; /* of the tensors of int4, int5 or int6 that were looked at; 0: none */
  alb_dtype dtype;  /* and their type */
} blob_mark;

static alb_status check_scales(alb_diag *diag, const Alb__Tensor *tensor, alb_span bytes) {
  for (size_t i = 0; i < bytes.n / 4; i++) {
    const float scale = alb_f32_of_bits(alb_load_u32(bytes.p + 4 * i));
    if (!(scale > 0 && scale < INFINITY)) {
      return ALB_BAD(diag, "tensor \"%.128s\": scale of row %zu is %g", tensor->name, i, (double)scale);
    }
  }
  return ALB_OK;
}

/* The bytes from `at` to the end of its chunk, or of the blob. */
static size_t rest_of_chunk(size_t at, size_t end) {
  const size_t rest = ALB_CHUNK_BYTES - (at - ALB_PREFIX_BYTES) % ALB_CHUNK_BYTES;
  return rest < end - at ? rest : end - at;
}

/* Is there a byte 0x80? Of a blob in the file only the chunks are read that hold one. */
static bool holds_0x80(const alb_validation *v, alb_span bytes) {
  const size_t begin = (size_t)((uintptr_t)bytes.p - (uintptr_t)v->file.p);
  if (!v->seen || begin >= v->file.n) return bytes.n && memchr(bytes.p, 0x80, bytes.n);
  for (size_t at = begin, n; at < begin + bytes.n; at += n) {
    n = rest_of_chunk(at, begin + bytes.n);
    if (v->seen[(at - ALB_PREFIX_BYTES) / ALB_CHUNK_BYTES] && memchr(v->file.p + at, 0x80, n)) return true;
  }
  return false;
}

/* int8 is symmetric: -128 has no positive twin, and kernels rely on that. */
static alb_status check_int8(alb_diag *diag, const alb_validation *v, const Alb__Tensor *tensor, alb_span bytes) {
  return holds_0x80(v, bytes) ? ALB_BAD(diag, "tensor \"%.128s\": int8 element -128", tensor->name) : ALB_OK;
}

/* Scales of groups are finite and not 0; the sign is free. */
static alb_status check_group_scales(alb_diag *diag, const Alb__Tensor *tensor, alb_span bytes) {
  for (size_t i = 0; i < bytes.n / 2; i++) {
    const uint16_t magnitude = alb_load_u16(bytes.p + 2 * i) & 0x7fff;
    if (magnitude == 0 || magnitude >= 0x7c00) {
      return ALB_BAD(diag, "tensor \"%.128s\": scale of group %zu is %g", tensor->name, i,
                     (double)alb_f16_to_f32(alb_load_u16(bytes.p + 2 * i)));
    }
  }
  return ALB_OK;
}

/* What fills the last group of a row is 0. */
static alb_status check_filling(alb_diag *diag, const Alb__Tensor *tensor, alb_span bytes) {
  const unsigned bits = alb_intn_bits((alb_dtype)tensor->dtype);
  const size_t used = (size_t)(tensor->dims[1] % ALB_INTN_GROUP), group = alb_intn_bytes(bits);
  const size_t row = (size_t)alb_intn_groups(tensor->dims[1]) * group;
  for (size_t end = row; used && end <= bytes.n; end += row) {
    for (size_t i = used; i < ALB_INTN_GROUP; i++) {
      if (alb_intn_at(bytes.p + end - group, bits, i) == 0) continue;
      return ALB_BAD(diag, "tensor \"%.128s\": an element behind the end of row %zu is not 0", tensor->name,
                     end / row - 1);
    }
  }
  return ALB_OK;
}

/* The blob of a quantised tensor's scales, of that number and width, looked at once. */
static alb_status check_scale_blob(alb_diag *diag, const alb_validation *v, const Alb__Tensor *tensor,
                                   blob_mark *marks) {
  const bool grouped = tensor->dtype != ALB_I8;
  const uint32_t width = grouped ? 2 : 4, mark = grouped ? BLOB_GROUP_SCALES_OK : BLOB_SCALES_OK;
  if (tensor->scale_blob == 0 || tensor->scale_blob > v->blob_count) {
    return ALB_BAD(diag, "tensor \"%.128s\": scale_blob %" PRIu32, tensor->name, tensor->scale_blob);
  }
  const uint32_t id = tensor->scale_blob - 1;
  const alb_stored_blob *scales = &v->blobs[id];
  const uint64_t a_row = grouped ? alb_intn_groups(tensor->dims[1]) : 1, rows = tensor->dims[0];
  if (scales->width != width || scales->bytes.n / width / a_row != rows || scales->bytes.n / width % a_row) {
    return ALB_BAD(diag, "tensor \"%.128s\": %zu bytes of scales for %" PRIu64 " rows", tensor->name, scales->bytes.n,
                   rows);
  }
  if (!(marks[id].found & mark)) ALB_TRY((grouped ? check_group_scales : check_scales)(diag, tensor, scales->bytes));
  marks[id].found |= BLOB_USED | mark;
  return ALB_OK;
}

static alb_status check_quantised(alb_diag *diag, const alb_validation *v, const Alb__Tensor *tensor,
                                  blob_mark *marks) {
  const alb_dtype dtype = (alb_dtype)tensor->dtype;
  const bool int8 = dtype == ALB_I8, grouped = alb_intn_bits(dtype) != 0;
  if (!int8 && !grouped) {
    return tensor->scale_blob ? ALB_BAD(diag, "tensor \"%.128s\": scales of %s", tensor->name, alb_dtype_name(dtype))
                              : ALB_OK;
  }
  ALB_TRY(check_scale_blob(diag, v, tensor, marks));
  const alb_span bytes = v->blobs[tensor->blob].bytes;
  blob_mark *mark = &marks[tensor->blob];
  if (grouped && mark->columns && (mark->columns != tensor->dims[1] || mark->dtype != dtype)) {
    return ALB_BAD(diag, "tensor \"%.128s\": %s blob %" PRIu32 " has other rows elsewhere", tensor->name,
                   alb_dtype_name(dtype), tensor->blob);
  }
  if (v->deep && grouped && !mark->columns) ALB_TRY(check_filling(diag, tensor, bytes));
  if (v->deep && int8 && !(mark->found & BLOB_INT8_OK)) ALB_TRY(check_int8(diag, v, tensor, bytes));
  if (grouped) mark->columns = tensor->dims[1], mark->dtype = dtype;
  if (int8) mark->found |= BLOB_INT8_OK;
  return ALB_OK;
}

static alb_status size_overflows(alb_diag *diag, const Alb__Tensor *tensor) {
  return alb_fail(diag, ALB_OVERFLOW, "manifest: tensor \"%.128s\": size overflows", tensor->name);
}

/* Bytes of a tensor; every dimension and every partial product is checked. */
static alb_status tensor_bytes(alb_diag *diag, const Alb__Tensor *tensor, size_t element, size_t *bytes) {
  if (tensor->n_dims > ALB_MAX_TENSOR_RANK) {
    return alb_fail(diag, ALB_LIMIT, "manifest: tensor \"%.128s\": rank %zu, at most %d", tensor->name, tensor->n_dims,
                    ALB_MAX_TENSOR_RANK);
  }
  *bytes = element;
  for (size_t i = 0; i < tensor->n_dims; i++) {
    const uint64_t dim = tensor->dims[i];
    if (dim == 0 || dim > ALB_MAX_DIM_SIZE) {
      return ALB_BAD(diag, "tensor \"%.128s\": dimension %zu is %" PRIu64, tensor->name, i, dim);
    }
    if (dim > SIZE_MAX || !alb_mul_ok(*bytes, (size_t)dim, bytes)) return size_overflows(diag, tensor);
  }
  const size_t group = alb_intn_bytes(alb_intn_bits((alb_dtype)tensor->dtype));
  if (!group) return ALB_OK;
  const size_t row = (size_t)alb_intn_groups(tensor->dims[1]) * group;
  return alb_mul_ok((size_t)tensor->dims[0], row, bytes) ? ALB_OK : size_overflows(diag, tensor);
}

/* The blob of a factor: `n` times the tensor's rank, which is the left one's to say. */
static alb_status check_factor(alb_diag *diag, const alb_validation *v, const Alb__Tensor *tensor, uint32_t id,
                               uint64_t n, uint64_t rank) {
  const alb_stored_blob *blob = &v->blobs[id - 1];
  uint64_t bytes;
  if (blob->width != 2 && blob->width != 4) {
    return ALB_BAD(diag, "tensor \"%.128s\": factor of width %" PRIu32, tensor->name, blob->width);
  }
  if (!__builtin_mul_overflow(n, rank * blob->width, &bytes) && blob->bytes.n == bytes) return ALB_OK;
  return ALB_BAD(diag, "tensor \"%.128s\": factor of %zu bytes, not %" PRIu64 " times the rank %" PRIu64, tensor->name,
                 blob->bytes.n, n, rank);
}

static alb_status check_rank(alb_diag *diag, const alb_validation *v, const Alb__Tensor *tensor) {
  const alb_stored_blob *left = &v->blobs[tensor->left_blob - 1], *right = &v->blobs[tensor->right_blob - 1];
  const uint64_t rows = tensor->dims[0], columns = tensor->dims[1], least = rows < columns ? rows : columns;
  const uint64_t rank = left->bytes.n / left->width / rows;
  if (rank < 1 || rank > least) {
    return ALB_BAD(diag, "tensor \"%.128s\": factors of rank %" PRIu64 ", allowed are 1 to %" PRIu64, tensor->name,
                   rank, least);
  }
  if (left->width != right->width) return ALB_BAD(diag, "tensor \"%.128s\": factors of two widths", tensor->name);
  ALB_TRY(check_factor(diag, v, tensor, tensor->left_blob, rows, rank));
  return check_factor(diag, v, tensor, tensor->right_blob, columns, rank);
}

/* Adds the memory that the tensor takes when its factors are added to its base. */
static alb_status count_sum(alb_diag *diag, const alb_validation *v, const Alb__Tensor *tensor, uint64_t *sums) {
  uint64_t bytes; /* the base lies in memory: rows x columns is no overflow, or it is int4 to int6 */
  if (!__builtin_mul_overflow(tensor->dims[0] * tensor->dims[1], sizeof(float), &bytes) &&
      !__builtin_add_overflow(*sums, bytes, sums) && *sums <= ALB_MAX_SUMS(v->file.n)) {
    return ALB_OK;
  }
  return alb_fail(diag, ALB_LIMIT,
                  "manifest: tensor \"%.128s\": matrices with factors of more than 1032 times the file", tensor->name);
}

static alb_status check_factors(alb_diag *diag, const alb_validation *v, const Alb__Tensor *tensor, blob_mark *marks,
                                uint64_t *sums) {
  const uint32_t left = tensor->left_blob, right = tensor->right_blob;
  if (!left && !right) return ALB_OK;
  if (!left || !right || left > v->blob_count || right > v->blob_count) {
    return ALB_BAD(diag, "tensor \"%.128s\": left_blob %" PRIu32 ", right_blob %" PRIu32, tensor->name, left, right);
  }
  if (tensor->n_dims != 2)
    return ALB_BAD(diag, "tensor \"%.128s\": factors of a tensor of rank %zu", tensor->name, tensor->n_dims);
  if (marks[left - 1].found & BLOB_LEFT) {
    return ALB_BAD(diag, "tensor \"%.128s\": left_blob %" PRIu32 " is another tensor's", tensor->name, left);
  }
  marks[left - 1].found |= BLOB_USED | BLOB_LEFT;
  marks[right - 1].found |= BLOB_USED;
  ALB_TRY(check_rank(diag, v, tensor));
  return count_sum(diag, v, tensor, sums);
}

static alb_status check_tensor(alb_diag *diag, const alb_validation *v, const Alb__Tensor *tensor, blob_mark *marks) {
  const alb_dtype type = (alb_dtype)tensor->dtype;
  size_t bytes = 0;
  const bool quantised = alb_dtype_is_quantised(type);
  if (type != ALB_F32 && type != ALB_F16 && type != ALB_BF16 && !quantised) {
    return alb_validate_unknown(diag, v, "tensor dtype", tensor->dtype);
  }
  if (quantised && tensor->n_dims != 2) {
    return ALB_BAD(diag, "tensor \"%.128s\": %s of rank %zu", tensor->name, alb_dtype_name(type), tensor->n_dims);
  }
  if (tensor->blob >= v->blob_count) {
    return ALB_BAD(diag, "tensor \"%.128s\": blob %" PRIu32 " of %zu", tensor->name, tensor->blob, v->blob_count);
  }
  const alb_stored_blob *blob = &v->blobs[tensor->blob];
  ALB_TRY(tensor_bytes(diag, tensor, alb_dtype_bytes(type), &bytes));
  if (blob->width != alb_dtype_bytes(type) || blob->bytes.n != bytes) {
    return ALB_BAD(diag, "tensor \"%.128s\": %zu bytes of %s, but blob %" PRIu32 " has %zu bytes of width %" PRIu32,
                   tensor->name, bytes, alb_dtype_name(type), tensor->blob, blob->bytes.n, blob->width);
  }
  marks[tensor->blob].found |= BLOB_USED;
  return check_quantised(diag, v, tensor, marks);
}

static alb_status check_tensor_names(alb_diag *diag, const alb_validation *v, alb_strmap *names) {
  for (size_t i = 0; i < v->manifest->n_tensors; i++) {
    const char *name = v->manifest->tensors[i]->name;
    size_t index;
    bool inserted;
    ALB_TRY(alb_validate_name(diag, "tensor", i, name));
    if (!alb_strmap_add(names, alb_str_of(name), &index, &inserted)) return alb_fail_memory(diag, 0, "names");
    if (!inserted) return alb_fail(diag, ALB_DUPLICATE, "manifest: two tensors \"%.128s\"", name);
  }
  return ALB_OK;
}

static alb_status check_tensors(alb_diag *diag, const alb_validation *v, blob_mark *marks) {
  const Alb__Manifest *m = v->manifest;
  if (m->n_tensors > ALB_MAX_TENSORS) return alb_fail(diag, ALB_LIMIT, "manifest: %zu tensors", m->n_tensors);
  alb_strmap names = {0};
  alb_status status = check_tensor_names(diag, v, &names);
  alb_strmap_free(&names);
  uint64_t sums = 0;
  for (size_t i = 0; status == ALB_OK && i < m->n_tensors; i++) {
    status = check_tensor(diag, v, m->tensors[i], marks);
    if (status == ALB_OK) status = check_factors(diag, v, m->tensors[i], marks, &sums);
  }
  for (size_t i = 0; status == ALB_OK && i < v->blob_count; i++) {
    if (!(marks[i].found & BLOB_USED)) status = ALB_BAD(diag, "blob %zu is no tensor's", i);
  }
  return status;
}

static alb_status check_sets(alb_diag *diag, const Alb__Manifest *m) {
  if (m->n_sets > ALB_MAX_SETS) return alb_fail(diag, ALB_LIMIT, "manifest: %zu parameter sets", m->n_sets);
  for (size_t i = 0; i < m->n_sets; i++) {
    ALB_TRY(alb_validate_name(diag, "parameter set", i, m->sets[i]->name));
    for (size_t k = 0; k < m->sets[i]->n_tensors; k++) {
      if (m->sets[i]->tensors[k] < m->n_tensors) continue;
      return ALB_BAD(diag, "parameter set %zu: tensor %" PRIu32 " of %zu", i, m->sets[i]->tensors[k], m->n_tensors);
    }
  }
  return ALB_OK;
}

/* ---- the small messages ---- */

static alb_status check_embedding(alb_diag *diag, const Alb__Embedding *embedding) {
  if (!embedding) return ALB_OK;
  const alb_pooling pooling = alb_pooling_by_name(alb_str_of(embedding->pooling));
  if (pooling == ALB_POOL_NONE || pooling == ALB_POOL_COUNT) {
    return ALB_BAD(diag, "embedding: pooling \"%.128s\"", embedding->pooling);
  }
  bool found = !*embedding->default_prompt;
  for (size_t i = 0; i < embedding->n_prompts; i++) {
    ALB_TRY(alb_validate_name(diag, "prompt", i, embedding->prompts[i]->name));
    found = found || strcmp(embedding->prompts[i]->name, embedding->default_prompt) == 0;
  }
  return found ? ALB_OK : ALB_BAD(diag, "embedding: no prompt \"%.128s\"", embedding->default_prompt);
}

static alb_status check_provenance(alb_diag *diag, const Alb__Provenance *provenance) {
  for (size_t i = 0; provenance && i < provenance->n_files; i++) {
    const Alb__SourceFile *file = provenance->files[i];
    if (file->xxh128.len != 16) return ALB_BAD(diag, "source file %zu: hash of %zu bytes", i, file->xxh128.len);
  }
  return ALB_OK;
}

static alb_status check_ids(alb_diag *diag, size_t golden, const char *what, const uint32_t *ids, size_t count,
                            uint32_t end) {
  for (size_t i = 0; i < count; i++) {
    if (ids[i] >= end)
      return ALB_BAD(diag, "golden %zu: %s %zu is %" PRIu32 ", not below %" PRIu32, golden, what, i, ids[i], end);
  }
  return ALB_OK;
}

static const Alb__Function *find_function(const Alb__Manifest *m, const char *name) {
  for (size_t i = 0; i < m->n_functions; i++) {
    if (strcmp(m->functions[i]->name, name) == 0) return m->functions[i];
  }
  return NULL;
}

/* Rows are places in the input, in their order. */
static alb_status check_golden_rows(alb_diag *diag, size_t golden, const Alb__GoldenOutput *output, size_t tokens) {
  for (size_t i = 0; i < output->n_rows; i++) {
    if (output->rows[i] < tokens && (i == 0 || output->rows[i] > output->rows[i - 1])) continue;
    return ALB_BAD(diag, "golden %zu: row %zu is token %" PRIu32, golden, i, output->rows[i]);
  }
  if (output->n_rows && (output->n_dims == 0 || output->dims[0] != output->n_rows)) {
    return ALB_BAD(diag, "golden %zu: %zu rows of \"%.128s\"", golden, output->n_rows, output->function);
  }
  return ALB_OK;
}

static alb_status check_golden_output(alb_diag *diag, const Alb__Manifest *m, size_t golden,
                                      const Alb__GoldenOutput *output) {
  const Alb__Function *function = find_function(m, output->function);
  size_t bytes = 4;
  if (!function || function->n_parameters) {
    return ALB_BAD(diag, "golden %zu: no function \"%.128s\" without parameters", golden, output->function);
  }
  if (output->n_dims > ALB_MAX_TENSOR_RANK) return ALB_BAD(diag, "golden %zu: rank %zu", golden, output->n_dims);
  for (size_t i = 0; i < output->n_dims; i++) {
    const uint64_t dim = output->dims[i];
    if (dim == 0 || dim > ALB_MAX_MANIFEST_BYTES || !alb_mul_ok(bytes, (size_t)dim, &bytes)) {
      return ALB_BAD(diag, "golden %zu: dimension %zu is %" PRIu64, golden, i, dim);
    }
  }
  if (bytes != output->values.len)
    return ALB_BAD(diag, "golden %zu: %zu bytes of values, not %zu", golden, output->values.len, bytes);
  for (size_t i = 0; i < bytes / 4; i++) {
    if (isfinite(alb_f32_of_bits(alb_load_u32(output->values.data + 4 * i)))) continue;
    return alb_fail(diag, ALB_NONFINITE, "manifest: golden %zu: value %zu of \"%.128s\"", golden, i, output->function);
  }
  return ALB_OK;
}

static alb_status check_golden(alb_diag *diag, const Alb__Manifest *m, size_t i) {
  const Alb__Golden *golden = m->golden[i];
  if (golden->n_ids == 0 || golden->n_ids > m->config->max_positions - m->config->position_offset) {
    return ALB_BAD(diag, "golden %zu: %zu ids", i, golden->n_ids);
  }
  if (golden->n_type_ids != golden->n_ids)
    return ALB_BAD(diag, "golden %zu: %zu type ids for %zu ids", i, golden->n_type_ids, golden->n_ids);
  ALB_TRY(check_ids(diag, i, "id", golden->ids, golden->n_ids, m->config->vocab));
  ALB_TRY(check_ids(diag, i, "type id", golden->type_ids, golden->n_type_ids, m->config->type_vocab));
  for (size_t k = 0; k < golden->n_outputs; k++) {
    ALB_TRY(check_golden_output(diag, m, i, golden->outputs[k]));
    ALB_TRY(check_golden_rows(diag, i, golden->outputs[k], golden->n_ids));
  }
  return ALB_OK;
}

static alb_status check_vocab(alb_diag *diag, const alb_validation *v) {
  const Alb__Manifest *m = v->manifest;
  if (!m->tokenizer != !v->token_count) {
    return ALB_BAD(diag, "%s",
                   m->tokenizer ? "tokenizer without a vocabulary section" : "vocabulary section without a tokenizer");
  }
  if (v->token_count > m->config->vocab) {
    return ALB_BAD(diag, "vocabulary section has %zu tokens, the model %" PRIu32, v->token_count, m->config->vocab);
  }
  return ALB_OK;
}

alb_status alb_validate_manifest(alb_diag *diag, const alb_validation *v) {
  const Alb__Manifest *m = v->manifest;
  ALB_TRY(check_config(diag, m->config));
  ALB_TRY(check_score(diag, v, "class_score", m->config->class_score));
  ALB_TRY(check_score(diag, v, "rank_score", m->config->rank_score));
  blob_mark *marks = calloc(v->blob_count + 1, sizeof *marks);
  if (!marks) return alb_fail_memory(diag, v->blob_count, "the blob table");
  const alb_status status = check_tensors(diag, v, marks);
  free(marks);
  ALB_TRY(status);
  ALB_TRY(check_sets(diag, m));
  ALB_TRY(alb_validate_graph(diag, v));
  ALB_TRY(check_vocab(diag, v));
  if (m->n_labels > ALB_MAX_LABELS) return alb_fail(diag, ALB_LIMIT, "manifest: %zu labels", m->n_labels);
  ALB_TRY(check_embedding(diag, m->embedding));
  ALB_TRY(check_provenance(diag, m->provenance));
  for (size_t i = 0; i < m->n_golden; i++) ALB_TRY(check_golden(diag, m, i));
  return ALB_OK;
}
