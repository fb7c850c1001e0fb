/* Facts about roles and the shapes they must have. */
#include "graph/model_spec.h"

static const alb_role_facts facts[] = {
#define ALB_ROLE(id, name, scope, block, part, rows, columns) \
  {name, ALB_SCOPE_##scope, ALB_BLOCK_##block, ALB_PART_##part, ALB_DIM_NAME_##rows, ALB_DIM_NAME_##columns},
#include "graph/roles.def"
#undef ALB_ROLE
};

const alb_role_facts *alb_role_info(alb_role role) {
  return &facts[role];
}

static uint64_t dim_size(const alb_encoder_config *config, alb_dim_name dim) {
  switch (dim) {
    case ALB_DIM_NAME_V:
      return config->vocab;
    case ALB_DIM_NAME_P:
      return config->max_positions;
    case ALB_DIM_NAME_Y:
      return config->type_vocab;
    case ALB_DIM_NAME_E:
      return config->embedding;
    case ALB_DIM_NAME_H:
      return config->hidden;
    case ALB_DIM_NAME_F:
      return config->intermediate;
    case ALB_DIM_NAME_M:
      return config->mlm_width;
    case ALB_DIM_NAME_C:
      return config->classes;
    case ALB_DIM_NAME_2:
      return 2;
    case ALB_DIM_NAME_NONE:
      break;
  }
  return 0;
}

size_t alb_role_shape(const alb_encoder_config *config, alb_role role, uint64_t dims[2]) {
  dims[0] = dim_size(config, facts[role].rows);
  dims[1] = dim_size(config, facts[role].columns);
  return facts[role].columns == ALB_DIM_NAME_NONE ? 1 : 2;
}
