/* Command lines: one table of options gives the parser and the help. */
#ifndef ALB_CLI_ARGS_H
#define ALB_CLI_ARGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/status.h"

/* The field's type in the options struct stands at the right. */
typedef enum alb_option_kind {
  ALB_OPTION_FLAG,   /* bool */
  ALB_OPTION_NO,     /* bool, set to false by the option */
  ALB_OPTION_COUNT,  /* unsigned: how often it was given */
  ALB_OPTION_SIZE,   /* size_t, decimal; 1 or more */
  ALB_OPTION_BYTES,  /* uint64_t, decimal with K, M or G (powers of 1024) */
  ALB_OPTION_NUMBER, /* double, zero or more, finite */
  ALB_OPTION_TEXT,   /* const char *, borrowed from argv */
  ALB_OPTION_CHOICE, /* const char *, one of the words of `value` ("a|b|c") */
} alb_option_kind;

typedef struct alb_option {
  const char *name; /* without dashes */
  char letter;      /* short form, or 0 */
  alb_option_kind kind;
  size_t offset;     /* of the field in the options struct */
  uint32_t commands; /* bit i: command i takes it */
  const char *value; /* the value's name in the help; NULL for flags */
  const char *help;  /* ends with the default */
} alb_option;

typedef struct alb_command {
  const char *name;     /* NULL: the command that runs when no other is named */
  const char *synopsis; /* "MODEL.alb [TEXT ...]" */
  const char *help;     /* one sentence */
} alb_command;

typedef struct alb_program {
  const char *name, *about;
  const alb_command *commands;
  size_t command_count;
  const alb_option *options;
  size_t option_count;
  const char *footer; /* printed under the help; may be NULL */
} alb_program;

/* What the parser found besides the options. */
typedef struct alb_args {
  size_t command;     /* index in program->commands */
  bool help, version; /* asked for: nothing else is to be done */
  char **operands;    /* rearranged argv, borrowed; "-" is an operand */
  size_t operand_count;
} alb_args;

#define ALB_ALL_COMMANDS UINT32_MAX

/* Fills *options (set to the defaults by the caller). "--" ends options; "--name=value", "--name value",
 * "-xVALUE" and "-x VALUE" are all taken. Errors: ALB_USAGE. */
alb_status alb_args_parse(alb_diag *diag, const alb_program *program, int argc, char **argv, void *options,
                          alb_args *out);

/* Help for one command, or for the whole program when it was asked for without a command. */
void alb_args_help(const alb_program *program, const alb_args *args, FILE *out);

#endif
