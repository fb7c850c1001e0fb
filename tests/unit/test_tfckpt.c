/* Reading TensorFlow checkpoints that TensorFlow wrote (tests/e2e/tensorflow): what the tensor table holds. */
#include "converter/config_google.h"

#include <stdio.h>
#include "converter/model_load.h"

#include "tests/support/check.h"

#define FOLDER "tests/e2e/tensorflow/"

static alb_diag diag;

static alb_source open_source(const char *path) {
  alb_source source;
  assert_ok(&diag, alb_source_open(&diag, path, &source));
  return source;
}

/* The bytes of a tensor, made; the caller's. */
static uint8_t *bytes_of(const alb_tensors *t, const char *name, uint64_t *n) {
  const uint32_t id = alb_tensors_find(t, alb_str_of(name));
  if (id == UINT32_MAX) fail_msg("no tensor \"%s\"", name);
  const uint32_t blob = t->tensors.items[id].blob;
  *n = alb_blob_bytes(t, blob);
  uint8_t *bytes = malloc((size_t)*n + 1);
  assert_ok(&diag, alb_blob_materialize(&diag, t, blob, bytes));
  return bytes;
}

static void same_tensor(const alb_tensors *a, const char *x, const alb_tensors *b, const char *y) {
  uint64_t n, m;
  uint8_t *p = bytes_of(a, x, &n), *q = bytes_of(b, y, &m);
  assert_int_equal(n, m);
  assert_memory_equal(p, q, n);
  free(p);
  free(q);
}

/* Slots and the step are left out; every tensor borrows the data file. */
static void test_google(void **state) {
  alb_source s = open_source(FOLDER "bert-google/bert_model.ckpt");
  const alb_source_file *data = &s.files.items[1];
  (void)state;
  assert_true(s.tensorflow);
  assert_string_equal(s.config_name, "bert_config.json");
  assert_string_equal(s.files.items[0].name, "bert_model.ckpt.index");
  assert_string_equal(data->name, "bert_model.ckpt.data-00000-of-00001");
  assert_int_equal(s.tensors.tensors.count, 5 + 4 * 16 + 2 + 5 + 2);
  assert_int_equal(alb_tensors_find(&s.tensors, ALB_STR("global_step")), UINT32_MAX);
  for (size_t i = 0; i < s.tensors.blobs.count; i++) {
    const alb_blob *blob = &s.tensors.blobs.items[i];
    assert_int_equal(blob->kind, ALB_BLOB_BYTES);
    assert_true(blob->bytes.p >= data->file.bytes.p &&
                blob->bytes.p + blob->bytes.n <= data->file.bytes.p + data->file.bytes.n);
  }
  const alb_hash128 hash = alb_hash_bytes(data->file.bytes);
  assert_true(alb_hash_equal(&hash, &data->hash));
  alb_source_free(&s);
}

/* Parts of rows and of columns make the same tensors as wholes. */
static void test_partitioned(void **state) {
  alb_source parts = open_source(FOLDER "bert-partitioned"), whole = open_source(FOLDER "bert-google");
  (void)state;
  assert_int_equal(parts.tensors.tensors.count, whole.tensors.tensors.count);
  for (size_t i = 0; i < whole.tensors.tensors.count; i++) {
    const char *name = whole.tensors.tensors.items[i].name.p;
    same_tensor(&parts.tensors, name, &whole.tensors, name);
  }
  const uint32_t word = alb_tensors_find(&parts.tensors, ALB_STR("bert/embeddings/word_embeddings"));
  const uint32_t key = alb_tensors_find(&parts.tensors, ALB_STR("bert/encoder/layer_0/attention/self/key/kernel"));
  assert_int_equal(parts.tensors.blobs.items[parts.tensors.tensors.items[word].blob].kind, ALB_BLOB_CONCAT);
  assert_int_equal(parts.tensors.blobs.items[parts.tensors.tensors.items[key].blob].kind, ALB_BLOB_TRANSPOSE);
  alb_source_free(&parts);
  alb_source_free(&whole);
}

/* Names of the object graph, of paths, and of the model garden. */
static void test_names(void **state) {
  static const struct {
    const char *path, *name;
  } cases[] = {{"bert-keras", "bert/encoder/layer_._3/output/dense/kernel"},
               {"bert-keras", "mlm___cls/predictions/transform/LayerNorm/gamma"},
               {"albert-keras", "albert/encoder/albert_layer_groups_._0/albert_layers_._0/ffn/bias"},
               {"albert-keras", "predictions/decoder/bias"},
               {"bert-paths", "bert/encoder/layer_1/attention/self/value/kernel"},
               {"bert-garden", "transformer/layer_2/self_attention/attention_output/kernel"},
               {"bert-garden", "word_embeddings/embeddings"},
               {"albert-google", "bert/encoder/transformer/group_1/inner_group_0/LayerNorm_1/beta"}};
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char path[256];
    (void)snprintf(path, sizeof path, FOLDER "%s", cases[i].path);
    alb_source s = open_source(path);
    if (alb_tensors_find(&s.tensors, alb_str_of(cases[i].name)) == UINT32_MAX) fail_msg("no %s", cases[i].name);
    alb_source_free(&s);
  }
}

/* What is bound is the transposed kernel, and of a transposed kernel the kernel. */
static void test_bound(void **state) {
  static const char *const paths[] = {FOLDER "bert-google", FOLDER "bert-partitioned", FOLDER "bert-garden",
                                      FOLDER "bert-keras"};
  (void)state;
  alb_loaded twin = {0};
  assert_ok(&diag, alb_model_load(&diag, "tests/e2e/models/bert-pretraining", &twin));
  for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
    alb_loaded loaded = {0};
    assert_ok(&diag, alb_model_load(&diag, paths[i], &loaded));
    assert_int_equal(loaded.tensors.tensors.count, twin.tensors.tensors.count);
    for (size_t t = 0; t < twin.tensors.tensors.count; t++) {
      const alb_tensor *a = &loaded.tensors.tensors.items[t], *b = &twin.tensors.tensors.items[t];
      assert_string_equal(a->name.p, b->name.p);
      assert_int_equal(a->rank, b->rank);
      assert_memory_equal(a->dims, b->dims, a->rank * sizeof *a->dims);
      same_tensor(&loaded.tensors, a->name.p, &twin.tensors, b->name.p);
    }
    alb_model_unload(&loaded);
  }
  alb_model_unload(&twin);
}

static const char *value_of(const alb_source *s, const char *key) {
  return json_string_value(json_object_get(s->config, key));
}

/* A configuration without architecture: by keys, else by names; only of Google's files and checkpoints. */
static void test_config(void **state) {
  static const struct {
    const char *file, *json, *tensor, *type, *activation;
    bool tensorflow;
  } cases[] = {
      {"bert_config.json", "{\"hidden_act\":\"gelu\"}", "x", "bert", "gelu", false},
      {"bert_config.json", "{\"hidden_act\":\"gelu\",\"embedding_size\":4}", "x", "albert", "gelu_new", false},
      {"albert_config.json", "{\"hidden_act\":\"relu\",\"num_hidden_groups\":1}", "x", "albert", "relu", true},
      {"config.json", "{\"hidden_act\":\"gelu\"}", "a/group_0/inner_group_0/b", "albert", "gelu_new", true},
      {"config.json", "{\"hidden_act\":\"gelu\",\"embedding_size\":4}", "x", NULL, "gelu", false},
      {"albert_config.json", "{\"model_type\":\"albert\",\"hidden_act\":\"gelu\"}", "x", "albert", "gelu", true},
      {"bert_config.json", "{\"architectures\":[\"BertModel\"],\"hidden_act\":\"gelu\"}", "x", NULL, "gelu", true},
  };
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    alb_source s = {.config_name = cases[i].file, .tensorflow = cases[i].tensorflow};
    uint32_t id;
    s.config = json_loads(cases[i].json, 0, NULL);
    assert_ok(&diag, alb_tensors_add(&diag, &s.tensors, alb_str_of(cases[i].tensor), ALB_U8, 0, NULL,
                                     (alb_span){(const uint8_t *)"", 1}, &id));
    assert_ok(&diag, alb_config_google(&diag, &s));
    const char *type = value_of(&s, "model_type");
    assert_true(type == cases[i].type || (type && cases[i].type && strcmp(type, cases[i].type) == 0));
    assert_string_equal(value_of(&s, "hidden_act"), cases[i].activation);
    alb_source_free(&s);
  }
}

static void test_refused(void **state) {
  alb_source s;
  (void)state;
  assert_refused(&diag, alb_source_open(&diag, FOLDER "bert-google/bert_model", &s), ALB_IO, "no such file or folder");
  alb_source_free(&s);
  assert_refused(&diag, alb_source_open(&diag, FOLDER "bert-saved-model", &s), ALB_UNSUPPORTED, "variables/variables");
  alb_source_free(&s);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_google), cmocka_unit_test(test_partitioned), cmocka_unit_test(test_names),
      cmocka_unit_test(test_bound),  cmocka_unit_test(test_config),      cmocka_unit_test(test_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
