/* Copies of texts with other words in them. */
#include "tune/word_texts.h"

#include "base/random.h"

enum { LEAST_WORDS = 1000, EVERY = 3 };

/* A marker of a word's begin counts as a letter: it is not ASCII. */
static bool is_word(alb_str token) {
  for (size_t i = 0; i < token.n; i++) {
    const unsigned char c = (unsigned char)token.p[i], lower = c | 0x20;
    if (c < 0x80 && (lower < 'a' || lower > 'z')) return false;
  }
  return token.n >= 2;
}

static bool find_words(const alb_str *tokens, size_t count, alb_word_texts *out) {
  for (size_t id = 0; id < count && id <= INT32_MAX; id++) {
    if (is_word(tokens[id]) && !alb_vec_push(&out->words, (int32_t)id)) return false;
  }
  return true;
}

static bool add_text(const alb_sequences *texts, size_t first, size_t n, alb_word_texts *out) {
  bool memory = alb_vec_push(&out->lengths, (uint32_t)n);
  for (size_t i = first; memory && i < first + n; i++) {
    memory = alb_vec_push(&out->ids, texts->ids[i]) && alb_vec_push(&out->type_ids, texts->type_ids[i]) &&
             alb_vec_push(&out->positions, texts->positions[i]);
  }
  return memory;
}

/* The last text that was added, but its ends. */
static void replace_words(alb_word_texts *out, size_t n, uint64_t *state) {
  for (size_t i = out->ids.count - n + 1; i + 1 < out->ids.count; i++) {
    out->ids.items[i] = out->words.items[alb_random_next(state) % out->words.count];
  }
}

static bool add_texts(const alb_sequences *texts, size_t every, uint64_t *state, alb_word_texts *out) {
  bool memory = true;
  for (size_t s = 0, first = 0; memory && s < texts->sequences; first += texts->lengths[s++]) {
    const size_t n = texts->lengths[s];
    if (s % every != 0) continue;
    memory = add_text(texts, first, n, out);
    if (memory && state && n) replace_words(out, n, state);
  }
  return memory;
}

alb_status alb_word_texts_make(alb_diag *diag, const alb_sequences *texts, const alb_str *tokens, size_t count,
                               alb_word_texts *out) {
  uint64_t state = 1;
  *out = (alb_word_texts){.all = *texts};
  bool memory = find_words(tokens, count, out);
  if (memory && out->words.count < LEAST_WORDS) return ALB_OK;
  memory = memory && add_texts(texts, 1, NULL, out) && add_texts(texts, EVERY, &state, out);
  if (!memory) return alb_fail_memory(diag, texts->tokens * sizeof *texts->ids, "texts of random words");
  out->all = (alb_sequences){out->lengths.count, out->ids.count,      out->lengths.items,
                             out->ids.items,     out->type_ids.items, out->positions.items};
  return ALB_OK;
}

void alb_word_texts_free(alb_word_texts *texts) {
  alb_vec_free(&texts->lengths);
  alb_vec_free(&texts->ids);
  alb_vec_free(&texts->type_ids);
  alb_vec_free(&texts->positions);
  alb_vec_free(&texts->words);
}
