/* Graphs that the reader lets through but whose types do not fit are refused when a model is opened. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "albert.h"
#include "base/vocabulary.h"
#include "tests/support/tiny_encoder.h"
#include "tests/support/tiny_model.h"

/* Functions of the tiny encoder by their place. */
enum { LAYER, ENCODER, EMBED, POOLER, MLM };

typedef void change(Alb__Manifest *m);

static Alb__Node *node(Alb__Manifest *m, size_t function, size_t i) {
  return m->functions[function]->nodes[i];
}

static void heads_do_not_divide(Alb__Manifest *m) {
  node(m, LAYER, 3)->heads = 5;
}

static void weight_of_another_width(Alb__Manifest *m) {
  node(m, LAYER, 0)->operands[1] = node(m, LAYER, 9)->operands[1]; /* ffn down for query */
}

static void bias_of_another_length(Alb__Manifest *m) {
  node(m, LAYER, 0)->operands[2] = node(m, LAYER, 7)->operands[2]; /* ffn up's */
}

static void vector_for_matrix(Alb__Manifest *m) {
  node(m, LAYER, 0)->operands[1] = node(m, LAYER, 0)->operands[2];
}

static void value_for_tensor(Alb__Manifest *m) {
  node(m, LAYER, 0)->operands[1] = 0 * 4 + ALB_OPERAND_VALUE;
}

static void tensor_for_value(Alb__Manifest *m) {
  node(m, ENCODER, 3)->operands[0] = 0 * 4 + ALB_OPERAND_TENSOR;
}

static void sum_of_unequal_widths(Alb__Manifest *m) {
  node(m, LAYER, 10)->operands[1] = 8 * 4 + ALB_OPERAND_VALUE; /* ffn up's result */
}

static void indices_as_numbers(Alb__Manifest *m) {
  node(m, ENCODER, 3)->operands[0] = 0 * 4 + ALB_OPERAND_VALUE;
}

static void numbers_as_indices(Alb__Manifest *m) {
  node(m, ENCODER, 2)->operands[0] = 3 * 4 + ALB_OPERAND_VALUE;
}

static void call_with_another_width(Alb__Manifest *m) {
  m->functions[LAYER]->inputs[0]->dims[1] = 25;
}

static void call_with_other_rows(Alb__Manifest *m) {
  m->functions[LAYER]->inputs[0]->dims[0] = ALB_DIM_SEQUENCES;
}

static void hidden_is_not_the_encoders(Alb__Manifest *m) {
  m->functions[ENCODER]->outputs[0] = 7; /* before the projection */
}

static void encoder_returns_its_input(Alb__Manifest *m) {
  m->functions[ENCODER]->outputs[0] = 0;
}

static void no_encoder(Alb__Manifest *m) {
  m->functions[ENCODER]->name[0] = 'E';
}

static void too_many_inputs(Alb__Manifest *m) {
  static Alb__Type *inputs[4];
  Alb__Function *f = m->functions[EMBED];
  for (size_t i = 0; i < 4; i++) inputs[i] = f->inputs[0];
  f->n_inputs = 4;
  f->inputs = inputs;
  f->outputs[0] = 5;
}

static void input_of_fixed_rows(Alb__Manifest *m) {
  m->functions[EMBED]->inputs[0]->dims[0] = 7;
}

static void input_of_odd_dtype(Alb__Manifest *m) {
  m->functions[EMBED]->inputs[0]->dtype = ALB_F64;
}

static void input_too_wide(Alb__Manifest *m) {
  m->functions[EMBED]->inputs[0]->dims[1] = (int64_t)1 << 40;
}

static void pooling_of_sequences(Alb__Manifest *m) {
  m->functions[EMBED]->inputs[0]->dims[0] = ALB_DIM_SEQUENCES;
}

static void attention_over_chosen_rows(Alb__Manifest *m) {
  node(m, MLM, 1)->op = ALB_OP_ATTENTION;
  node(m, MLM, 1)->activation = 0;
  node(m, MLM, 1)->heads = 1;
}

static void positions_do_not_suffice(Alb__Manifest *m) {
  node(m, ENCODER, 2)->operands[1] = node(m, ENCODER, 1)->operands[1]; /* the table of 2 types */
}

static const struct {
  const char *name;
  change *change;
  alb_status expected;
} bad[] = {
    {"heads", heads_do_not_divide, ALB_SHAPE},
    {"weight", weight_of_another_width, ALB_SHAPE},
    {"bias", bias_of_another_length, ALB_SHAPE},
    {"vector", vector_for_matrix, ALB_SHAPE},
    {"value for tensor", value_for_tensor, ALB_MALFORMED},
    {"tensor for value", tensor_for_value, ALB_MALFORMED},
    {"sum", sum_of_unequal_widths, ALB_SHAPE},
    {"indices", indices_as_numbers, ALB_SHAPE},
    {"numbers", numbers_as_indices, ALB_MALFORMED},
    {"call width", call_with_another_width, ALB_SHAPE},
    {"call rows", call_with_other_rows, ALB_SHAPE},
    {"hidden", hidden_is_not_the_encoders, ALB_SHAPE},
    {"returns input", encoder_returns_its_input, ALB_MALFORMED},
    {"no encoder", no_encoder, ALB_MISSING},
    {"inputs", too_many_inputs, ALB_UNSUPPORTED},
    {"fixed rows", input_of_fixed_rows, ALB_SHAPE},
    {"dtype", input_of_odd_dtype, ALB_SHAPE},
    {"width", input_too_wide, ALB_LIMIT},
    {"pooling", pooling_of_sequences, ALB_SHAPE},
    {"attention", attention_over_chosen_rows, ALB_SHAPE},
    {"positions", positions_do_not_suffice, ALB_SHAPE},
};

static void check_refusal(const char *path, size_t i) {
  enc e;
  alb_diag diag = {0};
  alb_error error = {""};
  alb_model *model = NULL;
  enc_make(&e, &enc_small);
  bad[i].change(e.manifest);
  if (enc_write(&e, &diag, path) != ALB_OK) fail_msg("%s: not written: %s", bad[i].name, alb_diag_text(&diag, ALB_OK));
  const alb_status status = alb_model_open(path, NULL, &model, &error);
  if (status != bad[i].expected) {
    fail_msg("%s: %s, expected %s (%s)", bad[i].name, alb_status_name(status), alb_status_name(bad[i].expected),
             error.text);
  }
  assert_non_null(strchr(error.text, ' ')); /* some words */
  assert_null(model);
  alb_diag_free(&diag);
  enc_free(&e);
}

static void test_bad_graphs(void **state) {
  (void)state;
  alb_arena arena = {0};
  char *folder = tiny_folder();
  const char *path = tiny_path(&arena, folder, "m.alb");
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) check_refusal(path, i);
  tiny_remove_folder(folder);
  alb_arena_free(&arena);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_bad_graphs)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
