/* Fidelity as a page shows it: the spread of cosines, bytes against fidelity, and the controls beside both. */
#include "cli/measured_page.h"

#include <stdlib.h>
#include <string.h>

#include "cli/chart.h"

/* What was measured: the output first, then its controls. */
typedef struct model {
  char name[24];
  const char *key;  /* in "measured" */
  const char *head; /* of its column */
  bool quantised;   /* quantisation alone */
  uint64_t bytes;
  const alb_embed_figures *figures;
} model;

enum { OUTPUT, CONTROL, OTHER, DELETED, MOST_MODELS };

static const struct {
  const char *key, *head;
} kinds[] = {[OUTPUT] = {"model", "this output"},
             [CONTROL] = {"control", "control"},
             [OTHER] = {"other_control", "other control"},
             [DELETED] = {"layer_deleted", "without a layer"}};

static void add(model *models, size_t *count, const char *dtype, const char *what, int kind, uint64_t bytes,
                const alb_embed_figures *figures) {
  model *m = &models[*count];
  *m = (model){"", kinds[kind].key, kinds[kind].head, dtype != NULL, bytes, figures};
  (void)snprintf(m->name, sizeof m->name, dtype ? "%s %s" : "this output", dtype, what);
  *count += 1;
}

static size_t models_of(const alb_measured *m, model models[MOST_MODELS]) {
  const char *what = m->control_tables ? "words" : "alone";
  size_t count = 0;
  add(models, &count, NULL, NULL, OUTPUT, m->bytes, &m->model);
  if (m->control_dtype) add(models, &count, m->control_dtype, what, CONTROL, m->control_bytes, &m->control);
  if (m->other_dtype) add(models, &count, m->other_dtype, what, OTHER, m->other_bytes, &m->other);
  if (m->deleted_layer) {
    add(models, &count, NULL, NULL, DELETED, m->deleted_bytes, &m->deleted);
    (void)snprintf(models[count - 1].name, sizeof models->name, "without layer %zu", m->deleted_layer);
  }
  return count;
}

void alb_measured_tile(alb_page *page, const alb_measured *measured, const alb_train_report *heal) {
  char text[64];
  alb_page_tile(page, "Mean cosine");
  if (measured->texts) {
    alb_page_key(page, "measured.model.cosine_mean");
    alb_page_double(page, measured->model.mean, 6, 4);
    (void)snprintf(text, sizeof text, "with the source's embeddings, %zu texts", measured->texts);
  } else if (heal->trained) {
    alb_page_key(page, "healed.cosine_after");
    alb_page_double(page, heal->state.best.cosine, 6, 4);
    (void)snprintf(text, sizeof text, "on %zu texts held out", heal->held);
  } else {
    fputs("not measured", page->out);
    (void)snprintf(text, sizeof text, "--text FILE measures it");
  }
  alb_page_tile_end(page, text);
}

static void put_figures(alb_page *page, const model *models, size_t count) {
  alb_page_table(page, NULL, "model|bytes|cosine mean|from|to|p5|min|same nearest text|correlation of similarities");
  for (size_t i = 0; i < count; i++) {
    alb_named_figure cells[ALB_EMBED_FIGURES];
    alb_embed_figures_named(models[i].figures, cells);
    if (i)
      alb_page_row(page, models[i].name);
    else
      alb_page_row_marked(page, models[i].name);
    alb_page_key(page, "measured.%s.bytes", models[i].key);
    alb_page_int_cell(page, models[i].bytes);
    for (size_t k = 0; k < ALB_EMBED_FIGURES; k++) {
      alb_page_key(page, "measured.%s.%s", models[i].key, cells[k].key);
      alb_page_double_cell(page, cells[k].value, 6, 4);
    }
    fputs("</tr>", page->out);
  }
  alb_page_table_end(page, false);
}

static bool is_empty(const model *models, size_t count, size_t bin) {
  for (size_t i = 0; i < count; i++) {
    if (models[i].figures->histogram.counts[bin]) return false;
  }
  return true;
}

static void put_bins(alb_page *page, const model *models, size_t count) {
  char text[24], heads[96] = "cosine from";
  for (size_t i = 0; i < count; i++) {
    const size_t n = strlen(heads);
    (void)snprintf(heads + n, sizeof heads - n, "|%s", models[i].head);
  }
  alb_page_table(page, "The numbers", heads);
  for (size_t b = 0; b < ALB_COSINE_BINS; b++) {
    if (is_empty(models, count, b)) continue;
    alb_page_row(page, alb_cosine_bin_name(b, text));
    for (size_t i = 0; i < count; i++) {
      alb_page_key(page, "measured.%s.histogram.%zu", models[i].key, b);
      alb_page_int_cell(page, models[i].figures->histogram.counts[b]);
    }
    fputs("</tr>", page->out);
  }
  alb_page_table_end(page, true);
}

static void put_spreads(alb_page *page, const model *models, size_t count) {
  alb_spread spreads[MOST_MODELS];
  for (size_t i = 0; i < count; i++)
    spreads[i] = (alb_spread){models[i].name, &models[i].figures->histogram, models[i].figures->mean, i == 0};
  alb_chart_histograms(page,
                       &(alb_chart){"Texts by their cosine with the source",
                                    "A histogram for the output and each control; the table has the counts."},
                       spreads, count);
  put_bins(page, models, count);
}

static int by_bytes(const void *a, const void *b) {
  const alb_point *x = a, *y = b;
  return (x->bytes > y->bytes) - (x->bytes < y->bytes);
}

static void put_points(alb_page *page, const model *models, size_t count, uint64_t source_bytes) {
  alb_point points[MOST_MODELS + 1];
  for (size_t i = 0; i < count; i++)
    points[i] = (alb_point){models[i].name,         models[i].bytes, models[i].figures->mean,
                            models[i].figures->low, i == 0,          models[i].quantised};
  points[count++] = (alb_point){"source", source_bytes, 1, 1, false, true};
  qsort(points, count, sizeof *points, by_bytes);
  alb_chart_points(
      page,
      &(alb_chart){"Bytes against fidelity",
                   "A point for each model, its mean cosine over its bytes; a line joins what quantisation "
                   "alone gives. The numbers stand in the table above."},
      points, count);
  fputs(
      "<p class=\"lead\">The dashed line is what quantisation alone gives: an output is worth its trouble when it lies "
      "above it. Lines below the points go down to the 5th percentile.</p>\n",
      page->out);
}

static void put_explanation(alb_page *page, const alb_measured *measured) {
  fputs("<p class=\"lead\">From and to: where the mean lies in nine of ten draws of as many texts from these.",
        page->out);
  if (measured->deleted_layer) {
    fputs(" Layer ", page->out);
    alb_page_key(page, "measured.layer_deleted.left_out");
    alb_page_int(page, measured->deleted_layer);
    fputs(
        " of the source is the one whose loss costs least on the first texts: a fold that is worse than the source "
        "without it is worth nothing without training.",
        page->out);
  }
  fputs("</p>\n", page->out);
}

void alb_measured_section(alb_page *page, const alb_measured *measured, uint64_t source_bytes) {
  model models[MOST_MODELS];
  if (!measured->texts) return;
  const size_t count = models_of(measured, models);
  alb_page_section(page, "Fidelity", NULL);
  fputs("<p class=\"lead\">Embeddings of ", page->out);
  alb_page_key(page, "measured.texts");
  alb_page_int(page, measured->texts);
  fputs(" texts (", page->out);
  alb_page_key(page, "measured.tokens");
  alb_page_int(page, measured->tokens);
  fputs(
      " tokens), every second line of the file, beside those of the source with nothing shared and nothing "
      "narrowed.</p>\n",
      page->out);
  put_figures(page, models, count);
  put_explanation(page, measured);
  put_spreads(page, models, count);
  put_points(page, models, count, source_bytes);
  alb_page_section_end(page);
}
