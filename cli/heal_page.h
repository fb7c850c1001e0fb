/* The part of a page that shows a training. */
#ifndef ALB_CLI_HEAL_PAGE_H
#define ALB_CLI_HEAL_PAGE_H

#include "cli/page.h"
#include "tune/train.h"

/* Nothing where nothing was trained. */
void alb_heal_section(alb_page *page, const alb_train_report *report);

#endif
