/* Importing tokenizers: what is refused, by which name, and what vocab.txt becomes. */
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "alb.pb-c.h"
#include "converter/json_strict.h"
#include "converter/vocab_build.h"
#include "runtime/tokenizer/tokenizer.h"

/* ---- tokenizer.json ---- */

#define MODEL "\"model\":{\"type\":\"WordLevel\",\"vocab\":{\"a\":0,\"b\":1},\"unk_token\":\"a\"}"
#define WITH(field) "{" field "," MODEL "}"
#define ONLY_MODEL(model) "{\"model\":" model "}"
#define SPLIT(pattern) \
  WITH("\"pre_tokenizer\":{\"type\":\"Split\",\"pattern\":" pattern ",\"behavior\":\"Removed\",\"invert\":false}")
#define NORMALIZER(element) WITH("\"normalizer\":" element)
#define SPLITTER(element) WITH("\"pre_tokenizer\":" element)
#define DECODER(element) WITH("\"decoder\":" element)
#define UNIGRAM(fields) ONLY_MODEL("{\"type\":\"Unigram\"," fields "}")
#define ADDED(fields) WITH("\"added_tokens\":[{" fields "}]")
#define FLAGS "\"single_word\":false,\"lstrip\":false,\"rstrip\":false,\"normalized\":false,\"special\":true"

static const struct {
  const char *json;
  alb_status status;
  const char *word; /* stands in the message */
} imports[] = {
    {"{" MODEL "}", ALB_OK, ""},
    {"[]", ALB_MALFORMED, "not an object"},
    {"{}", ALB_MISSING, "model"},
    {WITH("\"extra\":1"), ALB_UNSUPPORTED, "extra"},
    {WITH("\"version\":\"2.0\""), ALB_UNSUPPORTED, "version"},
    {ONLY_MODEL("{\"type\":\"BPE\"}"), ALB_UNSUPPORTED, "BPE"},
    {ONLY_MODEL("{\"vocab\":{}}"), ALB_UNSUPPORTED, "without a type"},
    {ONLY_MODEL("{\"type\":\"WordLevel\",\"vocab\":{\"a\":0,\"b\":0},\"unk_token\":\"a\"}"), ALB_DUPLICATE, "id 0"},
    {ONLY_MODEL("{\"type\":\"WordLevel\",\"vocab\":{\"a\":-1},\"unk_token\":\"a\"}"), ALB_MALFORMED, "\"a\""},
    {ONLY_MODEL("{\"type\":\"WordLevel\",\"vocab\":{\"a\":1.5},\"unk_token\":\"a\"}"), ALB_MALFORMED, "\"a\""},
    {ONLY_MODEL("{\"type\":\"WordLevel\",\"vocab\":{\"a\":7},\"unk_token\":\"a\"}"), ALB_SHAPE, "7 rows"},
    {ONLY_MODEL("{\"type\":\"WordLevel\",\"vocab\":{},\"unk_token\":\"a\"}"), ALB_MALFORMED, "no tokens"},
    {ONLY_MODEL("{\"type\":\"WordLevel\",\"vocab\":{\"a\":0}}"), ALB_MISSING, "unk_token"},
    {ONLY_MODEL("{\"type\":\"WordPiece\",\"vocab\":{\"a\":0},\"unk_token\":\"a\"}"), ALB_MISSING, "continuing_subword"},
    {ONLY_MODEL("{\"type\":\"WordLevel\",\"vocab\":{\"a\":0},\"unk_token\":\"a\",\"dropout\":0.1}"), ALB_UNSUPPORTED,
     "dropout"},
    {NORMALIZER("{\"type\":\"BPENormalizer\"}"), ALB_UNSUPPORTED, "BPENormalizer"},
    {NORMALIZER("{\"type\":\"Precompiled\"}"), ALB_MISSING, "precompiled_charsmap"},
    {NORMALIZER("{\"type\":\"Precompiled\",\"precompiled_charsmap\":\"A=BC\"}"), ALB_MALFORMED, "base64"},
    {NORMALIZER("{\"type\":\"Precompiled\",\"precompiled_charsmap\":\"AAB=\"}"), ALB_MALFORMED, "base64"},
    {NORMALIZER("{\"type\":\"Precompiled\",\"precompiled_charsmap\":\"AAA\"}"), ALB_MALFORMED, "base64"},
    {NORMALIZER("{\"type\":\"Precompiled\",\"precompiled_charsmap\":\"AAA=\"}"), ALB_MALFORMED, "2 bytes"},
    {NORMALIZER("{\"type\":\"Precompiled\",\"precompiled_charsmap\":\"\"}"), ALB_MALFORMED, "0 bytes"},
    {NORMALIZER("{\"type\":\"Prepend\"}"), ALB_MISSING, "prepend"},
    {NORMALIZER("{\"type\":\"Replace\",\"pattern\":{\"Regex\":\"(?<x>a)\"},\"content\":\"b\"}"), ALB_UNSUPPORTED,
     "group"},
    {NORMALIZER("{\"type\":\"Replace\",\"pattern\":{\"Regex\":\" {2,}\"},\"content\":\" \"}"), ALB_OK, ""},
    {SPLITTER("{\"type\":\"Metaspace\",\"replacement\":\"_\",\"prepend_scheme\":\"last\"}"), ALB_UNSUPPORTED, "last"},
    {SPLITTER("{\"type\":\"Metaspace\",\"replacement\":\"__\"}"), ALB_MALFORMED, "2 characters"},
    {SPLITTER("{\"type\":\"Metaspace\",\"replacement\":\"\"}"), ALB_MALFORMED, "0 characters"},
    {SPLITTER("{\"type\":\"Metaspace\",\"replacement\":\"_\",\"add_prefix_space\":false,\"prepend_scheme\":\"first\"}"),
     ALB_MALFORMED, "differ"},
    {SPLITTER("{\"type\":\"Metaspace\",\"replacement\":\"_\",\"add_prefix_space\":false}"), ALB_OK, ""},
    {DECODER("{\"type\":\"CTC\"}"), ALB_UNSUPPORTED, "CTC"},
    {DECODER("{\"type\":\"Strip\",\"content\":\"\",\"start\":1,\"stop\":0}"), ALB_MALFORMED, "0 characters"},
    {DECODER("{\"type\":\"Replace\",\"pattern\":{\"Regex\":\"a\"},\"content\":\"\"}"), ALB_UNSUPPORTED, "Regex"},
    {DECODER("{\"type\":\"Sequence\",\"decoders\":[{\"type\":\"Fuse\"},{\"type\":\"WordPiece\",\"prefix\":\"##\","
             "\"cleanup\":true}]}"),
     ALB_UNSUPPORTED, "behind another"},
    {UNIGRAM("\"vocab\":[[\"a\",-1.5],[\"\",-3],[\"b\",0]],\"unk_id\":0"), ALB_OK, ""},
    {ONLY_MODEL("{\"vocab\":[[\"a\",-1.5]],\"unk_id\":null}"), ALB_OK, ""},
    {UNIGRAM("\"vocab\":[]"), ALB_MALFORMED, "no pieces"},
    {UNIGRAM("\"vocab\":{\"a\":0}"), ALB_MALFORMED, "vocab"},
    {UNIGRAM("\"vocab\":[[\"a\"]]"), ALB_MALFORMED, "piece 0"},
    {UNIGRAM("\"vocab\":[[\"a\",0],[\"b\",null]]"), ALB_MALFORMED, "piece 1"},
    {UNIGRAM("\"vocab\":[[\"a\",0],[\"a\",0]]"), ALB_DUPLICATE, "\"a\""},
    {UNIGRAM("\"vocab\":[[\"a\",0]],\"unk_id\":1"), ALB_MALFORMED, "unk_id"},
    {UNIGRAM("\"vocab\":[[\"a\",0]],\"unk_id\":-1"), ALB_MALFORMED, "unk_id"},
    {UNIGRAM("\"vocab\":[[\"a\",0]],\"byte_fallback\":1"), ALB_MALFORMED, "byte_fallback"},
    {UNIGRAM("\"vocab\":[[\"a\",0]],\"alpha\":0.1"), ALB_UNSUPPORTED, "alpha"},
    {WITH("\"normalizer\":{\"type\":\"Lowercase\",\"locale\":\"tr\"}"), ALB_UNSUPPORTED, "locale"},
    {WITH("\"normalizer\":{\"type\":\"Strip\",\"strip_left\":true}"), ALB_MISSING, "strip_right"},
    {WITH("\"normalizer\":{\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"NFC\"},{\"type\":\"Other\"}]}"),
     ALB_UNSUPPORTED, "Other"},
    {WITH("\"normalizer\":{\"type\":\"Sequence\",\"normalizers\":[]}"), ALB_OK, ""},
    {WITH("\"pre_tokenizer\":{\"type\":\"ByteLevel\"}"), ALB_UNSUPPORTED, "ByteLevel"},
    {WITH("\"pre_tokenizer\":{\"type\":\"Punctuation\",\"behavior\":\"Eaten\"}"), ALB_UNSUPPORTED, "Eaten"},
    {WITH("\"pre_tokenizer\":{}"), ALB_UNSUPPORTED, "without a type"},
    {SPLIT("{\"String\":\"\"}"), ALB_UNSUPPORTED, "empty"},
    {SPLIT("{\"Regex\":\"a(?<x>b)\"}"), ALB_UNSUPPORTED, "group"},
    {SPLIT("{\"Regex\":\"[a[b]]\"}"), ALB_UNSUPPORTED, "set within"},
    {SPLIT("{\"Regex\":\"[a&&b]\"}"), ALB_UNSUPPORTED, "intersection"},
    {SPLIT("{\"Regex\":\"\\\\Ka\"}"), ALB_UNSUPPORTED, "escape"},
    {SPLIT("{\"Regex\":\"\\\\p{Klingon}\"}"), ALB_UNSUPPORTED, "property"},
    {SPLIT("{\"Regex\":\"a{2}+\"}"), ALB_UNSUPPORTED, "repetition"},
    {SPLIT("{\"Regex\":\"a\\\\\"}"), ALB_UNSUPPORTED, "backslash"},
    {SPLIT("{\"Regex\":\"[a\"}"), ALB_UNSUPPORTED, "without its end"},
    {SPLIT("{\"Regex\":\"\\\\h{2,3}[^\\\\s]\\\\b\"}"), ALB_OK, ""},
    {ADDED("\"id\":5,\"content\":\"c\"," FLAGS), ALB_OK, ""},
    {ADDED("\"id\":5,\"content\":\"\"," FLAGS), ALB_MALFORMED, "empty"},
    {ADDED("\"id\":5,\"content\":\"c\""), ALB_MISSING, "single_word"},
    {ADDED("\"id\":5,\"content\":\"c\",\"fuzzy\":true," FLAGS), ALB_UNSUPPORTED, "fuzzy"},
    {ADDED("\"id\":-5,\"content\":\"c\"," FLAGS), ALB_MALFORMED, "id"},
    {WITH("\"post_processor\":{\"type\":\"RobertaProcessing\"}"), ALB_UNSUPPORTED, "RobertaProcessing"},
    {WITH("\"post_processor\":{\"type\":\"TemplateProcessing\",\"single\":[{\"SpecialToken\":{\"id\":\"x\",\"type_id\":"
          "0}}],"
          "\"pair\":[],\"special_tokens\":{}}"),
     ALB_MALFORMED, "\"x\""},
    {WITH(
         "\"post_processor\":{\"type\":\"TemplateProcessing\",\"single\":[{\"Sequence\":{\"id\":\"B\",\"type_id\":0}}],"
         "\"pair\":[],\"special_tokens\":{}}"),
     ALB_MALFORMED, "\"B\""},
    {WITH("\"truncation\":{\"max_length\":8,\"strategy\":\"OnlyFirst\",\"stride\":0}"), ALB_UNSUPPORTED, "OnlyFirst"},
    {WITH("\"truncation\":{\"direction\":\"Left\",\"max_length\":8,\"strategy\":\"LongestFirst\",\"stride\":0}"),
     ALB_UNSUPPORTED, "Left"},
};

static alb_status import_json(alb_diag *diag, const char *text) {
  const alb_vocab_options options = {.rows = 7};
  alb_arena arena = {0};
  Alb__Tokenizer message = ALB__TOKENIZER__INIT;
  alb_vocab_build b = {
      .diag = diag, .arena = &arena, .options = &options, .file = "tokenizer.json", .tokenizer = &message};
  alb_vocab vocab;
  alb_tokenizer *t = NULL;
  json_t *root = NULL;
  alb_status status = alb_json_load(diag, (alb_span){(const uint8_t *)text, strlen(text)}, &root);
  if (status == ALB_OK) status = alb_vocab_read_json(&b, root);
  if (status == ALB_OK) status = alb_vocab_pack(&b, &vocab);
  if (status == ALB_OK) status = alb_tokenizer_new(diag, vocab.tokenizer, vocab.section, 7, &t);
  alb_tokenizer_free(t);
  json_decref(root);
  alb_vocab_build_free(&b);
  alb_arena_free(&arena);
  return status;
}

static void test_json(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof imports / sizeof *imports; i++) {
    alb_diag diag = {0};
    const alb_status status = import_json(&diag, imports[i].json);
    const char *text = alb_diag_text(&diag, status);
    if (status != imports[i].status || !strstr(text, imports[i].word))
      fail_msg("%s: %s: %s", imports[i].json, alb_status_name(status), text);
    alb_diag_free(&diag);
  }
}

/* ---- vocab.txt ---- */

/* A folder with these files, and its tokenizer. */
typedef struct fixture {
  char folder[64];
  alb_source source;
  alb_arena arena;
  alb_diag diag;
  alb_vocab vocab;
  alb_status status;
} fixture;

static void put(const fixture *f, const char *name, const char *text) {
  char path[128];
  snprintf(path, sizeof path, "%s/%s", f->folder, name);
  FILE *file = fopen(path, "w");
  assert_non_null(file);
  fputs(text, file);
  fclose(file);
}

static void import_files(fixture *f, const char *vocab, const char *config, const char *special_map) {
  const alb_vocab_options options = {.rows = 40, .max_length = 300};
  *f = (fixture){.folder = "/tmp/alb-test-vocab-XXXXXX"};
  assert_non_null(mkdtemp(f->folder));
  put(f, "vocab.txt", vocab);
  if (config) put(f, "tokenizer_config.json", config);
  if (special_map) put(f, "special_tokens_map.json", special_map);
  f->source.folder = f->folder;
  f->status = alb_vocab_import(&f->diag, &f->source, &f->arena, &options, &f->vocab);
}

static void drop_files(fixture *f) {
  static const char *const names[] = {"vocab.txt", "tokenizer_config.json", "special_tokens_map.json"};
  for (size_t i = 0; i < 3; i++) {
    char path[128];
    snprintf(path, sizeof path, "%s/%s", f->folder, names[i]);
    unlink(path);
  }
  rmdir(f->folder);
  alb_source_free(&f->source);
  alb_arena_free(&f->arena);
  alb_diag_free(&f->diag);
}

static void assert_token(const fixture *f, size_t id, const char *text) {
  assert_true(id < f->vocab.count);
  assert_true(alb_str_is(f->vocab.tokens[id], text));
}

/* Line ends of all kinds, a byte order mark that stays, blanks that stay, a token that occurs twice. */
static void test_lines(void **state) {
  (void)state;
  fixture f;
  import_files(&f, "\xef\xbb\xbfx\n[UNK]\r\n[CLS]\r[SEP]\n[MASK]\n\nb \ntwice\nc\ntwice\n[PAD]", NULL, NULL);
  assert_int_equal(f.status, ALB_OK);
  assert_token(&f, 0, "\xef\xbb\xbfx");
  assert_token(&f, 1, "[UNK]");
  assert_token(&f, 2, "[CLS]");
  assert_token(&f, 4, "[MASK]");
  assert_token(&f, 5, "");
  assert_token(&f, 6, "b ");
  assert_token(&f, 7, "");
  assert_token(&f, 9, "twice");
  assert_token(&f, 10, "[PAD]");
  assert_token(&f, 8, "c");
  drop_files(&f);
}

#define BERT "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\n##b\n<m>\n"

static size_t stages(const char *config) {
  fixture f;
  import_files(&f, BERT, config, NULL);
  assert_int_equal(f.status, ALB_OK);
  const size_t count = f.vocab.tokenizer->n_normalizers;
  drop_files(&f);
  return count;
}

static void test_options(void **state) {
  (void)state;
  assert_int_equal(stages(NULL), 5); /* clean, cjk, nfd, nonspacing, lowercase */
  assert_int_equal(stages("{\"do_lower_case\":false}"), 2);
  assert_int_equal(stages("{\"do_lower_case\":false,\"strip_accents\":true}"), 4);
  assert_int_equal(stages("{\"strip_accents\":false}"), 3);
  assert_int_equal(stages("{\"strip_accents\":null,\"tokenize_chinese_chars\":false}"), 4);
}

static void test_special_tokens(void **state) {
  (void)state;
  fixture f;
  import_files(&f, BERT, "{\"model_max_length\":1000000000000000019884624838656,\"mask_token\":{\"content\":\"<m>\"}}",
               "{\"cls_token\":\"a\"}");
  assert_int_equal(f.status, ALB_OK);
  assert_int_equal(f.vocab.tokenizer->max_length, 300); /* the model's, as the file names none */
  assert_int_equal(f.vocab.tokenizer->single[0]->id, 5);
  alb_tokenizer *t = NULL;
  assert_int_equal(alb_tokenizer_new(NULL, f.vocab.tokenizer, f.vocab.section, 40, &t), ALB_OK);
  assert_int_equal(alb_tokenizer_named(t, "mask"), 7);
  assert_int_equal(alb_tokenizer_named(t, "cls"), 5);
  assert_int_equal(alb_tokenizer_named(t, "unk"), 1);
  alb_tokenizer_free(t);
  drop_files(&f);
}

static void test_refused_files(void **state) {
  (void)state;
  static const struct {
    const char *vocab, *config;
    alb_status status;
  } files[] = {
      {"a\n\xff\n", NULL, ALB_MALFORMED},
      {BERT, "{\"tokenizer_class\":\"BertJapaneseTokenizer\"}", ALB_UNSUPPORTED},
      {BERT, "{\"do_lower_case\":\"yes\"}", ALB_MALFORMED},
      {BERT "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n12\n13\n14\n15\n16\n17\n18\n19\n20\n21\n22\n23\n24\n25\n26\n27\n28\n29"
            "\n30\n31\n32\n33\n",
       NULL, ALB_SHAPE},
  };
  for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
    fixture f;
    import_files(&f, files[i].vocab, files[i].config, NULL);
    if (f.status != files[i].status) fail_msg("%zu: %s", i, alb_diag_text(&f.diag, f.status));
    drop_files(&f);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_json),           cmocka_unit_test(test_lines),         cmocka_unit_test(test_options),
      cmocka_unit_test(test_special_tokens), cmocka_unit_test(test_refused_files),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
