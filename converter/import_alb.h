/* An .alb file as a source: its tensors, graph and settings as the converter has them. */
#ifndef ALB_CONVERTER_IMPORT_ALB_H
#define ALB_CONVERTER_IMPORT_ALB_H

#include "converter/model_load.h"

/* True when the file at the path starts like an .alb file. */
bool alb_is_alb(const char *path);

/* Opens and checks the file, and fills everything of *out but the source's tensors and roles.
 * out->alb keeps it open. */
alb_status alb_import_open(alb_diag *diag, const char *path, alb_loaded *out);

/* The graph of the file over a table that was cloned from loaded->tensors. */
alb_status alb_import_graph(alb_diag *diag, const alb_loaded *loaded, alb_graph *graph);

#endif
