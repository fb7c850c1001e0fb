/* Binding: which tensor of a source plays which role, for BERT and for every sharing that ALBERT has. */
#include "converter/bind_roles.h"

#include "converter/config.h"
#include "tests/support/check.h"

enum { HIDDEN = 4, FFN = 8, VOCAB = 6, POSITIONS = 5, TYPES = 2 };

typedef struct fixture {
  alb_arena arena;
  alb_diag diag;
  alb_source source;
  alb_source_config config;
  alb_tensors tensors;
  alb_model_spec spec;
  alb_binding binding;
  float values[VOCAB * FFN * 16]; /* tensors lie over one another: only their beginnings differ */
  size_t next;
} fixture;

static int setup(void **state) {
  fixture *f = calloc(1, sizeof *f);
  *state = f;
  return 0;
}

static void clear(fixture *f) {
  alb_source_free(&f->source);
  alb_tensors_free(&f->tensors);
  alb_arena_free(&f->arena);
  alb_diag_free(&f->diag);
}

static int teardown(void **state) {
  clear(*state);
  free(*state);
  return 0;
}

/* Adds a source tensor with bytes at a place of its own. */
static void add(fixture *f, const char *name, size_t rows, size_t columns) {
  const uint64_t dims[2] = {rows, columns};
  uint32_t id;
  const size_t n = rows * (columns ? columns : 1);
  const alb_span bytes = {(const uint8_t *)(f->values + f->next++), n * sizeof(float)};
  assert_true(f->next + n < sizeof f->values / sizeof *f->values);
  assert_ok(&f->diag, alb_tensors_add(&f->diag, &f->source.tensors, alb_str_of(name), ALB_F32, columns ? 2 : 1, dims,
                                      bytes, &id));
}

static void add_pair(fixture *f, const char *name, size_t rows, size_t columns) {
  add(f, alb_arena_printf(&f->arena, "%s.weight", name), rows, columns);
  add(f, alb_arena_printf(&f->arena, "%s.bias", name), rows, 0);
}

static void add_embeddings(fixture *f, const char *prefix) {
  static const struct {
    const char *name;
    size_t rows;
  } tables[] = {{"word", VOCAB}, {"position", POSITIONS}, {"token_type", TYPES}};
  for (size_t i = 0; i < 3; i++) {
    add(f, alb_arena_printf(&f->arena, "%sembeddings.%s_embeddings.weight", prefix, tables[i].name), tables[i].rows,
        HIDDEN);
  }
  add_pair(f, alb_arena_printf(&f->arena, "%sembeddings.LayerNorm", prefix), HIDDEN, 0);
}

static const char *const bert_parts[] = {
    "attention.self.query",       "attention.self.key", "attention.self.value", "attention.output.dense",
    "attention.output.LayerNorm", "intermediate.dense", "output.dense",         "output.LayerNorm"};
static const char *const albert_parts[] = {"attention.query", "attention.key",        "attention.value",
                                           "attention.dense", "attention.LayerNorm",  "ffn",
                                           "ffn_output",      "full_layer_layer_norm"};
static const size_t part_shapes[][2] = {{HIDDEN, HIDDEN}, {HIDDEN, HIDDEN}, {HIDDEN, HIDDEN}, {HIDDEN, HIDDEN},
                                        {HIDDEN, 0},      {FFN, HIDDEN},    {HIDDEN, FFN},    {HIDDEN, 0}};

static void add_layer(fixture *f, const char *layer, const char *const *parts) {
  for (size_t i = 0; i < 8; i++) {
    add_pair(f, alb_arena_printf(&f->arena, "%s.%s", layer, parts[i]), part_shapes[i][0], part_shapes[i][1]);
  }
}

static void set_config(fixture *f, const char *architecture, uint32_t layers, uint32_t groups, uint32_t inner) {
  f->config = (alb_source_config){
      .encoder = {.architecture = architecture,
                  .layers = layers * inner,
                  .hidden = HIDDEN,
                  .embedding = HIDDEN,
                  .mlm_width = HIDDEN,
                  .heads = 1,
                  .intermediate = FFN,
                  .vocab = VOCAB,
                  .max_positions = POSITIONS,
                  .type_vocab = TYPES},
      .groups = groups,
      .inner_layers = inner,
      .stated_layers = layers,
      .tied_decoder = true,
  };
}

static void make_bert(fixture *f, const char *prefix, uint32_t layers) {
  set_config(f, "bert", layers, layers, 1);
  add_embeddings(f, prefix);
  for (uint32_t l = 0; l < layers; l++) {
    add_layer(f, alb_arena_printf(&f->arena, "%sencoder.layer.%u", prefix, l), bert_parts);
  }
}

static void make_albert(fixture *f, uint32_t layers, uint32_t groups, uint32_t inner) {
  set_config(f, "albert", layers, groups, inner);
  add_embeddings(f, "albert.");
  add_pair(f, "albert.encoder.embedding_hidden_mapping_in", HIDDEN, HIDDEN);
  for (uint32_t g = 0; g < groups; g++) {
    for (uint32_t i = 0; i < inner; i++) {
      const char *format = "albert.encoder.albert_layer_groups.%u.albert_layers.%u";
      add_layer(f, alb_arena_printf(&f->arena, format, g, i), albert_parts);
    }
  }
}

static alb_status bind(fixture *f) {
  return alb_bind_roles(&f->diag, &f->arena, &f->source, &f->config, &f->tensors, &f->spec, &f->binding);
}

/* The tensor bound is named so, and has the bytes of that tensor of the source. */
static void check_bound(const fixture *f, uint32_t id, const char *name, const char *source_name) {
  const uint32_t from = alb_tensors_find(&f->source.tensors, alb_str_of(source_name));
  assert_true(id < f->tensors.tensors.count && from != ALB_NO_TENSOR);
  assert_string_equal(f->tensors.tensors.items[id].name.p, name);
  const alb_blob *bound = &f->tensors.blobs.items[f->tensors.tensors.items[id].blob];
  const alb_blob *wanted = &f->source.tensors.blobs.items[f->source.tensors.tensors.items[from].blob];
  assert_ptr_equal(bound->bytes.p, wanted->bytes.p);
}

static void test_bert(void **state) {
  static const char *const prefixes[] = {"", "bert."};
  fixture *f = *state;
  for (int i = 0; i < 2; i++) {
    make_bert(f, prefixes[i], 2);
    assert_ok(&f->diag, bind(f));
    const char *p = prefixes[i];
#define NAME(text) alb_arena_printf(&f->arena, "%s%s", p, text)
    check_bound(f, f->spec.global[ALB_ROLE_WORD], "embeddings.word", NAME("embeddings.word_embeddings.weight"));
    check_bound(f, f->spec.global[ALB_ROLE_EMBED_BETA], "embeddings.norm.bias", NAME("embeddings.LayerNorm.bias"));
    check_bound(f, f->spec.layer[1][ALB_ROLE_VALUE_W], "layer.1.attention.value.weight",
                NAME("encoder.layer.1.attention.self.value.weight"));
    check_bound(f, f->spec.layer[0][ALB_ROLE_DOWN_B], "layer.0.ffn.down.bias",
                NAME("encoder.layer.0.output.dense.bias"));
    check_bound(f, f->spec.layer[1][ALB_ROLE_FFN_GAMMA], "layer.1.ffn.norm.weight",
                NAME("encoder.layer.1.output.LayerNorm.weight"));
#undef NAME
    assert_int_equal(f->spec.global[ALB_ROLE_POOLER_W], ALB_NO_TENSOR);
    assert_int_equal(f->spec.global[ALB_ROLE_PROJECTION_W], ALB_NO_TENSOR);
    assert_int_equal(f->spec.global[ALB_ROLE_MLM_DECODER_W], ALB_NO_TENSOR);
    assert_int_equal(f->tensors.tensors.count, 5 + 2 * 16);
    assert_int_equal(f->binding.unused_count, 0);
    clear(f);
    memset(f, 0, sizeof *f);
  }
}

/* transformers' AlbertTransformer: group = int(i / (layers / groups)), each with all its inner layers. Computed
 * here with whole numbers; 7 and 3 do not divide. */
static void test_albert_groups(void **state) {
  static const uint32_t shapes[][3] = {{12, 1, 1}, {12, 12, 1}, {12, 4, 1}, {7, 3, 1}, {4, 2, 2}, {5, 4, 3}};
  fixture *f = *state;
  for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
    const uint32_t layers = shapes[s][0], groups = shapes[s][1], inner = shapes[s][2];
    make_albert(f, layers, groups, inner);
    assert_ok(&f->diag, bind(f));
    for (uint32_t l = 0; l < layers * inner; l++) {
      const uint32_t group = l / inner * groups / layers, first = (group * layers + groups - 1) / groups * inner;
      const char *name = alb_arena_printf(&f->arena, "layer.%u.ffn.up.weight", first + l % inner);
      const char *source = alb_arena_printf(
          &f->arena, "albert.encoder.albert_layer_groups.%u.albert_layers.%u.ffn.weight", group, l % inner);
      check_bound(f, f->spec.layer[l][ALB_ROLE_UP_W], name, source);
      assert_int_equal(f->spec.layer[l][ALB_ROLE_UP_W], f->spec.layer[first + l % inner][ALB_ROLE_UP_W]);
    }
    assert_int_equal(f->tensors.tensors.count, 7 + groups * inner * 16);
    clear(f);
    memset(f, 0, sizeof *f);
  }
}

static void add_head(fixture *f) {
  add_pair(f, "cls.predictions.transform.dense", HIDDEN, HIDDEN);
  add_pair(f, "cls.predictions.transform.LayerNorm", HIDDEN, 0);
}

/* The decoder is the word embeddings when it is not there; its bias has two names. */
static void test_tied_head(void **state) {
  fixture *f = *state;
  make_bert(f, "bert.", 1);
  add_head(f);
  add(f, "cls.predictions.decoder.bias", VOCAB, 0);
  assert_ok(&f->diag, bind(f));
  assert_int_equal(f->spec.global[ALB_ROLE_MLM_DECODER_W], f->spec.global[ALB_ROLE_WORD]);
  check_bound(f, f->spec.global[ALB_ROLE_MLM_DECODER_B], "mlm.decoder.bias", "cls.predictions.decoder.bias");
}

static void test_own_head(void **state) {
  fixture *f = *state;
  make_bert(f, "bert.", 1);
  add_head(f);
  add(f, "cls.predictions.bias", VOCAB, 0);
  add(f, "cls.predictions.decoder.weight", VOCAB, HIDDEN);
  f->config.tied_decoder = false;
  assert_ok(&f->diag, bind(f));
  check_bound(f, f->spec.global[ALB_ROLE_MLM_DECODER_W], "mlm.decoder.weight", "cls.predictions.decoder.weight");
  check_bound(f, f->spec.global[ALB_ROLE_MLM_DECODER_B], "mlm.decoder.bias", "cls.predictions.bias");
}

static void test_untied_head(void **state) {
  fixture *f = *state;
  make_bert(f, "bert.", 1);
  add_head(f);
  f->config.tied_decoder = false;
  assert_refused(&f->diag, bind(f), ALB_MISSING,
                 "missing tensors (2): cls.predictions.decoder.weight, cls.predictions.bias; unused tensors (0): none");
}

/* What is left of a head without its first matrix is unused, and so are heads that are not known. */
static void test_unused(void **state) {
  fixture *f = *state;
  make_bert(f, "", 1);
  add(f, "cls.predictions.bias", VOCAB, 0);
  add(f, "seq_relationship.weight", 2, HIDDEN);
  add(f, "embeddings.position_ids", POSITIONS, 0);
  add_pair(f, "pooler.dense", HIDDEN, HIDDEN);
  assert_ok(&f->diag, bind(f));
  assert_int_equal(f->binding.unused_count, 2);
  assert_string_equal(f->binding.unused[0].p, "cls.predictions.bias");
  assert_string_equal(f->binding.unused[1].p, "seq_relationship.weight");
  assert_int_equal(f->spec.global[ALB_ROLE_MLM_DECODER_B], ALB_NO_TENSOR);
  check_bound(f, f->spec.global[ALB_ROLE_POOLER_B], "pooler.bias", "pooler.dense.bias");
}

/* A classifier: its classes are its rows; what it is for is stated, or told by the pooler. */
static void test_classifiers(void **state) {
  static const struct {
    alb_classifier_use use;
    bool pools, tokens;
  } cases[] = {{ALB_CLASSIFIER_TEXTS, true, false},
               {ALB_CLASSIFIER_TOKENS, true, true},
               {ALB_CLASSIFIER_TOKENS, false, true},
               {ALB_CLASSIFIER_UNSTATED, true, false},
               {ALB_CLASSIFIER_UNSTATED, false, true}};
  fixture *f = *state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    make_bert(f, "bert.", 1);
    if (cases[i].pools) add_pair(f, "bert.pooler.dense", HIDDEN, HIDDEN);
    add_pair(f, "classifier", 3, HIDDEN);
    f->config.classifier = cases[i].use;
    assert_ok(&f->diag, bind(f));
    check_bound(f, f->spec.global[ALB_ROLE_CLASSIFIER_W], "classifier.weight", "classifier.weight");
    check_bound(f, f->spec.global[ALB_ROLE_CLASSIFIER_B], "classifier.bias", "classifier.bias");
    assert_int_equal(f->spec.config.classes, 3);
    assert_int_equal(f->spec.token_classes, cases[i].tokens);
    assert_int_equal(f->binding.unused_count, 0);
    clear(f);
    memset(f, 0, sizeof *f);
  }
}

static void test_classifier_not_run(void **state) {
  fixture *f = *state;
  make_bert(f, "bert.", 1);
  add_pair(f, "classifier", 1, HIDDEN);
  f->config.classifier = ALB_CLASSIFIER_OTHER;
  assert_ok(&f->diag, bind(f));
  assert_int_equal(f->spec.global[ALB_ROLE_CLASSIFIER_W], ALB_NO_TENSOR);
  assert_int_equal(f->spec.config.classes, 0);
  assert_int_equal(f->binding.unused_count, 2);
}

static void test_classifier_without_pooler(void **state) {
  fixture *f = *state;
  make_bert(f, "bert.", 1);
  add(f, "classifier.weight", 3, HIDDEN);
  f->config.classifier = ALB_CLASSIFIER_TEXTS;
  assert_refused(&f->diag, bind(f), ALB_MISSING,
                 "missing tensors (3): classifier.bias, bert.pooler.dense.weight, bert.pooler.dense.bias;");
}

static void test_classifier_of_wrong_width(void **state) {
  fixture *f = *state;
  make_bert(f, "bert.", 1);
  add_pair(f, "classifier", 3, FFN);
  assert_refused(&f->diag, bind(f), ALB_SHAPE,
                 "\"classifier.weight\": config.json makes it [classes 3, hidden_size 4], found [3, 8]");
}

static void test_answers(void **state) {
  fixture *f = *state;
  make_albert(f, 1, 1, 1);
  add_pair(f, "qa_outputs", 2, HIDDEN);
  assert_ok(&f->diag, bind(f));
  check_bound(f, f->spec.global[ALB_ROLE_SPAN_W], "qa.weight", "qa_outputs.weight");
  assert_int_equal(f->binding.unused_count, 0);
}

static void test_answers_of_three(void **state) {
  fixture *f = *state;
  make_bert(f, "", 1);
  add_pair(f, "qa_outputs", 3, HIDDEN);
  assert_refused(&f->diag, bind(f), ALB_SHAPE,
                 "\"qa_outputs.weight\": config.json makes it [start and end 2, hidden_size 4], found [3, 4]");
}

static void test_missing(void **state) {
  fixture *f = *state;
  make_bert(f, "bert.", 1);
  set_config(f, "bert", 2, 2, 1);
  add(f, "other", 1, 0);
  assert_refused(&f->diag, bind(f), ALB_MISSING,
                 "missing tensors (16): bert.encoder.layer.1.attention.self.query.weight, "
                 "bert.encoder.layer.1.attention.self.query.bias, ");
}

static void test_lost_layer(void **state) {
  fixture *f = *state;
  make_bert(f, "bert.", 2);
  set_config(f, "bert", 1, 1, 1);
  assert_refused(&f->diag, bind(f), ALB_MALFORMED, "\"bert.encoder.layer.1.attention.self.query.weight\" belongs");
}

static void test_wrong_shape(void **state) {
  fixture *f = *state;
  make_bert(f, "", 1);
  f->config.encoder.vocab = VOCAB + 1;
  assert_refused(
      &f->diag, bind(f), ALB_SHAPE,
      "\"embeddings.word_embeddings.weight\": config.json makes it [vocab_size 7, hidden_size 4], found [6, 4]");
}

static void test_nonfinite(void **state) {
  fixture *f = *state;
  make_bert(f, "", 1);
  const uint32_t id = alb_tensors_find(&f->source.tensors, ALB_STR("encoder.layer.0.output.dense.bias"));
  const alb_span bytes = f->source.tensors.blobs.items[f->source.tensors.tensors.items[id].blob].bytes;
  const uint32_t nan = 0x7fc00000;
  memcpy((uint8_t *)f->values + (bytes.p - (const uint8_t *)f->values), &nan, sizeof nan);
  assert_refused(&f->diag, bind(f), ALB_NONFINITE, "are NaN or infinite");
}

/* A tensor with and without the prefix: fine when equal, else nobody can say which is meant. */
static void test_both_prefixes(void **state) {
  fixture *f = *state;
  make_bert(f, "", 1);
  add(f, "bert.embeddings.LayerNorm.bias", HIDDEN, 0);
  assert_ok(&f->diag, bind(f));
  alb_tensors_free(&f->tensors);
  f->tensors = (alb_tensors){0};
  const uint32_t id = alb_tensors_find(&f->source.tensors, ALB_STR("bert.embeddings.LayerNorm.bias"));
  static const float other[HIDDEN] = {1, 2, 3, 4};
  f->source.tensors.blobs.items[f->source.tensors.tensors.items[id].blob].bytes.p = (const uint8_t *)other;
  assert_refused(&f->diag, bind(f), ALB_DUPLICATE, "with and without a prefix");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(test_bert, setup, teardown),
      cmocka_unit_test_setup_teardown(test_albert_groups, setup, teardown),
      cmocka_unit_test_setup_teardown(test_tied_head, setup, teardown),
      cmocka_unit_test_setup_teardown(test_own_head, setup, teardown),
      cmocka_unit_test_setup_teardown(test_untied_head, setup, teardown),
      cmocka_unit_test_setup_teardown(test_unused, setup, teardown),
      cmocka_unit_test_setup_teardown(test_classifiers, setup, teardown),
      cmocka_unit_test_setup_teardown(test_classifier_not_run, setup, teardown),
      cmocka_unit_test_setup_teardown(test_classifier_without_pooler, setup, teardown),
      cmocka_unit_test_setup_teardown(test_classifier_of_wrong_width, setup, teardown),
      cmocka_unit_test_setup_teardown(test_answers, setup, teardown),
      cmocka_unit_test_setup_teardown(test_answers_of_three, setup, teardown),
      cmocka_unit_test_setup_teardown(test_missing, setup, teardown),
      cmocka_unit_test_setup_teardown(test_lost_layer, setup, teardown),
      cmocka_unit_test_setup_teardown(test_wrong_shape, setup, teardown),
      cmocka_unit_test_setup_teardown(test_nonfinite, setup, teardown),
      cmocka_unit_test_setup_teardown(test_both_prefixes, setup, teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
