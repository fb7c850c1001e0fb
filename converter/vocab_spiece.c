/* spiece.model of an ALBERT model: its pieces as a Unigram model, and around them the steps of the tokenizer.json that
 * is published for ALBERT. User-defined symbols are pieces as any other, of score 0, which win. */
#include <utf8proc.h>

#include "converter/spiece_model.h"
#include "converter/vocab_build.h"

#define MARK "\xe2\x96\x81" /* U+2581 */

/* ---- pieces ---- */

enum { NUMBER_PENALTY = 100 };

/* "9," was never to be a piece: ALBERT's tokenizer takes such ones apart, by a score that they can't win with. */
static bool is_number_and_comma(alb_str text) {
  if (text.n < 2 || text.p[text.n - 1] != ',') return false;
  size_t at = text.n - 2;
  while (at > 0 && ((uint8_t)text.p[at] & 0xc0) == 0x80) at--;
  utf8proc_int32_t cp = 0;
  utf8proc_iterate((const utf8proc_uint8_t *)text.p + at, (utf8proc_ssize_t)(text.n - 1 - at), &cp);
  return utf8proc_category(cp) == UTF8PROC_CATEGORY_ND;
}

static alb_status add_pieces(alb_vocab_build *b, const alb_spiece_model *model) {
  for (size_t i = 0; i < model->pieces.count; i++) {
    const alb_spiece *piece = &model->pieces.items[i];
    const double penalty = is_number_and_comma(piece->text) ? NUMBER_PENALTY : 0;
    ALB_TRY(alb_vocab_add_scored(b, piece->text, (double)piece->score - penalty));
  }
  b->tokenizer->unk = model->unk + 1;
  b->tokenizer->byte_fallback = model->byte_fallback;
  return alb_vocab_scored_done(b);
}

/* ---- stages ---- */

static alb_status add_quotes(alb_vocab_build *b, const char *from) {
  Alb__TokenizerStage *stage;
  ALB_TRY(alb_vocab_add_stage(b, ALB_NORMALIZERS, "replace", &stage));
  ALB_TRY(alb_vocab_text(b, from, &stage->pattern));
  return alb_vocab_text(b, "\"", &stage->content);
}

static alb_status add_charsmap(alb_vocab_build *b, alb_span bytes) {
  Alb__TokenizerStage *stage;
  if (!bytes.n) return ALB_OK;
  ALB_TRY(alb_vocab_check_charsmap(b, bytes));
  ALB_TRY(alb_vocab_add_stage(b, ALB_NORMALIZERS, "charsmap", &stage));
  stage->charsmap.data = alb_arena_alloc(b->arena, bytes.n);
  if (!stage->charsmap.data) return alb_fail_memory(b->diag, bytes.n, "a character map");
  memcpy(stage->charsmap.data, bytes.p, bytes.n);
  stage->charsmap.len = bytes.n;
  return ALB_OK;
}

static alb_status add_normalizers(alb_vocab_build *b, const alb_spiece_model *model, json_t *config) {
  bool lowercase = true, keep_accents = false, remove_space = true; /* the last one is done by the splitter */
  ALB_TRY(alb_vocab_option(b, config, "do_lower_case", &lowercase));
  ALB_TRY(alb_vocab_option(b, config, "keep_accents", &keep_accents));
  ALB_TRY(alb_vocab_option(b, config, "remove_space", &remove_space));
  ALB_TRY(add_quotes(b, "``"));
  ALB_TRY(add_quotes(b, "''"));
  if (!keep_accents) ALB_TRY(alb_vocab_add_stage(b, ALB_NORMALIZERS, "nfkd", NULL));
  if (!keep_accents) ALB_TRY(alb_vocab_add_stage(b, ALB_NORMALIZERS, "marks", NULL));
  if (lowercase) ALB_TRY(alb_vocab_add_stage(b, ALB_NORMALIZERS, "lowercase", NULL));
  return add_charsmap(b, model->charsmap);
}

static alb_status add_metaspace(alb_vocab_build *b, bool prefix, json_t *config) {
  Alb__TokenizerStage *stage;
  ALB_TRY(alb_vocab_option(b, config, "add_prefix_space", &prefix));
  ALB_TRY(alb_vocab_add_stage(b, ALB_SPLITTERS, "whitespace", NULL));
  ALB_TRY(alb_vocab_add_stage(b, ALB_SPLITTERS, "metaspace", &stage));
  ALB_TRY(alb_vocab_text(b, MARK, &stage->pattern));
  ALB_TRY(alb_vocab_text(b, prefix ? "always" : "never", &stage->scheme));
  ALB_TRY(alb_vocab_add_stage(b, ALB_DECODERS, "metaspace", &stage));
  stage->left = prefix;
  return alb_vocab_text(b, MARK, &stage->pattern);
}

static alb_status check_class(alb_vocab_build *b, json_t *config) {
  const char *class = json_string_value(json_object_get(config, "tokenizer_class"));
  if (!class || strcmp(class, "AlbertTokenizer") == 0 || strcmp(class, "AlbertTokenizerFast") == 0) return ALB_OK;
  return alb_fail(b->diag, ALB_UNSUPPORTED, "%s with the tokenizer class \"%.64s\"", b->file, class);
}

static alb_status build(alb_vocab_build *b, const alb_spiece_model *model, json_t *config, json_t *special_map) {
  ALB_TRY(alb_vocab_text(b, "unigram", &b->tokenizer->model));
  ALB_TRY(add_pieces(b, model));
  ALB_TRY(alb_vocab_add_specials(b, config, special_map));
  ALB_TRY(alb_vocab_add_name(b, "unk", b->by_id.items[model->unk].p));
  ALB_TRY(add_normalizers(b, model, config));
  ALB_TRY(add_metaspace(b, model->dummy_prefix, config));
  return alb_vocab_add_template(b, config, special_map);
}

alb_status alb_vocab_read_spiece(alb_vocab_build *b, alb_span file, json_t *config, json_t *special_map) {
  alb_spiece_model model;
  ALB_TRY(check_class(b, config));
  b->albert = true;
  alb_status status = alb_spiece_model_read(b->diag, file, &model);
  if (status != ALB_OK) alb_diag_prefix(b->diag, "%s", b->file);
  if (status == ALB_OK) status = build(b, &model, config, special_map);
  alb_spiece_model_free(&model);
  return status;
}
