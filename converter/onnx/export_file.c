/* From an export to files. Sizes are known before anything is written: weights are made one at a time
 * and go straight to their file. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/output.h"
#include "base/utf8.h"
#include "converter/onnx/export_wire.h"

/* Data beside the model is aligned, so that it can be mapped; small weights stay inside. */
enum { DATA_ALIGN = 4096, DATA_LEAST = 1024 };
#define PROTOBUF_LIMIT (((uint64_t)1 << 31) - 1)

static uint64_t initializer_bytes(const alb_export *model, const alb_initializer *item) {
  return alb_blob_bytes(model->package->graph->tensors, item->blob);
}

/* How the file is cut: what stands before, between and behind the weights. */
typedef struct layout {
  alb_export *model;
  alb_proto head, tail; /* of the model; head ends where the first initializer begins */
  alb_proto item;       /* scratch: an initializer without its bytes */
  char *location;       /* NULL: everything is in one file */
  uint64_t data;        /* bytes of the file beside */
} layout;

static bool goes_out(const layout *l, const alb_initializer *item) {
  return l->location && initializer_bytes(l->model, item) >= DATA_LEAST;
}

/* An initializer's fields up to its bytes; *inside: how many bytes follow in this file. `offset` is its place in
 * the file beside. */
static void put_initializer(layout *l, const alb_initializer *item, uint64_t offset, uint64_t *inside) {
  const uint64_t bytes = initializer_bytes(l->model, item);
  const bool out = goes_out(l, item);
  *inside = out ? 0 : bytes;
  l->item.bytes.count = 0;
  alb_export_wire_initializer(item, bytes, out ? l->location : NULL, offset, &l->item);
}

static uint64_t next_offset(uint64_t end) {
  return (end + DATA_ALIGN - 1) / DATA_ALIGN * DATA_ALIGN;
}

/* ---- the layout ---- */

static uint64_t weights_size(layout *l) {
  uint64_t size = 0, inside;
  l->data = 0;
  for (size_t i = 0; i < l->model->initializers.count; i++) {
    const alb_initializer *item = &l->model->initializers.items[i];
    const uint64_t offset = next_offset(l->data);
    put_initializer(l, item, offset, &inside);
    size += l->item.bytes.count + inside;
    if (goes_out(l, item)) l->data = offset + initializer_bytes(l->model, item);
  }
  return size;
}

/* Builds head and tail for where the weights are; *file is the model's size. */
static void lay_out(layout *l, uint64_t *file) {
  alb_export *m = l->model;
  alb_proto nodes = {0}, ports = {0};
  l->head.bytes.count = l->tail.bytes.count = 0;
  alb_export_wire_nodes(m, &nodes);
  alb_export_wire_ports(m, &ports);
  const uint64_t weights = weights_size(l);
  alb_export_wire_head(m, nodes.bytes.count + weights + ports.bytes.count, &l->head);
  alb_proto_append(&l->head, nodes.bytes.items, nodes.bytes.count);
  alb_proto_append(&l->tail, ports.bytes.items, ports.bytes.count);
  alb_export_wire_tail(m, &l->tail);
  m->failed |= nodes.failed || ports.failed || l->head.failed || l->tail.failed || l->item.failed;
  *file = l->head.bytes.count + weights + l->tail.bytes.count;
  alb_proto_free(&nodes);
  alb_proto_free(&ports);
}

static const char *base_name(const char *path) {
  const char *slash = strrchr(path, '/');
  return slash ? slash + 1 : path;
}

/* Above the limit the weights go beside the model. */
static alb_status open_layout(alb_export *model, const char *path, layout *l, uint64_t *file) {
  const uint64_t limit = model->options.external_above ? model->options.external_above : PROTOBUF_LIMIT;
  *l = (layout){.model = model};
  lay_out(l, file);
  if (*file > limit) {
    const char *name = path ? base_name(path) : "model.onnx";
    l->location = alb_arena_printf(model->arena, "%s.data", name);
    if (!l->location) return alb_fail_memory(model->diag, strlen(name), "a name");
    lay_out(l, file);
  }
  if (model->failed) return alb_fail_memory(model->diag, 1, "an ONNX model");
  if (*file <= PROTOBUF_LIMIT) return ALB_OK;
  return alb_fail(model->diag, ALB_LIMIT, "the ONNX graph alone has %llu bytes, the limit is 2^31 - 1",
                  (unsigned long long)*file);
}

static void close_layout(layout *l) {
  alb_proto_free(&l->head);
  alb_proto_free(&l->tail);
  alb_proto_free(&l->item);
}

alb_status alb_export_measure(alb_export *model, const char *path, alb_export_size *out) {
  layout l;
  *out = (alb_export_size){0};
  const alb_status status = open_layout(model, path, &l, &out->file);
  out->data = l.data;
  for (size_t i = 0; i < model->initializers.count; i++) {
    out->weights += initializer_bytes(model, &model->initializers.items[i]);
  }
  close_layout(&l);
  return status;
}

/* ---- writing ---- */

/* A file and the place where its next bytes go. */
typedef struct stream {
  alb_diag *diag;
  alb_output file;
  uint64_t offset;
} stream;

static alb_status put(stream *s, const void *bytes, size_t n) {
  ALB_TRY(alb_output_write(s->diag, &s->file, s->offset, bytes, n));
  s->offset += n;
  return ALB_OK;
}

/* A source blob is written from where it lies, and its pages are given back; another one is made. */
static alb_status put_blob(stream *s, const alb_tensors *tensors, uint32_t id) {
  const alb_blob *blob = &tensors->blobs.items[id];
  const size_t size = (size_t)alb_blob_bytes(tensors, id);
  if (blob->kind == ALB_BLOB_BYTES && blob->bytes.p) {
    const alb_status status = put(s, blob->bytes.p, size);
    if (tensors->mapped) alb_file_release(blob->bytes);
    return status;
  }
  void *bytes = malloc(size ? size : 1);
  alb_status status =
      bytes ? alb_blob_materialize(s->diag, tensors, id, bytes) : alb_fail_memory(s->diag, size, "a blob");
  if (status == ALB_OK) status = put(s, bytes, size);
  free(bytes);
  return status;
}

static alb_status write_weights(layout *l, stream *model, stream *data) {
  const alb_tensors *tensors = l->model->package->graph->tensors;
  for (size_t i = 0; i < l->model->initializers.count; i++) {
    const alb_initializer *item = &l->model->initializers.items[i];
    const uint64_t offset = next_offset(data->offset);
    uint64_t inside;
    put_initializer(l, item, offset, &inside);
    if (l->item.failed) return alb_fail_memory(l->model->diag, 1, "a weight");
    ALB_TRY(put(model, l->item.bytes.items, l->item.bytes.count));
    if (goes_out(l, item)) data->offset = offset;
    ALB_TRY(put_blob(goes_out(l, item) ? data : model, tensors, item->blob));
  }
  return ALB_OK;
}

static alb_status write_all(layout *l, stream *model, stream *data) {
  ALB_TRY(put(model, l->head.bytes.items, l->head.bytes.count));
  ALB_TRY(write_weights(l, model, data));
  return put(model, l->tail.bytes.items, l->tail.bytes.count);
}

/* The data first: a model that is there finds its data. Data without its model does not stay, unless it
 * has replaced older data. */
static alb_status commit(alb_diag *diag, stream *model, stream *data, const char *beside) {
  const bool has_data = data->file.path != NULL, fresh = !data->file.replace;
  if (has_data) ALB_TRY(alb_output_commit(diag, &data->file));
  const alb_status status = alb_output_commit(diag, &model->file);
  if (status != ALB_OK && has_data && fresh) (void)unlink(beside);
  return status;
}

static alb_status open_data(alb_diag *diag, const char *beside, bool replace, stream *data) {
  const alb_status status = alb_output_open(diag, beside, replace, &data->file);
  if (status != ALB_OK) alb_diag_prefix(diag, "the weights' file %s", beside);
  return status;
}

static alb_status check_location(alb_diag *diag, const char *location) {
  if (!location || alb_utf8_valid(alb_str_of(location))) return ALB_OK;
  return alb_fail(diag, ALB_UNSUPPORTED, "weights beside an ONNX file need a name in UTF-8");
}

alb_status alb_export_write(alb_export *m, const char *path, bool replace) {
  stream model = {.diag = m->diag, .file = {.fd = -1}}, data = model;
  layout l;
  uint64_t size;
  const char *beside = alb_arena_printf(m->arena, "%s.data", path);
  alb_status status = beside ? open_layout(m, path, &l, &size) : alb_fail_memory(m->diag, strlen(path), "a path");
  if (!beside) return status;
  if (status == ALB_OK) status = check_location(m->diag, l.location);
  if (status == ALB_OK) status = alb_output_open(m->diag, path, replace, &model.file);
  if (status == ALB_OK && l.location) status = open_data(m->diag, beside, replace, &data);
  if (status == ALB_OK) status = write_all(&l, &model, &data);
  if (status == ALB_OK) status = commit(m->diag, &model, &data, beside);
  alb_output_abort(&model.file);
  alb_output_abort(&data.file);
  close_layout(&l);
  return status;
}
