/* The tokenizer's files of a Hugging Face folder. */
#include "converter/hf_tokenizer.h"

#include "converter/json_strict.h"
#include "converter/tokenizer_json.h"

#define CONFIG "tokenizer_config.json"

/* What a tokenizer may consist of. With one of the first it is there. */
static const char *const names[] = {"tokenizer.json",          "vocab.txt",         "spiece.model",
                                    "special_tokens_map.json", "added_tokens.json", CONFIG};
enum { NAMES = sizeof names / sizeof *names, MAIN_NAMES = 3 };

bool alb_hf_tokenizer_owns(const char *name) {
  for (size_t i = 0; i < NAMES; i++) {
    if (strcmp(name, names[i]) == 0) return true;
  }
  return false;
}

void alb_hf_tokenizer_free(alb_hf_tokenizer *tokenizer) {
  for (size_t i = 0; i < tokenizer->mapped.count; i++) alb_file_unmap(&tokenizer->mapped.items[i]);
  alb_vec_free(&tokenizer->mapped);
}

/* ---- the source's own ---- */

/* *found is NULL when there is no such file. */
static alb_status map_own(alb_diag *diag, const alb_write_job *job, alb_hf_tokenizer *out, const char *name,
                          const alb_file **found) {
  const char *path = alb_arena_printf(job->arena, "%s/%s", job->loaded->source.folder, name);
  alb_file file;
  *found = NULL;
  if (!path) return alb_fail_memory(diag, strlen(name), "a path");
  if (!alb_path_exists(path)) return ALB_OK;
  ALB_TRY(alb_file_map(diag, path, &file));
  if (!alb_vec_push(&out->mapped, file)) {
    alb_file_unmap(&file);
    return alb_fail_memory(diag, sizeof file, "a file");
  }
  *found = &out->mapped.items[out->mapped.count - 1];
  return ALB_OK;
}

/* In another architecture's folder the class of the tokenizer must be said, or transformers would take the
 * architecture's. */
static alb_status add_config(alb_diag *diag, const alb_write_job *job, const alb_file *file, alb_small_files *files) {
  json_t *json = NULL;
  if (file) {
    ALB_TRY(alb_json_load_wide(diag, file->bytes, &json));
  } else {
    json = json_object();
  }
  const bool bert = strcmp(job->loaded->spec.config.architecture, "bert") == 0;
  const bool done = json && (json_object_get(json, "tokenizer_class") ||
                             json_object_set_new(json, "tokenizer_class",
                                                 json_string(bert ? "BertTokenizer" : "AlbertTokenizer")) == 0);
  if (done) return alb_small_json(diag, job->arena, files, CONFIG, json);
  json_decref(json);
  return alb_fail_memory(diag, 1, CONFIG);
}

static alb_status copy_own(alb_diag *diag, const alb_write_job *job, const alb_hf_layout *layout, alb_hf_tokenizer *out,
                           alb_small_files *files) {
  const bool other = strcmp(job->loaded->spec.config.architecture, layout->arch->name) != 0;
  for (size_t i = 0; i < NAMES; i++) {
    const alb_file *file;
    ALB_TRY(map_own(diag, job, out, names[i], &file));
    if (other && strcmp(names[i], CONFIG) == 0) {
      ALB_TRY(add_config(diag, job, file, files));
    } else if (file && !alb_vec_push(files, (alb_small_file){names[i], file->bytes})) {
      return alb_fail_memory(diag, 1, "files");
    }
  }
  return ALB_OK;
}

static bool has_own(const alb_write_job *job) {
  if (job->loaded->alb || job->loaded->source.made || !job->loaded->source.folder) return false;
  for (size_t i = 0; i < MAIN_NAMES; i++) {
    const char *path = alb_arena_printf(job->arena, "%s/%s", job->loaded->source.folder, names[i]);
    if (path && alb_path_exists(path)) return true;
  }
  return false;
}

/* ---- made again ---- */

static alb_status make_again(alb_diag *diag, const alb_write_job *job, alb_small_files *files) {
  const alb_tokenizer_parts parts = {job->package->tokenizer, job->package->tokens, job->package->token_count};
  json_t *json;
  ALB_TRY(alb_tokenizer_json(diag, &parts, &json));
  ALB_TRY(alb_small_json(diag, job->arena, files, "tokenizer.json", json));
  return alb_small_json(diag, job->arena, files, CONFIG, alb_tokenizer_config_json(&parts));
}

alb_status alb_hf_tokenizer_files(alb_diag *diag, const alb_write_job *job, const alb_hf_layout *layout,
                                  alb_hf_tokenizer *out, alb_small_files *files) {
  if (has_own(job)) return copy_own(diag, job, layout, out, files);
  return job->package->tokenizer ? make_again(diag, job, files) : ALB_OK;
}
