/* A GGUF file as a form of output: a BERT that llama.cpp runs. */
#include <stdlib.h>

#include "base/intn.h"
#include "converter/gguf_out.h"
#include "graph/encoder_roles.h"

static const alb_name_pattern patterns[] = {
#define GGUF_NAME(role, pattern) {ALB_ROLE_##role, pattern, false},
#include "converter/gguf_names.def"
#undef GGUF_NAME
};
static const char *const no_prefix[] = {"", NULL};
static const alb_arch gguf_arch = {
    .name = "bert", .prefixes = no_prefix, .patterns = patterns, .pattern_count = sizeof patterns / sizeof *patterns};

/* What goes into the file. */
typedef struct gguf_file {
  alb_model_spec spec;
  alb_hf_layout layout;
  alb_gguf_type *types; /* of the layout's items; in the job's arena */
  uint64_t *offsets;    /* of the items in the data */
  alb_gguf_buffer header;
  bool narrow; /* some quantised matrix has rows that are not blocks: it is stored as f32 */
  bool has[4]; /* some matrix is of that line of block_types */
} gguf_file;

/* What quantised matrices are stored as, those of fewer bits first. file_type: what the file calls itself. */
static const struct block_type {
  alb_dtype dtype;
  alb_gguf_type type;
  uint32_t file_type;
  const char *note;
} block_types[] = {
    {ALB_I4, ALB_GGUF_Q4_0, 2, "int4 matrices are stored as Q4_0, which has the same numbers"},
    {ALB_I5, ALB_GGUF_Q5_0, 8, "int5 matrices are stored as Q5_0, which has the same numbers"},
    {ALB_I6, ALB_GGUF_Q8_0, 7, "int6 matrices are stored as Q8_0, which has the same numbers"},
    {ALB_I8, ALB_GGUF_Q8_0, 7, "int8 weights are stored as Q8_0: a scale for each 32 of a row"},
};
enum { BLOCK_TYPES = sizeof block_types / sizeof block_types[0] };
_Static_assert((int)BLOCK_TYPES == (int)(sizeof(((gguf_file *)0)->has)), "a mark for each");

/* ---- tensors ---- */

static const alb_tensor *tensor_of(const gguf_file *f, const alb_st_item *item) {
  return &f->spec.tensors->tensors.items[item->tensor];
}

/* llama.cpp adds the tables of positions and types as they are, which needs f32. */
static bool is_added(const alb_st_item *item) {
  return strcmp(item->name, "position_embd.weight") == 0 || strcmp(item->name, "token_types.weight") == 0;
}

static alb_gguf_type plain_type(alb_dtype dtype) {
  return dtype == ALB_F16 ? ALB_GGUF_F16 : dtype == ALB_BF16 ? ALB_GGUF_BF16 : ALB_GGUF_F32;
}

static alb_gguf_type choose_type(gguf_file *f, alb_st_item *item) {
  const bool block = item->rank == 2 && item->dims[1] % alb_gguf_type_info(ALB_GGUF_Q8_0)->elements == 0;
  if (item->rank == 1 || is_added(item)) item->dtype = ALB_F32;
  const alb_dtype stored = item->tensor != ALB_ST_NO_TENSOR ? tensor_of(f, item)->dtype : ALB_F32;
  if (!alb_dtype_is_quantised(stored) || item->rank == 1 || is_added(item)) return plain_type(item->dtype);
  f->narrow = f->narrow || !block;
  size_t i = 0;
  while (block_types[i].dtype != stored) i++;
  f->has[i] = true;
  return block ? block_types[i].type : ALB_GGUF_F32;
}

static uint64_t item_bytes(const gguf_file *f, size_t i) {
  const alb_gguf_type_facts *facts = alb_gguf_type_info(f->types[i]);
  const alb_st_item *item = &f->layout.items[i];
  return item->dims[0] * (item->rank == 2 ? item->dims[1] : 1) / facts->elements * facts->bytes;
}

static uint64_t aligned(uint64_t n) {
  return (n + ALB_GGUF_ALIGNMENT - 1) / ALB_GGUF_ALIGNMENT * ALB_GGUF_ALIGNMENT;
}

/* Types, offsets, and what is to be said of them. */
static alb_status place_tensors(alb_diag *diag, const alb_write_job *job, gguf_file *f, alb_written *out) {
  f->types = ALB_NEW_ARRAY(job->arena, alb_gguf_type, f->layout.count);
  f->offsets = ALB_NEW_ARRAY(job->arena, uint64_t, f->layout.count);
  if (!f->types || !f->offsets) return alb_fail_memory(diag, f->layout.count * sizeof *f->offsets, "tensors");
  uint64_t end = 0;
  for (size_t i = 0; i < f->layout.count; i++) {
    f->types[i] = choose_type(f, &f->layout.items[i]);
    f->offsets[i] = aligned(end);
    end = f->offsets[i] + item_bytes(f, i);
    out->blob_bytes += item_bytes(f, i);
    out->parameters += alb_st_bytes(&f->layout.items[i]) / alb_dtype_bytes(f->layout.items[i].dtype);
  }
  out->tensors = out->blobs = f->layout.count;
  return ALB_OK;
}

/* ---- the header ---- */

/* The first line that matrices are of; int8's when they are of none. */
static const struct block_type *main_type(const gguf_file *f) {
  size_t i = 0;
  while (i + 1 < BLOCK_TYPES && !f->has[i]) i++;
  return &block_types[i];
}

static uint32_t file_type(const gguf_file *f) {
  const alb_dtype dtype = f->layout.dtype;
  return f->layout.dequantized ? main_type(f)->file_type : dtype == ALB_F16 ? 1 : dtype == ALB_BF16 ? 32 : 0;
}

/* 0 none, 1 mean, 2 cls, 3 last. */
static alb_status set_pooling(alb_diag *diag, const alb_write_job *job, gguf_file *f, alb_written *out) {
  const bool stated = job->package->embedding && job->package->embedding->stated;
  const alb_pooling pooling = stated ? f->spec.pooling : ALB_POOL_NONE;
  if (pooling == ALB_POOL_MAX) {
    ALB_TRY(alb_write_note(diag, out, "llama.cpp has no pooling by maximum: the file says none"));
  }
  const uint32_t number = pooling == ALB_POOL_MEAN ? 1 : pooling == ALB_POOL_CLS ? 2 : pooling == ALB_POOL_LAST ? 3 : 0;
  alb_gguf_set_u32(&f->header, "bert.pooling_type", number);
  return ALB_OK;
}

static alb_status set_metadata(alb_diag *diag, const alb_write_job *job, gguf_file *f, alb_written *out) {
  const alb_encoder_config *c = &f->spec.config;
  alb_gguf_buffer *b = &f->header;
  alb_gguf_set_text(b, "general.architecture", "bert");
  alb_gguf_set_text(b, "general.type", "model");
  alb_gguf_set_u32(b, "general.file_type", file_type(f));
  if (f->layout.dequantized) alb_gguf_set_u32(b, "general.quantization_version", 2);
  alb_gguf_set_u32(b, "bert.block_count", c->layers);
  alb_gguf_set_u32(b, "bert.context_length", c->max_positions);
  alb_gguf_set_u32(b, "bert.embedding_length", c->hidden);
  alb_gguf_set_u32(b, "bert.feed_forward_length", c->intermediate);
  alb_gguf_set_u32(b, "bert.attention.head_count", c->heads);
  alb_gguf_set_f32(b, "bert.attention.layer_norm_epsilon", c->layer_norm_eps);
  alb_gguf_set_bool(b, "bert.attention.causal", false);
  ALB_TRY(set_pooling(diag, job, f, out));
  return alb_gguf_set_vocab(diag, job, b, out);
}

/* Sizes stand with the fastest first. */
static void put_tensor_info(gguf_file *f, size_t i) {
  const alb_st_item *item = &f->layout.items[i];
  alb_gguf_put_text(&f->header, alb_str_of(item->name));
  alb_gguf_put_u32(&f->header, (uint32_t)item->rank);
  for (size_t d = item->rank; d-- > 0;) alb_gguf_put_u64(&f->header, item->dims[d]);
  alb_gguf_put_u32(&f->header, f->types[i]);
  alb_gguf_put_u64(&f->header, f->offsets[i]);
}

static alb_status make_header(alb_diag *diag, const alb_write_job *job, gguf_file *f, alb_written *out) {
  alb_gguf_put(&f->header, ALB_GGUF_MAGIC, 4);
  alb_gguf_put_u32(&f->header, ALB_GGUF_VERSION);
  alb_gguf_put_u64(&f->header, f->layout.count);
  alb_gguf_put_u64(&f->header, 0); /* number of values, known at the end */
  ALB_TRY(set_metadata(diag, job, f, out));
  for (size_t i = 0; i < f->layout.count; i++) put_tensor_info(f, i);
  static const uint8_t zeros[ALB_GGUF_ALIGNMENT];
  alb_gguf_put(&f->header, zeros, (size_t)(aligned(f->header.bytes.count) - f->header.bytes.count));
  if (f->header.failed) return alb_fail_memory(diag, f->header.bytes.count, "the header");
  alb_store_u64(f->header.bytes.items + 16, f->header.values);
  return ALB_OK;
}

/* ---- what can't be said in this form ---- */

static alb_status check_model(alb_diag *diag, const alb_model_spec *spec) {
  const alb_activation activation = spec->config.activation;
  if (activation == ALB_ACT_GELU || activation == ALB_ACT_GELU_TANH) return ALB_OK;
  return alb_fail(diag, ALB_UNSUPPORTED, "llama.cpp runs BERTs with gelu only, this one has %s",
                  alb_activation_name(activation));
}

static alb_status note_all(alb_diag *diag, const alb_write_job *job, const gguf_file *f, alb_written *out) {
  if (f->layout.repeated) {
    ALB_TRY(alb_write_note(diag, out, "tensors that layers share are stored again for each: GGUF can't share them"));
  }
  if (f->layout.headless) ALB_TRY(alb_write_note(diag, out, "pooler and heads are left out"));
  if (f->spec.normalize) ALB_TRY(alb_write_note(diag, out, "embeddings are normalised by llama.cpp's own option"));
  if (f->spec.config.activation == ALB_ACT_GELU) {
    ALB_TRY(alb_write_note(diag, out, "llama.cpp computes gelu by its approximation with tanh"));
  }
  if (f->narrow) ALB_TRY(alb_write_note(diag, out, "matrices whose rows are not blocks of 32 are stored as f32"));
  if (!f->layout.dequantized) return ALB_OK;
  for (size_t i = 0; i < BLOCK_TYPES; i++) {
    if (f->has[i] && block_types[i].dtype == ALB_I8 && job->loaded->alb)
      ALB_TRY(alb_write_rounds(diag, job, out, "int8 weights are quantised again, in blocks"));
    if (f->has[i]) ALB_TRY(alb_write_note(diag, out, block_types[i].note));
  }
  return ALB_OK;
}

static alb_status prepare(alb_diag *diag, const alb_write_job *job, gguf_file *f, alb_written *out) {
  ALB_TRY(alb_encoder_roles(diag, job->arena, job->package->graph, job->package->config, &f->spec));
  ALB_TRY(check_model(diag, &f->spec));
  ALB_TRY(alb_hf_layout_choose(diag, job->arena, &f->spec, &gguf_arch, &f->layout));
  ALB_TRY(place_tensors(diag, job, f, out));
  ALB_TRY(make_header(diag, job, f, out));
  const size_t last = f->layout.count - 1;
  out->size = f->header.bytes.count + aligned(f->offsets[last] + item_bytes(f, last));
  out->dtype = alb_dtype_name(f->layout.dtype);
  if (f->layout.dequantized) out->dtype = alb_gguf_type_info(main_type(f)->type)->name;
  return note_all(diag, job, f, out);
}

/* ---- writing ---- */

/* The numbers before they were quantised by row, where they are still there. */
static alb_status make_f32(alb_diag *diag, const gguf_file *f, const alb_st_item *item, float *out) {
  const alb_tensors *tensors = f->spec.tensors;
  const alb_blob *blob = &tensors->blobs.items[tensors->tensors.items[item->tensor].blob];
  if (blob->kind == ALB_BLOB_QUANT) return alb_blob_f32(diag, tensors, blob->inputs[0], out);
  alb_st_item plain = *item;
  plain.dtype = ALB_F32;
  return alb_st_make(diag, tensors, &plain, out);
}

static alb_status make_q8(alb_diag *diag, const gguf_file *f, const alb_st_item *item, uint8_t *out) {
  const size_t n = (size_t)(item->dims[0] * item->dims[1]);
  float *values = malloc((n ? n : 1) * sizeof *values);
  const alb_status status =
      values ? make_f32(diag, f, item, values) : alb_fail_memory(diag, n * sizeof *values, "a tensor");
  if (status == ALB_OK) alb_gguf_to_q8_0(values, n, out);
  free(values);
  return status;
}

/* A group of elements as a block: the same bytes in another order, or for Q8_0 a byte each. */
static void put_block(alb_gguf_type type, unsigned bits, const uint8_t *group, uint8_t *out) {
  const size_t low = ALB_INTN_GROUP / 2, high = alb_intn_bytes(bits) - low;
  for (size_t i = 0; type == ALB_GGUF_Q8_0 && i < ALB_INTN_GROUP; i++) out[i] = (uint8_t)alb_intn_at(group, bits, i);
  if (type == ALB_GGUF_Q8_0) return;
  memcpy(out, group + low, high);
  memcpy(out + high, group, low);
}

/* Scales and elements of an int4, int5 or int6 matrix, which stand apart, group by group: a group is a block. */
static alb_status make_blocks(alb_diag *diag, const gguf_file *f, size_t item, uint8_t *out) {
  const alb_tensor *t = tensor_of(f, &f->layout.items[item]);
  const unsigned bits = alb_intn_bits(t->dtype);
  const size_t groups = (size_t)alb_blob_bytes(f->spec.tensors, t->scale_blob) / 2, size = alb_intn_bytes(bits);
  const size_t block = alb_gguf_type_info(f->types[item])->bytes;
  uint8_t *scales = malloc(groups * (2 + size) + 1), *elements = scales + 2 * groups;
  if (!scales) return alb_fail_memory(diag, groups * (2 + size), "a tensor");
  alb_status status = alb_blob_materialize(diag, f->spec.tensors, t->scale_blob, scales);
  if (status == ALB_OK) status = alb_blob_materialize(diag, f->spec.tensors, t->blob, elements);
  for (size_t g = 0; status == ALB_OK && g < groups; g++, out += block) {
    memcpy(out, scales + 2 * g, 2);
    put_block(f->types[item], bits, elements + g * size, out + 2);
  }
  free(scales);
  return status;
}

static alb_status make_item(alb_diag *diag, const gguf_file *f, size_t i, uint8_t *out) {
  const alb_st_item *item = &f->layout.items[i];
  const bool is_block = alb_gguf_type_info(f->types[i])->elements > 1;
  if (is_block && alb_intn_bits(tensor_of(f, item)->dtype)) return make_blocks(diag, f, i, out);
  if (is_block) return make_q8(diag, f, item, out);
  if (f->types[i] == ALB_GGUF_F32 && item->tensor != ALB_ST_NO_TENSOR)
    return make_f32(diag, f, item, (float *)(void *)out);
  return alb_st_make(diag, f->spec.tensors, item, out);
}

/* A tensor and the zeros behind it. */
static alb_status write_item(alb_diag *diag, const gguf_file *f, size_t i, alb_output *out) {
  const size_t size = (size_t)aligned(item_bytes(f, i));
  uint8_t *bytes = calloc(size ? size : 1, 1);
  alb_status status = bytes ? make_item(diag, f, i, bytes) : alb_fail_memory(diag, size, "a tensor");
  if (status == ALB_OK) status = alb_output_write(diag, out, f->header.bytes.count + f->offsets[i], bytes, size);
  free(bytes);
  return status;
}

static alb_status write_all(alb_diag *diag, const gguf_file *f, alb_output *out) {
  ALB_TRY(alb_output_write(diag, out, 0, f->header.bytes.items, f->header.bytes.count));
  for (size_t i = 0; i < f->layout.count; i++) ALB_TRY(write_item(diag, f, i, out));
  return alb_output_commit(diag, out);
}

static alb_status write(alb_diag *diag, const alb_write_job *job, const gguf_file *f) {
  alb_output out = {.fd = -1};
  alb_status status = alb_output_open(diag, job->path, job->options->replace, &out);
  if (status == ALB_OK) status = write_all(diag, f, &out);
  alb_output_abort(&out);
  return status;
}

alb_status alb_write_gguf(alb_diag *diag, const alb_write_job *job, alb_written *out) {
  gguf_file f = {0};
  alb_status status = prepare(diag, job, &f, out);
  if (status == ALB_OK && !job->options->dry_run) status = write(diag, job, &f);
  alb_vec_free(&f.header.bytes);
  return status;
}
