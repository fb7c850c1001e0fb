/* Blobs that can have equal bytes are hashed, whichever way they are made; others are not. */
#include "graph/alike.h"
#include "tests/support/check.h"

enum { N = 120, ROWS = 10, COLUMNS = N / ROWS };

static float plain[N], turned[N], other[N], nearly[N], pair[2 * N];

static void fill(void) {
  for (size_t i = 0; i < N; i++) {
    plain[i] = nearly[i] = (float)(i * i);
    other[i] = -(float)i;
  }
  for (size_t i = 0; i < N; i++) turned[i % COLUMNS * ROWS + i / COLUMNS] = plain[i];
  nearly[N / 2 + 1] = 0.5F; /* not among the elements that are looked at */
  memcpy(pair, other, sizeof other);
  memcpy(pair + N, plain, sizeof plain);
}

static uint32_t add(alb_tensors *table, const float *p, size_t n) {
  alb_diag diag = {0};
  uint32_t id;
  assert_ok(&diag, alb_tensors_blob(&diag, table, ALB_F32, n, (alb_span){(const uint8_t *)p, n * sizeof *p}, &id));
  return id;
}

static uint32_t recipe(alb_tensors *table, alb_blob blob, const uint32_t *inputs, size_t count) {
  alb_diag diag = {0};
  uint32_t id;
  blob.dtype = blob.dtype ? blob.dtype : ALB_F32;
  blob.inputs = inputs;
  blob.input_count = count;
  assert_ok(&diag, alb_tensors_new_recipe(&diag, table, &blob, &id));
  return id;
}

static bool hashed(const alb_tensors *table, uint32_t id) {
  return table->blobs.items[id].hashed;
}

/* The same numbers in the file, transposed, cut out and joined: all are hashed, and equal. */
static void test_ways(void **state) {
  (void)state;
  alb_diag diag = {0};
  alb_tensors table = {0};
  fill();
  const uint32_t a = add(&table, plain, N), b = add(&table, turned, N), c = add(&table, pair, 2 * N);
  const uint32_t halves[2] = {add(&table, plain, N / 2), add(&table, plain + N / 2, N / 2)};
  const uint32_t same[] = {
      a, recipe(&table, (alb_blob){.kind = ALB_BLOB_TRANSPOSE, .elements = N, .rows = COLUMNS, .columns = ROWS}, &b, 1),
      recipe(&table, (alb_blob){.kind = ALB_BLOB_PART, .elements = N, .rows = N}, &c, 1),
      recipe(&table, (alb_blob){.kind = ALB_BLOB_CONCAT, .elements = N}, halves, 2)};
  assert_ok(&diag, alb_tensors_hash_alike(&diag, &table));
  for (size_t i = 0; i < 4; i++) {
    assert_true(hashed(&table, same[i]));
    assert_true(alb_hash_equal(&table.blobs.items[same[i]].hash, &table.blobs.items[a].hash));
  }
  assert_false(hashed(&table, b) || hashed(&table, c) || hashed(&table, halves[0]) || hashed(&table, halves[1]));
  alb_tensors_free(&table);
}

/* What differs where nobody looked is told apart by its hash; what is longer, or no float, is not alike. */
static void test_differing(void **state) {
  (void)state;
  alb_diag diag = {0};
  alb_tensors table = {0};
  fill();
  const uint32_t a = add(&table, plain, N), b = add(&table, nearly, N), c = add(&table, other, N);
  const uint32_t shorter = add(&table, plain, N - 1);
  const uint32_t cast = recipe(&table, (alb_blob){.kind = ALB_BLOB_CAST, .dtype = ALB_F16, .elements = N}, &a, 1);
  assert_ok(&diag, alb_tensors_hash_alike(&diag, &table));
  assert_true(hashed(&table, a) && hashed(&table, b));
  assert_false(alb_hash_equal(&table.blobs.items[a].hash, &table.blobs.items[b].hash));
  assert_false(hashed(&table, c) || hashed(&table, shorter) || hashed(&table, cast));
  assert_false(alb_blob_has_content(&table, &table.blobs.items[cast]));
  alb_tensors_free(&table);
}

/* Blobs of int4 have fewer bytes than elements: what stands behind them is not looked at. */
static void test_int4(void **state) {
  (void)state;
  enum { BYTES = 64 };
  alb_diag diag = {0};
  alb_tensors table = {0};
  uint8_t bytes[3][2 * BYTES];
  for (uint8_t i = 0; i < 3; i++) {
    memset(bytes[i], 0x80 + i / 2, BYTES);
    memset(bytes[i] + BYTES, i, BYTES);
    const alb_blob blob = {
        .kind = ALB_BLOB_BYTES, .dtype = ALB_I4, .elements = (size_t)2 * BYTES, .bytes = {bytes[i], BYTES}};
    assert_true(alb_vec_push(&table.blobs, blob));
  }
  const uint32_t inputs[4] = {0, 2, 1, 2};
  const alb_blob joined = {.kind = ALB_BLOB_CONCAT, .dtype = ALB_I4, .elements = (size_t)4 * BYTES};
  const uint32_t a = recipe(&table, joined, inputs, 2), b = recipe(&table, joined, inputs + 2, 2);
  assert_ok(&diag, alb_tensors_hash_alike(&diag, &table));
  assert_true(hashed(&table, 0) && hashed(&table, 1) && hashed(&table, a) && hashed(&table, b));
  assert_true(alb_hash_equal(&table.blobs.items[0].hash, &table.blobs.items[1].hash));
  assert_true(alb_hash_equal(&table.blobs.items[a].hash, &table.blobs.items[b].hash));
  assert_false(hashed(&table, 2));
  alb_tensors_free(&table);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_ways), cmocka_unit_test(test_differing),
                                     cmocka_unit_test(test_int4)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
