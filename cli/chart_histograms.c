/* How the cosines of texts are spread, one model below the other over the same axis, which grows finer towards 1. */
#include <math.h>

#include "cli/chart.h"

enum { LEFT = 18, RIGHT = 502, ROW = 108, BARS = 62 };

/* The bins that are drawn: from one before the first that is not empty, to the last. */
typedef struct range {
  size_t first, last;
  double most; /* the largest part of its texts that a bin has */
} range;

static size_t total(const alb_histogram *h) {
  size_t sum = 0;
  for (size_t b = 0; b < ALB_COSINE_BINS; b++) sum += h->counts[b];
  return sum ? sum : 1;
}

static range find_range(const alb_spread *spreads, size_t count) {
  range r = {ALB_COSINE_BINS - 1, 0, 0};
  for (size_t i = 0; i < count; i++) {
    for (size_t b = 0; b < ALB_COSINE_BINS; b++) {
      const size_t n = spreads[i].histogram->counts[b];
      if (!n) continue;
      if (b < r.first) r.first = b;
      if (b > r.last) r.last = b;
      r.most = fmax(r.most, (double)n / (double)total(spreads[i].histogram));
    }
  }
  if (r.first) r.first--;
  if (r.last < ALB_COSINE_BINS - 1) r.last++;
  while (r.last - r.first < 7 && r.first) r.first--;
  return r;
}

static double at(const range *r, double place) {
  return LEFT + (place - (double)r->first) / (double)(r->last - r->first + 1) * (RIGHT - LEFT);
}

static void put_bins(alb_page *page, const alb_spread *s, const range *r, double bottom) {
  const double texts = (double)total(s->histogram);
  for (size_t b = r->first; b <= r->last; b++) {
    const size_t n = s->histogram->counts[b];
    if (!n) continue;
    const double height = fmax(1, (double)n / texts / r->most * BARS), x = at(r, (double)b) + 0.7;
    fprintf(page->out, "<rect class=\"%s\" x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" height=\"%.2f\">",
            s->main ? "main" : "still", x, bottom - height, at(r, (double)b + 1) - x - 0.7, height);
    fprintf(page->out, "<title>%zu</title></rect>\n", n);
  }
}

static void put_spread(alb_page *page, const alb_spread *s, const range *r, double bottom) {
  const double mean = at(r, fmin((double)r->last + 1, fmax((double)r->first, alb_histogram_place(s->mean))));
  char text[48];
  alb_chart_label(page, LEFT, bottom - BARS - 26, s->main ? "b" : "", s->name);
  put_bins(page, s, r, bottom);
  fprintf(page->out, "<line class=\"grid\" x1=\"%d\" y1=\"%.1f\" x2=\"%d\" y2=\"%.1f\"/>", LEFT, bottom, RIGHT, bottom);
  fprintf(page->out, "<line class=\"axis\" x1=\"%.2f\" y1=\"%.1f\" x2=\"%.2f\" y2=\"%.1f\"/>", mean, bottom - BARS - 14,
          mean, bottom);
  (void)snprintf(text, sizeof text, "mean %.4f", s->mean);
  const bool left = mean > RIGHT - 80;
  alb_chart_label(page, mean + (left ? -5 : 5), bottom - BARS - 6, left ? "t e" : "t", text);
}

/* At edges that are round numbers, where there is room. */
static void put_axis(alb_page *page, const range *r, double y) {
  double last = -100;
  for (size_t b = r->first; b <= r->last + 1; b++) {
    const double x = at(r, (double)b);
    char text[24];
    if (b == 0 || x - last < 42) continue;
    (void)snprintf(text, sizeof text, "%g", b < ALB_COSINE_BINS ? alb_cosine_edges[b - 1] : 1.0);
    fprintf(page->out, "<line class=\"axis\" x1=\"%.2f\" y1=\"%.1f\" x2=\"%.2f\" y2=\"%.1f\"/>", x, y, x, y + 4);
    alb_chart_label(page, x, y + 16, "t m", text);
    last = x;
  }
}

void alb_chart_histograms(alb_page *page, const alb_chart *chart, const alb_spread *spreads, size_t count) {
  const range r = find_range(spreads, count);
  const double bottom = (double)count * ROW;
  alb_chart_begin(page, chart, 520, bottom + 24, false);
  for (size_t i = 0; i < count; i++) put_spread(page, &spreads[i], &r, (double)(i + 1) * ROW);
  put_axis(page, &r, bottom);
  alb_chart_end(page);
}
