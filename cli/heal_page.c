/* A training as a page shows it: how loss and cosine on the texts held out went, step after step. */
#include "cli/heal_page.h"

#include "cli/chart.h"

static void put_curves(alb_page *page, const alb_train_curve *curve) {
  double steps[ALB_TRAIN_POINTS], losses[ALB_TRAIN_POINTS], cosines[ALB_TRAIN_POINTS];
  const size_t count = (size_t)curve->count;
  for (size_t i = 0; i < count; i++) {
    steps[i] = curve->points[i].step;
    losses[i] = curve->points[i].loss;
    cosines[i] = curve->points[i].cosine;
  }
  alb_chart_curve(page, &(alb_chart){"Mean cosine on the texts held out", "A line over the steps; the table has it."},
                  &(alb_curve){steps, cosines, count, "step", false, 0});
  alb_chart_curve(page, &(alb_chart){"Loss on the texts held out", "A line over the steps; the table has it."},
                  &(alb_curve){steps, losses, count, "step", true, 0});
}

static void put_curve_table(alb_page *page, const alb_train_curve *curve) {
  char text[32];
  alb_page_table(page, "The numbers", "measurement|step|loss|mean cosine");
  for (size_t i = 0; i < curve->count; i++) {
    (void)snprintf(text, sizeof text, "%zu", i + 1);
    alb_page_row(page, text);
    alb_page_key(page, "healed.curve.%zu.step", i);
    alb_page_double_cell(page, curve->points[i].step, 0, 0);
    alb_page_key(page, "healed.curve.%zu.loss", i);
    alb_page_double_cell(page, curve->points[i].loss, 6, 6);
    alb_page_key(page, "healed.curve.%zu.cosine", i);
    alb_page_double_cell(page, curve->points[i].cosine, 6, 6);
    fputs("</tr>", page->out);
  }
  alb_page_table_end(page, true);
}

static void put_ends(alb_page *page, const alb_train_state *s) {
  alb_page_table(page, NULL, "held out|before|after");
  alb_page_row(page, "mean cosine");
  alb_page_key(page, "healed.cosine_before");
  alb_page_double_cell(page, s->first_cosine, 6, 4);
  alb_page_key(page, "healed.cosine_after");
  alb_page_double_cell(page, s->best_cosine, 6, 4);
  fputs("</tr>", page->out);
  alb_page_row(page, "loss");
  alb_page_key(page, "healed.loss_before");
  alb_page_double_cell(page, s->first_loss, 6, 4);
  alb_page_key(page, "healed.loss_after");
  alb_page_double_cell(page, s->best_loss, 6, 4);
  fputs("</tr>", page->out);
  alb_page_table_end(page, false);
}

void alb_heal_section(alb_page *page, const alb_train_report *report) {
  const alb_train_state *s = &report->state;
  if (!report->trained) return;
  alb_page_section(page, "Healing", NULL);
  fputs("<p class=\"lead\">", page->out);
  alb_page_key(page, "healed.steps");
  alb_page_int(page, s->step);
  fputs(" steps over ", page->out);
  alb_page_int(page, s->tokens);
  fputs(" tokens of ", page->out);
  alb_page_int(page, report->texts);
  fprintf(page->out, " texts%s. Measured on ", report->early ? ", until no more got better" : "");
  alb_page_int(page, report->held);
  fputs(" texts that it does not learn from; what is kept is the best measurement, by its loss.</p>\n", page->out);
  put_ends(page, s);
  put_curves(page, &s->curve);
  put_curve_table(page, &s->curve);
  alb_page_section_end(page);
}
