/* Packed sequences of token ids, and the input lines of --ids that make them. */
#include "cli/run_ids.h"

#include "cli/run_scan.h"

void alb_ids_clear(alb_ids *ids) {
  ids->lengths.count = ids->ids.count = ids->type_ids.count = ids->truncated.count = 0;
}

void alb_ids_free(alb_ids *ids) {
  alb_vec_free(&ids->lengths);
  alb_vec_free(&ids->ids);
  alb_vec_free(&ids->type_ids);
  alb_vec_free(&ids->truncated);
}

static bool take_word(alb_line *s, alb_str word) {
  alb_line_skip_space(s);
  if ((size_t)(s->end - s->p) < word.n || memcmp(s->p, word.p, word.n) != 0) return false;
  s->p += word.n;
  return true;
}

static bool is_digit(const alb_line *s) {
  return s->p < s->end && *s->p >= '0' && *s->p <= '9';
}

/* Up to 24 bytes of what stands here, for a message. */
static alb_str found(const alb_line *s) {
  size_t n = 0;
  while (n < 24 && s->p + n < s->end && !strchr(" ,]", s->p[n])) n++;
  return (alb_str){s->p, n};
}

/* A whole number of 0 .. limit - 1, without sign, leading zeros, fraction or exponent. */
static alb_status parse_id(alb_line *s, uint32_t limit, int32_t *out) {
  uint64_t n = 0;
  alb_line_skip_space(s);
  const char *start = s->p;
  for (; is_digit(s) && n <= INT32_MAX; s->p++) n = 10 * n + (uint64_t)(*s->p - '0');
  const size_t digits = (size_t)(s->p - start);
  *out = (int32_t)n;
  if (digits > 0 && (digits == 1 || *start != '0') && n < limit && n <= INT32_MAX) return ALB_OK;
  s->p = start;
  const alb_str text = found(s);
  return alb_fail(s->diag, ALB_MALFORMED, "expected a whole number of 0 to %u, found \"%.*s\" at byte %zu", limit - 1,
                  ALB_STR_ARGS(text), (size_t)(s->p - s->begin));
}

static alb_status parse_list(alb_line *s, uint32_t limit, alb_id_list *out) {
  if (!alb_line_take(s, '[')) return alb_line_unexpected(s, "[");
  if (alb_line_take(s, ']')) return ALB_OK;
  do {
    int32_t id = 0;
    ALB_TRY(parse_id(s, limit, &id));
    if (!alb_vec_push(out, id)) return alb_fail_memory(s->diag, out->count, "token ids");
  } while (alb_line_take(s, ','));
  return alb_line_take(s, ']') ? ALB_OK : alb_line_unexpected(s, ", or ]");
}

/* The members of the object, each at most once. */
static alb_status parse_members(alb_line *s, const alb_model_info *info, alb_ids *ids, bool *has_ids, bool *has_types) {
  do {
    const bool is_ids = take_word(s, ALB_STR("\"input_ids\""));
    const bool is_types = !is_ids && take_word(s, ALB_STR("\"token_type_ids\""));
    bool *has = is_ids ? has_ids : has_types;
    if ((!is_ids && !is_types) || *has) return alb_line_unexpected(s, "\"input_ids\" or \"token_type_ids\", each once");
    *has = true;
    if (!alb_line_take(s, ':')) return alb_line_unexpected(s, ":");
    ALB_TRY(parse_list(s, is_ids ? info->vocab : info->type_vocab, is_ids ? &ids->ids : &ids->type_ids));
  } while (alb_line_take(s, ','));
  return ALB_OK;
}

static alb_status parse_object(alb_line *s, const alb_model_info *info, alb_ids *ids, bool *has_types) {
  bool has_ids = false;
  if (!alb_line_take(s, '{')) return alb_line_unexpected(s, "{");
  ALB_TRY(parse_members(s, info, ids, &has_ids, has_types));
  if (!alb_line_take(s, '}')) return alb_line_unexpected(s, ", or }");
  alb_line_skip_space(s);
  if (s->p != s->end) return alb_line_unexpected(s, "the end of the line");
  return has_ids ? ALB_OK : alb_fail(s->diag, ALB_MALFORMED, "\"input_ids\" is missing");
}

static alb_status end_sequence(alb_diag *diag, alb_ids *ids, size_t length, bool truncated) {
  const bool ok = alb_vec_push(&ids->lengths, length) && alb_vec_push(&ids->truncated, truncated);
  return ok ? ALB_OK : alb_fail_memory(diag, length, "token ids");
}

alb_status alb_ids_parse(alb_diag *diag, const alb_model_info *info, alb_str line, alb_ids *ids) {
  alb_line s = {diag, line.p, line.p, line.p + line.n, NULL};
  bool has_types = false;
  const size_t first = ids->ids.count;
  ALB_TRY(parse_object(&s, info, ids, &has_types));
  const size_t n = ids->ids.count - first, types = ids->type_ids.count - first;
  if (n == 0 || n > info->max_tokens) {
    return alb_fail(diag, ALB_MALFORMED, "\"input_ids\" has %zu tokens, expected 1 to %u", n, info->max_tokens);
  }
  if (has_types && types != n) return alb_fail(diag, ALB_MALFORMED, "%zu token type ids for %zu tokens", types, n);
  while (ids->type_ids.count < ids->ids.count) {
    if (!alb_vec_push(&ids->type_ids, 0)) return alb_fail_memory(diag, n, "token ids");
  }
  return end_sequence(diag, ids, n, false);
}

alb_status alb_ids_add(alb_diag *diag, const alb_tokens *tokens, alb_ids *ids) {
  const size_t n = tokens->count, bytes = n * sizeof(int32_t);
  if (!alb_vec_reserve(&ids->ids, n) || !alb_vec_reserve(&ids->type_ids, n))
    return alb_fail_memory(diag, n, "token ids");
  memcpy(ids->ids.items + ids->ids.count, tokens->ids, bytes);
  memcpy(ids->type_ids.items + ids->type_ids.count, tokens->type_ids, bytes);
  ids->ids.count += n;
  ids->type_ids.count += n;
  return end_sequence(diag, ids, n, tokens->truncated);
}

alb_batch alb_ids_batch(const alb_ids *ids) {
  return (alb_batch){.size = sizeof(alb_batch),
                     .count = ids->lengths.count,
                     .lengths = ids->lengths.items,
                     .ids = ids->ids.items,
                     .type_ids = ids->type_ids.items};
}
