/* One quantity over another, as a line. */
#include <math.h>

#include "cli/chart.h"

enum { LEFT = 52, RIGHT = 508, TOP = 12, BOTTOM = 176, DOTS = 40 };

typedef struct axes {
  alb_scale x, y;
} axes;

static axes make_axes(const alb_curve *c) {
  double low = INFINITY, high = -INFINITY;
  for (size_t i = 0; i < c->count; i++) {
    if (!isfinite(c->y[i]) || (c->log && c->y[i] <= 0)) continue;
    low = fmin(low, c->y[i]);
    high = fmax(high, c->y[i]);
  }
  if (c->limit > 0) low = fmin(low, c->limit), high = fmax(high, c->limit);
  if (!isfinite(low)) low = 1e-9, high = 1;
  const alb_scale x = alb_scale_linear(c->x[0], c->x[c->count - 1], 6, LEFT, RIGHT);
  return (axes){
      x, c->log ? alb_scale_log(low / 1.3, high * 1.3, BOTTOM, TOP) : alb_scale_linear(low, high, 4, BOTTOM, TOP)};
}

static void put_axes(alb_page *page, const axes *a, const char *name) {
  char text[32];
  alb_chart_grid(page, &a->y, LEFT, RIGHT);
  for (size_t i = 0; i < a->x.tick_count; i++) {
    const double x = alb_scale_at(&a->x, a->x.ticks[i]);
    if (a->x.ticks[i] != round(a->x.ticks[i])) continue; /* steps and layers are whole */
    (void)snprintf(text, sizeof text, "%.0f", a->x.ticks[i]);
    alb_chart_tick(page, x, BOTTOM, text);
  }
  alb_chart_base(page, LEFT, RIGHT, BOTTOM, name);
}

static bool is_drawn(const alb_curve *c, size_t i) {
  return isfinite(c->y[i]) && (!c->log || c->y[i] > 0);
}

static void put_line(alb_page *page, const axes *a, const alb_curve *c) {
  fputs("<polyline class=\"line\" points=\"", page->out);
  for (size_t i = 0; i < c->count; i++) {
    if (is_drawn(c, i)) fprintf(page->out, "%.1f,%.1f ", alb_scale_at(&a->x, c->x[i]), alb_scale_at(&a->y, c->y[i]));
  }
  fputs("\"/>\n", page->out);
  for (size_t i = 0; i < c->count && c->count <= DOTS; i++) {
    if (!is_drawn(c, i)) continue;
    fprintf(page->out, "<circle class=\"main\" cx=\"%.1f\" cy=\"%.1f\" r=\"3\"><title>%s %.0f: %.4g</title></circle>\n",
            alb_scale_at(&a->x, c->x[i]), alb_scale_at(&a->y, c->y[i]), c->x_name, c->x[i], c->y[i]);
  }
}

void alb_chart_curve(alb_page *page, const alb_chart *chart, const alb_curve *curve) {
  if (!curve->count) return;
  const axes a = make_axes(curve);
  alb_chart_begin(page, chart, 520, BOTTOM + 42, false);
  put_axes(page, &a, curve->x_name);
  if (curve->limit > 0) {
    const double y = alb_scale_at(&a.y, curve->limit);
    fprintf(page->out, "<line class=\"limit\" x1=\"%d\" y1=\"%.1f\" x2=\"%d\" y2=\"%.1f\"/>", LEFT, y, RIGHT, y);
    alb_chart_label(page, RIGHT, y - 5, "badtext e", "tolerance");
  }
  put_line(page, &a, curve);
  alb_chart_end(page);
}
