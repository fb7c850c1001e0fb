/* The part of a page that shows how near a conversion is to its source, on texts. */
#ifndef ALB_CLI_MEASURED_PAGE_H
#define ALB_CLI_MEASURED_PAGE_H

#include "cli/measure.h"
#include "cli/page.h"

/* The mean cosine, or that there is none; that on the texts held out where something was trained. */
void alb_measured_tile(alb_page *page, const alb_measured *measured, const alb_train_report *heal);
/* Nothing where nothing was measured. */
void alb_measured_section(alb_page *page, const alb_measured *measured, uint64_t source_bytes);

#endif
