/* JSON files as trees (jansson), strictly: UTF-8, nesting at most 64, no duplicate keys, numbers
 * that fit. For small files; large headers go through json_scan.h. */
#ifndef ALB_CONVERTER_JSON_STRICT_H
#define ALB_CONVERTER_JSON_STRICT_H

#include <jansson.h>

#include "base/span.h"
#include "base/status.h"

/* *json is the caller's (json_decref). A byte order mark at the start is refused. */
alb_status alb_json_load(alb_diag *diag, alb_span text, json_t **json);
/* The same with every number as a real, so that integers of any size fit. */
alb_status alb_json_load_wide(alb_diag *diag, alb_span text, json_t **json);

#endif
