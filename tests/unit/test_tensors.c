/* The tensor table: what is refused, names, views, recipes, copies of a table. */
#include "graph/tensors.h"
#include "tests/support/check.h"

static alb_diag diag;
static const float numbers[6] = {1, 2, 3, 4, 5, 6};
static const alb_span bytes = {(const uint8_t *)numbers, sizeof numbers};

static void test_elements(void **state) {
  (void)state;
  uint64_t n;
  assert_ok(&diag, alb_shape_elements(&diag, 0, NULL, &n));
  assert_int_equal(n, 1);
  assert_ok(&diag, alb_shape_elements(&diag, 3, (uint64_t[]){2, 3, 4}, &n));
  assert_int_equal(n, 24);
  assert_ok(&diag, alb_shape_elements(&diag, 2, (uint64_t[]){5, 0}, &n));
  assert_int_equal(n, 0);
  assert_ok(&diag, alb_shape_elements(&diag, 1, (uint64_t[]){ALB_MAX_DIM}, &n));
  const uint64_t high[9] = {ALB_MAX_DIM, ALB_MAX_DIM, 1, 1, 1, 1, 1, 1, 1};
  assert_refused(&diag, alb_shape_elements(&diag, 9, high + 2, &n), ALB_LIMIT, "rank 9 is above the limit of 8");
  assert_refused(&diag, alb_shape_elements(&diag, 1, (uint64_t[]){ALB_MAX_DIM + 1}, &n), ALB_LIMIT, "dimension 0");
  assert_refused(&diag, alb_shape_elements(&diag, 2, high, &n), ALB_OVERFLOW, "at dimension 1");
}

static void test_add(void **state) {
  (void)state;
  alb_tensors t = {0};
  uint32_t id;
  assert_ok(&diag, alb_tensors_add(&diag, &t, ALB_STR("a"), ALB_F32, 2, (uint64_t[]){2, 3}, bytes, &id));
  assert_int_equal(id, 0);
  assert_ok(&diag, alb_tensors_add(&diag, &t, ALB_STR("b"), ALB_F16, 1, (uint64_t[]){12}, bytes, &id));
  assert_int_equal(alb_tensors_find(&t, ALB_STR("b")), 1);
  assert_int_equal(alb_tensors_find(&t, ALB_STR("c")), UINT32_MAX);
  assert_int_equal(t.tensors.items[1].blob, 1);
  assert_int_equal(alb_blob_bytes(&t, 1), sizeof numbers);
  assert_refused(&diag, alb_tensors_add(&diag, &t, ALB_STR("a"), ALB_F32, 2, (uint64_t[]){2, 3}, bytes, &id),
                 ALB_DUPLICATE, "tensor \"a\" stands twice");
  assert_refused(&diag, alb_tensors_add(&diag, &t, ALB_STR("c"), ALB_F32, 1, (uint64_t[]){7}, bytes, &id), ALB_SHAPE,
                 "shape needs 28 bytes, found 24");
  assert_refused(&diag,
                 alb_tensors_add(&diag, &t, ALB_STR("c"), ALB_F64, 2, (uint64_t[]){ALB_MAX_DIM, 1 << 14}, bytes, &id),
                 ALB_OVERFLOW, "size in bytes");
  alb_tensors_free(&t);
}

static void test_view(void **state) {
  (void)state;
  alb_tensors t = {0};
  uint32_t id;
  assert_ok(&diag, alb_tensors_add(&diag, &t, ALB_STR("a"), ALB_F32, 2, (uint64_t[]){2, 3}, bytes, &id));
  assert_ok(&diag, alb_tensors_view(&diag, &t, ALB_STR("a"), 1, (uint64_t[]){6}, 0, &id));
  assert_true(alb_str_is(t.tensors.items[id].name, "a#2"));
  assert_ok(&diag, alb_tensors_view(&diag, &t, ALB_STR("a"), 1, (uint64_t[]){6}, 0, &id));
  assert_true(alb_str_is(t.tensors.items[id].name, "a#3"));
  assert_int_equal(t.tensors.items[id].blob, 0);
  assert_int_equal(t.tensors.items[id].dtype, ALB_F32);
  assert_refused(&diag, alb_tensors_view(&diag, &t, ALB_STR("b"), 1, (uint64_t[]){5}, 0, &id), ALB_SHAPE,
                 "tensor \"b\" does not fit its blob");
  assert_refused(&diag, alb_tensors_view(&diag, &t, ALB_STR("b"), 1, (uint64_t[]){6}, 1, &id), ALB_SHAPE,
                 "does not fit its blob");
  alb_tensors_free(&t);
}

static uint32_t recipe_of(alb_tensors *t, alb_blob_kind kind, alb_dtype dtype, uint64_t rows) {
  const alb_blob recipe = {
      .kind = kind, .dtype = dtype, .elements = 6, .rows = rows, .inputs = (uint32_t[]){0}, .input_count = 1};
  uint32_t blob;
  assert_ok(&diag, alb_tensors_recipe(&diag, t, &recipe, &blob));
  return blob;
}

static void test_recipes_are_kept_once(void **state) {
  (void)state;
  alb_tensors t = {0};
  uint32_t id;
  assert_ok(&diag, alb_tensors_add(&diag, &t, ALB_STR("a"), ALB_F32, 2, (uint64_t[]){2, 3}, bytes, &id));
  const uint32_t cast = recipe_of(&t, ALB_BLOB_CAST, ALB_F16, 0), copy = recipe_of(&t, ALB_BLOB_COPY, ALB_F32, 1);
  assert_int_equal(recipe_of(&t, ALB_BLOB_CAST, ALB_F16, 0), cast);
  assert_int_equal(recipe_of(&t, ALB_BLOB_COPY, ALB_F32, 1), copy);
  assert_int_not_equal(recipe_of(&t, ALB_BLOB_CAST, ALB_BF16, 0), cast);
  assert_int_not_equal(recipe_of(&t, ALB_BLOB_COPY, ALB_F32, 2), copy);
  assert_int_equal(t.blobs.count, 5);
  alb_tensors_free(&t);
}

static void test_clone(void **state) {
  (void)state;
  alb_tensors t = {0}, copy = {0};
  uint32_t id;
  alb_hash128 hash, again;
  assert_ok(&diag, alb_tensors_add(&diag, &t, ALB_STR("a"), ALB_F32, 2, (uint64_t[]){2, 3}, bytes, &id));
  (void)recipe_of(&t, ALB_BLOB_COPY, ALB_F32, 1);
  assert_ok(&diag, alb_blob_hash(&diag, &t, 0, &hash));
  assert_ok(&diag, alb_tensors_clone(&diag, &t, &copy));
  alb_tensors_free(&t); /* the clone stands alone */
  float made[6];
  assert_true(copy.blobs.items[0].hashed && !copy.blobs.items[1].hashed);
  assert_int_equal(alb_tensors_find(&copy, ALB_STR("a")), 0);
  assert_ok(&diag, alb_blob_materialize(&diag, &copy, 1, made));
  assert_memory_equal(made, numbers, sizeof numbers);
  assert_ok(&diag, alb_blob_hash(&diag, &copy, 1, &again));
  assert_true(alb_hash_equal(&hash, &again));
  alb_tensors_free(&copy);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_elements), cmocka_unit_test(test_add),
      cmocka_unit_test(test_view),     cmocka_unit_test(test_recipes_are_kept_once),
      cmocka_unit_test(test_clone),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
