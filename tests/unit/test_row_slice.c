/* Rows of tensors, and transposes: which blobs they become, and that their bytes are those of the whole. */
#include "graph/row_slice.h"
#include "tests/support/check.h"
#include "tests/support/graph_text.h"

static const char text[] =
    "blob 0 f32 24\nblob 1 f32 24\nblob 2 f32 48 = concat 0 1\nblob 3 f32 24 = transpose 0 as 4x6\n"
    "blob 4 f32 48 = concat 3 1\nblob 5 int8 48 = quant 2 as 8x6\nblob 6 f32 8 = scale 2 as 8x6\n"
    "blob 7 f16 48 = cast 2\nblob 8 f32 24 = mean 0 1\nblob 9 f32 24 = copy 0 as 1x0\n"
    "blob 10 int4 48 = quant 2 as 8x6\nblob 11 f16 8 = scale 2 as 8x6 of int4\n"
    "tensor 0 \"source\" f32[4,6] blob 0\ntensor 1 \"stack\" f32[8,6] blob 2\ntensor 2 \"turned\" f32[6,4] blob 3\n"
    "tensor 3 \"mixed\" f32[8,6] blob 4\ntensor 4 \"quant\" int8[8,6] blob 5 scale 6\ntensor 5 \"half\" f16[8,6] blob "
    "7\n"
    "tensor 6 \"mean\" f32[4,6] blob 8\ntensor 7 \"copy\" f32[4,6] blob 9\ntensor 8 \"vector\" f32[24] blob 0\n"
    "tensor 9 \"int4\" int4[8,6] blob 10 scale 11\n"
    "function encoder f32[tokens,6] {\n  %1 = normalize %0\n  return %1\n}\n";

typedef struct bytes {
  uint8_t p[512];
  size_t n;
} bytes;

static bytes bytes_of(alb_diag *diag, const alb_tensors *tensors, uint32_t blob) {
  bytes b = {.n = (size_t)alb_blob_bytes(tensors, blob)};
  assert_in_range(b.n, 1, sizeof b.p);
  assert_ok(diag, alb_blob_materialize(diag, tensors, blob, b.p));
  return b;
}

/* Any rows of any tensor hold what the whole has there; the same rows again are the same blob. */
static void test_bytes(void **state) {
  (void)state;
  graph_text t;
  alb_diag diag = {0};
  graph_text_open(&t, text);
  const size_t tensors = t.tensors.tensors.count;
  for (uint32_t id = 0; id < tensors; id++) {
    const alb_tensor whole = t.tensors.tensors.items[id];
    const bytes all = bytes_of(&diag, &t.tensors, whole.blob);
    const size_t row = all.n / whole.dims[0];
    for (uint64_t first = 0; first < whole.dims[0]; first++) {
      for (uint64_t rows = 1; rows <= whole.dims[0] - first; rows++) {
        uint32_t a, b;
        assert_ok(&diag, alb_tensors_slice(&diag, &t.tensors, ALB_STR("part"), id, first, rows, &a));
        assert_ok(&diag, alb_tensors_slice(&diag, &t.tensors, ALB_STR("part"), id, first, rows, &b));
        const alb_tensor part = t.tensors.tensors.items[a];
        assert_int_equal(part.blob, t.tensors.tensors.items[b].blob);
        assert_int_equal(part.dims[0], rows);
        const bytes got = bytes_of(&diag, &t.tensors, part.blob);
        assert_int_equal(got.n, rows * row);
        assert_memory_equal(got.p, all.p + first * row, got.n);
        if (part.scale_blob == ALB_NO_BLOB) continue;
        const bytes scales = bytes_of(&diag, &t.tensors, whole.scale_blob);
        const size_t scale = scales.n / whole.dims[0];
        assert_memory_equal(bytes_of(&diag, &t.tensors, part.scale_blob).p, scales.p + scale * first, scale * rows);
      }
    }
  }
  graph_text_close(&t);
}

static uint32_t slice_blob(graph_text *t, uint32_t tensor, uint64_t first, uint64_t rows) {
  alb_diag diag = {0};
  uint32_t id;
  assert_ok(&diag, alb_tensors_slice(&diag, &t->tensors, ALB_STR("part"), tensor, first, rows, &id));
  return t->tensors.tensors.items[id].blob;
}

/* Making a slice may move the table of blobs. */
static alb_blob slice_of(graph_text *t, uint32_t tensor, uint64_t first, uint64_t rows) {
  const uint32_t id = slice_blob(t, tensor, first, rows);
  return t->tensors.blobs.items[id];
}

/* What was stacked comes out as it went in. */
static void test_blobs(void **state) {
  (void)state;
  graph_text t;
  graph_text_open(&t, text);
  assert_int_equal(slice_blob(&t, 1, 0, 4), 0);
  assert_int_equal(slice_blob(&t, 1, 4, 4), 1);
  assert_int_equal(slice_blob(&t, 3, 0, 4), 3);
  assert_int_equal(slice_blob(&t, 1, 0, 8), 2);
  for (uint32_t quantised = 4; quantised <= 9; quantised += 5) {
    const alb_blob quant = slice_of(&t, quantised, 4, 4);
    assert_int_equal(quant.kind, ALB_BLOB_QUANT);
    assert_int_equal(quant.inputs[0], 1);
  }
  assert_int_equal(slice_of(&t, 1, 3, 2).kind, ALB_BLOB_PART); /* across the joint */
  assert_int_equal(slice_of(&t, 2, 1, 2).kind, ALB_BLOB_PART); /* rows of a transpose */
  assert_int_equal(slice_of(&t, 1, 1, 2).kind, ALB_BLOB_BYTES);
  graph_text_close(&t);
}

static void test_refused(void **state) {
  (void)state;
  graph_text t;
  alb_diag diag = {0};
  uint32_t id;
  graph_text_open(&t, text);
  assert_refused(&diag, alb_tensors_slice(&diag, &t.tensors, ALB_STR("x"), 0, 3, 2, &id), ALB_INTERNAL, "not so many");
  assert_refused(&diag, alb_tensors_slice(&diag, &t.tensors, ALB_STR("x"), 0, UINT64_MAX, 2, &id), ALB_INTERNAL,
                 "not so many");
  graph_text_close(&t);
}

/* Larger than a tile, and not a multiple of one. */
static void test_transposed(void **state) {
  (void)state;
  enum { ROWS = 71, COLUMNS = 45 };
  graph_text t;
  alb_diag diag = {0};
  uint32_t turned, back;
  static float from[ROWS * COLUMNS], to[ROWS * COLUMNS];
  graph_text_open(&t, "blob 0 f32 3195\nfunction f f32[tokens,6] {\n  %1 = normalize %0\n  return %1\n}\n");
  assert_ok(&diag, alb_blob_transposed(&diag, &t.tensors, 0, ROWS, COLUMNS, &turned));
  assert_ok(&diag, alb_blob_materialize(&diag, &t.tensors, 0, from));
  assert_ok(&diag, alb_blob_materialize(&diag, &t.tensors, turned, to));
  for (size_t r = 0; r < ROWS; r++) {
    for (size_t c = 0; c < COLUMNS; c++) assert_memory_equal(&to[c * ROWS + r], &from[r * COLUMNS + c], sizeof *to);
  }
  assert_ok(&diag, alb_blob_transposed(&diag, &t.tensors, turned, COLUMNS, ROWS, &back));
  assert_int_equal(back, 0);
  graph_text_close(&t);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_bytes), cmocka_unit_test(test_blobs),
                                     cmocka_unit_test(test_refused), cmocka_unit_test(test_transposed)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
