/* Views of PyTorch storages: what is borrowed, what is copied, in which order. */
#include "converter/torch_state.h"
#include "tests/support/check.h"

static const int16_t numbers[12] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};

typedef struct fixture {
  alb_diag diag;
  alb_spill spill;
  alb_pickle_storage storage;
  alb_torch_bytes bytes;
} fixture;

static int setup(void **state) {
  fixture *f = calloc(1, sizeof *f);
  if (!f) return -1;
  f->storage = (alb_pickle_storage){.key = ALB_STR("0"), .dtype = ALB_I16, .elements = 12, .loaded = true};
  f->storage.bytes = (alb_span){(const uint8_t *)numbers, sizeof numbers};
  *state = f;
  return 0;
}

static int teardown(void **state) {
  fixture *f = *state;
  alb_spill_free(&f->spill);
  alb_diag_free(&f->diag);
  free(f);
  return 0;
}

static alb_status view(fixture *f, const alb_pickle_tensor *t, alb_span *out) {
  alb_pickle_tensor tensor = *t;
  tensor.storage = &f->storage;
  return alb_torch_view(&f->diag, &f->spill, &f->bytes, ALB_STR("x"), &tensor, out);
}

static void check(fixture *f, alb_pickle_tensor t, bool borrowed, size_t count, const int16_t *expected) {
  alb_span out;
  assert_ok(&f->diag, view(f, &t, &out));
  assert_int_equal(out.n, count * sizeof *expected);
  assert_memory_equal(out.p, expected, out.n);
  assert_int_equal(out.p >= f->storage.bytes.p && out.p < f->storage.bytes.p + f->storage.bytes.n, borrowed);
}

static void test_borrowed(void **state) {
  fixture *f = *state;
  check(f, (alb_pickle_tensor){.rank = 2, .dims = {3, 4}, .strides = {4, 1}}, true, 12, numbers);
  check(f, (alb_pickle_tensor){.rank = 1, .offset = 5, .dims = {3}, .strides = {1}}, true, 3, numbers + 5);
  check(f, (alb_pickle_tensor){.rank = 0, .offset = 11}, true, 1, numbers + 11);
  /* strides of dimensions of one element say nothing */
  check(f, (alb_pickle_tensor){.rank = 4, .dims = {1, 2, 1, 3}, .strides = {0, 3, INT64_MAX, 1}}, true, 6, numbers);
}

static void test_copied(void **state) {
  fixture *f = *state;
  const int16_t transposed[] = {0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11}, every_third[] = {2, 5, 8, 11};
  const int16_t cube[] = {1, 3, 7, 9, 2, 4, 8, 10};
  check(f, (alb_pickle_tensor){.rank = 2, .dims = {4, 3}, .strides = {1, 4}}, false, 12, transposed);
  check(f, (alb_pickle_tensor){.rank = 1, .offset = 2, .dims = {4}, .strides = {3}}, false, 4, every_third);
  check(f, (alb_pickle_tensor){.rank = 3, .offset = 1, .dims = {2, 2, 2}, .strides = {1, 6, 2}}, false, 8, cube);
}

static void test_big_endian(void **state) {
  fixture *f = *state;
  const int16_t swapped[] = {0x0100, 0x0200, 0x0300};
  f->bytes.big_endian = true;
  check(f, (alb_pickle_tensor){.rank = 1, .offset = 1, .dims = {3}, .strides = {1}}, false, 3, swapped);
  f->storage.dtype = ALB_U8; /* nothing to swap */
  f->storage.elements = sizeof numbers;
  check(f, (alb_pickle_tensor){.rank = 1, .offset = 0, .dims = {2}, .strides = {1}}, true, 1, numbers);
}

static void test_empty(void **state) {
  fixture *f = *state;
  alb_span out;
  f->storage.loaded = false;
  assert_ok(&f->diag, view(f, &(alb_pickle_tensor){.rank = 2, .offset = 99, .dims = {0, 5}, .strides = {5, 1}}, &out));
  assert_int_equal(out.n, 0);
}

static void test_refused(void **state) {
  fixture *f = *state;
  static const struct {
    alb_pickle_tensor tensor;
    alb_status status;
    const char *message;
  } bad[] = {
      {{.rank = 1, .dims = {13}, .strides = {1}}, ALB_MALFORMED, "leaves its storage of 12 elements"},
      {{.rank = 1, .offset = 12, .dims = {1}, .strides = {1}}, ALB_MALFORMED, "leaves its storage"},
      {{.rank = 2, .dims = {3, 4}, .strides = {4, 2}}, ALB_UNSUPPORTED, "over one another"},
      {{.rank = 2, .dims = {2, 2}, .strides = {0, 1}}, ALB_UNSUPPORTED, "over one another"},
      {{.rank = 2, .dims = {3, 2}, .strides = {INT64_MAX, 1}}, ALB_MALFORMED, "leaves its storage"},
      {{.rank = 1, .dims = {UINT64_C(1) << 48}, .strides = {1 << 20}}, ALB_OVERFLOW, "strides overflow"},
      {{.rank = 1, .dims = {UINT64_C(1) << 49}, .strides = {1}}, ALB_LIMIT, "2^48"},
  };
  alb_span out;
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    assert_refused(&f->diag, view(f, &bad[i].tensor, &out), bad[i].status, bad[i].message);
  }
  f->storage.loaded = false;
  assert_refused(&f->diag, view(f, &(alb_pickle_tensor){.rank = 0}, &out), ALB_MISSING, "not in the file");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(test_borrowed, setup, teardown),
      cmocka_unit_test_setup_teardown(test_copied, setup, teardown),
      cmocka_unit_test_setup_teardown(test_big_endian, setup, teardown),
      cmocka_unit_test_setup_teardown(test_empty, setup, teardown),
      cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
