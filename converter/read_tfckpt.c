/* TensorFlow checkpoints ("tensor bundles", V2): NAME.index, a table of what lies where, and the bytes in
 * NAME.data-NNNNN-of-MMMMM. Nothing is copied: tensors borrow the data files, partitioned ones are recipes. */
#include "base/crc32c.h"
#include "converter/reader.h"
#include "converter/tf_names.h"
#include "converter/tf_slices.h"
#include "converter/tf_table.h"
#include "converter/tf_wire.h"

enum { STEP = 4 << 20 };

typedef struct checkpoint {
  alb_diag *diag;
  alb_source *source;
  alb_tf_bundle bundle;
  alb_str prefix; /* of the data files' names */
  size_t *files;  /* by shard: number in source->files + 1, or 0 */
} checkpoint;

alb_probe alb_probe_tfckpt(alb_span file) {
  return alb_tf_table_ends(file) ? ALB_PROBE_YES : ALB_PROBE_NO;
}

/* ---- bytes ---- */

static alb_status open_shard(checkpoint *c, uint32_t shard, alb_span *bytes) {
  if (!c->files[shard]) {
    const char *name = alb_arena_printf(&c->bundle.arena, "%.*s.data-%05u-of-%05u", (int)c->prefix.n, c->prefix.p,
                                        shard, c->bundle.shards);
    size_t file;
    if (!name) return alb_fail_memory(c->diag, c->prefix.n, "a file name");
    ALB_TRY(alb_source_map(c->diag, c->source, name, &file));
    c->files[shard] = file + 1;
  }
  *bytes = c->source->files.items[c->files[shard] - 1].file.bytes;
  return ALB_OK;
}

/* The bytes of an entry, within its shard. */
static alb_status find_bytes(checkpoint *c, const alb_tf_entry *e, alb_span *out) {
  alb_span shard = {0};
  ALB_TRY(open_shard(c, e->shard, &shard));
  if (e->offset > shard.n || e->size > shard.n - e->offset) {
    return alb_fail(c->diag, ALB_TRUNCATED, "tensor \"%.*s\": data lie beyond the end of %.*s.data-%05u-of-%05u",
                    ALB_STR_ARGS(e->key), ALB_STR_ARGS(c->prefix), e->shard, c->bundle.shards);
  }
  *out = (alb_span){shard.p ? shard.p + e->offset : NULL, (size_t)e->size};
  return ALB_OK;
}

static alb_status compare_crc(const checkpoint *c, const alb_tf_entry *e, uint32_t found) {
  if (e->crc == found) return ALB_OK;
  return alb_fail(c->diag, ALB_CHECKSUM, "tensor \"%.*s\": the data have checksum %08x, stored is %08x",
                  ALB_STR_ARGS(e->key), found, e->crc);
}

/* The bytes of a tensor that is not of strings, checked; the pages are given back on the way. */
static alb_status load_bytes(checkpoint *c, const alb_tf_entry *e, alb_span *out) {
  uint32_t crc = 0;
  alb_span rest, piece;
  ALB_TRY(find_bytes(c, e, out));
  rest = *out;
  while (rest.n) {
    (void)alb_span_take(&rest, rest.n < STEP ? rest.n : STEP, &piece);
    crc = alb_crc32c(crc, piece);
    alb_file_release(piece);
  }
  return compare_crc(c, e, alb_crc32c_mask(crc));
}

/* A tensor of one string: its length (varint), the checksum of the length (as u32), the string. The checksum of
 * the tensor is of the length as u32, the stored checksum, and the string. */
static alb_status load_string(checkpoint *c, const alb_tf_entry *e, alb_span *out) {
  alb_span bytes, stored;
  uint64_t length;
  uint8_t lengths[4];
  ALB_TRY(find_bytes(c, e, &bytes));
  const bool whole = alb_tf_wire_varint(&bytes, &length) && alb_span_take(&bytes, 4, &stored) && length == bytes.n;
  if (!whole || length > UINT32_MAX) {
    return alb_fail(c->diag, ALB_MALFORMED, "tensor \"%.*s\": not one string", ALB_STR_ARGS(e->key));
  }
  alb_store_u32(lengths, (uint32_t)length);
  uint32_t crc = alb_crc32c(0, (alb_span){lengths, 4});
  if (alb_load_u32(stored.p) != alb_crc32c_mask(crc)) {
    return alb_fail(c->diag, ALB_CHECKSUM, "tensor \"%.*s\": the checksum of its length is wrong",
                    ALB_STR_ARGS(e->key));
  }
  crc = alb_crc32c(alb_crc32c(crc, stored), bytes);
  *out = bytes;
  return compare_crc(c, e, alb_crc32c_mask(crc));
}

static alb_status load_graph(checkpoint *c, alb_span *graph) {
  enum { TYPE_STRING = 7 };
  const alb_tf_entry *e = alb_tf_bundle_find(&c->bundle, ALB_STR(ALB_TF_GRAPH_KEY));
  *graph = (alb_span){0};
  return e && e->type == TYPE_STRING ? load_string(c, e, graph) : ALB_OK;
}

/* ---- tensors ---- */

static alb_status add_part(checkpoint *c, const alb_tf_entry *part, uint32_t *blob) {
  uint64_t elements;
  alb_span bytes;
  ALB_TRY(alb_shape_elements(c->diag, part->rank, part->dims, &elements));
  ALB_TRY(load_bytes(c, part, &bytes));
  return alb_tensors_blob(c->diag, &c->source->tensors, part->dtype, elements, bytes, blob);
}

static alb_status transpose(checkpoint *c, uint32_t input, uint64_t rows, uint64_t columns, uint32_t *blob) {
  const alb_blob recipe = {.kind = ALB_BLOB_TRANSPOSE,
                           .dtype = c->source->tensors.blobs.items[input].dtype,
                           .elements = rows * columns,
                           .rows = rows,
                           .columns = columns,
                           .inputs = &input,
                           .input_count = 1};
  return alb_tensors_new_recipe(c->diag, &c->source->tensors, &recipe, blob);
}

/* Parts of rows follow each other; parts of columns do so once they are transposed. */
static alb_status join_parts(checkpoint *c, const alb_tf_entry *e, const alb_tf_part *parts, size_t axis,
                             uint32_t *blob) {
  alb_blob recipe = {.kind = ALB_BLOB_CONCAT, .dtype = e->dtype};
  uint32_t *inputs = ALB_NEW_ARRAY(&c->bundle.arena, uint32_t, e->slice_count);
  if (!inputs) return alb_fail_memory(c->diag, e->slice_count * sizeof *inputs, "slices");
  for (size_t s = 0; s < e->slice_count; s++) {
    ALB_TRY(add_part(c, parts[s].entry, &inputs[s]));
    if (axis == 1) ALB_TRY(transpose(c, inputs[s], e->dims[0], parts[s].length, &inputs[s]));
  }
  recipe.inputs = inputs;
  recipe.input_count = e->slice_count;
  ALB_TRY(alb_shape_elements(c->diag, e->rank, e->dims, &recipe.elements));
  ALB_TRY(alb_tensors_new_recipe(c->diag, &c->source->tensors, &recipe, blob));
  return axis == 1 ? transpose(c, *blob, e->dims[1], e->dims[0], blob) : ALB_OK;
}

static alb_status add_partitioned(checkpoint *c, const alb_tf_entry *e, alb_str name) {
  alb_tf_part *parts;
  size_t axis;
  uint32_t blob, id;
  if (alb_tensors_find(&c->source->tensors, name) != UINT32_MAX) {
    return alb_fail(c->diag, ALB_DUPLICATE, "tensor \"%.*s\" stands twice", ALB_STR_ARGS(name));
  }
  ALB_TRY(alb_tf_parts(c->diag, &c->bundle, e, &c->bundle.arena, &parts, &axis));
  if (e->slice_count == 1) {
    ALB_TRY(add_part(c, parts[0].entry, &blob));
  } else {
    ALB_TRY(join_parts(c, e, parts, axis, &blob));
  }
  return alb_tensors_view(c->diag, &c->source->tensors, name, e->rank, e->dims, blob, &id);
}

static alb_status add_tensor(checkpoint *c, const alb_tf_entry *e, alb_str name) {
  alb_span bytes;
  uint32_t id;
  if (e->slice_count) return add_partitioned(c, e, name);
  ALB_TRY(load_bytes(c, e, &bytes));
  return alb_tensors_add(c->diag, &c->source->tensors, name, e->dtype, e->rank, e->dims, bytes, &id);
}

static alb_status add_tensors(checkpoint *c) {
  alb_span graph;
  alb_str *names;
  ALB_TRY(load_graph(c, &graph));
  ALB_TRY(alb_tf_names(c->diag, &c->bundle, graph, &names));
  for (size_t i = 0; i < c->bundle.entries.count; i++) {
    if (names[i].n) ALB_TRY(add_tensor(c, &c->bundle.entries.items[i], names[i]));
  }
  for (size_t s = 0; s < c->bundle.shards; s++) {
    if (c->files[s]) alb_source_hash(c->source, c->files[s] - 1);
  }
  return ALB_OK;
}

static alb_status read_checkpoint(checkpoint *c, const alb_file *file) {
  const char *name = alb_source_name(c->source, file->bytes);
  ALB_TRY(alb_tf_bundle_read(c->diag, file->bytes, &c->bundle));
  c->prefix = name ? alb_str_of(name) : ALB_STR("");
  if (!alb_str_ends(c->prefix, ALB_STR(".index"))) {
    return alb_fail(c->diag, ALB_MALFORMED, "its name must be NAME.index, the data are in NAME.data-...");
  }
  c->prefix.n -= strlen(".index");
  c->files = ALB_NEW_ARRAY(&c->bundle.arena, size_t, c->bundle.shards);
  if (!c->files) return alb_fail_memory(c->diag, c->bundle.shards * sizeof *c->files, "shards");
  return add_tensors(c);
}

alb_status alb_read_tfckpt(alb_diag *diag, alb_source *source, const alb_file *file) {
  checkpoint c = {.diag = diag, .source = source};
  source->tensorflow = true;
  const alb_status status = read_checkpoint(&c, file);
  if (status != ALB_OK && status != ALB_IO) alb_diag_prefix(diag, "TensorFlow checkpoint");
  alb_tf_bundle_free(&c.bundle);
  return status;
}
