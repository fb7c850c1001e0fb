/* Tests of cli/chart and its kinds: round ticks, bins, and that no data, however odd, writes what is no number. */
#include "cli/chart.h"

#include <math.h>
#include <stdlib.h>

#include "tests/support/check.h"

static void check_ticks(const alb_scale *scale, const char *expected) {
  char all[256] = "";
  for (size_t i = 0; i < scale->tick_count; i++) {
    char text[32];
    alb_scale_text(scale, scale->ticks[i], text);
    (void)snprintf(all + strlen(all), sizeof all - strlen(all), "%s%s", i ? " " : "", text);
  }
  assert_string_equal(all, expected);
}

static void test_linear(void **state) {
  (void)state;
  alb_scale s = alb_scale_linear(0.213, 1, 5, 0, 100);
  check_ticks(&s, "0.2 0.4 0.6 0.8 1.0");
  assert_true(fabs(alb_scale_at(&s, 0.6) - 50) < 1e-9);
  s = alb_scale_linear(0.96, 1, 5, 100, 0);
  check_ticks(&s, "0.96 0.97 0.98 0.99 1.00");
  s = alb_scale_linear(0, 1200, 6, 0, 1);
  check_ticks(&s, "0 200 400 600 800 1000 1200");
  s = alb_scale_linear(-0.3, 0.3, 4, 0, 1);
  check_ticks(&s, "-0.4 -0.2 0.0 0.2 0.4");
  s = alb_scale_linear(1, 1, 5, 0, 100); /* nothing to spread */
  assert_true(s.tick_count >= 2 && isfinite(alb_scale_at(&s, 1)));
  s = alb_scale_linear(0, 0, 5, 0, 100);
  assert_true(s.tick_count >= 2 && isfinite(alb_scale_at(&s, 0)));
}

static void test_log(void **state) {
  (void)state;
  alb_scale s = alb_scale_log(2e-5, 0.9, 0, 100);
  check_ticks(&s, "0.0001 0.001 0.01 0.1");
  assert_true(fabs(alb_scale_at(&s, 2e-5)) < 1e-9 && fabs(alb_scale_at(&s, 0.9) - 100) < 1e-9);
  s = alb_scale_log(15e6, 120e6, 0, 100);
  assert_int_equal(s.tick_count, 3);
  char text[32];
  alb_scale_bytes_text(20e6, text);
  assert_string_equal(text, "20 MB");
  s = alb_scale_log(5, 5, 0, 100);
  assert_true(isfinite(alb_scale_at(&s, 5)));
}

static void test_bins(void **state) {
  (void)state;
  alb_histogram h = {0};
  const double cosines[] = {-1, -0.001, 0, 0.2, 0.96, 0.9999, 1, 1.0000001, NAN};
  for (size_t i = 0; i < sizeof cosines / sizeof *cosines; i++) alb_histogram_add(&h, cosines[i]);
  assert_int_equal(h.counts[0], 3); /* what is no number, too */
  assert_int_equal(h.counts[1], 1);
  assert_int_equal(h.counts[2], 1);
  assert_int_equal(h.counts[ALB_COSINE_BINS - 1], 3);
  for (size_t b = 1; b < ALB_COSINE_BINS - 1; b++) {
    assert_true(alb_cosine_edges[b] > alb_cosine_edges[b - 1]);
    assert_true(fabs(alb_histogram_place(alb_cosine_edges[b - 1]) - (double)b) < 1e-9);
  }
  assert_true(fabs(alb_histogram_place(1) - ALB_COSINE_BINS) < 1e-9);
  assert_true(fabs(alb_histogram_place(0.1) - 1.5) < 1e-9);
  assert_true(isfinite(alb_histogram_place(NAN)) && isfinite(alb_histogram_place(-INFINITY)));
}

static const alb_chart chart = {"Caption", "Description"};

static void draw_bars(alb_page *page) {
  const alb_bar bars[] = {{"a", 0, 0, false}, {"<b>", UINT64_MAX, 1, true}};
  alb_chart_bars(page, &chart, bars, 2);
  alb_chart_bars(page, &chart, bars, 0);
}

static void draw_heat(alb_page *page) {
  static double cosines[48 * 48];
  cosines[0] = 1, cosines[1] = -1, cosines[2] = 2;
  for (size_t n = 1; n <= 48; n += 47) alb_chart_heat(page, &chart, cosines, n);
}

static void draw_stack(alb_page *page) {
  static uint32_t own[24], one[24], pairs[24];
  for (uint32_t l = 0; l < 24; l++) own[l] = l, one[l] = 0, pairs[l] = l / 2 * 2;
  alb_chart_stack(page, &chart, own, one, 24);
  alb_chart_stack(page, &chart, pairs, own, 24);
}

static void draw_histograms(alb_page *page) {
  const alb_histogram empty = {0};
  alb_histogram low = {0}, high = {0};
  low.counts[0] = 7;
  high.counts[ALB_COSINE_BINS - 1] = SIZE_MAX / 4;
  const alb_spread spreads[] = {{"<none>", &empty, NAN, true},
                                {"low", &low, -1, false},
                                {"high", &high, 1, false},
                                {"odd", &high, INFINITY, false}};
  for (size_t i = 0; i < 4; i++) alb_chart_histograms(page, &chart, spreads + i, 4 - i);
}

static void draw_points(alb_page *page) {
  const alb_point points[] = {{"zero", 0, 0, 0, false, true},
                              {"same", 5, 1, 1, true, false},
                              {"same", 5, 1, 1, false, true},
                              {"no number", 7, -1, -1, false, true},
                              {"large", UINT64_MAX, 1, 1, false, true}};
  for (size_t n = 1; n <= 5; n++) alb_chart_points(page, &chart, points, n);
  alb_chart_points(page, &chart, points + 1, 1);
}

static void draw_curves(alb_page *page) {
  const double x[] = {0, 1, 2}, odd[] = {0, -1, NAN}, flat[] = {1, 1, 1};
  alb_chart_curve(page, &chart, &(alb_curve){x, odd, 3, "step", true, 0});
  alb_chart_curve(page, &chart, &(alb_curve){x, odd, 3, "step", false, 0.5});
  alb_chart_curve(page, &chart, &(alb_curve){x, flat, 3, "step", true, 1});
  alb_chart_curve(page, &chart, &(alb_curve){x, flat, 1, "step", false, 0});
  alb_chart_curve(page, &chart, &(alb_curve){x, flat, 0, "step", false, 0});
}

static void test_odd_data(void **state) {
  static void (*const draw[])(alb_page * page) = {draw_bars,       draw_heat,   draw_stack,
                                                  draw_histograms, draw_points, draw_curves};
  (void)state;
  for (size_t i = 0; i < sizeof draw / sizeof *draw; i++) {
    char *text = NULL;
    size_t size = 0;
    alb_page page = {.out = open_memstream(&text, &size)};
    draw[i](&page);
    assert_int_equal(fclose(page.out), 0);
    assert_null(strstr(text, "nan\""));
    assert_null(strstr(text, "inf\""));
    assert_null(strstr(text, "nan,"));
    assert_null(strstr(text, "width=\"-"));
    assert_null(strstr(text, "height=\"-"));
    assert_null(strstr(text, "<b>"));
    assert_null(strstr(text, "<none>"));
    assert_non_null(strstr(text, "<desc id="));
    free(text);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_linear), cmocka_unit_test(test_log),
                                     cmocka_unit_test(test_bins), cmocka_unit_test(test_odd_data)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
