/* A Hugging Face folder as a form of output: config.json, model.safetensors, tokenizer, sentence-transformers'
 * files. */
#include <stdlib.h>

#include "base/output_dir.h"
#include "converter/hf_tokenizer.h"
#include "graph/encoder_roles.h"

#define WEIGHTS "model.safetensors"

/* Everything that goes into the folder. */
typedef struct folder {
  alb_model_spec spec;
  alb_hf_layout layout;
  alb_st_file weights;
  alb_small_files files;
  alb_hf_tokenizer tokenizer;
} folder;

bool alb_hf_owns(const char *name) {
  static const char *const own[] = {"config.json",
                                    WEIGHTS,
                                    "modules.json",
                                    "1_Pooling",
                                    "2_Normalize",
                                    "sentence_bert_config.json",
                                    "config_sentence_transformers.json"};
  for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
    if (strcmp(name, own[i]) == 0) return true;
  }
  return alb_hf_tokenizer_owns(name);
}

/* ---- what people should know ---- */

static alb_status note_layout(alb_diag *diag, const alb_write_job *job, const alb_hf_layout *layout, alb_written *out) {
  if (!layout->albert) return alb_write_note(diag, out, "BERT layout: every layer has its own tensors");
  return alb_write_note(
      diag, out,
      alb_arena_printf(job->arena, "ALBERT layout: %u layer%s in %u group%s of %u%s", layout->stated_layers,
                       layout->stated_layers == 1 ? "" : "s", layout->groups, layout->groups == 1 ? "" : "s",
                       layout->inner, layout->identity ? ", with an identity as embedding projection" : ""));
}

static alb_status note_all(alb_diag *diag, const alb_write_job *job, const folder *f, alb_written *out) {
  const alb_hf_layout *layout = &f->layout;
  const uint32_t layers = f->spec.config.layers;
  ALB_TRY(note_layout(diag, job, layout, out));
  if (layout->albert && layers > 1 && layout->groups == layers) {
    ALB_TRY(alb_write_note(diag, out,
                           "a BERT has no place for the embedding projection: every layer is a group of its own"));
  }
  if (layout->repeated) {
    ALB_TRY(
        alb_write_note(diag, out, "tensors that layers share are stored again for each: this layout can't share them"));
    ALB_TRY(alb_write_note(diag, out,
                           "to train it, tie them: examples/train_fold.py does, and what comes back is shared again"));
  }
  if (layout->same_matrices && !layout->albert) {
    ALB_TRY(alb_write_note(diag, out, "layers differ in biases and norms only: with --share-norms this is an ALBERT"));
  }
  return ALB_OK;
}

/* ---- making and writing ---- */

static uint64_t count_numbers(const alb_hf_layout *layout) {
  uint64_t count = 0;
  for (size_t i = 0; i < layout->count; i++) {
    count += alb_st_bytes(&layout->items[i]) / alb_dtype_bytes(layout->items[i].dtype);
  }
  return count;
}

static alb_status prepare(alb_diag *diag, const alb_write_job *job, folder *f, alb_written *out) {
  ALB_TRY(alb_encoder_roles(diag, job->arena, job->package->graph, job->package->config, &f->spec));
  ALB_TRY(alb_hf_layout_choose(diag, job->arena, &f->spec, NULL, &f->layout));
  f->weights = (alb_st_file){.tensors = f->spec.tensors, .items = f->layout.items, .count = f->layout.count};
  ALB_TRY(alb_st_prepare(diag, job->arena, &f->weights));
  ALB_TRY(alb_hf_config(diag, job, &f->spec, &f->layout, &f->files));
  ALB_TRY(alb_hf_tokenizer_files(diag, job, &f->layout, &f->tokenizer, &f->files));
  ALB_TRY(alb_hf_sentence(diag, job, &f->spec, &f->files));
  out->tensors = out->blobs = f->layout.count;
  out->blob_bytes = f->weights.data_size;
  out->parameters = count_numbers(&f->layout);
  out->dtype = alb_dtype_name(f->layout.dtype);
  out->size = 8 + f->weights.header_size + f->weights.data_size;
  for (size_t i = 0; i < f->files.count; i++) out->size += f->files.items[i].bytes.n;
  if (f->layout.dequantized) {
    const char *what = alb_arena_printf(job->arena, "%s weights are multiplied out to f32",
                                        alb_dtype_name(alb_dtype_is_float(job->dtype) ? job->tables : job->dtype));
    if (!what) return alb_fail_memory(diag, 64, "a note");
    ALB_TRY(alb_write_rounds(diag, job, out, what));
    ALB_TRY(alb_write_note(diag, out, alb_arena_printf(job->arena, "%s: safetensors has no scales", what)));
  }
  return note_all(diag, job, f, out);
}

/* "1_Pooling/config.json" needs its folder. */
static alb_status write_small(alb_diag *diag, alb_output_dir *out, const alb_small_file *file) {
  const char *slash = strchr(file->name, '/');
  char *name = slash ? strndup(file->name, (size_t)(slash - file->name)) : NULL;
  if (slash && !name) return alb_fail_memory(diag, strlen(file->name), "a folder's name");
  const alb_status status = name ? alb_output_dir_folder(diag, out, name) : ALB_OK;
  free(name);
  return status == ALB_OK ? alb_output_dir_file(diag, out, file->name, file->bytes) : status;
}

static alb_status fill(alb_diag *diag, const folder *f, alb_output_dir *out) {
  char *path = alb_output_dir_path(out, WEIGHTS);
  if (!path) return alb_fail_memory(diag, 1, "a path");
  alb_status status = alb_st_write(diag, &f->weights, path);
  free(path);
  for (size_t i = 0; status == ALB_OK && i < f->files.count; i++) status = write_small(diag, out, &f->files.items[i]);
  return status == ALB_OK ? alb_output_dir_commit(diag, out) : status;
}

static alb_status write(alb_diag *diag, const alb_write_job *job, const folder *f) {
  alb_output_dir out;
  alb_status status = alb_output_dir_open(diag, job->path, job->options->replace, alb_hf_owns, &out);
  if (status == ALB_OK) status = fill(diag, f, &out);
  alb_output_dir_abort(&out);
  return status;
}

alb_status alb_write_hf(alb_diag *diag, const alb_write_job *job, alb_written *out) {
  folder f = {0};
  alb_status status = prepare(diag, job, &f, out);
  if (status == ALB_OK && !job->options->dry_run) status = write(diag, job, &f);
  alb_vec_free(&f.files);
  alb_hf_tokenizer_free(&f.tokenizer);
  return status;
}
