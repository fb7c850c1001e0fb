/* Tests of cli/page, cli/page_place: escaping, numbers with their place in the JSON, and where a page may go. */
#include "cli/page.h"

#include <math.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/support/check.h"

/* What a function writes, for the caller to free. */
static char *written(void (*write)(FILE *out, void *context), void *context) {
  char *owned = NULL;
  alb_str text;
  alb_diag diag = {0};
  assert_int_equal(alb_page_made(&diag, write, context, &owned, &text), ALB_OK);
  assert_int_equal(strlen(owned), text.n);
  return owned;
}

static void write_text(FILE *out, void *context) {
  alb_page page = {.out = out};
  alb_page_text(&page, *(const alb_str *)context);
}

static void check_text(alb_str text, const char *expected) {
  char *got = written(write_text, &text);
  assert_string_equal(got, expected);
  free(got);
}

static void test_text(void **state) {
  (void)state;
  check_text(ALB_STR("plain"), "plain");
  check_text(ALB_STR("<b a='x'>\"&"), "&lt;b a=&#39;x&#39;&gt;&quot;&amp;");
  check_text(ALB_STR("na\xc3\xafve \xe2\x82\xac"), "na\xc3\xafve \xe2\x82\xac");
  check_text(ALB_STR("\xff<\xc3"), "\xef\xbf\xbd&lt;\xef\xbf\xbd");
  check_text(ALB_STR("a\x1b[0m\x7f"), "a\xef\xbf\xbd[0m\xef\xbf\xbd");
  check_text((alb_str){"a\0b", 3},
             "a\xef\xbf\xbd"
             "b");
}

static void write_numbers(FILE *out, void *context) {
  alb_page page = {.out = out};
  (void)context;
  alb_page_key(&page, "a.%d", 3);
  alb_page_int_cell(&page, 1234567);
  alb_page_int(&page, 5); /* a key is of one number only */
  alb_page_key(&page, "b");
  alb_page_double_cell(&page, 0.123456, 6, 2);
  alb_page_key(&page, "c");
  alb_page_float_cell(&page, (double)0.1f);
  alb_page_key(&page, "d");
  alb_page_double(&page, NAN, 6, 2);
  alb_page_key(&page, "e");
  alb_page_percent(&page, 0.756, 3);
  alb_page_key(&page, "f");
  alb_page_cosine_cell(&page, 1);
}

static void test_numbers(void **state) {
  (void)state;
  char *got = written(write_numbers, NULL);
  assert_string_equal(got,
                      "<td data-key=\"a.3\" data-value=\"1234567\">1,234,567</td><span>5</span>"
                      "<td data-key=\"b\" data-value=\"0.123456\">0.12</td>"
                      "<td data-key=\"c\" data-value=\"0.1\">0.1</td>"
                      "<span data-key=\"d\" data-value=\"null\">none</span>"
                      "<span data-key=\"e\" data-value=\"0.756\">76&nbsp;%</span>"
                      "<td data-key=\"f\" data-value=\"1\">1.000000000</td>");
  free(got);
}

static void test_bytes(void **state) {
  (void)state;
  static const struct {
    uint64_t bytes;
    const char *text;
  } cases[] = {{0, "0 bytes"},
               {999, "999 bytes"},
               {1000, "1.0 kB"},
               {23383432, "23.4 MB"},
               {437594928, "438 MB"},
               {UINT64_C(999600000), "1.0 GB"},
               {UINT64_MAX, "18446744 TB"}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    char text[32];
    assert_string_equal(alb_bytes_text(cases[i].bytes, text), cases[i].text);
  }
}

static void test_heading(void **state) {
  (void)state;
  static const char *const cases[][2] = {
      {"a/b/x.alb", "<bdi>x.alb</bdi>"}, {"x", "<bdi>x</bdi>"}, {"a/out/", "<bdi>out/</bdi>"}, {"/", "<bdi>/</bdi>"}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    alb_page page;
    alb_page_begin(&page, out, "conversion", cases[i][0]);
    alb_page_end(&page, (alb_str){0});
    assert_int_equal(fclose(out), 0);
    assert_non_null(strstr(text, cases[i][1]));
    free(text);
  }
}

static void test_place(void **state) {
  char folder[] = "/tmp/alb-page-XXXXXX", path[64];
  alb_diag diag = {0};
  alb_page_place place;
  (void)state;
  assert_non_null(mkdtemp(folder));
  (void)snprintf(path, sizeof path, "%s/p.html", folder);
  assert_int_equal(alb_page_place_open(&diag, path, false, &place), ALB_OK);
  assert_int_not_equal(access(path, F_OK), 0); /* nothing before it is whole */
  alb_page_place_close(&place);
  assert_int_not_equal(access(path, F_OK), 0);
  assert_int_equal(alb_page_place_open(&diag, path, false, &place), ALB_OK);
  assert_int_equal(alb_page_place_commit(&diag, &place, ALB_STR("page")), ALB_OK);
  alb_page_place_close(&place);
  assert_int_equal(access(path, F_OK), 0);
  assert_int_equal(alb_page_place_open(&diag, path, false, &place), ALB_EXISTS);
  assert_int_equal(alb_page_place_open(&diag, path, true, &place), ALB_OK);
  alb_page_place_close(&place);
  assert_int_equal(unlink(path), 0);
  (void)snprintf(path, sizeof path, "%s/no/p.html", folder);
  assert_int_equal(alb_page_place_open(&diag, path, false, &place), ALB_IO);
  assert_int_equal(rmdir(folder), 0);
  assert_int_equal(alb_page_place_open(&diag, NULL, false, &place), ALB_OK);
  alb_page_place_close(&place);
  alb_diag_free(&diag);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_text), cmocka_unit_test(test_numbers),
                                     cmocka_unit_test(test_bytes), cmocka_unit_test(test_heading),
                                     cmocka_unit_test(test_place)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
