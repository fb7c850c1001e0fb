/* Opening a source: which files a folder or a file stands for, and mapping them. */
#include "converter/source.h"

#include <libgen.h>
#include <stdlib.h>

#include "converter/json_strict.h"
#include "converter/onnx/onnx_graph.h"
#include "converter/reader.h"
#include "converter/shards.h"

/* Where the weights of a folder are looked for, in this order. */
static const char *const weight_files[] = {"model.safetensors", "model.safetensors.index.json", "model.onnx",
                                           "onnx/model.onnx",
                                           /* not read yet, but named by what is in them: */
                                           "pytorch_model.bin", "pytorch_model.bin.index.json", "tf_model.h5",
                                           "model.gguf", "model.ckpt.index", "bert_model.ckpt.index", "saved_model.pb"};

/* A relative name whose parts never lead upwards. */
static bool is_inside(const char *name) {
  if (!*name || *name == '/') return false;
  for (const char *part = name; part; part = strchr(part, '/')) {
    part += *part == '/';
    if (strncmp(part, "..", 2) == 0 && (part[2] == '/' || part[2] == '\0')) return false;
  }
  return true;
}

static alb_source_file *find_file(alb_source *source, const char *name) {
  for (size_t i = 0; i < source->files.count; i++) {
    if (strcmp(source->files.items[i].name, name) == 0) return &source->files.items[i];
  }
  return NULL;
}

/* Maps a file of the folder, without its hash: nothing of a large file is read before it is understood. */
static alb_status map_file(alb_diag *diag, alb_source *source, const char *name, alb_source_file **out) {
  *out = find_file(source, name);
  const char *path = alb_arena_printf(&source->arena, "%s/%s", source->folder, name);
  alb_source_file file = {.name = alb_arena_strdup(&source->arena, alb_str_of(name))};
  if (!path || !file.name) return alb_fail_memory(diag, strlen(name), "a file name");
  if (*out || !alb_path_exists(path)) return ALB_OK;
  const alb_status status = alb_file_map(diag, path, &file.file);
  if (status != ALB_OK) {
    alb_diag_prefix(diag, "%s", name);
    return status;
  }
  if (!alb_vec_push(&source->files, file)) {
    alb_file_unmap(&file.file);
    return alb_fail_memory(diag, sizeof file, "a file");
  }
  *out = &source->files.items[source->files.count - 1];
  return ALB_OK;
}

alb_status alb_source_extra(alb_diag *diag, alb_source *source, const char *name, const alb_source_file **out) {
  alb_source_file *file;
  *out = NULL;
  if (!is_inside(name)) return alb_fail(diag, ALB_MALFORMED, "file name \"%s\" leads out of the folder", name);
  const size_t before = source->files.count;
  ALB_TRY(map_file(diag, source, name, &file));
  if (source->files.count > before) file->hash = alb_file_hash(&file->file);
  *out = file;
  return ALB_OK;
}

alb_status alb_source_json(alb_diag *diag, alb_source *source, const char *name, json_t **json) {
  const alb_source_file *file;
  *json = NULL;
  ALB_TRY(alb_source_extra(diag, source, name, &file));
  if (!file) return ALB_OK;
  const alb_status status = alb_json_load(diag, file->file.bytes, json);
  if (status != ALB_OK) alb_diag_prefix(diag, "%s", name);
  return status;
}

alb_status alb_source_weights(alb_diag *diag, alb_source *source, const char *name) {
  alb_source_file *file;
  ALB_TRY(map_file(diag, source, name, &file));
  if (!file) return alb_fail(diag, ALB_IO, "%s: no such file", name);
  const size_t place = (size_t)(file - source->files.items);
  const alb_file mapped = file->file;
  const alb_status status = alb_reader_dispatch(diag, source, &mapped);
  if (status == ALB_OK) {
    source->files.items[place].hash = alb_file_hash(&mapped);
  } else {
    alb_diag_prefix(diag, "%s", name);
  }
  return status;
}

/* The index of shards is JSON with a weight_map; all other JSON is for the readers to name. */
static alb_status read_file(alb_diag *diag, alb_source *source, const char *name) {
  alb_source_file *file;
  ALB_TRY(map_file(diag, source, name, &file));
  const bool json = file && alb_looks_like_json(file->file.bytes);
  const bool index = json && memmem(file->file.bytes.p, file->file.bytes.n, "\"weight_map\"", 12);
  if (!index) return alb_source_weights(diag, source, name);
  file->hash = alb_file_hash(&file->file);
  return alb_shards_read(diag, source, name);
}

static alb_status read_folder(alb_diag *diag, alb_source *source) {
  for (size_t i = 0; i < sizeof weight_files / sizeof weight_files[0]; i++) {
    const char *path = alb_arena_printf(&source->arena, "%s/%s", source->folder, weight_files[i]);
    if (!path) return alb_fail_memory(diag, 1, "a path");
    if (alb_path_exists(path)) return read_file(diag, source, weight_files[i]);
  }
  return alb_fail(diag, ALB_IO,
                  "no weights in this folder (looked for model.safetensors, model.safetensors.index.json, model.onnx)");
}

/* Splits a file's path into folder and name. */
static alb_status set_folder(alb_diag *diag, alb_source *source, const char *path, const char **name) {
  char *a = alb_arena_strdup(&source->arena, alb_str_of(path)), *b = alb_arena_strdup(&source->arena, alb_str_of(path));
  if (!a || !b) return alb_fail_memory(diag, strlen(path), "a path");
  const bool folder = alb_path_is_dir(path);
  source->folder = folder ? a : dirname(a);
  *name = folder ? NULL : basename(b);
  return ALB_OK;
}

alb_status alb_source_note(alb_diag *diag, alb_source *source, const char *path) {
  const char *name;
  const alb_source_file *file;
  ALB_TRY(set_folder(diag, source, path, &name));
  return name ? alb_source_extra(diag, source, name, &file) : alb_fail(diag, ALB_IO, "is a folder");
}

alb_status alb_source_open(alb_diag *diag, const char *path, alb_source *out) {
  const char *name;
  *out = (alb_source){0};
  ALB_TRY(set_folder(diag, out, path, &name));
  if (!alb_path_exists(path)) return alb_fail(diag, ALB_IO, "no such file or folder");
  ALB_TRY(name ? read_file(diag, out, name) : read_folder(diag, out));
  return alb_source_json(diag, out, "config.json", &out->config);
}

void alb_source_free(alb_source *source) {
  for (size_t i = 0; i < source->files.count; i++) alb_file_unmap(&source->files.items[i].file);
  alb_vec_free(&source->files);
  alb_tensors_free(&source->tensors);
  if (source->onnx) alb_onnx_model_free(source->onnx);
  free(source->onnx);
  if (source->config) json_decref(source->config);
  alb_arena_free(&source->arena);
}
