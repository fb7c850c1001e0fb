/* Pickles: what the values are that come out; bad ones are in tests/hostile/gen_torch.py. */
#include "converter/unpickle.h"
#include "tests/support/check.h"

#define PICKLE(text) ((alb_span){(const uint8_t *)("\x80\2" text "."), sizeof(text) + 2})

typedef struct fixture {
  alb_diag diag;
  alb_pickle pickle;
} fixture;

static int setup(void **state) {
  *state = calloc(1, sizeof(fixture));
  return *state ? 0 : -1;
}

static int teardown(void **state) {
  fixture *f = *state;
  alb_pickle_free(&f->pickle);
  alb_diag_free(&f->diag);
  free(f);
  return 0;
}

static const alb_pickle_value *read(fixture *f, alb_span bytes) {
  alb_pickle_free(&f->pickle);
  assert_ok(&f->diag, alb_unpickle(&f->diag, bytes, &f->pickle));
  assert_int_equal(f->pickle.size, bytes.n);
  return f->pickle.root;
}

static void check_int(fixture *f, alb_span bytes, int64_t expected) {
  const alb_pickle_value *v = read(f, bytes);
  assert_int_equal(v->tag, ALB_PICKLE_INT);
  assert_int_equal(v->integer, expected);
}

static void test_numbers(void **state) {
  fixture *f = *state;
  check_int(f, PICKLE("K\xff"), 255);
  check_int(f, PICKLE("M\xff\xff"), 65535);
  check_int(f, PICKLE("J\xfe\xff\xff\xff"), -2);
  check_int(f, PICKLE("J\xff\xff\xff\x7f"), INT32_MAX);
  check_int(f, PICKLE("\x8a\x00"), 0);
  check_int(f, PICKLE("\x8a\x01\xff"), -1);
  check_int(f, PICKLE("\x8a\x02\xff\x00"), 255);
  check_int(f, PICKLE("\x8a\x05\x00\x00\x00\x00\x80"), -((int64_t)1 << 39));
  check_int(f, PICKLE("\x8a\x08\x00\x00\x00\x00\x00\x00\x00\x80"), INT64_MIN);
  check_int(f, PICKLE("\x8b\x02\x00\x00\x00\x01\x01"), 257);
  assert_int_equal(read(f, PICKLE("\x8a\x09\x00\x00\x00\x00\x00\x00\x00\x80\x00"))->tag, ALB_PICKLE_OTHER);
  assert_int_equal(read(f, PICKLE("G\x00\x00\x00\x00\x00\x00\x00\x00"))->tag, ALB_PICKLE_OTHER);
  assert_int_equal(read(f, PICKLE("N"))->tag, ALB_PICKLE_NONE);
  assert_true(read(f, PICKLE("\x88"))->integer == 1 && f->pickle.root->tag == ALB_PICKLE_BOOL);
  assert_true(read(f, PICKLE("\x89"))->integer == 0 && f->pickle.root->tag == ALB_PICKLE_BOOL);
}

static void test_containers(void **state) {
  fixture *f = *state;
  const alb_pickle_value *v = read(f, PICKLE("(K\1X\2\0\0\0\xc3\xa9Nt"));
  assert_true(v->tag == ALB_PICKLE_TUPLE && v->tuple.count == 3 && v->depth == 1);
  assert_true(alb_str_equal(v->tuple.items[1]->text, ALB_STR("\xc3\xa9")));
  v = read(f, PICKLE("](K\1K\2eK\3a"));
  assert_true(v->tag == ALB_PICKLE_LIST && v->many.count == 3);
  assert_int_equal(v->many.first->next->next->value->integer, 3);
  v = read(f, PICKLE("}(X\1\0\0\0aK\1X\1\0\0\0bK\2uX\1\0\0\0aK\3sK\7K\5s"));
  assert_true(v->tag == ALB_PICKLE_DICT && v->many.count == 4 && !v->ordered);
  assert_int_equal(alb_pickle_get(v, "a")->integer, 3); /* the last one */
  assert_int_equal(alb_pickle_get(v, "b")->integer, 2);
  assert_null(alb_pickle_get(v, "c"));
  v = read(f, PICKLE("ccollections\nOrderedDict\n)R}X\x09\0\0\0_metadata}sb"));
  assert_true(v->tag == ALB_PICKLE_DICT && v->ordered && v->many.count == 0);
  v = read(f, PICKLE("]q\0h\0\x86"));
  assert_true(v->tuple.items[0] == v->tuple.items[1]);
  assert_int_equal(read(f, PICKLE("NN0(NN1"))->tag, ALB_PICKLE_NONE);
}

#define HALF_OF_8                                          \
  "((X\7\0\0\0storageq\1ctorch\nHalfStorage\nq\2X\1\0\0\0" \
  "5q\3X\6\0\0\0cuda:1K\x08tq\4Q"

static void test_tensor(void **state) {
  fixture *f = *state;
  const alb_pickle_value *v =
      read(f, PICKLE("ctorch._utils\n_rebuild_tensor_v2\nq\0" HALF_OF_8 "K\2K\2K\3\x86K\1K\2\x86\x89"
                     "ccollections\nOrderedDict\n)RtR"));
  assert_int_equal(v->tag, ALB_PICKLE_TENSOR);
  const alb_pickle_tensor *t = v->tensor;
  assert_true(t->offset == 2 && t->rank == 2 && t->dims[0] == 2 && t->dims[1] == 3);
  assert_true(t->strides[0] == 1 && t->strides[1] == 2);
  assert_true(t->storage->dtype == ALB_F16 && t->storage->elements == 8 && !t->storage->loaded);
  assert_true(alb_str_is(t->storage->key, "5") && f->pickle.storages.count == 1);
  assert_ptr_equal(f->pickle.storages.items[0], t->storage);
}

static void test_two_tensors_of_one_storage(void **state) {
  fixture *f = *state;
  const alb_pickle_value *v = read(
      f, PICKLE("(ctorch._utils\n_rebuild_tensor\nq\0" HALF_OF_8 "K\0K\4\x85K\1\x85tRh\0(h\4QK\4K\4\x85K\1\x85tRt"));
  assert_ptr_equal(v->tuple.items[0]->tensor->storage, v->tuple.items[1]->tensor->storage);
  assert_int_equal(v->tuple.items[1]->tensor->offset, 4);
  assert_int_equal(f->pickle.storages.count, 1);
}

/* Bytes behind STOP are another's. */
static void test_size(void **state) {
  fixture *f = *state;
  assert_ok(&f->diag, alb_unpickle(&f->diag, (alb_span){(const uint8_t *)"\x80\2N.junk", 8}, &f->pickle));
  assert_int_equal(f->pickle.size, 4);
}

static void test_refused(void **state) {
  fixture *f = *state;
  assert_refused(&f->diag, alb_unpickle(&f->diag, PICKLE("cos\nsystem\n"), &f->pickle), ALB_UNSUPPORTED,
                 "names os.system");
  assert_refused(&f->diag, alb_unpickle(&f->diag, PICKLE("]q\0h\0a"), &f->pickle), ALB_MALFORMED, "contain itself");
  assert_refused(&f->diag, alb_unpickle(&f->diag, PICKLE("X\xff\xff\xff\xff"), &f->pickle), ALB_TRUNCATED,
                 "BINUNICODE");
  assert_refused(&f->diag, alb_unpickle(&f->diag, (alb_span){NULL, 0}, &f->pickle), ALB_TRUNCATED, "0 bytes");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(test_numbers, setup, teardown),
      cmocka_unit_test_setup_teardown(test_containers, setup, teardown),
      cmocka_unit_test_setup_teardown(test_tensor, setup, teardown),
      cmocka_unit_test_setup_teardown(test_two_tensors_of_one_storage, setup, teardown),
      cmocka_unit_test_setup_teardown(test_size, setup, teardown),
      cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
