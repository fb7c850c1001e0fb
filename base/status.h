/* Statuses with a message: how every function of the project reports failure. */
#ifndef ALB_BASE_STATUS_H
#define ALB_BASE_STATUS_H

#include <stdarg.h>
#include <stddef.h>

#include "albert_status.h"

/* A diagnostic: the message of the first failure. Start with {0}; alb_diag_free after use.
 * A NULL diag is allowed everywhere and means "the status is enough". */
typedef struct alb_diag {
  char *text;      /* NUL-terminated, one line, control bytes escaped; NULL while nothing failed */
  char small[256]; /* holds the message when memory for a longer one is not to be had */
} alb_diag;

/* Records the message (first one wins) and returns the status, so that a caller can write
 * `return alb_fail(d, ALB_SHAPE, "...", ...)`. The message is cleaned for a terminal. */
alb_status alb_fail(alb_diag *diag, alb_status status, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Out of memory, with what the memory was for. */
alb_status alb_fail_memory(alb_diag *diag, size_t bytes, const char *what);

/* Puts "prefix: " before the message recorded so far; does nothing when there is none. */
void alb_diag_prefix(alb_diag *diag, const char *format, ...) __attribute__((format(printf, 2, 3)));

const char *alb_diag_text(const alb_diag *diag, alb_status status); /* never NULL */
void alb_diag_free(alb_diag *diag);

/* Leaves the function with the status of `expr` unless that is ALB_OK. */
#define ALB_TRY(expr)                                      \
  do {                                                     \
    const alb_status alb_try_status_ = (expr);             \
    if (alb_try_status_ != ALB_OK) return alb_try_status_; \
  } while (0)

#endif
