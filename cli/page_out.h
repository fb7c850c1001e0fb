/* Writing a text file at once, whole or not at all. */
#ifndef ALB_CLI_PAGE_OUT_H
#define ALB_CLI_PAGE_OUT_H

#include "base/span.h"
#include "base/status.h"

alb_status alb_page_write(alb_diag *diag, const char *path, alb_str text);

#endif
