/* The parts of a package that are neither graph nor weights: tokenizer, embedding, provenance, labels. */
#ifndef ALB_CONVERTER_SETTINGS_H
#define ALB_CONVERTER_SETTINGS_H

#include "converter/convert.h"
#include "converter/package.h"

/* Reads the source's tokenizer and fills the rest from what is loaded, all in `arena`. */
alb_status alb_settings_fill(alb_diag *diag, alb_arena *arena, alb_loaded *loaded, const alb_convert_options *options,
                             const alb_fold_report *fold, alb_package *package);

#endif
