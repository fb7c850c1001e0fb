/* config.json to an encoder's configuration: defaults, ranges, and what is refused by name. */
#include "converter/config.h"

#include <stdio.h>
#include "converter/json_strict.h"

#include "tests/support/check.h"

static alb_status read_text(alb_diag *diag, const char *text, alb_source_config *out) {
  json_t *json;
  ALB_TRY(alb_json_load(diag, (alb_span){(const uint8_t *)text, strlen(text)}, &json));
  const alb_status status = alb_config_read(diag, json, out);
  json_decref(json);
  return status;
}

static void test_bert_defaults(void **state) {
  alb_source_config c;
  alb_diag diag = {0};
  (void)state;
  assert_ok(&diag, read_text(&diag, "{\"model_type\":\"bert\"}", &c));
  assert_string_equal(c.encoder.architecture, "bert");
  assert_int_equal(c.encoder.hidden, 768);
  assert_int_equal(c.encoder.embedding, 768);
  assert_int_equal(c.encoder.mlm_width, 768);
  assert_int_equal(c.encoder.layers, 12);
  assert_int_equal(c.encoder.heads, 12);
  assert_int_equal(c.encoder.intermediate, 3072);
  assert_int_equal(c.encoder.vocab, 30522);
  assert_int_equal(c.encoder.max_positions, 512);
  assert_int_equal(c.encoder.type_vocab, 2);
  assert_int_equal(c.encoder.activation, ALB_ACT_GELU);
  assert_true(c.encoder.layer_norm_eps == 1e-12f);
  assert_int_equal(c.groups, 12);
  assert_int_equal(c.inner_layers, 1);
  assert_true(c.tied_decoder);
}

static void test_albert_defaults(void **state) {
  alb_source_config c;
  alb_diag diag = {0};
  (void)state;
  assert_ok(&diag, read_text(&diag, "{\"model_type\":\"albert\"}", &c));
  assert_string_equal(c.encoder.architecture, "albert");
  assert_int_equal(c.encoder.hidden, 4096);
  assert_int_equal(c.encoder.embedding, 128);
  assert_int_equal(c.encoder.mlm_width, 128);
  assert_int_equal(c.encoder.layers, 12);
  assert_int_equal(c.encoder.heads, 64);
  assert_int_equal(c.encoder.intermediate, 16384);
  assert_int_equal(c.encoder.vocab, 30000);
  assert_int_equal(c.encoder.activation, ALB_ACT_GELU_TANH);
  assert_int_equal(c.groups, 1);
}

static void test_values(void **state) {
  alb_source_config c;
  alb_diag diag = {0};
  (void)state;
  assert_ok(&diag, read_text(&diag,
                             "{\"architectures\":[\"AlbertForMaskedLM\"],\"hidden_size\":12,\"embedding_size\":6,"
                             "\"num_attention_heads\":3,\"num_hidden_layers\":4,\"num_hidden_groups\":2,"
                             "\"inner_group_num\":3,\"layer_norm_eps\":1e-5,\"pad_token_id\":7,\"vocab_size\":8,"
                             "\"tie_word_embeddings\":false,\"type_vocab_size\":null}",
                             &c));
  assert_string_equal(c.encoder.architecture, "albert");
  assert_int_equal(c.encoder.layers, 12);
  assert_int_equal(c.stated_layers, 4);
  assert_int_equal(c.inner_layers, 3);
  assert_int_equal(c.encoder.pad_id, 7);
  assert_int_equal(c.encoder.type_vocab, 2);
  assert_true(c.encoder.layer_norm_eps == 1e-5f);
  assert_false(c.tied_decoder);
}

static void test_activations(void **state) {
  static const struct {
    const char *name;
    alb_activation activation;
  } names[] = {
      {"gelu", ALB_ACT_GELU},           {"gelu_new", ALB_ACT_GELU_TANH}, {"gelu_pytorch_tanh", ALB_ACT_GELU_TANH},
      {"gelu_fast", ALB_ACT_GELU_TANH}, {"relu", ALB_ACT_RELU},          {"silu", ALB_ACT_SILU},
      {"swish", ALB_ACT_SILU}};
  alb_source_config c;
  alb_diag diag = {0};
  char text[100];
  (void)state;
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    (void)snprintf(text, sizeof text, "{\"model_type\":\"bert\",\"hidden_act\":\"%s\"}", names[i].name);
    assert_ok(&diag, read_text(&diag, text, &c));
    assert_int_equal(c.encoder.activation, names[i].activation);
  }
}

static void test_refused(void **state) {
  static const struct {
    alb_status status;
    const char *keys, *message;
  } bad[] = {
      {ALB_MALFORMED, "\"hidden_size\":0", "\"hidden_size\" is 0, allowed: a whole number from 1 to 65536"},
      {ALB_MALFORMED, "\"hidden_size\":4294967304", "is 4294967304, allowed"},
      {ALB_MALFORMED, "\"vocab_size\":\"8\"", "\"vocab_size\" is \"8\", allowed"},
      {ALB_MALFORMED, "\"vocab_size\":8.0", "\"vocab_size\" is 8.0, allowed"},
      {ALB_MALFORMED, "\"num_attention_heads\":5", "5 does not divide \"hidden_size\" 768"},
      {ALB_MALFORMED, "\"layer_norm_eps\":0", "layer_norm_eps"},
      {ALB_MALFORMED, "\"pad_token_id\":30522", "is not below \"vocab_size\""},
      {ALB_UNSUPPORTED, "\"hidden_act\":\"mish\"", "\"mish\""},
      {ALB_UNSUPPORTED, "\"position_embedding_type\":\"relative_key_query\"", "relative_key_query"},
      {ALB_UNSUPPORTED, "\"is_decoder\":true", "decoders"},
  };
  alb_source_config c;
  alb_diag diag = {0};
  char text[200];
  (void)state;
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    (void)snprintf(text, sizeof text, "{\"model_type\":\"bert\",%s}", bad[i].keys);
    assert_refused(&diag, read_text(&diag, text, &c), bad[i].status, bad[i].message);
  }
  assert_refused(&diag, read_text(&diag, "{\"model_type\":\"roberta\"}", &c), ALB_UNSUPPORTED, "\"roberta\"");
  assert_refused(&diag, read_text(&diag, "[]", &c), ALB_MALFORMED, "not an object");
  assert_refused(&diag,
                 read_text(&diag, "{\"model_type\":\"albert\",\"num_hidden_layers\":1024,\"inner_group_num\":2}", &c),
                 ALB_LIMIT, "2048 layers");
  assert_refused(&diag, read_text(&diag, "{\"model_type\":\"albert\",\"num_hidden_groups\":13}", &c), ALB_MALFORMED,
                 "\"num_hidden_groups\" 13 is above");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_bert_defaults), cmocka_unit_test(test_albert_defaults), cmocka_unit_test(test_values),
      cmocka_unit_test(test_activations),   cmocka_unit_test(test_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
