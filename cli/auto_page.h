/* What --share auto chose, as a page shows it. */
#ifndef ALB_CLI_AUTO_PAGE_H
#define ALB_CLI_AUTO_PAGE_H

#include "cli/auto.h"
#include "cli/page.h"

/* Nothing where it was not asked for. */
void alb_auto_section(alb_page *page, const alb_auto *report);

#endif
