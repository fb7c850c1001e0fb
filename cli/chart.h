/* Charts as SVG inside a page: a figure that has a caption, a description for who can't see it, and can be focused.
 * Each kind is one file; the table with the numbers is the caller's. */
#ifndef ALB_CLI_CHART_H
#define ALB_CLI_CHART_H

#include "cli/histogram.h"
#include "cli/page.h"

/* Captions and descriptions are ours; names in the data may come from anywhere. */
typedef struct alb_chart {
  const char *caption, *description;
} alb_chart;

/* ---- what the kinds share ---- */

/* A figure of width x height units; small: half as wide on a wide screen. */
void alb_chart_begin(alb_page *page, const alb_chart *chart, double width, double height, bool small);
void alb_chart_end(alb_page *page);
void alb_chart_label(alb_page *page, double x, double y, const char *classes, const char *text);

enum { ALB_SCALE_TICKS = 12 };

/* An axis: values low..high lie at from..to. */
typedef struct alb_scale {
  double low, high, from, to;
  bool log;
  double ticks[ALB_SCALE_TICKS];
  size_t tick_count;
} alb_scale;

/* Round numbers around low..high; about: how many ticks are wanted. */
alb_scale alb_scale_linear(double low, double high, size_t about, double from, double to);
/* Powers of ten around them, and 2 and 5 times these where there is room; both are above 0. */
alb_scale alb_scale_log(double low, double high, double from, double to);
double alb_scale_at(const alb_scale *scale, double value);
/* "0.85", "40", "1e-5": as many digits as the ticks need. */
void alb_scale_text(const alb_scale *scale, double tick, char out[32]);

/* A line from left to right at each tick of an upright axis, and what it stands for. */
void alb_chart_grid(alb_page *page, const alb_scale *scale, int left, int right);
/* A tick of the axis at the bottom; that axis, and what it is of. */
void alb_chart_tick(alb_page *page, double x, int bottom, const char *text);
void alb_chart_base(alb_page *page, int left, int right, int bottom, const char *name);

/* "20 MB". */
void alb_scale_bytes_text(double tick, char out[32]);

/* ---- kinds ---- */

typedef struct alb_bar {
  const char *name;
  uint64_t before, after; /* bytes */
  bool unknown;           /* after is not known */
} alb_bar;

void alb_chart_bars(alb_page *page, const alb_chart *chart, const alb_bar *bars, size_t count);

/* cosines[n * n]: blue above 0, orange below. */
void alb_chart_heat(alb_page *page, const alb_chart *chart, const double *cosines, size_t n);

/* The layers one below the other; sets: the first layer that has the set. Those of several layers have a colour. */
void alb_chart_stack(alb_page *page, const alb_chart *chart, const uint32_t *attention, const uint32_t *ffn,
                     size_t layers);

typedef struct alb_spread {
  const char *name;
  const alb_histogram *histogram;
  double mean;
  bool main; /* the one that the page is about */
} alb_spread;

void alb_chart_histograms(alb_page *page, const alb_chart *chart, const alb_spread *spreads, size_t count);

typedef struct alb_point {
  const char *name;
  uint64_t bytes;
  double mean, low;
  bool main;   /* the one that the page is about */
  bool guided; /* a line joins those that are */
} alb_point;

/* Bytes against fidelity. Points come in the order of their bytes. */
void alb_chart_points(alb_page *page, const alb_chart *chart, const alb_point *points, size_t count);

typedef struct alb_curve {
  const double *x, *y;
  size_t count;
  const char *x_name;
  bool log;     /* y is drawn by its logarithm */
  double limit; /* a line across; <= 0: none */
} alb_curve;

void alb_chart_curve(alb_page *page, const alb_chart *chart, const alb_curve *curve);

#endif
