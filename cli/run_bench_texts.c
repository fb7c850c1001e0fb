/* albert-run bench --texts: how fast the lines of a file become tokens, on one thread, without the model. */
#include <stdlib.h>
#include <time.h>

#include "base/file.h"
#include "cli/run.h"

enum { LEAST_ROUNDS = 3, MOST_ROUNDS = 1 << 20 };

typedef struct text_bench {
  alb_runner *runner;
  ALB_VEC(alb_text) lines; /* borrow from the file */
  ALB_VEC(double) times;   /* seconds of each round, ascending at the end */
  double open, first;      /* seconds of opening the tokenizer, and of the round before those */
  size_t bytes, tokens;    /* of all lines, without line ends; with special tokens */
} text_bench;

static double now(void) {
  struct timespec t;
  (void)clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static alb_status cut_lines(alb_diag *diag, text_bench *b, alb_span bytes) {
  const char *p = (const char *)bytes.p, *const end = p + bytes.n;
  while (p < end) {
    const char *stop = memchr(p, '\n', (size_t)(end - p));
    if (!stop) stop = end;
    const alb_text line = {.text = p, .length = (size_t)(stop - p)};
    if (!alb_vec_push(&b->lines, line)) return alb_fail_memory(diag, b->lines.count, "lines");
    b->bytes += line.length;
    p = stop + 1;
  }
  return b->bytes ? ALB_OK : alb_fail(diag, ALB_MALFORMED, "has no texts");
}

/* The tokenizer is opened with the first text. */
static alb_status open_tokenizer(alb_diag *diag, text_bench *b) {
  const alb_text none = {.text = ""};
  alb_tokens tokens;
  alb_error error;
  const double start = now();
  ALB_TRY(alb_run_fail(diag, alb_tokenize(b->runner->session, &none, SIZE_MAX, &tokens, &error), &error));
  b->open = now() - start;
  return ALB_OK;
}

static alb_status run_round(alb_diag *diag, text_bench *b, double *seconds) {
  const double start = now();
  b->tokens = 0;
  for (size_t i = 0; i < b->lines.count; i++) {
    alb_tokens tokens;
    alb_error error;
    const alb_status status = alb_tokenize(b->runner->session, &b->lines.items[i], SIZE_MAX, &tokens, &error);
    if (status != ALB_OK) return alb_fail(diag, status, "line %zu: %s", i + 1, error.text);
    b->tokens += tokens.count;
  }
  *seconds = now() - start;
  return ALB_OK;
}

static int by_time(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* The first round, which grows the memory to what the texts need and meets every word anew, stands for itself. */
static alb_status measure(alb_diag *diag, text_bench *b) {
  double seconds;
  ALB_TRY(open_tokenizer(diag, b));
  ALB_TRY(run_round(diag, b, &b->first));
  const double end = now() + b->runner->options.seconds;
  while (b->times.count < LEAST_ROUNDS || (now() < end && b->times.count < MOST_ROUNDS)) {
    ALB_TRY(run_round(diag, b, &seconds));
    if (!alb_vec_push(&b->times, seconds)) return alb_fail_memory(diag, b->times.count, "times");
  }
  qsort(b->times.items, b->times.count, sizeof *b->times.items, by_time);
  return ALB_OK;
}

static void put_results(const text_bench *b) {
  const double median = b->times.items[b->times.count / 2];
  const struct {
    const char *name;
    double value;
    int decimals;
  } facts[] = {{"mb_per_second", (double)b->bytes / median / 1e6, 3},
               {"tokens_per_second", (double)b->tokens / median, 1},
               {"median_ms", 1e3 * median, 4},
               {"min_ms", 1e3 * b->times.items[0], 4},
               {"first_ms", 1e3 * b->first, 4},
               {"open_ms", 1e3 * b->open, 4},
               {"load_ms", b->runner->load_ms, 3},
               {"texts", (double)b->lines.count, 0},
               {"bytes", (double)b->bytes, 0},
               {"tokens", (double)b->tokens, 0},
               {"runs", (double)b->times.count, 0}};
  alb_json json = {.file = b->runner->out};
  const bool as_json = b->runner->options.json;
  if (as_json) alb_json_open(&json, '{');
  for (size_t i = 0; i < sizeof facts / sizeof *facts; i++) {
    if (!as_json) {
      fprintf(json.file, "%-18s %14.*f\n", facts[i].name, facts[i].decimals, facts[i].value);
      continue;
    }
    alb_json_key(&json, facts[i].name);
    alb_json_double(&json, facts[i].value, facts[i].decimals);
  }
  if (!as_json) return;
  alb_json_close(&json, '}');
  alb_json_line(&json);
}

alb_status alb_run_bench_texts(alb_diag *diag, alb_runner *runner) {
  text_bench b = {.runner = runner};
  alb_file file = {0};
  const char *path = runner->options.bench_texts;
  if (!runner->info.has_tokenizer) return alb_fail(diag, ALB_UNSUPPORTED, "the model has no tokenizer");
  alb_status status = alb_file_map(diag, path, &file);
  if (status == ALB_OK) status = cut_lines(diag, &b, file.bytes);
  if (status == ALB_OK) status = measure(diag, &b);
  if (status != ALB_OK) alb_diag_prefix(diag, "%s", path);
  if (status == ALB_OK) put_results(&b);
  alb_file_unmap(&file);
  alb_vec_free(&b.lines);
  alb_vec_free(&b.times);
  return status == ALB_OK ? alb_run_flush(diag, runner->out) : status;
}
