/* Bytes against fidelity: what was made beside what quantisation alone gives. */
#include <math.h>
#include <string.h>

#include "cli/chart.h"

enum { LEFT = 52, RIGHT = 500, TOP = 14, BOTTOM = 250, MOST = 16 };

typedef struct axes {
  alb_scale x, y;
} axes;

static axes make_axes(const alb_point *points, size_t count) {
  double low = 1, least = INFINITY, most = 1;
  for (size_t i = 0; i < count; i++) {
    low = fmin(low, fmin(points[i].low, points[i].mean));
    least = fmin(least, (double)points[i].bytes);
    most = fmax(most, (double)points[i].bytes);
  }
  return (axes){alb_scale_log(fmax(1, least) / 1.25, most * 1.35, LEFT, RIGHT),
                alb_scale_linear(isfinite(low) ? low : 0, 1, 5, BOTTOM, TOP)};
}

static void put_axes(alb_page *page, const axes *a) {
  char text[32];
  alb_chart_grid(page, &a->y, LEFT, RIGHT);
  for (size_t i = 0; i < a->x.tick_count; i++) {
    const double x = alb_scale_at(&a->x, a->x.ticks[i]);
    alb_scale_bytes_text(a->x.ticks[i], text);
    alb_chart_tick(page, x, BOTTOM, text);
  }
  alb_chart_base(page, LEFT, RIGHT, BOTTOM, "bytes of the file (logarithmic)");
}

static double x_of(const axes *a, const alb_point *point) {
  return alb_scale_at(&a->x, fmax(1, (double)point->bytes));
}

static void put_guide(alb_page *page, const axes *a, const alb_point *points, size_t count) {
  fputs("<polyline class=\"guide\" points=\"", page->out);
  for (size_t i = 0; i < count; i++) {
    if (!points[i].guided) continue;
    fprintf(page->out, "%.1f,%.1f ", x_of(a, &points[i]), alb_scale_at(&a->y, points[i].mean));
  }
  fputs("\"/>\n", page->out);
}

/* ---- labels: beside, below or above their points, where nothing else is ---- */

typedef struct box {
  double left, right, top, bottom;
} box;

typedef struct place {
  double dx, dy;
  const char *classes;
} place;

static const place places[] = {{11, 4, ""}, {-11, 4, "e"}, {0, 20, "m"}, {0, -11, "m"}, {11, 18, ""}, {-11, 18, "e"}};

static bool overlap(const box *a, const box *b) {
  return a->left < b->right && b->left < a->right && a->top < b->bottom && b->top < a->bottom;
}

/* About as wide as its letters are. */
static box box_at(const place *p, double x, double y, const char *name) {
  const double width = 6.8 * (double)strlen(name), at = x + p->dx;
  const double left = *p->classes == 'e' ? at - width : *p->classes == 'm' ? at - width / 2 : at;
  return (box){left, left + width, y + p->dy - 11, y + p->dy + 3};
}

static bool is_free(const box *wanted, const box *taken, size_t count) {
  if (wanted->left < LEFT || wanted->right > 518 || wanted->top < 0 || wanted->bottom > BOTTOM) return false;
  for (size_t i = 0; i < count; i++) {
    if (overlap(wanted, &taken[i])) return false;
  }
  return true;
}

/* taken has a box for each point first, then for each label. */
static void put_label(alb_page *page, const alb_point *p, double x, double y, box *taken, size_t count) {
  const size_t all = sizeof places / sizeof *places;
  size_t i = p->main ? 0 : 2; /* the others have a line beside them */
  char classes[16];
  for (size_t tries = 0; tries < all; tries++, i = (i + 1) % all) {
    const box wanted = box_at(&places[i], x, y, p->name);
    if (is_free(&wanted, taken, count)) break;
  }
  taken[count] = box_at(&places[i], x, y, p->name);
  (void)snprintf(classes, sizeof classes, "h %s%s", places[i].classes, p->main ? " b" : "");
  alb_chart_label(page, x + places[i].dx, y + places[i].dy, classes, p->name);
}

static void put_point(alb_page *page, const axes *a, const alb_point *p, double x, double y) {
  const double low = alb_scale_at(&a->y, fmin(p->low, p->mean));
  char size[32];
  fprintf(page->out, "<line class=\"range\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>", x, y, x, low);
  fprintf(page->out, "<circle class=\"%s\" cx=\"%.1f\" cy=\"%.1f\" r=\"%s\"><title>", p->main ? "main" : "still", x, y,
          p->main ? "6" : "4.5");
  alb_page_text(page, alb_str_of(p->name));
  fprintf(page->out, ": %s, mean cosine %.4f</title></circle>\n", alb_bytes_text(p->bytes, size), p->mean);
}

static void put_points(alb_page *page, const axes *a, const alb_point *points, size_t count) {
  box taken[2 * MOST];
  for (size_t i = 0; i < count; i++) {
    const double x = x_of(a, &points[i]), y = alb_scale_at(&a->y, points[i].mean);
    put_point(page, a, &points[i], x, y);
    taken[i] = (box){x - 7, x + 7, y - 7, y + 7};
  }
  for (size_t i = 0; i < count; i++) {
    const double x = x_of(a, &points[i]), y = alb_scale_at(&a->y, points[i].mean);
    put_label(page, &points[i], x, y, taken, count + i);
  }
}

void alb_chart_points(alb_page *page, const alb_chart *chart, const alb_point *points, size_t count) {
  const axes a = make_axes(points, count);
  if (count > MOST) count = MOST;
  alb_chart_begin(page, chart, 520, BOTTOM + 42, false);
  put_axes(page, &a);
  put_guide(page, &a, points, count);
  put_points(page, &a, points, count);
  alb_chart_end(page);
}
