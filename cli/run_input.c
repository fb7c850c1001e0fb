/* The texts (or JSON lines with token ids) that a command works on, in batches of bounded size. */
#include "cli/run_input.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BATCH_TEXTS = 256, BATCH_BYTES = 1 << 18, READ_BYTES = 1 << 16, LINE_LIMIT = 64 << 20 };

void alb_input_open(alb_input *input, char **operands, size_t count) {
  *input = (alb_input){.operands = operands, .operand_count = count, .from_stdin = count == 0};
}

static void drop_batch(alb_input *input) {
  for (size_t i = 0; i < input->copies.count; i++) free(input->copies.items[i]);
  input->copies.count = 0;
  input->first += input->texts.count;
  input->texts.count = 0;
}

void alb_input_close(alb_input *input) {
  drop_batch(input);
  alb_vec_free(&input->copies);
  alb_vec_free(&input->texts);
  free(input->buffer);
}

/* ---- lines of standard input ---- */

static bool is_waiting(void) {
  struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};
  return poll(&in, 1, 0) > 0;
}

/* Reads some more bytes; at the end of the file sets `finished`. */
static alb_status read_more(alb_diag *diag, alb_input *input) {
  if (input->begin > 0) {
    memmove(input->buffer, input->buffer + input->begin, input->end - input->begin);
    input->end -= input->begin;
    input->begin = 0;
  }
  if (input->end > LINE_LIMIT) return alb_fail(diag, ALB_LIMIT, "a line of more than %d bytes", LINE_LIMIT);
  if (!alb_vec_grow((void **)&input->buffer, &input->capacity, input->end, READ_BYTES, 1)) {
    return alb_fail_memory(diag, input->capacity, "a line");
  }
  ssize_t n;
  do n = read(STDIN_FILENO, input->buffer + input->end, READ_BYTES);
  while (n < 0 && errno == EINTR);
  if (n < 0) return alb_fail(diag, ALB_IO, "standard input cannot be read: %s", strerror(errno));
  input->finished = n == 0;
  input->end += (size_t)n;
  return ALB_OK;
}

/* Takes the bytes up to the line end (or the end of the file) as a text of the batch. */
static alb_status take_line(alb_diag *diag, alb_input *input, size_t length, size_t line_end) {
  const char *from = input->buffer + input->begin;
  const size_t n = length > 0 && from[length - 1] == '\r' ? length - 1 : length;
  char *copy = malloc(n + 1);
  if (!copy) return alb_fail_memory(diag, n, "a line");
  memcpy(copy, from, n);
  copy[n] = '\0';
  if (!alb_vec_push(&input->copies, copy)) {
    free(copy);
    return alb_fail_memory(diag, n, "a line");
  }
  input->begin += length + line_end;
  return alb_vec_push(&input->texts, (alb_str){copy, n}) ? ALB_OK : alb_fail_memory(diag, n, "a line");
}

/* The next line, into the batch; *more is false when there is none (now). */
static alb_status next_line(alb_diag *diag, alb_input *input, bool *more) {
  size_t seen = 0;
  for (*more = true;;) {
    const size_t n = input->end - input->begin;
    const char *from = n ? input->buffer + input->begin : NULL,
               *end = n > seen ? memchr(from + seen, '\n', n - seen) : NULL;
    if (end) return take_line(diag, input, (size_t)(end - from), 1);
    if (input->finished) break;
    seen = n;
    if (input->texts.count > 0 && !is_waiting()) {
      *more = false;
      return ALB_OK;
    }
    ALB_TRY(read_more(diag, input));
  }
  const size_t rest = input->end - input->begin;
  if (rest > 0) return take_line(diag, input, rest, 0);
  *more = input->from_stdin = false;
  return ALB_OK;
}

/* ---- batches ---- */

static alb_status next_text(alb_diag *diag, alb_input *input, bool *more) {
  if (input->from_stdin) return next_line(diag, input, more);
  *more = input->next < input->operand_count;
  if (!*more) return ALB_OK;
  const char *operand = input->operands[input->next++];
  if (strcmp(operand, "-") == 0) {
    input->from_stdin = true;
    return ALB_OK;
  }
  return alb_vec_push(&input->texts, alb_str_of(operand)) ? ALB_OK : alb_fail_memory(diag, 0, "the texts");
}

alb_status alb_input_next(alb_diag *diag, alb_input *input) {
  drop_batch(input);
  size_t bytes = 0;
  for (bool more = true; more && input->texts.count < BATCH_TEXTS && bytes < BATCH_BYTES;) {
    const size_t before = input->texts.count;
    const bool lines = input->from_stdin;
    ALB_TRY(next_text(diag, input, &more));
    if (input->texts.count > before) bytes += input->texts.items[before].n;
    if (lines && !input->from_stdin) more = input->next < input->operand_count; /* operands after "-" */
  }
  return ALB_OK;
}
