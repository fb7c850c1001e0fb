/* One step of a plan on one piece of its rows and columns. */
#ifndef ALB_RUNTIME_EXEC_OPS_H
#define ALB_RUNTIME_EXEC_OPS_H

#include "runtime/exec.h"

/* What one task works on. */
typedef struct alb_piece {
  size_t row0, row1;
  size_t panel0, panel1;     /* of output columns; all of them for steps that are cut by rows only */
  size_t head;               /* of sequence row0, for attention */
  unsigned char *local;      /* local values of the block that begins at row local0 ... */
  size_t local0, local_rows; /* ... and has room for so many rows */
  unsigned char *scratch;
} alb_piece;

void alb_exec_step(const alb_exec *exec, const alb_step *step, const alb_piece *piece);

#endif
