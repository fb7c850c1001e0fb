/* Cosines of every two layers as squares: the nearer to 1, the fuller. */
#include <math.h>

#include "cli/chart.h"

enum { LEFT = 26, TOP = 20, SIDE = 288 };

/* Every how manyth layer has a label. */
static size_t label_step(size_t n) {
  return n <= 16 ? 1 : n <= 32 ? 2 : n / 12;
}

static void put_cell(alb_page *page, size_t a, size_t b, double cosine, size_t n) {
  const double side = SIDE / (double)n, full = fmin(1, fabs(cosine));
  const double x = LEFT + (double)b * side, y = TOP + (double)a * side;
  char text[24];
  fprintf(page->out, "<g><title>layer %zu and layer %zu: %.4f</title>", a + 1, b + 1, cosine);
  fprintf(page->out, "<rect class=\"base cell\" x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" height=\"%.2f\"/>", x, y, side,
          side);
  fprintf(page->out, "<rect class=\"%s\" x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" height=\"%.2f\" fill-opacity=\"%.3f\"/>",
          cosine < 0 ? "other" : "main", x, y, side, side, full);
  if (n <= 12) {
    (void)snprintf(text, sizeof text, "%.2f", full < 0.005 ? 0 : cosine);
    alb_chart_label(page, x + side / 2, y + side / 2 + (n > 8 ? 3 : 4),
                    full > 0.55 ? n > 8 ? "m s on" : "m on"
                    : n > 8     ? "m s"
                                : "m",
                    text);
  }
  fputs("</g>\n", page->out);
}

static void put_labels(alb_page *page, size_t n) {
  const double side = SIDE / (double)n;
  char text[24];
  for (size_t l = 0; l < n; l += label_step(n)) {
    (void)snprintf(text, sizeof text, "%zu", l + 1);
    alb_chart_label(page, LEFT - 6, TOP + ((double)l + 0.5) * side + 4, "t e", text);
    alb_chart_label(page, LEFT + ((double)l + 0.5) * side, TOP - 6, "t m", text);
  }
}

/* From -1 to 1 below the squares. */
static void put_legend(alb_page *page) {
  const double y = TOP + SIDE + 12;
  for (int i = -5; i <= 5; i++) {
    fprintf(page->out, "<rect class=\"%s\" x=\"%d\" y=\"%.0f\" width=\"12\" height=\"9\" fill-opacity=\"%.1f\"/>",
            i < 0 ? "other" : "main", LEFT + 24 + 12 * (i + 5), y, fabs(i / 5.0));
  }
  alb_chart_label(page, LEFT + 18, y + 8.5, "t e",
                  "\xe2\x88\x92"
                  "1");
  alb_chart_label(page, LEFT + 24 + 66, y + 22, "t m", "0");
  alb_chart_label(page, LEFT + 24 + 138, y + 8.5, "t", "1");
}

void alb_chart_heat(alb_page *page, const alb_chart *chart, const double *cosines, size_t n) {
  alb_chart_begin(page, chart, LEFT + SIDE + 8, TOP + SIDE + 40, true);
  put_labels(page, n);
  for (size_t a = 0; a < n; a++) {
    for (size_t b = 0; b < n; b++) put_cell(page, a, b, cosines[a * n + b], n);
  }
  put_legend(page);
  alb_chart_end(page);
}
