/* Opening a source: which files a folder or a file stands for, and mapping them. */
#include "converter/source.h"

#include <dirent.h>
#include <errno.h>
#include <libgen.h>
#include <stdlib.h>

#include "converter/json_strict.h"
#include "converter/onnx/onnx_graph.h"
#include "converter/reader.h"
#include "converter/shards.h"

/* Where the weights of a folder are looked for, in this order. */
static const char *const weight_files[] = {"model.safetensors", "model.safetensors.index.json", "pytorch_model.bin",
                                           "pytorch_model.bin.index.json", "model.gguf", "model.onnx",
                                           "onnx/model.onnx",
                                           /* not read, but named by what is in it: */
                                           "tf_model.h5"};
/* The same for a TensorFlow checkpoint's folder, where any other name may stand, too. */
static const char *const tensorflow_files[] = {"bert_model.ckpt.index", "model.ckpt.index", "model.ckpt-best.index",
                                               "checkpoint"};
/* Configurations; Google's own have no model_type. */
static const char *const config_files[] = {"config.json", "bert_config.json", "albert_config.json"};

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
  *json = json_incref(json_object_get(source->made, name));
  if (*json) return ALB_OK;
  ALB_TRY(alb_source_extra(diag, source, name, &file));
  if (!file) return ALB_OK;
  const alb_status status = alb_json_load(diag, file->file.bytes, json);
  if (status != ALB_OK) alb_diag_prefix(diag, "%s", name);
  return status;
}

alb_status alb_source_map(alb_diag *diag, alb_source *source, const char *name, size_t *index) {
  alb_source_file *file;
  if (!is_inside(name)) return alb_fail(diag, ALB_MALFORMED, "file name \"%s\" leads out of the folder", name);
  ALB_TRY(map_file(diag, source, name, &file));
  if (!file) return alb_fail(diag, ALB_IO, "%s: no such file", name);
  *index = (size_t)(file - source->files.items);
  return ALB_OK;
}

void alb_source_hash(alb_source *source, size_t file) {
  source->files.items[file].hash = alb_file_hash(&source->files.items[file].file);
}

const char *alb_source_name(const alb_source *source, alb_span bytes) {
  for (size_t i = 0; i < source->files.count; i++) {
    const alb_span mapped = source->files.items[i].file.bytes;
    if (mapped.p == bytes.p && mapped.n == bytes.n) return source->files.items[i].name;
  }
  return NULL;
}

alb_status alb_source_weights(alb_diag *diag, alb_source *source, const char *name) {
  size_t index;
  ALB_TRY(alb_source_map(diag, source, name, &index));
  const alb_file mapped = source->files.items[index].file;
  const alb_status status = alb_reader_dispatch(diag, source, &mapped);
  if (status == ALB_OK) {
    alb_source_hash(source, index);
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

/* Reads the first of the files that is in the folder; *found: there was one. */
static alb_status read_first(alb_diag *diag, alb_source *source, const char *const *names, size_t count, bool *found) {
  for (size_t i = 0; i < count; i++) {
    const char *path = alb_arena_printf(&source->arena, "%s/%s", source->folder, names[i]);
    if (!path) return alb_fail_memory(diag, 1, "a path");
    *found = alb_path_exists(path);
    if (*found) return read_file(diag, source, names[i]);
  }
  return ALB_OK;
}

/* The first two names, by their bytes, of files NAME.index in the folder. */
static alb_status find_indices(alb_diag *diag, alb_source *source, const char *first[2]) {
  DIR *dir = opendir(source->folder);
  if (!dir) return alb_fail(diag, ALB_IO, "cannot be opened: %s", strerror(errno));
  alb_status status = ALB_OK;
  for (const struct dirent *entry; status == ALB_OK && (entry = readdir(dir));) {
    const char *name = entry->d_name;
    const alb_str text = alb_str_of(name);
    if (text.n <= 6 || text.p[0] == '.' || !alb_str_ends(text, ALB_STR(".index"))) continue;
    if (first[1] && strcmp(name, first[1]) >= 0) continue;
    const char *copy = alb_arena_strdup(&source->arena, text);
    if (!copy) status = alb_fail_memory(diag, text.n, "a file name");
    const bool before = copy && (!first[0] || strcmp(copy, first[0]) < 0);
    first[1] = before ? first[0] : copy;
    if (before) first[0] = copy;
  }
  (void)closedir(dir);
  return status;
}

static alb_status read_folder(alb_diag *diag, alb_source *source) {
  static const char *const saved_model[] = {"saved_model.pb"};
  const char *indices[2] = {NULL, NULL};
  bool found = false;
  ALB_TRY(read_first(diag, source, weight_files, sizeof weight_files / sizeof *weight_files, &found));
  if (found) return ALB_OK;
  ALB_TRY(read_first(diag, source, tensorflow_files, sizeof tensorflow_files / sizeof *tensorflow_files, &found));
  if (found) return ALB_OK;
  ALB_TRY(find_indices(diag, source, indices));
  if (indices[1]) {
    return alb_fail(diag, ALB_USAGE, "holds several TensorFlow checkpoints (%s, %s): give one of them", indices[0],
                    indices[1]);
  }
  if (indices[0]) return read_file(diag, source, indices[0]);
  ALB_TRY(read_first(diag, source, saved_model, 1, &found));
  if (found) return ALB_OK;
  return alb_fail(diag, ALB_IO,
                  "no weights in this folder (looked for model.safetensors, model.safetensors.index.json, "
                  "pytorch_model.bin, pytorch_model.bin.index.json, model.gguf, model.onnx, a TensorFlow checkpoint's "
                  ".index file)");
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

/* A SavedModel's checkpoint lies in its folder "variables", all that goes with it lies in the SavedModel itself. */
static alb_status leave_variables(alb_diag *diag, alb_source *source, const char **name) {
  char *folder = alb_arena_strdup(&source->arena, alb_str_of(source->folder));
  if (!folder) return alb_fail_memory(diag, strlen(source->folder), "a path");
  if (!*name || strcmp(basename(folder), "variables") != 0) return ALB_OK;
  const char *above = dirname(folder);
  const char *model = alb_arena_printf(&source->arena, "%s/saved_model.pb", above);
  const char *inner = alb_arena_printf(&source->arena, "variables/%s", *name);
  if (!model || !inner) return alb_fail_memory(diag, strlen(folder), "a path");
  if (!alb_path_exists(model)) return ALB_OK;
  source->folder = above;
  *name = inner;
  return ALB_OK;
}

/* What the names of a TensorFlow checkpoint's files begin with, of one of them that is not its index; else all. */
static size_t prefix_length(const char *path) {
  const char *slash = strrchr(path, '/'), *data = strstr(slash ? slash : path, ".data-");
  const alb_str text = alb_str_of(path);
  if (data) return (size_t)(data - path);
  return alb_str_ends(text, ALB_STR(".meta")) ? text.n - strlen(".meta") : text.n;
}

/* A TensorFlow checkpoint is called by what its files' names begin with, or by any of them: all stand for the index. */
static alb_status complete_path(alb_diag *diag, alb_source *source, const char **path) {
  const size_t n = prefix_length(*path);
  const bool exists = alb_path_exists(*path);
  if (exists && (*path)[n] == '\0') return ALB_OK;
  const char *index = alb_arena_printf(&source->arena, "%.*s.index", (int)n, *path);
  if (!index) return alb_fail_memory(diag, n, "a path");
  const bool indexed = alb_path_exists(index);
  if (!exists && !indexed) return alb_fail(diag, ALB_IO, "no such file or folder");
  if (indexed) *path = index;
  return ALB_OK;
}

static alb_status read_config(alb_diag *diag, alb_source *source) {
  for (size_t i = 0; !source->config && i < sizeof config_files / sizeof *config_files; i++) {
    source->config_name = config_files[i];
    ALB_TRY(alb_source_json(diag, source, config_files[i], &source->config));
  }
  if (!source->config) source->config_name = config_files[0];
  return ALB_OK;
}

alb_status alb_source_note(alb_diag *diag, alb_source *source, const char *path) {
  const char *name;
  const alb_source_file *file;
  ALB_TRY(set_folder(diag, source, path, &name));
  return name ? alb_source_extra(diag, source, name, &file) : alb_fail(diag, ALB_IO, "is a folder");
}

alb_status alb_source_open(alb_diag *diag, const char *path, alb_source *out) {
  const char *name = NULL;
  *out = (alb_source){0};
  ALB_TRY(complete_path(diag, out, &path));
  ALB_TRY(set_folder(diag, out, path, &name));
  ALB_TRY(leave_variables(diag, out, &name));
  ALB_TRY(name ? read_file(diag, out, name) : read_folder(diag, out));
  return read_config(diag, out);
}

void alb_source_free(alb_source *source) {
  for (size_t i = 0; i < source->files.count; i++) alb_file_unmap(&source->files.items[i].file);
  alb_vec_free(&source->files);
  alb_tensors_free(&source->tensors);
  alb_spill_free(&source->spill);
  json_decref(source->made);
  if (source->onnx) alb_onnx_model_free(source->onnx);
  free(source->onnx);
  if (source->config) json_decref(source->config);
  alb_arena_free(&source->arena);
}
