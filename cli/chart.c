/* What charts share: the figure around them, and axes with round numbers. */
#include "cli/chart.h"

#include <math.h>

void alb_chart_begin(alb_page *page, const alb_chart *chart, double width, double height, bool small) {
  const unsigned id = ++page->charts;
  fprintf(page->out, "<figure tabindex=\"0\" aria-labelledby=\"c%u\"><figcaption id=\"c%u\">%s</figcaption>\n", id, id,
          chart->caption);
  fprintf(page->out, "<svg%s viewBox=\"0 0 %.0f %.0f\" role=\"img\" aria-labelledby=\"t%u d%u\">",
          small ? " class=\"square\"" : "", width, height, id, id);
  fprintf(page->out, "<title id=\"t%u\">%s</title><desc id=\"d%u\">%s</desc>\n", id, chart->caption, id,
          chart->description);
}

void alb_chart_end(alb_page *page) {
  fputs("</svg></figure>\n", page->out);
}

void alb_chart_label(alb_page *page, double x, double y, const char *classes, const char *text) {
  fprintf(page->out, "<text class=\"%s\" x=\"%.1f\" y=\"%.1f\">", classes, x, y);
  alb_page_text(page, alb_str_of(text));
  fputs("</text>\n", page->out);
}

/* 1, 2 or 5 times a power of ten, at least `step`. */
static double round_step(double step) {
  const double power = pow(10, floor(log10(step)));
  const double part = step / power;
  return power * (part <= 1.0001 ? 1 : part <= 2.0001 ? 2 : part <= 5.0001 ? 5 : 10);
}

alb_scale alb_scale_linear(double low, double high, size_t about, double from, double to) {
  alb_scale s = {.from = from, .to = to};
  if (!(high - low > 1e-12 * fmax(fabs(high), 1e-300))) high = low + fmax(fabs(low), 1e-6) * 0.01;
  const double step = round_step((high - low) / (double)about);
  s.low = floor(low / step + 1e-9) * step;
  s.high = ceil(high / step - 1e-9) * step;
  const size_t count = (size_t)llround((s.high - s.low) / step) + 1;
  for (size_t i = 0; i < count && i < ALB_SCALE_TICKS; i++) s.ticks[s.tick_count++] = s.low + (double)i * step;
  return s;
}

static void add_log_ticks(alb_scale *s, double factor) {
  for (double power = pow(10, floor(log10(s->low))); power <= s->high; power *= 10) {
    const double tick = factor * power;
    if (tick >= s->low * 0.999 && tick <= s->high * 1.001 && s->tick_count < ALB_SCALE_TICKS)
      s->ticks[s->tick_count++] = tick;
  }
}

alb_scale alb_scale_log(double low, double high, double from, double to) {
  alb_scale s = {.low = low, .high = high, .from = from, .to = to, .log = true};
  if (s.high < s.low * 1.5) s.low /= 1.3, s.high *= 1.3;
  const double decades = log10(s.high / s.low);
  add_log_ticks(&s, 1);
  if (decades < 3) add_log_ticks(&s, 2);
  if (decades < 3) add_log_ticks(&s, 5);
  return s;
}

double alb_scale_at(const alb_scale *s, double value) {
  const double part = s->log ? log(value / s->low) / log(s->high / s->low) : (value - s->low) / (s->high - s->low);
  return s->from + part * (s->to - s->from);
}

void alb_scale_text(const alb_scale *s, double tick, char out[32]) {
  int decimals = 0;
  const double step = s->tick_count > 1 ? s->ticks[1] - s->ticks[0] : 1;
  if (s->log || fabs(tick) >= 1e6) {
    (void)snprintf(out, 32, "%.3g", tick);
    return;
  }
  while (decimals < 9 && fabs(step * pow(10, decimals) - round(step * pow(10, decimals))) > 1e-6) decimals++;
  (void)snprintf(out, 32, "%.*f", decimals, fabs(tick) < step * 1e-6 ? 0.0 : tick);
}

void alb_scale_bytes_text(double tick, char out[32]) {
  static const char *const units[] = {"bytes", "kB", "MB", "GB", "TB"};
  size_t unit = 0;
  for (; tick >= 1000 && unit + 1 < sizeof units / sizeof *units; unit++) tick /= 1000;
  (void)snprintf(out, 32, "%.3g %s", tick, units[unit]);
}

void alb_chart_grid(alb_page *page, const alb_scale *scale, int left, int right) {
  char text[32];
  for (size_t i = 0; i < scale->tick_count; i++) {
    const double y = alb_scale_at(scale, scale->ticks[i]);
    fprintf(page->out, "<line class=\"grid\" x1=\"%d\" y1=\"%.1f\" x2=\"%d\" y2=\"%.1f\"/>", left, y, right, y);
    alb_scale_text(scale, scale->ticks[i], text);
    alb_chart_label(page, left - 8, y + 4, "t e", text);
  }
}

void alb_chart_tick(alb_page *page, double x, int bottom, const char *text) {
  fprintf(page->out, "<line class=\"axis\" x1=\"%.1f\" y1=\"%d\" x2=\"%.1f\" y2=\"%d\"/>", x, bottom, x, bottom + 4);
  alb_chart_label(page, x, bottom + 17, "t m", text);
}

void alb_chart_base(alb_page *page, int left, int right, int bottom, const char *name) {
  fprintf(page->out, "<line class=\"axis\" x1=\"%d\" y1=\"%d\" x2=\"%d\" y2=\"%d\"/>\n", left, bottom, right, bottom);
  alb_chart_label(page, (left + right) / 2.0, bottom + 34, "t m", name);
}
