/* Texts to tokens, and sentence embeddings of texts. */
#include <string.h>

#include "runtime/session.h"

static alb_status check_text(alb_diag *diag, const alb_text *text) {
  const bool ok = (text->text || text->length == 0) && (text->pair || text->pair_length == 0);
  return ok ? ALB_OK : alb_fail(diag, ALB_ARGUMENT, "a text is NULL");
}

size_t alb_session_most_tokens(const alb_session *session, const alb_tokenizer *tokenizer) {
  const size_t own = alb_tokenizer_max_length(tokenizer), positions = session->model->max_tokens;
  return own && own < positions ? own : positions;
}

alb_status alb_session_encode_text(alb_diag *diag, alb_session *session, const alb_text *text, size_t max_tokens,
                                   alb_token_encoding *out) {
  const alb_tokenizer *tokenizer;
  ALB_TRY(check_text(diag, text));
  ALB_TRY(alb_model_tokenizer(diag, session->model, &tokenizer));
  if (!session->scratch) ALB_TRY(alb_token_scratch_new(diag, tokenizer, &session->scratch));
  const alb_str first = {text->text ? text->text : "", text->length}, second = {text->pair, text->pair_length};
  return alb_tokenizer_encode(diag, tokenizer, session->scratch, first, text->pair ? &second : NULL,
                              max_tokens ? max_tokens : alb_session_most_tokens(session, tokenizer), true, out);
}

static alb_status tokenize(alb_diag *diag, alb_session *session, const alb_text *text, size_t max_tokens,
                           alb_tokens *tokens) {
  alb_token_encoding e;
  ALB_TRY(alb_session_encode_text(diag, session, text, max_tokens, &e));
  *tokens = (alb_tokens){e.count, e.ids, e.type_ids, e.offsets, e.truncated};
  return ALB_OK;
}

alb_status alb_tokenize(alb_session *session, const alb_text *text, size_t max_tokens, alb_tokens *tokens,
                        alb_error *error) {
  alb_diag diag = {0};
  alb_status status;
  if (!session || !text || !tokens)
    status = alb_fail(&diag, ALB_ARGUMENT, "session, text or tokens is NULL");
  else
    status = tokenize(&diag, session, text, max_tokens, tokens);
  return alb_report(error, &diag, status);
}

const char *alb_token_text(const alb_model *model, int32_t id, size_t *length) {
  const alb_str text = id < 0 ? (alb_str){0} : alb_reader_token(model->reader, (size_t)id);
  *length = text.n;
  return text.n ? text.p : "";
}

/* ---- embeddings of texts ---- */

/* Appends the text's tokens to the session's, which hold *tokens so far. */
static alb_status append_text(alb_diag *diag, alb_session *session, const alb_text *text, size_t *tokens,
                              size_t *length, bool *truncated) {
  alb_token_encoding e;
  ALB_TRY(alb_session_encode_text(diag, session, text, 0, &e));
  if (e.count == 0) return alb_fail(diag, ALB_ARGUMENT, "the text has no tokens");
  if (!alb_buffer_reserve(&session->ids, *tokens + e.count, sizeof(int32_t)) ||
      !alb_buffer_reserve(&session->type_ids, *tokens + e.count, sizeof(int32_t))) {
    return alb_fail_memory(diag, e.count, "tokens");
  }
  memcpy((int32_t *)session->ids.p + *tokens, e.ids, e.count * sizeof *e.ids);
  memcpy((int32_t *)session->type_ids.p + *tokens, e.type_ids, e.count * sizeof *e.type_ids);
  *tokens += e.count;
  *length = e.count;
  *truncated = e.truncated;
  return ALB_OK;
}

static alb_status append_texts(alb_diag *diag, alb_session *session, const alb_text *texts, size_t count,
                               alb_text_result *results) {
  size_t tokens = 0;
  if (!alb_buffer_reserve(&session->lengths, count, sizeof(size_t))) return alb_fail_memory(diag, count, "texts");
  size_t *lengths = session->lengths.p;
  for (size_t i = 0; i < count; i++) {
    bool truncated = false;
    const alb_status status = append_text(diag, session, &texts[i], &tokens, &lengths[i], &truncated);
    if (status != ALB_OK) {
      alb_diag_prefix(diag, "text %zu", i);
      return status;
    }
    if (results) results[i] = (alb_text_result){lengths[i], truncated};
  }
  return ALB_OK;
}

static alb_status embed(alb_diag *diag, alb_session *session, const alb_text *texts, size_t count, float *out,
                        size_t capacity, alb_text_result *results) {
  ALB_TRY(append_texts(diag, session, texts, count, results));
  const alb_output output = {"embed", out, capacity};
  const alb_batch batch = {.size = sizeof batch,
                           .count = count,
                           .lengths = session->lengths.p,
                           .ids = session->ids.p,
                           .type_ids = session->type_ids.p};
  return alb_session_run(diag, session, &batch, &output, 1);
}

alb_status alb_embed(alb_session *session, const alb_text *texts, size_t count, float *out, size_t capacity,
                     alb_text_result *results, alb_error *error) {
  alb_diag diag = {0};
  alb_status status;
  if (!session || (count && !texts) || !out)
    status = alb_fail(&diag, ALB_ARGUMENT, "session, texts or out is NULL");
  else
    status = embed(&diag, session, texts, count, out, capacity, results);
  return alb_report(error, &diag, status);
}
