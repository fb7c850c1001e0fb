/* The tokenizer's files of a Hugging Face folder: the source's own, or made again. */
#ifndef ALB_CONVERTER_HF_TOKENIZER_H
#define ALB_CONVERTER_HF_TOKENIZER_H

#include "converter/hf_config.h"

/* Files whose bytes are kept: start with {0}; alb_hf_tokenizer_free at the end. */
typedef struct alb_hf_tokenizer {
  ALB_VEC(alb_file) mapped;
} alb_hf_tokenizer;

/* Adds the tokenizer's files: those beside the source's weights, byte for byte, or tokenizer.json and
 * tokenizer_config.json made from the package's tokenizer. */
alb_status alb_hf_tokenizer_files(alb_diag *diag, const alb_write_job *job, const alb_hf_layout *layout,
                                  alb_hf_tokenizer *out, alb_small_files *files);
void alb_hf_tokenizer_free(alb_hf_tokenizer *tokenizer);

/* Whether a file of that name may be the tokenizer's. */
bool alb_hf_tokenizer_owns(const char *name);

#endif
