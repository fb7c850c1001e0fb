/* The report of a validation as a page: verdict, how differences grow over the layers, how cosines are spread, numbers.
 */
#include <math.h>
#include <stdlib.h>

#include "cli/chart.h"
#include "cli/validate.h"

enum { MOST_SPREADS = 8 };

static void put_verdict(alb_page *page, alb_report *report) {
  const bool passed = alb_report_worst(report) <= report->tolerance;
  alb_page_verdict(page, passed ? ALB_PAGE_GOOD : ALB_PAGE_BAD, passed ? "PASS" : "FAIL");
  fputs("The largest difference of an output is ", page->out);
  alb_page_key(page, "worst");
  alb_page_float(page, alb_report_worst(report));
  fprintf(page->out, "%s; the tolerance is ", report->absolute ? "" : " of its largest magnitude");
  alb_page_key(page, "tolerance");
  alb_page_float(page, report->tolerance);
  fputs(".", page->out);
  alb_page_verdict_end(page);
}

static void put_subject(alb_page *page, const alb_report *report) {
  fputs("<p class=\"lead\">", page->out);
  fputs(report->source_path ? "Compared with its source " : "Compared with the ", page->out);
  alb_page_name(page, report->source_path ? report->source_path : report->against);
  fputs(report->source_path ? ", run unfolded in f32 by the reference interpreter.</p>\n"
                            : " that the file carries.</p>\n",
        page->out);
}

static void put_tiles(alb_page *page, const alb_report *report) {
  alb_page_tiles(page);
  alb_page_tile(page, "Weights");
  alb_page_text(page, alb_str_of(report->dtype));
  alb_page_tile_end(page, "of matrices");
  alb_page_tile(page, "Sharing");
  alb_page_text(page, alb_str_of(report->share));
  alb_page_tile_end(page, "as converted");
  alb_page_tile(page, "Sequences");
  alb_page_key(page, "sequences");
  alb_page_int(page, report->sequences);
  alb_page_tile_end(page, report->inputs);
  alb_page_tile(page, "Tokens");
  alb_page_key(page, "tokens");
  alb_page_int(page, report->tokens);
  alb_page_tile_end(page, "in all of them");
  alb_page_tiles_end(page);
}

/* Checks of layers come before those of outputs. */
static size_t layer_count(const alb_report *report) {
  size_t count = 0;
  while (count < report->checks.count && !report->checks.items[count].is_output) count++;
  return count;
}

static void put_layers(alb_page *page, const alb_report *report) {
  const size_t layers = layer_count(report);
  if (layers < 2) return;
  double *x = calloc(2 * layers, sizeof *x);
  if (!x) return;
  for (size_t l = 0; l < layers; l++) {
    x[l] = (double)(l + 1);
    x[layers + l] = alb_report_figure(report, &report->checks.items[l]);
  }
  const alb_curve curve = {x, x + layers, layers, "layer", true, report->tolerance};
  alb_page_section(page, "Layer after layer",
                   "The largest difference of hidden states, logarithmically. Layers inform; only outputs decide.");
  alb_chart_curve(page,
                  &(alb_chart){report->absolute ? "Largest difference" : "Largest difference / largest magnitude",
                               "A line over the layers; the numbers stand in the table of outputs below."},
                  &curve);
  alb_page_section_end(page);
  free(x);
}

static void put_bins(alb_page *page, const alb_report *report, const alb_histogram *histograms) {
  char text[24];
  alb_page_table(page, "The numbers", "cosine from|output|rows");
  for (size_t i = 0, h = 0; i < report->checks.count && h < MOST_SPREADS; i++) {
    if (!report->checks.items[i].is_output) continue;
    for (size_t b = 0; b < ALB_COSINE_BINS; b++) {
      if (!histograms[h].counts[b]) continue;
      alb_page_row(page, alb_cosine_bin_name(b, text));
      alb_page_text_cell(page, report->checks.items[i].name);
      alb_page_key(page, "outputs.%zu.histogram.%zu", i, b);
      alb_page_int_cell(page, histograms[h].counts[b]);
      fputs("</tr>", page->out);
    }
    h++;
  }
  alb_page_table_end(page, true);
}

static void put_spreads(alb_page *page, const alb_report *report) {
  alb_histogram histograms[MOST_SPREADS] = {0};
  alb_spread spreads[MOST_SPREADS];
  size_t count = 0;
  for (size_t i = 0; i < report->checks.count && count < MOST_SPREADS; i++) {
    const alb_check *check = &report->checks.items[i];
    if (!check->is_output) continue;
    alb_comparison_histogram(&check->comparison, &histograms[count]);
    spreads[count] =
        (alb_spread){check->name, &histograms[count], alb_comparison_mean_cosine(&check->comparison), true};
    count++;
  }
  if (!count) return;
  alb_page_section(page, "Cosines of the outputs",
                   "A cosine for each row: a token of hidden states, a text of embeddings. Bars grow finer towards 1.");
  alb_chart_histograms(page,
                       &(alb_chart){"Rows by their cosine with the reference",
                                    "A histogram for each output; the numbers stand in the table below."},
                       spreads, count);
  put_bins(page, report, histograms);
  alb_page_section_end(page);
}

static void put_row(alb_page *page, alb_check *check, size_t index) {
  alb_comparison *c = &check->comparison;
  const struct {
    const char *key;
    double value;
    bool cosine;
  } cells[] = {{"max_abs_diff", c->max_abs, false},
               {"relative", alb_comparison_relative(c), false},
               {"mean_abs_diff", alb_comparison_mean_abs(c), false},
               {"cosine_min", alb_comparison_min_cosine(c), true},
               {"cosine_p5", alb_comparison_low_cosine(c), true},
               {"cosine_median", alb_comparison_median_cosine(c), true},
               {"cosine_mean", alb_comparison_mean_cosine(c), true}};
  if (check->is_output)
    alb_page_row_marked(page, check->name);
  else
    alb_page_row(page, check->name);
  for (size_t i = 0; i < sizeof cells / sizeof *cells; i++) {
    alb_page_key(page, "outputs.%zu.%s", index, cells[i].key);
    if (cells[i].cosine)
      alb_page_cosine_cell(page, cells[i].value);
    else
      alb_page_float_cell(page, cells[i].value);
  }
  alb_page_key(page, "outputs.%zu.rows", index);
  alb_page_int_cell(page, c->rows);
  alb_page_key(page, "outputs.%zu.same_argmax", index);
  alb_page_int_cell(page, c->agree);
  fputs("</tr>", page->out);
}

static void put_numbers(alb_page *page, alb_report *report) {
  alb_page_section(page, "All outputs", NULL);
  alb_page_table(page, NULL, "output|max abs|relative|mean abs|cosine min|p5|median|mean|rows|same largest");
  for (size_t i = 0; i < report->checks.count; i++) put_row(page, &report->checks.items[i], i);
  alb_page_table_end(page, false);
  alb_page_section_end(page);
}

static void write_json(FILE *out, void *context) {
  alb_report_json(context, out);
}

static void write_page(FILE *out, void *context, alb_str json) {
  alb_report *report = context;
  alb_page page;
  alb_page_begin(&page, out, "validation", report->model_path);
  put_subject(&page, report);
  put_verdict(&page, report);
  put_tiles(&page, report);
  put_layers(&page, report);
  put_spreads(&page, report);
  put_numbers(&page, report);
  alb_page_end(&page, json);
}

alb_status alb_report_page(alb_diag *diag, alb_report *report, alb_page_place *place) {
  return alb_page_put(diag, place, write_json, write_page, report);
}
