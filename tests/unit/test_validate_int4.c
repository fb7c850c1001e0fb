/* The manifest's verifier: the rules of int4 tensors, each broken once. */
#include "base/dtype.h"
#include "base/half.h"
#include "base/int4.h"
#include "format/validate.h"
#include "tests/support/check.h"
#include "tests/support/tiny_model.h"

/* The matrices of the tiny model, which share a blob, as int4 of 4 rows of 40 columns: two groups a row. */
enum { ROWS = 4, COLUMNS = 40, GROUPS = 2, DATA = 1, SCALES = 2, LAST = ROWS * GROUPS - 1 };

typedef struct subject {
  alb_arena arena;
  Alb__Manifest *m;
  alb_stored_blob blobs[TINY_BLOBS];
  uint8_t data[ROWS * GROUPS * ALB_INT4_GROUP_BYTES];
  uint16_t scales[ROWS * GROUPS];
  alb_validation v;
} subject;

static void prepare(subject *s) {
  *s = (subject){0};
  s->m = tiny_manifest(&s->arena);
  for (size_t i = 0; i < TINY_BLOBS; i++) s->blobs[i].bytes = tiny_blob(i, &s->blobs[i].width);
  memset(s->data, 0x88, sizeof s->data);
  for (size_t i = 0; i < ROWS * GROUPS; i++) {
    s->data[i * ALB_INT4_GROUP_BYTES] = i % GROUPS ? 0x8f : 0xf0; /* the last element that counts is number 7 */
    s->scales[i] = alb_f32_to_f16(i % 3 ? 0.5f : -2);
  }
  s->blobs[DATA].bytes = (alb_span){s->data, sizeof s->data};
  s->blobs[SCALES].bytes = (alb_span){(const uint8_t *)s->scales, sizeof s->scales};
  s->blobs[SCALES].width = 2;
  for (size_t t = 1; t <= 2; t++) {
    s->m->tensors[t]->dtype = ALB_I4;
    s->m->tensors[t]->dims[1] = COLUMNS;
  }
  s->v = (alb_validation){
      .manifest = s->m, .blobs = s->blobs, .blob_count = TINY_BLOBS, .token_count = TINY_TOKENS, .deep = true};
}

#define CASE(name, change)       \
  static void name(subject *s) { \
    change;                      \
  }

CASE(nothing, (void)s)
CASE(no_scales, s->m->tensors[1]->scale_blob = 0)
CASE(scales_id, s->m->tensors[1]->scale_blob = TINY_BLOBS + 1)
CASE(scales_width, s->blobs[SCALES].width = 4)
CASE(scales_less, s->blobs[SCALES].bytes.n -= 2)
CASE(scales_a_row, s->blobs[SCALES].bytes.n = 2 * ROWS)
CASE(scale_0, s->scales[LAST] = 0)
CASE(scale_minus_0, s->scales[3] = 0x8000)
CASE(scale_inf, s->scales[0] = 0x7c00)
CASE(scale_minus_inf, s->scales[5] = 0xfc00)
CASE(scale_nan, s->scales[1] = 0x7e01)
CASE(rank_1, s->m->tensors[1]->n_dims = 1; s->m->tensors[1]->dims[0] = sizeof s->data)
CASE(width, s->blobs[DATA].width = 2)
CASE(bytes_less, s->blobs[DATA].bytes.n -= ALB_INT4_GROUP_BYTES)
CASE(columns_more, s->m->tensors[1]->dims[1] = 65)
CASE(rows_more, s->m->tensors[1]->dims[0] = 5)
CASE(columns_elsewhere, s->m->tensors[2]->dims[1] = COLUMNS + 1)
CASE(size_wraps, s->m->tensors[1]->dims[0] = (uint64_t)1 << 31; s->m->tensors[1]->dims[1] = (uint64_t)1 << 33)
CASE(filling_low, s->data[LAST * ALB_INT4_GROUP_BYTES + 8] = 0x87)
CASE(filling_high, s->data[ALB_INT4_GROUP_BYTES] = 0x7f)
CASE(filling_last, s->data[sizeof s->data - 1] = 0x08)
CASE(input, s->m->functions[1]->inputs[0]->dtype = ALB_I4)

static const struct {
  void (*change)(subject *);
  alb_status status;
  const char *part;
} cases[] = {
    {no_scales, ALB_MALFORMED, "scale_blob 0"},
    {scales_id, ALB_MALFORMED, "scale_blob 7"},
    {scales_width, ALB_MALFORMED, "16 bytes of scales for 4 rows"},
    {scales_less, ALB_MALFORMED, "14 bytes of scales for 4 rows"},
    {scales_a_row, ALB_MALFORMED, "8 bytes of scales for 4 rows"},
    {scale_0, ALB_MALFORMED, "scale of group 7 is 0"},
    {scale_minus_0, ALB_MALFORMED, "scale of group 3 is -0"},
    {scale_inf, ALB_MALFORMED, "scale of group 0 is inf"},
    {scale_minus_inf, ALB_MALFORMED, "scale of group 5 is -inf"},
    {scale_nan, ALB_MALFORMED, "scale of group 1 is nan"},
    {rank_1, ALB_MALFORMED, "int4 of rank 1"},
    {width, ALB_MALFORMED, "128 bytes of width 2"},
    {bytes_less, ALB_MALFORMED, "128 bytes of int4, but blob 1 has 112"},
    {columns_more, ALB_MALFORMED, "192 bytes of int4"},
    {rows_more, ALB_MALFORMED, "160 bytes of int4"},
    {columns_elsewhere, ALB_MALFORMED, "other rows elsewhere"},
    {size_wraps, ALB_OVERFLOW, "size overflows"},
    {filling_low, ALB_MALFORMED, "behind the end of row 3"},
    {filling_high, ALB_MALFORMED, "behind the end of row 0"},
    {filling_last, ALB_MALFORMED, "behind the end of row 3"},
    {input, ALB_MALFORMED, "unknown input dtype 11"},
};

static alb_status validate(alb_diag *diag, void (*change)(subject *), bool deep) {
  subject s;
  prepare(&s);
  change(&s);
  s.v.deep = deep;
  const alb_status status = alb_validate_manifest(diag, &s.v);
  alb_arena_free(&s.arena);
  return status;
}

static void test_sound(void **state) {
  (void)state;
  alb_diag diag = {0};
  assert_ok(&diag, validate(&diag, nothing, true));
  assert_ok(&diag, validate(&diag, filling_last, false)); /* elements are looked at with their checksums only */
}

static void test_broken(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    alb_diag diag = {0};
    assert_refused(&diag, validate(&diag, cases[i].change, true), cases[i].status, cases[i].part);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_sound), cmocka_unit_test(test_broken)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
