/* The small JSON files of a Hugging Face folder: config.json and those of sentence-transformers. */
#ifndef ALB_CONVERTER_HF_CONFIG_H
#define ALB_CONVERTER_HF_CONFIG_H

#include "converter/hf_layout.h"
#include "converter/writer.h"

/* A file of the folder, whole in memory. */
typedef struct alb_small_file {
  const char *name; /* "1_Pooling/config.json" */
  alb_span bytes;
} alb_small_file;

/* Start with {0}; alb_vec_free at the end. Names and bytes are in the job's arena or a mapped file. */
typedef ALB_VEC(alb_small_file) alb_small_files;

/* Adds a JSON file, indented, keys in the order of insertion; takes the reference. NULL: out of memory. */
alb_status alb_small_json(alb_diag *diag, alb_arena *arena, alb_small_files *files, const char *name, json_t *json);

/* Adds config.json. What the source's own config.json says beyond the model is kept when the layout is the
 * source's. */
alb_status alb_hf_config(alb_diag *diag, const alb_write_job *job, const alb_model_spec *spec,
                         const alb_hf_layout *layout, alb_small_files *files);
/* Adds modules.json and what it names, when the source says how it pools. */
alb_status alb_hf_sentence(alb_diag *diag, const alb_write_job *job, const alb_model_spec *spec,
                           alb_small_files *files);

/* Whether an entry of that name may be part of a folder that was written here. (write_hf.c) */
bool alb_hf_owns(const char *name);

#endif
