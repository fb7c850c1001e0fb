/* Entities of a text: tokens of one class grouped, as `transformers` does it with aggregation_strategy "simple". */
#include <math.h>
#include <string.h>

#include "runtime/session.h"
#include "runtime/text_cursor.h"

typedef struct finder {
  alb_diag *diag;
  alb_session *session;
  const alb_tokenizer *tokenizer;
  alb_token_encoding e;
  alb_text_cursor cursor;
  size_t classes, count, string_bytes;
  /* the group under way */
  size_t first, tokens; /* tokens: 0: none */
  const char *label;    /* of its first token, and tag of its last */
  const char *tag;
  double score;
} finder;

/* "B-PER" is the begin of a PER, "I-PER" goes on; other labels are tags that go on. */
static const char *tag_of(const char *label, bool *begins) {
  *begins = strncmp(label, "B-", 2) == 0;
  return *begins || strncmp(label, "I-", 2) == 0 ? label + 2 : label;
}

static const char *group_name(const char *label) {
  const char *dash = strchr(label, '-');
  return dash ? dash + 1 : label;
}

/* The texts of the group's tokens; an unknown token is what stands in the text. */
static alb_status join_words(finder *f, alb_str *word) {
  const int32_t unk = alb_tokenizer_named(f->tokenizer, "unk");
  if (!alb_buffer_reserve(&f->session->pieces, f->tokens, sizeof(alb_str))) {
    return alb_fail_memory(f->diag, f->tokens, "words");
  }
  alb_str *pieces = f->session->pieces.p;
  for (size_t i = 0; i < f->tokens; i++) {
    const size_t t = f->first + i;
    const bool known = f->e.ids[t] != unk;
    pieces[i] = known ? alb_tokenizer_token(f->tokenizer, f->e.ids[t])
                      : alb_text_cursor_slice(&f->cursor, f->e.offsets[2 * t], f->e.offsets[2 * t + 1]);
  }
  return alb_tokenizer_join(f->diag, f->tokenizer, f->session->scratch, pieces, f->tokens, word);
}

static alb_status keep_word(finder *f, alb_str word) {
  alb_session *s = f->session;
  if (!alb_buffer_reserve(&s->strings, f->string_bytes + word.n + 1, 1))
    return alb_fail_memory(f->diag, word.n, "words");
  char *to = (char *)s->strings.p + f->string_bytes;
  if (word.n) memcpy(to, word.p, word.n);
  to[word.n] = '\0';
  f->string_bytes += word.n + 1;
  return ALB_OK;
}

/* Ends the group; one of class O is dropped. */
static alb_status close_group(finder *f) {
  alb_str word;
  if (f->tokens == 0 || strcmp(group_name(f->label), "O") == 0) return ALB_OK;
  ALB_TRY(join_words(f, &word));
  ALB_TRY(keep_word(f, word));
  alb_entity *entity = (alb_entity *)f->session->entities.p + f->count++;
  *entity = (alb_entity){.entity_group = group_name(f->label),
                         .score = (float)(f->score / (double)f->tokens),
                         .word_length = word.n,
                         .start = f->e.offsets[2 * f->first],
                         .end = f->e.offsets[2 * (f->first + f->tokens - 1) + 1]};
  return ALB_OK;
}

static alb_status add_token(finder *f, size_t t, const float *logits) {
  size_t best = 0;
  double total = 0;
  bool begins;
  for (size_t c = 1; c < f->classes; c++) best = logits[c] > logits[best] ? c : best;
  for (size_t c = 0; c < f->classes; c++) total += exp((double)logits[c] - (double)logits[best]);
  const char *label = alb_model_label(f->session->model, best), *tag = tag_of(label, &begins);
  if (f->tokens == 0 || begins || strcmp(tag, f->tag) != 0) {
    ALB_TRY(close_group(f));
    f->first = t;
    f->tokens = 0;
    f->label = label;
    f->score = 0;
  }
  f->tokens++;
  f->tag = tag;
  f->score += (double)(float)(1 / total);
  return ALB_OK;
}

/* Words stand one after the other in the session's strings. */
static void point_words(const finder *f) {
  const char *p = f->session->strings.p;
  alb_entity *entities = f->session->entities.p;
  for (size_t i = 0; i < f->count; i++) {
    entities[i].word = p;
    p += entities[i].word_length + 1;
  }
}

/* Logits [tokens][classes] of the encoded text, in the session. */
static alb_status run_tokens(finder *f) {
  alb_session *s = f->session;
  size_t floats;
  if (!alb_mul_ok(f->e.count, f->classes, &floats) || !alb_buffer_reserve(&s->logits, floats, sizeof(float)) ||
      !alb_buffer_reserve(&s->entities, f->e.count, sizeof(alb_entity))) {
    return alb_fail_memory(f->diag, f->e.count, "logits");
  }
  const alb_output output = {"ner", s->logits.p, floats};
  const alb_batch batch = {
      .size = sizeof batch, .count = 1, .lengths = &f->e.count, .ids = f->e.ids, .type_ids = f->e.type_ids};
  return alb_session_run(f->diag, s, &batch, &output, 1);
}

static alb_status find(finder *f, const alb_text *text, alb_entities *out) {
  f->classes = alb_model_output_width(f->session->model, "ner");
  if (!f->classes) return alb_fail(f->diag, ALB_UNSUPPORTED, "the model has no token classification head (\"ner\")");
  ALB_TRY(alb_session_encode_text(f->diag, f->session, text, 0, &f->e));
  ALB_TRY(alb_model_tokenizer(f->diag, f->session->model, &f->tokenizer));
  if (f->e.count) ALB_TRY(run_tokens(f));
  for (size_t t = 0; t < f->e.count; t++) {
    if (!f->e.special[t]) ALB_TRY(add_token(f, t, (const float *)f->session->logits.p + t * f->classes));
  }
  ALB_TRY(close_group(f));
  point_words(f);
  *out = (alb_entities){f->count, f->session->entities.p, f->e.count, f->e.truncated};
  return ALB_OK;
}

alb_status alb_find_entities(alb_session *session, const alb_text *text, alb_entities *out, alb_error *error) {
  alb_diag diag = {0};
  alb_status status;
  if (!session || !text || !out || text->pair) {
    status = alb_fail(&diag, ALB_ARGUMENT, "an argument is NULL, or the text is a pair");
  } else {
    finder f = {.diag = &diag, .session = session, .cursor = {.text = {text->text ? text->text : "", text->length}}};
    status = find(&f, text, out);
  }
  return alb_report(error, &diag, status);
}
