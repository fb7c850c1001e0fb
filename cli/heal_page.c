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

static void put_ends(alb_page *page, const alb_train_report *report) {
  const alb_train_figures *first = &report->state.first, *best = &report->state.best;
  const struct {
    const char *name, *key;
    double before, after;
  } rows[] = {{"mean cosine", "cosine", first->cosine, best->cosine},
              {"loss", "loss", first->loss, best->loss},
              {"divergence of the head's answers", "answers", first->answers, best->answers},
              {"part of the answers that are the source's", "same", first->same, best->same}};
  const size_t count = report->head ? 4 : 2;
  alb_page_table(page, NULL, "held out|before|after");
  for (size_t i = 0; i < count; i++) {
    alb_page_row(page, rows[i].name);
    alb_page_key(page, "healed.%s_before", rows[i].key);
    alb_page_double_cell(page, rows[i].before, 6, 4);
    alb_page_key(page, "healed.%s_after", rows[i].key);
    alb_page_double_cell(page, rows[i].after, 6, 4);
    fputs("</tr>", page->out);
  }
  alb_page_table_end(page, false);
}

static void put_rounding(alb_page *page, const alb_train_report *report) {
  fputs(" From step ", page->out);
  alb_page_key(page, "healed.rounding.step");
  alb_page_int(page, report->state.rounded_step);
  fprintf(page->out,
          " on matrices were rounded as the %s that is written, and only what was measured since then counts.",
          alb_dtype_name(report->rounding));
}

void alb_heal_section(alb_page *page, const alb_train_report *report) {
  const alb_train_state *s = &report->state;
  if (!report->trained) return;
  alb_page_section(page, "Healing", NULL);
  fputs("<p class=\"lead\">", page->out);
  alb_page_key(page, "healed.steps");
  alb_page_int(page, s->step);
  fputs(" steps over ", page->out);
  alb_page_key(page, "healed.tokens");
  alb_page_int(page, s->tokens);
  fputs(" tokens of ", page->out);
  alb_page_int(page, report->texts);
  fputs(" texts in ", page->out);
  alb_page_key(page, "healed.seconds");
  alb_page_double(page, s->seconds, 6, 1);
  fprintf(page->out, " seconds%s. Measured on ", report->early ? ", until no more got better" : "");
  alb_page_int(page, report->held);
  fputs(" texts that it does not learn from; what is kept is the best measurement, by its loss.", page->out);
  if (report->rounding) put_rounding(page, report);
  fputs("</p>\n", page->out);
  put_ends(page, report);
  put_curves(page, &s->curve);
  put_curve_table(page, &s->curve);
  alb_page_section_end(page);
}
