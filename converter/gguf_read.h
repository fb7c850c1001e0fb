/* What the reader of GGUF makes of a file's metadata: the JSON files that a Hugging Face folder would have. */
#ifndef ALB_CONVERTER_GGUF_READ_H
#define ALB_CONVERTER_GGUF_READ_H

#include "converter/gguf.h"
#include "converter/source.h"

/* config.json of a BERT, into source->made. Errors: ALB_UNSUPPORTED naming another architecture or a feature,
 * ALB_MISSING naming a key. */
alb_status alb_gguf_config(alb_diag *diag, const alb_gguf *gguf, alb_source *source);

/* tokenizer.json and special_tokens_map.json; nothing when the file has no tokens. llama.cpp writes the pieces
 * that begin a word with U+2581 before them and takes the "##" of the others away: that is undone. It does not say
 * whether text is made lower case; a vocabulary without words in upper case is one of lower case. Errors:
 * ALB_UNSUPPORTED for a tokenizer that is not BERT's. */
alb_status alb_gguf_tokenizer(alb_diag *diag, const alb_gguf *gguf, alb_source *source);

/* Puts a file into source->made; takes the reference. NULL: out of memory. */
alb_status alb_gguf_make(alb_diag *diag, alb_source *source, const char *name, json_t *json);

#endif
