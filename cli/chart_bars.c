/* Bytes before and after, part by part: two bars a part, over one scale. */
#include <math.h>

#include "cli/chart.h"

enum { LEFT = 104, RIGHT = 448, PART_HEIGHT = 40, TOP = 30 };

static double longest(const alb_bar *bars, size_t count) {
  double most = 1;
  for (size_t i = 0; i < count; i++) most = fmax(most, fmax((double)bars[i].before, (double)bars[i].after));
  return most;
}

static void put_bar(alb_page *page, double y, double width, const char *classes, uint64_t bytes, const char *label) {
  char text[32];
  fprintf(page->out, "<rect class=\"%s\" x=\"%d\" y=\"%.1f\" width=\"%.2f\" height=\"13\" rx=\"1.5\"/>", classes, LEFT,
          y, width);
  alb_chart_label(page, LEFT + width + 6, y + 10.5, "t", label ? label : alb_bytes_text(bytes, text));
}

static void put_part(alb_page *page, const alb_bar *bar, double y, double most) {
  const double units = (RIGHT - LEFT) / most;
  alb_chart_label(page, LEFT - 10, y + 18, "e", bar->name);
  put_bar(page, y, fmax(0.5, (double)bar->before * units), "still", bar->before, NULL);
  put_bar(page, y + 15, bar->unknown ? 0 : fmax(0.5, (double)bar->after * units), "main", bar->after,
          bar->unknown ? "not known in this form" : NULL);
}

void alb_chart_bars(alb_page *page, const alb_chart *chart, const alb_bar *bars, size_t count) {
  const double most = longest(bars, count), bottom = TOP + (double)count * PART_HEIGHT - 8;
  alb_chart_begin(page, chart, 520, bottom + 6, false);
  fprintf(page->out, "<rect class=\"still\" x=\"%d\" y=\"4\" width=\"10\" height=\"10\" rx=\"1.5\"/>", LEFT);
  alb_chart_label(page, LEFT + 16, 13, "t", "source");
  fprintf(page->out, "<rect class=\"main\" x=\"%d\" y=\"4\" width=\"10\" height=\"10\" rx=\"1.5\"/>", LEFT + 70);
  alb_chart_label(page, LEFT + 86, 13, "t", "output");
  for (size_t i = 0; i < count; i++) put_part(page, &bars[i], TOP + (double)i * PART_HEIGHT, most);
  fprintf(page->out, "<line class=\"axis\" x1=\"%d\" y1=\"%d\" x2=\"%d\" y2=\"%.0f\"/>\n", LEFT, TOP - 4, LEFT, bottom);
  alb_chart_end(page);
}
