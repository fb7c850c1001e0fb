/* Splitters that look at one character at a time, and the rule by which delimiters cut a text. */
#include "runtime/tokenizer/stages.h"
#include "runtime/tokenizer/unicode.h"

static alb_status emit(alb_token_scratch *scratch, uint32_t begin, uint32_t end) {
  if (begin == end) return ALB_OK;
  const alb_piece piece = {begin, end};
  return alb_vec_push(&scratch->next, piece) ? ALB_OK : alb_scratch_memory(scratch);
}

/* The cutting of one piece as it goes on. */
typedef struct cutter {
  alb_token_scratch *scratch;
  alb_split_behavior behavior;
  alb_piece held; /* not yet emitted: what comes next may belong to it */
  bool holds, held_is_match;
} cutter;

static bool joins(const cutter *c, bool is_match) {
  switch (c->behavior) {
    case ALB_SPLIT_WITH_PREVIOUS:
      return is_match && !c->held_is_match;
    case ALB_SPLIT_WITH_NEXT:
      return !is_match && c->held_is_match;
    case ALB_SPLIT_CONTIGUOUS:
      return is_match == c->held_is_match;
    default:
      return false;
  }
}

static alb_status flush(cutter *c) {
  if (!c->holds) return ALB_OK;
  c->holds = false;
  if (c->behavior == ALB_SPLIT_REMOVED && c->held_is_match) return ALB_OK;
  return emit(c->scratch, c->held.begin, c->held.end);
}

static alb_status cut(cutter *c, uint32_t begin, uint32_t end, bool is_match) {
  if (c->holds && joins(c, is_match)) {
    c->held.end = end;
  } else {
    ALB_TRY(flush(c));
    c->held = (alb_piece){begin, end};
    c->holds = true;
  }
  c->held_is_match = is_match;
  return ALB_OK;
}

alb_status alb_split_emit(alb_token_scratch *scratch, alb_piece piece, alb_split_behavior behavior, bool invert) {
  cutter c = {.scratch = scratch, .behavior = behavior};
  uint32_t done = piece.begin;
  for (size_t i = 0; i < scratch->matches.count; i++) {
    const alb_piece match = scratch->matches.items[i];
    if (done != match.begin) ALB_TRY(cut(&c, done, match.begin, invert));
    ALB_TRY(cut(&c, match.begin, match.end, !invert));
    done = match.end;
  }
  if (done != piece.end) ALB_TRY(cut(&c, done, piece.end, invert));
  return flush(&c);
}

alb_status alb_split_whitespace(const alb_stage *stage, alb_token_scratch *scratch, alb_piece piece) {
  (void)stage;
  uint32_t begin = piece.begin;
  for (uint32_t i = piece.begin; i < piece.end; i++) {
    if (!(alb_scratch_class(scratch, scratch->text.items[i].cp) & ALB_UNI_WHITE)) continue;
    ALB_TRY(emit(scratch, begin, i));
    begin = i + 1;
  }
  return emit(scratch, begin, piece.end);
}

alb_status alb_split_punctuation(const alb_stage *stage, alb_token_scratch *scratch, alb_piece piece) {
  scratch->matches.count = 0;
  for (uint32_t i = piece.begin; i < piece.end; i++) {
    if (!(alb_scratch_class(scratch, scratch->text.items[i].cp) & ALB_UNI_PUNCTUATION)) continue;
    const alb_piece match = {i, i + 1};
    if (!alb_vec_push(&scratch->matches, match)) return alb_scratch_memory(scratch);
  }
  return alb_split_emit(scratch, piece, stage->behavior, false);
}

alb_status alb_split_words(const alb_stage *stage, alb_token_scratch *scratch, alb_piece piece) {
  (void)stage;
  uint32_t begin = piece.begin;
  unsigned current = 0;
  for (uint32_t i = piece.begin; i < piece.end; i++) {
    const unsigned class = alb_scratch_class(scratch, scratch->text.items[i].cp) & (ALB_UNI_WORD | ALB_UNI_WHITE);
    if (i > begin && class != current) {
      if (!(current & ALB_UNI_WHITE)) ALB_TRY(emit(scratch, begin, i));
      begin = i;
    }
    current = class;
  }
  return current & ALB_UNI_WHITE ? ALB_OK : emit(scratch, begin, piece.end);
}
