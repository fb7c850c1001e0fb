/* Checkpoints in several files: model.safetensors.index.json. */
#ifndef ALB_CONVERTER_SHARDS_H
#define ALB_CONVERTER_SHARDS_H

#include "converter/source.h"

/* Reads every shard that the index names, and checks that each tensor lies in the shard that the
 * index says, and no tensor is missing, extra or twice. */
alb_status alb_shards_read(alb_diag *diag, alb_source *source, const char *index_name);

#endif
