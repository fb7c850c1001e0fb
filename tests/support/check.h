/* What every cmocka test includes, in the order cmocka wants, and a check of statuses. */
#ifndef ALB_TESTS_CHECK_H
#define ALB_TESTS_CHECK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/status.h"

/* Fails with the message of the diagnostic (an alb_diag *) unless expr is ALB_OK. */
#define assert_ok(diag, expr)                                              \
  do {                                                                     \
    const alb_status status_ = (expr);                                     \
    if (status_ != ALB_OK) fail_msg("%s", alb_diag_text((diag), status_)); \
  } while (0)

/* Fails unless expr is the status and the message contains the text; clears the diagnostic. */
#define assert_refused(diag, expr, expected, part)                                                                 \
  do {                                                                                                             \
    const alb_status status_ = (expr);                                                                             \
    const char *message_ = alb_diag_text((diag), status_);                                                         \
    if (status_ != (expected) || !strstr(message_, (part))) {                                                      \
      fail_msg("%s (\"%s\"), expected %s (\"%s\")", alb_status_name(status_), message_, alb_status_name(expected), \
               (part));                                                                                            \
    }                                                                                                              \
    alb_diag_free(diag);                                                                                           \
  } while (0)

#endif
