/* The manifest's verifier: the rules of int4, int5 and int6 tensors, each broken once. */
#include "base/dtype.h"
#include "base/half.h"
#include "base/intn.h"
#include "format/validate.h"
#include "tests/support/check.h"
#include "tests/support/tiny_model.h"

/* The matrices of the tiny model, which share a blob, as int4 or a wider type of 4 rows of 40 columns: two groups a
 * row. */
enum { ROWS = 4, COLUMNS = 40, GROUPS = 2, DATA = 1, SCALES = 2, LAST = ROWS * GROUPS - 1, INT4_BYTES = 16 };

typedef struct subject {
  alb_arena arena;
  Alb__Manifest *m;
  alb_stored_blob blobs[TINY_BLOBS + 1];
  unsigned bits;
  uint8_t data[ROWS * GROUPS * ALB_INTN_MOST_BYTES];
  uint16_t scales[ROWS * GROUPS], more[12];
  alb_validation v;
} subject;

static void put(subject *s, size_t group, size_t i, int number) {
  alb_intn_put(s->data + group * alb_intn_bytes(s->bits), s->bits, i, number);
}

/* The last element that counts is number 7 of a row's second group. */
static void prepare(subject *s, alb_dtype dtype) {
  *s = (subject){0};
  s->m = tiny_manifest(&s->arena);
  for (size_t i = 0; i < TINY_BLOBS; i++) s->blobs[i].bytes = tiny_blob(i, &s->blobs[i].width);
  s->bits = alb_intn_bits(dtype);
  for (size_t i = 0; i < ROWS * GROUPS; i++) {
    for (size_t k = 0; k < ALB_INTN_GROUP; k++) put(s, i, k, k < 8 || i % GROUPS == 0 ? (int)k % 8 - 4 : 0);
    s->scales[i] = alb_f32_to_f16(i % 3 ? 0.5f : -2);
  }
  s->blobs[DATA].bytes = (alb_span){s->data, ROWS * GROUPS * alb_intn_bytes(s->bits)};
  s->blobs[SCALES].bytes = (alb_span){(const uint8_t *)s->scales, sizeof s->scales};
  s->blobs[SCALES].width = 2;
  for (size_t t = 1; t <= 2; t++) {
    s->m->tensors[t]->dtype = dtype;
    s->m->tensors[t]->dims[1] = COLUMNS;
  }
  s->v = (alb_validation){
      .manifest = s->m, .blobs = s->blobs, .blob_count = TINY_BLOBS, .token_count = TINY_TOKENS, .deep = true};
}

/* int4 of 12 rows of one group, over the blob of the int6 matrix: as many bytes. */
static void share_blob(subject *s) {
  for (size_t i = 0; i < sizeof s->more / sizeof *s->more; i++) s->more[i] = alb_f32_to_f16(1);
  s->blobs[TINY_BLOBS] = (alb_stored_blob){.bytes = {(const uint8_t *)s->more, sizeof s->more}, .width = 2};
  s->v.blob_count = TINY_BLOBS + 1;
  s->m->tensors[2]->dtype = ALB_I4;
  s->m->tensors[2]->dims[0] = 12;
  s->m->tensors[2]->dims[1] = 32;
  s->m->tensors[2]->scale_blob = TINY_BLOBS + 1;
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
CASE(rank_1, s->m->tensors[1]->n_dims = 1; s->m->tensors[1]->dims[0] = ROWS * GROUPS * INT4_BYTES)
CASE(width, s->blobs[DATA].width = 2)
CASE(bytes_less, s->blobs[DATA].bytes.n -= alb_intn_bytes(s->bits))
CASE(columns_more, s->m->tensors[1]->dims[1] = 65)
CASE(rows_more, s->m->tensors[1]->dims[0] = 5)
CASE(columns_elsewhere, s->m->tensors[2]->dims[1] = COLUMNS + 1)
CASE(size_wraps, s->m->tensors[1]->dims[0] = (uint64_t)1 << 31; s->m->tensors[1]->dims[1] = (uint64_t)1 << 33)
CASE(filling_low, put(s, LAST, 8, -1))
CASE(filling_high, put(s, 1, 16, -1))
CASE(filling_last, put(s, LAST, 31, -8))
CASE(filling_fifth, s->data[alb_intn_bytes(s->bits) + 16 + 1] ^= 1)
CASE(filling_sixth, s->data[3 * alb_intn_bytes(s->bits) + 20 + 3] ^= 0x80)
CASE(type_elsewhere, share_blob(s))
CASE(input, s->m->functions[1]->inputs[0]->dtype = ALB_I4)

typedef struct broken {
  void (*change)(subject *);
  alb_status status;
  const char *part;
} broken;

static const broken int4_cases[] = {
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

static const broken int5_cases[] = {
    {scales_less, ALB_MALFORMED, "14 bytes of scales for 4 rows"},
    {scale_nan, ALB_MALFORMED, "scale of group 1 is nan"},
    {bytes_less, ALB_MALFORMED, "160 bytes of int5, but blob 1 has 140"},
    {columns_more, ALB_MALFORMED, "240 bytes of int5"},
    {filling_low, ALB_MALFORMED, "behind the end of row 3"},
    {filling_fifth, ALB_MALFORMED, "behind the end of row 0"},
};

static const broken int6_cases[] = {
    {no_scales, ALB_MALFORMED, "scale_blob 0"},
    {scale_0, ALB_MALFORMED, "scale of group 7 is 0"},
    {bytes_less, ALB_MALFORMED, "192 bytes of int6, but blob 1 has 168"},
    {columns_elsewhere, ALB_MALFORMED, "int6 blob 1 has other rows elsewhere"},
    {type_elsewhere, ALB_MALFORMED, "int4 blob 1 has other rows elsewhere"},
    {size_wraps, ALB_OVERFLOW, "size overflows"},
    {filling_high, ALB_MALFORMED, "behind the end of row 0"},
    {filling_fifth, ALB_MALFORMED, "behind the end of row 0"},
    {filling_sixth, ALB_MALFORMED, "behind the end of row 1"},
};

static alb_status validate(alb_diag *diag, alb_dtype dtype, void (*change)(subject *), bool deep) {
  subject s;
  prepare(&s, dtype);
  change(&s);
  s.v.deep = deep;
  const alb_status status = alb_validate_manifest(diag, &s.v);
  alb_arena_free(&s.arena);
  return status;
}

static void test_sound(void **state) {
  (void)state;
  for (alb_dtype type = ALB_I4; type <= ALB_I6; type++) {
    alb_diag diag = {0};
    assert_ok(&diag, validate(&diag, type, nothing, true));
    assert_ok(&diag, validate(&diag, type, filling_last, false)); /* elements are looked at with their checksums only */
  }
}

static void check_broken(alb_dtype type, const broken *cases, size_t count) {
  for (size_t i = 0; i < count; i++) {
    alb_diag diag = {0};
    assert_refused(&diag, validate(&diag, type, cases[i].change, true), cases[i].status, cases[i].part);
  }
}

static void test_broken(void **state) {
  (void)state;
  check_broken(ALB_I4, int4_cases, sizeof int4_cases / sizeof int4_cases[0]);
  check_broken(ALB_I5, int5_cases, sizeof int5_cases / sizeof int5_cases[0]);
  check_broken(ALB_I6, int6_cases, sizeof int6_cases / sizeof int6_cases[0]);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_sound), cmocka_unit_test(test_broken)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
