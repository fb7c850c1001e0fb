/* Tables of sorted keys and values: LevelDB's file format, which TensorFlow's checkpoint indices have.
 * https://github.com/google/leveldb/blob/main/doc/table_format.md */
#ifndef ALB_CONVERTER_TF_TABLE_H
#define ALB_CONVERTER_TF_TABLE_H

#include "base/span.h"
#include "base/status.h"

/* Called for each entry, in order; key and value are valid during the call. */
typedef alb_status (*alb_tf_visit)(void *context, alb_str key, alb_span value);

/* True when a file ends as such a table does. */
bool alb_tf_table_ends(alb_span file);

/* Visits every entry. Before an entry is visited its block's checksum is checked; keys rise strictly over the
 * whole table; restart points are where they must be; blocks lie in order, without overlap. ALB_TRUNCATED,
 * ALB_CHECKSUM, ALB_MALFORMED, ALB_LIMIT (keys above 8 KiB, blocks above 16 MiB), or what `visit` returns. */
alb_status alb_tf_table_walk(alb_diag *diag, alb_span file, alb_tf_visit visit, void *context);

#endif
