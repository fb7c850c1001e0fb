/* Where the characters of a text stand in its bytes, walked in one direction. */
#ifndef ALB_RUNTIME_TEXT_CURSOR_H
#define ALB_RUNTIME_TEXT_CURSOR_H

#include "base/span.h"
#include "runtime/tokenizer/utf8_text.h"

/* Start with {.text = ...}. */
typedef struct alb_text_cursor {
  alb_str text;
  size_t byte;
  uint32_t character; /* the one that begins at `byte` */
} alb_text_cursor;

/* The byte where a character begins, or the end of the text; going back starts anew. */
static inline size_t alb_text_cursor_seek(alb_text_cursor *c, uint32_t character) {
  size_t taken;
  if (character < c->character) c->byte = c->character = 0;
  for (; c->character < character && c->byte < c->text.n; c->character++) {
    (void)alb_utf8_read((const uint8_t *)c->text.p + c->byte, c->text.n - c->byte, &taken);
    c->byte += taken;
  }
  return c->byte;
}

/* Characters [start, end). */
static inline alb_str alb_text_cursor_slice(alb_text_cursor *c, uint32_t start, uint32_t end) {
  const size_t begin = alb_text_cursor_seek(c, start);
  const size_t stop = alb_text_cursor_seek(c, end > start ? end : start);
  return (alb_str){c->text.p + begin, stop - begin};
}

#endif
