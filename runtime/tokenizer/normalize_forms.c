/* The normalization forms NFC, NFD, NFKC and NFKD, with the reference's way of aligning what they change. */
#include <stdlib.h>

#include "runtime/tokenizer/stages.h"
#include "runtime/tokenizer/unicode.h"

/* While a form is made, a character of spare holds in `start` its change as the reference counts: 0 takes the place of
 * one character of the text, -n of one and the n after it, 1 comes in addition; in `end` its combining class. */
static int32_t change_of(const alb_char *c) {
  return (int32_t)c->start;
}

static void insertion_sort(alb_char *run, size_t n) {
  for (size_t i = 1; i < n; i++) {
    const alb_char c = run[i];
    size_t k = i;
    for (; k > 0 && run[k - 1].end > c.end; k--) run[k] = run[k - 1];
    run[k] = c;
  }
}

/* Stable, in linear time, for runs of any length. `room` holds n characters. */
static void counting_sort(alb_char *run, size_t n, alb_char *room) {
  size_t at[257] = {0};
  for (size_t i = 0; i < n; i++) at[run[i].end + 1]++;
  for (size_t i = 1; i < 257; i++) at[i] += at[i - 1];
  for (size_t i = 0; i < n; i++) room[at[run[i].end]++] = run[i];
  memcpy(run, room, n * sizeof *run);
}

enum { SHORT_RUN = 32 };

/* Orders the marks of spare by class, within each run of them. */
static bool order_marks(alb_chars *out) {
  for (size_t i = 0; i < out->count;) {
    size_t end = i;
    while (end < out->count && out->items[end].end) end++;
    const size_t n = end - i;
    if (n <= SHORT_RUN) {
      insertion_sort(out->items + i, n);
    } else {
      if (!alb_vec_reserve(out, n)) return false; /* the room lies behind the text */
      counting_sort(out->items + i, n, out->items + out->count);
    }
    i = end + 1;
  }
  return true;
}

static uint64_t inert_fact(bool compatible) {
  return compatible ? ALB_FACT_COMPATIBLE : ALB_FACT_CANONICAL;
}

/* Does the form leave the text as it is? Without decompositions, only what is not solid can compose. */
static bool is_in_form(alb_token_scratch *scratch, bool compatible, bool composed) {
  const uint64_t facts = inert_fact(compatible) | (composed ? ALB_FACT_SOLID : 0);
  for (size_t i = 0; i < scratch->text.count; i++) {
    if ((alb_char_facts_of(scratch->facts, scratch->text.items[i].cp) & facts) != facts) return false;
  }
  return true;
}

static bool decompose(alb_token_scratch *scratch, bool compatible, alb_chars *out) {
  const alb_chars *text = &scratch->text;
  out->count = 0;
  for (size_t i = 0; i < text->count; i++) {
    uint32_t to[ALB_UNICODE_LONGEST];
    if (alb_char_facts_of(scratch->facts, text->items[i].cp) & inert_fact(compatible)) {
      if (!alb_vec_push(out, (alb_char){text->items[i].cp, 0, 0})) return false;
      continue;
    }
    const size_t n = alb_unicode_decompose(text->items[i].cp, compatible, to);
    if (!alb_vec_reserve(out, n)) return false;
    for (size_t k = 0; k < n; k++) out->items[out->count++] = (alb_char){to[k], k > 0, alb_unicode_ccc(to[k])};
  }
  return order_marks(out);
}

/* Composes in place. At items[done] stands the character that takes marks, if any; behind it are `kept` characters
 * that could not go into it. */
static void compose(alb_chars *text) {
  alb_char *items = text->items;
  size_t done = 0, kept = 0;
  bool open = false;
  for (size_t i = 0; i < text->count; i++) {
    const alb_char c = items[i];
    if (!open) {
      items[done] = c;
      open = c.end == 0;
      done += !open;
      continue;
    }
    alb_char *base = &items[done];
    const uint32_t last = kept ? items[done + kept].end : 0;
    const uint32_t made = kept && last >= c.end ? 0 : alb_unicode_compose(base->cp, c.cp);
    if (made) {
      base->cp = made;
      base->start = (uint32_t)(change_of(base) + change_of(&c) - 1);
    } else if (c.end == 0) {
      done += 1 + kept;
      kept = 0;
      items[done] = c;
    } else {
      items[done + ++kept] = c;
    }
  }
  text->count = done + (open ? 1 + kept : 0);
}

void alb_align_changes(alb_token_scratch *scratch) {
  const alb_chars *text = &scratch->text;
  alb_chars *out = &scratch->spare;
  size_t at = 0; /* characters of the text that are used up */
  for (size_t i = 0; i < out->count; i++) {
    const int32_t change = change_of(&out->items[i]);
    const size_t from = change > 0 ? at - (at > 0) : at;
    const alb_char *old = &text->items[from < text->count ? from : text->count - 1];
    const bool before_all = change > 0 && at == 0;
    out->items[i].start = before_all ? scratch->origin : old->start;
    out->items[i].end = before_all ? scratch->origin : old->end;
    if (change <= 0) at += 1 + (size_t)-change;
  }
}

static alb_status run_form(alb_token_scratch *scratch, bool compatible, bool composed) {
  alb_chars *out = &scratch->spare;
  if (is_in_form(scratch, compatible, composed)) return ALB_OK;
  if (!decompose(scratch, compatible, out)) return alb_scratch_memory(scratch);
  if (composed) compose(out);
  alb_align_changes(scratch);
  alb_scratch_swap(scratch);
  return ALB_OK;
}

alb_status alb_normalize_nfc(const alb_stage *stage, alb_token_scratch *scratch) {
  (void)stage;
  return run_form(scratch, false, true);
}

alb_status alb_normalize_nfd(const alb_stage *stage, alb_token_scratch *scratch) {
  (void)stage;
  return run_form(scratch, false, false);
}

alb_status alb_normalize_nfkc(const alb_stage *stage, alb_token_scratch *scratch) {
  (void)stage;
  return run_form(scratch, true, true);
}

alb_status alb_normalize_nfkd(const alb_stage *stage, alb_token_scratch *scratch) {
  (void)stage;
  return run_form(scratch, true, false);
}
