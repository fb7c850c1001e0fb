/* Checkpoints in several files: model.safetensors.index.json. */
#include "converter/reader.h"
#include "converter/shards.h"

enum { MAX_SHARDS = 4096 };

static alb_str text_of(const json_t *text) {
  return (alb_str){json_string_value(text), json_string_length(text)};
}

/* Tensor ids from `first` on came from the shard; each must be mapped to it. */
static alb_status check_shard(alb_diag *diag, const alb_source *source, json_t *map, const char *shard, size_t first) {
  for (size_t i = first; i < source->tensors.tensors.count; i++) {
    const alb_str name = source->tensors.tensors.items[i].name;
    const char *place = json_string_value(json_object_getn(map, name.p, name.n));
    if (!place)
      return alb_fail(diag, ALB_MALFORMED, "%s: tensor \"%.*s\" is not in the index", shard, ALB_STR_ARGS(name));
    if (strcmp(place, shard) == 0) continue;
    return alb_fail(diag, ALB_MALFORMED, "%s: tensor \"%.*s\" should lie in %s", shard, ALB_STR_ARGS(name), place);
  }
  return ALB_OK;
}

/* The names of the shards, each once: files of the index's own folder. */
static alb_status list_shards(alb_diag *diag, json_t *map, alb_strmap *shards) {
  const char *name;
  json_t *place;
  json_object_foreach(map, name, place) {
    const alb_str file = text_of(place);
    size_t index;
    bool inserted;
    if (!json_is_string(place)) return alb_fail(diag, ALB_MALFORMED, "\"%s\" is not mapped to a file", name);
    if (file.n == 0 || strlen(file.p) != file.n || strchr(file.p, '/') || alb_str_is(file, "..")) {
      return alb_fail(diag, ALB_MALFORMED, "\"%s\" is mapped to \"%.*s\", which is not a file of this folder", name,
                      ALB_STR_ARGS(file));
    }
    if (!alb_strmap_add(shards, file, &index, &inserted)) return alb_fail_memory(diag, file.n, "a shard");
    if (shards->count > MAX_SHARDS) return alb_fail(diag, ALB_LIMIT, "more than %d shards", MAX_SHARDS);
  }
  return ALB_OK;
}

static alb_status read_all(alb_diag *diag, alb_source *source, json_t *map, alb_strmap *shards) {
  const char *name;
  json_t *place;
  ALB_TRY(list_shards(diag, map, shards));
  for (size_t i = 0; i < shards->count; i++) {
    const size_t first = source->tensors.tensors.count;
    ALB_TRY(alb_source_weights(diag, source, shards->keys[i].p));
    ALB_TRY(check_shard(diag, source, map, shards->keys[i].p, first));
  }
  json_object_foreach(map, name, place) {
    if (alb_tensors_find(&source->tensors, alb_str_of(name)) != UINT32_MAX) continue;
    return alb_fail(diag, ALB_MISSING, "tensor \"%s\" is in no shard", name);
  }
  return ALB_OK;
}

alb_status alb_shards_read(alb_diag *diag, alb_source *source, const char *index_name) {
  json_t *index;
  alb_strmap shards = {0};
  ALB_TRY(alb_source_json(diag, source, index_name, &index));
  json_t *map = json_object_get(index, "weight_map");
  const alb_status status = json_is_object(map) && json_object_size(map)
                                ? read_all(diag, source, map, &shards)
                                : alb_fail(diag, ALB_MALFORMED, "needs an object \"weight_map\" that is not empty");
  if (status != ALB_OK) alb_diag_prefix(diag, "%s", index_name);
  alb_strmap_free(&shards);
  json_decref(index);
  return status;
}
