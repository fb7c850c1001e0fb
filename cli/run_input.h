/* The texts (or JSON lines with token ids) that a command works on, in batches of bounded size. */
#ifndef ALB_CLI_RUN_INPUT_H
#define ALB_CLI_RUN_INPUT_H

#include "base/span.h"
#include "base/status.h"
#include "base/vec.h"

/* Operands, or the lines of standard input where an operand is "-" or there is none. Start with
 * alb_input_open, end with alb_input_close. */
typedef struct alb_input {
  char **operands;
  size_t operand_count, next;
  bool from_stdin; /* lines are being read */
  char *buffer;    /* of standard input: bytes [begin, end) are not yet handed out */
  size_t begin, end, capacity;
  bool finished;          /* standard input has ended */
  bool spare;             /* a line end was met at the buffer's end */
  ALB_VEC(alb_str) texts; /* the current batch */
  ALB_VEC(char *) copies; /* lines of the batch, owned */
  size_t first;           /* index of the batch's first text, from 0 */
} alb_input;

void alb_input_open(alb_input *input, char **operands, size_t count);

/* The next batch: input->texts, borrowed until the next call; empty when all is read. A batch ends
 * when it is large, or when the next line is not there yet: whoever sends a line and waits is
 * answered. ALB_IO, ALB_LIMIT (a line of more than 64 MiB), ALB_MEMORY. */
alb_status alb_input_next(alb_diag *diag, alb_input *input);

void alb_input_close(alb_input *input);

#endif
