/* The manifest's verifier: the rules of tensors with factors, each broken once. */
#include "format/layout.h"
#include "format/validate.h"
#include "tests/support/check.h"
#include "tests/support/tiny_model.h"

/* Tensor 0 of the tiny model, f32 [8,4], gets factors [8,2] and [2,4] as two blobs more. */
enum { RANK = 2, LEFT = TINY_BLOBS + 1, RIGHT, COUNT = TINY_BLOBS + 2 };

typedef struct subject {
  alb_arena arena;
  Alb__Manifest *m;
  alb_stored_blob blobs[COUNT];
  float left[8 * RANK], right[RANK * 4];
  alb_validation v;
} subject;

static void prepare(subject *s) {
  *s = (subject){0};
  s->m = tiny_manifest(&s->arena);
  for (size_t i = 0; i < TINY_BLOBS; i++) s->blobs[i].bytes = tiny_blob(i, &s->blobs[i].width);
  s->blobs[LEFT - 1] = (alb_stored_blob){.bytes = {(const uint8_t *)s->left, sizeof s->left}, .width = 4};
  s->blobs[RIGHT - 1] = (alb_stored_blob){.bytes = {(const uint8_t *)s->right, sizeof s->right}, .width = 4};
  s->m->tensors[0]->left_blob = LEFT;
  s->m->tensors[0]->right_blob = RIGHT;
  s->v = (alb_validation){.manifest = s->m,
                          .blobs = s->blobs,
                          .blob_count = COUNT,
                          .token_count = TINY_TOKENS,
                          .deep = true,
                          .file = {(const uint8_t *)s, 1000}};
}

static Alb__Tensor *tensor(subject *s, size_t i) {
  return s->m->tensors[i];
}

/* Both factors in half as many bytes: still of rank 2. */
static void halve(subject *s) {
  s->blobs[LEFT - 1].width = s->blobs[RIGHT - 1].width = 2;
  s->blobs[LEFT - 1].bytes.n /= 2;
  s->blobs[RIGHT - 1].bytes.n /= 2;
}

static void another_with(subject *s, uint32_t left) {
  tensor(s, 1)->left_blob = left;
  tensor(s, 1)->right_blob = RIGHT;
}

#define CASE(name, change)       \
  static void name(subject *s) { \
    change;                      \
  }

CASE(nothing, (void)s)
CASE(no_left, tensor(s, 0)->left_blob = 0)
CASE(no_right, tensor(s, 0)->right_blob = 0)
CASE(left_id, tensor(s, 0)->left_blob = COUNT + 1)
CASE(right_id, tensor(s, 0)->right_blob = COUNT + 1)
CASE(left_twice, another_with(s, LEFT))
CASE(left_less, s->blobs[LEFT - 1].bytes.n -= 4)
CASE(right_less, s->blobs[RIGHT - 1].bytes.n -= 4)
CASE(right_more, s->blobs[RIGHT - 1].bytes.n += 16)
CASE(two_widths, s->blobs[RIGHT - 1].width = 2)
CASE(width_1, s->blobs[LEFT - 1].width = s->blobs[RIGHT - 1].width = 1; s->blobs[LEFT - 1].bytes.n /= 4;
     s->blobs[RIGHT - 1].bytes.n /= 4)
CASE(width_8, s->blobs[LEFT - 1].width = s->blobs[RIGHT - 1].width = 8)
CASE(rank_0, s->blobs[LEFT - 1].bytes.n = 28)
CASE(rank_5, s->blobs[LEFT - 1].bytes.n = 5 * 32; s->blobs[RIGHT - 1].bytes.n = 5 * 16)
CASE(one_dim, tensor(s, 0)->n_dims = 1; tensor(s, 0)->dims[0] = 32)
CASE(unused, tensor(s, 0)->left_blob = tensor(s, 0)->right_blob = 0)
CASE(too_much, s->v.file.n = 0)

static const struct {
  void (*change)(subject *);
  alb_status status;
  const char *part;
} cases[] = {
    {no_left, ALB_MALFORMED, "left_blob 0, right_blob 8"},
    {no_right, ALB_MALFORMED, "left_blob 7, right_blob 0"},
    {left_id, ALB_MALFORMED, "left_blob 9, right_blob 8"},
    {right_id, ALB_MALFORMED, "left_blob 7, right_blob 9"},
    {left_twice, ALB_MALFORMED, "left_blob 7 is another tensor's"},
    {left_less, ALB_MALFORMED, "factor of 60 bytes"},
    {right_less, ALB_MALFORMED, "factor of 28 bytes"},
    {right_more, ALB_MALFORMED, "factor of 48 bytes"},
    {two_widths, ALB_MALFORMED, "factors of two widths"},
    {width_1, ALB_MALFORMED, "factor of width 1"},
    {width_8, ALB_MALFORMED, "factor of width 8"},
    {rank_0, ALB_MALFORMED, "factors of rank 0, allowed are 1 to 4"},
    {rank_5, ALB_MALFORMED, "factors of rank 5, allowed are 1 to 4"},
    {one_dim, ALB_MALFORMED, "factors of a tensor of rank 1"},
    {unused, ALB_MALFORMED, "blob 6 is no tensor's"},
    {too_much, ALB_LIMIT, "more than 1032 times the file"},
};

static alb_status validate(alb_diag *diag, void (*change)(subject *)) {
  subject s;
  prepare(&s);
  change(&s);
  const alb_status status = alb_validate_manifest(diag, &s.v);
  alb_arena_free(&s.arena);
  return status;
}

static void test_sound(void **state) {
  (void)state;
  alb_diag diag = {0};
  assert_ok(&diag, validate(&diag, nothing));
  assert_ok(&diag, validate(&diag, halve));
}

static void test_broken(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    alb_diag diag = {0};
    assert_refused(&diag, validate(&diag, cases[i].change), cases[i].status, cases[i].part);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_sound), cmocka_unit_test(test_broken)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
