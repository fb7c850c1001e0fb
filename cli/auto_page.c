/* Two rows: the best that shares, and the best that does not. */
#include "cli/auto_page.h"

static void put_row(alb_page *page, const char *name, const char *key, const alb_auto_row *row, bool chosen) {
  alb_named_figure cells[ALB_EMBED_FIGURES];
  if (!row->any) return;
  if (chosen)
    alb_page_row_marked(page, name);
  else
    alb_page_row(page, name);
  alb_page_text_cell(page, row->options);
  alb_page_text_cell(page, row->found ? "yes" : "no");
  alb_page_key(page, "auto.%s.bytes", key);
  alb_page_int_cell(page, row->bytes);
  alb_embed_figures_named(&row->figures, cells);
  for (size_t k = 0; k < ALB_EMBED_FIGURES; k++) {
    alb_page_key(page, "auto.%s.%s", key, cells[k].key);
    alb_page_double_cell(page, cells[k].value, 6, 4);
  }
  fputs("</tr>", page->out);
}

static void put_goal(alb_page *page, const alb_auto *report) {
  fputs("<p class=\"lead\">Asked for:", page->out);
  if (report->budget) {
    fputs(" at most ", page->out);
    alb_page_key(page, "auto.budget");
    alb_page_bytes(page, report->budget);
    fputs(report->min_fidelity >= 0 ? " and" : "", page->out);
  }
  if (report->min_fidelity >= 0) {
    fputs(" a mean cosine of at least ", page->out);
    alb_page_key(page, "auto.min_fidelity");
    alb_page_double(page, report->min_fidelity, 6, 4);
  }
  fputs(". Of ", page->out);
  alb_page_key(page, "auto.models_measured");
  alb_page_int(page, report->measured);
  fputs(" models, by ", page->out);
  alb_page_key(page, "auto.chosen_on_texts");
  alb_page_int(page, report->chosen_on);
  fputs(" texts; the figures are of other texts.</p>\n", page->out);
}

void alb_auto_section(alb_page *page, const alb_auto *report) {
  char verdict[96];
  if (!report->done) return;
  (void)snprintf(verdict, sizeof verdict, "%s.", alb_auto_verdict(report));
  verdict[0] = (char)(verdict[0] - 'a' + 'A');
  alb_page_section(page, "What was chosen", verdict);
  put_goal(page, report);
  alb_page_table(page, NULL,
                 "search|options|good enough|bytes|cosine mean|from|to|p5|min|same nearest text|"
                 "correlation of similarities");
  put_row(page, "sharing", "with_sharing", &report->sharing, report->shares);
  put_row(page, "without sharing", "without_sharing", &report->plain, !report->shares);
  alb_page_table_end(page, false);
  alb_page_section_end(page);
}
