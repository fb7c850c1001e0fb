/* Snappy: every kind of element, copies that repeat themselves, and what is refused. */
#include "converter/snappy.h"

#include "tests/support/check.h"

static alb_diag diag;

#define BYTES(...) (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__})

static void check(const uint8_t *in, size_t n, const char *expected) {
  uint8_t *owned;
  alb_span out;
  assert_ok(&diag, alb_snappy_decode(&diag, (alb_span){in, n}, 1 << 20, &owned, &out));
  assert_int_equal(out.n, strlen(expected));
  assert_memory_equal(out.p, expected, out.n);
  free(owned);
}

static void refuse(const uint8_t *in, size_t n, alb_status status, const char *message) {
  uint8_t *owned;
  alb_span out;
  assert_refused(&diag, alb_snappy_decode(&diag, (alb_span){in, n}, 100, &owned, &out), status, message);
  assert_null(owned);
}

static void test_elements(void **state) {
  (void)state;
  check(BYTES(0), "");
  check(BYTES(3, 2 << 2, 'a', 'b', 'c'), "abc");
  check(BYTES(3, 60 << 2, 2, 'a', 'b', 'c'), "abc");                       /* the length in one byte more */
  check(BYTES(3, 61 << 2, 2, 0, 'a', 'b', 'c'), "abc");                    /* in two */
  check(BYTES(3, 62 << 2, 2, 0, 0, 'a', 'b', 'c'), "abc");                 /* in three */
  check(BYTES(3, 63 << 2, 2, 0, 0, 0, 'a', 'b', 'c'), "abc");              /* in four */
  check(BYTES(7, 2 << 2, 'a', 'b', 'c', 0 << 2 | 1, 3), "abcabca");        /* copy of 4 from 3 before */
  check(BYTES(9, 2 << 2, 'a', 'b', 'c', 5 << 2 | 2, 1, 0), "abccccccc");   /* offset in two bytes */
  check(BYTES(5, 2 << 2, 'a', 'b', 'c', 1 << 2 | 3, 3, 0, 0, 0), "abcab"); /* in four */
}

/* The upper three bits of a short copy's tag are the upper bits of its offset. */
static void test_far_copy(void **state) {
  uint8_t in[600] = {0xac, 0x04, 61 << 2, 0x17, 0x02}, *owned; /* 556 bytes, 536 of them literal */
  alb_span out;
  (void)state;
  for (int i = 0; i < 536; i++) in[5 + i] = (uint8_t)(i * 7);
  in[541] = 2 << 5 | 6 << 2 | 1; /* 10 bytes from 512 + 20 before */
  in[542] = 20;
  in[543] = 2 << 5 | 6 << 2 | 1;
  in[544] = 21;
  assert_ok(&diag, alb_snappy_decode(&diag, (alb_span){in, 545}, 1 << 20, &owned, &out));
  assert_int_equal(out.n, 556);
  for (int i = 0; i < 10; i++) {
    assert_int_equal(out.p[536 + i], (uint8_t)((i + 4) * 7));
    assert_int_equal(out.p[546 + i], (uint8_t)((i + 546 - 533) * 7));
  }
  free(owned);
}

static void test_refused(void **state) {
  (void)state;
  refuse(NULL, 0, ALB_MALFORMED, "bad length");
  refuse(BYTES(0xff, 0xff, 0xff, 0xff, 0xff, 1), ALB_MALFORMED, "bad length");
  refuse(BYTES(0xff, 0xff, 0xff, 0xff, 15, 0, 'a'), ALB_MALFORMED, "are said to be in");
  refuse(BYTES(101, 0, 'a', 0, 'a', 0, 'a'), ALB_LIMIT, "at most 100");
  refuse(BYTES(3, 2 << 2, 'a', 'b'), ALB_MALFORMED, "inside a literal");
  refuse(BYTES(2, 2 << 2, 'a', 'b', 'c'), ALB_MALFORMED, "longer than the block");
  refuse(BYTES(2, 63 << 2, 255, 255, 255, 255), ALB_MALFORMED, "longer than the block");
  refuse(BYTES(3, 61 << 2, 2), ALB_MALFORMED, "inside an element");
  refuse(BYTES(9, 0, 'a', 0 << 2 | 1, 2), ALB_MALFORMED, "before the block");
  refuse(BYTES(9, 0, 'a', 3 << 2 | 2, 0, 0), ALB_MALFORMED, "before the block");
  refuse(BYTES(3, 0, 'a', 0 << 2 | 1, 1), ALB_MALFORMED, "longer than the block");
  refuse(BYTES(9, 0, 'a', 3 << 2 | 3, 1, 0, 0), ALB_MALFORMED, "inside an element");
  refuse(BYTES(9, 0, 'a'), ALB_MALFORMED, "ends too early");
  refuse(BYTES(0, 0, 'a'), ALB_MALFORMED, "longer than the block");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_elements),
      cmocka_unit_test(test_far_copy),
      cmocka_unit_test(test_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
