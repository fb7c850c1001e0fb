/* Patterns, plain text or regular expressions by PCRE2, and the splitter by them. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "runtime/tokenizer/stages.h"
#include "runtime/tokenizer/utf8_text.h"

enum {
  MATCH_LIMIT = 1000000, /* steps of one match: a pattern that needs more is out of hand */
  DEPTH_LIMIT = 1000000,
  HEAP_LIMIT = 65536, /* KiB */
  JIT_STACK = 1 << 20,
};

alb_status alb_compile_pattern(alb_diag *diag, alb_stage *stage) {
  const Alb__TokenizerStage *m = stage->message;
  if (!m->regex) return ALB_OK;
  int code = 0;
  PCRE2_SIZE at = 0;
  const uint32_t options = PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE | PCRE2_NO_UTF_CHECK | PCRE2_NEVER_BACKSLASH_C;
  pcre2_compile_context *context = pcre2_compile_context_create(NULL);
  if (!context) return alb_fail_memory(diag, 256, "a regular expression");
  pcre2_set_newline(context, PCRE2_NEWLINE_LF);
  stage->regex = pcre2_compile((PCRE2_SPTR)m->pattern, strlen(m->pattern), options, &code, &at, context);
  pcre2_compile_context_free(context);
  if (!stage->regex) {
    PCRE2_UCHAR text[128] = "";
    pcre2_get_error_message(code, text, sizeof text);
    return alb_fail(diag, ALB_MALFORMED, "tokenizer: pattern: %s (at byte %zu)", (const char *)text, at);
  }
  pcre2_jit_compile(stage->regex, PCRE2_JIT_COMPLETE); /* where there is no JIT, the interpreter runs */
  return ALB_OK;
}

void alb_release_pattern(alb_stage *stage) {
  pcre2_code_free(stage->regex);
}

static bool needs_regex(const alb_tokenizer *t) {
  for (size_t i = 0; i < t->splitter_count; i++) {
    if (t->splitters[i].regex) return true;
  }
  for (size_t i = 0; i < t->normalizer_count; i++) {
    if (t->normalizers[i].regex) return true;
  }
  return false;
}

alb_status alb_prepare_regex_scratch(alb_diag *diag, const alb_tokenizer *tokenizer, alb_token_scratch *scratch) {
  if (!needs_regex(tokenizer)) return ALB_OK;
  scratch->match = pcre2_match_data_create(1, NULL);
  scratch->match_context = pcre2_match_context_create(NULL);
  if (!scratch->match || !scratch->match_context) return alb_fail_memory(diag, 256, "regular expressions");
  pcre2_set_match_limit(scratch->match_context, MATCH_LIMIT);
  pcre2_set_depth_limit(scratch->match_context, DEPTH_LIMIT);
  pcre2_set_heap_limit(scratch->match_context, HEAP_LIMIT);
  scratch->jit_stack = pcre2_jit_stack_create(32768, JIT_STACK, NULL); /* NULL: JIT has its small one */
  if (scratch->jit_stack) pcre2_jit_stack_assign(scratch->match_context, NULL, scratch->jit_stack);
  return ALB_OK;
}

void alb_release_regex_scratch(alb_token_scratch *scratch) {
  pcre2_match_data_free(scratch->match);
  pcre2_match_context_free(scratch->match_context);
  pcre2_jit_stack_free(scratch->jit_stack);
}

static alb_status write_utf8(alb_token_scratch *scratch, alb_piece piece) {
  alb_bytes *bytes = &scratch->bytes;
  bytes->count = 0;
  if (!alb_vec_reserve(bytes, 4 * (size_t)(piece.end - piece.begin))) return alb_scratch_memory(scratch);
  for (uint32_t i = piece.begin; i < piece.end; i++) {
    bytes->count += alb_utf8_write(scratch->text.items[i].cp, bytes->items + bytes->count);
  }
  return ALB_OK;
}

/* Moves from byte *byte, where character *at begins, to byte `to`, where a character begins or the text ends. */
static void advance(const alb_token_scratch *scratch, size_t to, size_t *byte, uint32_t *at) {
  for (; *byte < to; ++*byte) *at += (scratch->bytes.items[*byte] & 0xc0) != 0x80;
}

/* So many matches, none of them empty, make enough pieces; SIZE_MAX: one can't tell, as neighbours may become one piece
 * or vanish. */
static size_t enough_matches(const alb_stage *stage, const alb_token_scratch *scratch) {
  const bool kept =
      stage->behavior == ALB_SPLIT_REMOVED ? stage->message->invert : stage->behavior != ALB_SPLIT_CONTIGUOUS;
  return kept && scratch->enough < SIZE_MAX / 4 ? 2 * scratch->enough + 2 : SIZE_MAX;
}

/* Finds the matches in *piece; when there are enough, the piece ends behind them. */
static alb_status find_regex(const alb_stage *stage, alb_token_scratch *scratch, alb_piece *piece, size_t left) {
  ALB_TRY(write_utf8(scratch, *piece));
  const alb_bytes *bytes = &scratch->bytes;
  const PCRE2_SIZE *found = pcre2_get_ovector_pointer(scratch->match);
  size_t from = 0, byte = 0, last_end = SIZE_MAX;
  uint32_t at = piece->begin;
  while (from <= bytes->count) {
    if (!left) {
      piece->end = at;
      break;
    }
    const int rc = pcre2_match(stage->regex, bytes->items, bytes->count, from, PCRE2_NO_UTF_CHECK, scratch->match,
                               scratch->match_context);
    if (rc == PCRE2_ERROR_NOMATCH) break;
    if (rc == PCRE2_ERROR_NOMEMORY) return alb_scratch_memory(scratch);
    if (rc < 0) return alb_fail(scratch->diag, ALB_LIMIT, "tokenizer: a pattern takes too many steps on this text");
    const size_t begin = found[0], end = found[1];
    if (begin < from || end < begin) return alb_fail(scratch->diag, ALB_MALFORMED, "tokenizer: a pattern uses \\K");
    const bool empty = end == begin;
    if (!empty || begin != last_end) { /* the reference takes no empty match right behind a match */
      alb_piece match;
      advance(scratch, begin, &byte, &at);
      match.begin = at;
      advance(scratch, end, &byte, &at);
      match.end = at;
      if (!alb_vec_push(&scratch->matches, match)) return alb_scratch_memory(scratch);
      last_end = end;
      left -= !empty;
    }
    from = end;
    if (empty) { /* goes on behind the next character */
      do from++;
      while (from < bytes->count && (bytes->items[from] & 0xc0) == 0x80);
    }
  }
  return ALB_OK;
}

static alb_status find_plain(const alb_stage *stage, alb_token_scratch *scratch, alb_piece piece) {
  const alb_char *text = scratch->text.items;
  const uint32_t n = (uint32_t)stage->pattern_count;
  for (uint32_t i = piece.begin; n <= piece.end - i;) {
    uint32_t k = 0;
    while (k < n && text[i + k].cp == stage->pattern[k]) k++;
    if (k < n) {
      i++;
      continue;
    }
    const alb_piece match = {i, i + n};
    if (!alb_vec_push(&scratch->matches, match)) return alb_scratch_memory(scratch);
    i += n;
  }
  return ALB_OK;
}

alb_status alb_find_pattern(const alb_stage *stage, alb_token_scratch *scratch, alb_piece *piece, size_t enough) {
  scratch->matches.count = 0;
  return stage->regex ? find_regex(stage, scratch, piece, enough) : find_plain(stage, scratch, *piece);
}

alb_status alb_prepare_split(alb_diag *diag, alb_stage *stage) {
  ALB_TRY(alb_prepare_pattern(diag, stage));
  return alb_find_behavior(diag, stage);
}

alb_status alb_split_pattern(const alb_stage *stage, alb_token_scratch *scratch, alb_piece piece) {
  ALB_TRY(alb_find_pattern(stage, scratch, &piece, enough_matches(stage, scratch)));
  return alb_split_emit(scratch, piece, stage->behavior, stage->message->invert);
}
