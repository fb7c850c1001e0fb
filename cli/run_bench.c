/* albert-run bench: time and memory of one batch of made-up token ids, run again and again. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "cli/run.h"

enum { WARM_UP = 2, LEAST_RUNS = 3, MOST_RUNS = 1 << 20 };

typedef struct bench {
  alb_runner *runner;
  alb_ids ids;
  float *values;
  size_t capacity;
  double first_ms;       /* of the first run */
  ALB_VEC(double) times; /* milliseconds of each run after warm-up, ascending at the end */
} bench;

static double now_ms(void) {
  struct timespec t;
  (void)clock_gettime(CLOCK_MONOTONIC, &t);
  return 1e3 * (double)t.tv_sec + 1e-6 * (double)t.tv_nsec;
}

/* ---- the batch ---- */

/* The same ids on every machine and in every run. */
static alb_status add_sequence(alb_diag *diag, bench *b, size_t length) {
  const alb_model_info *info = &b->runner->info;
  if (length == 0 || length > info->max_tokens) {
    return alb_fail(diag, ALB_ARGUMENT, "a length of %zu, expected 1 to %u", length, info->max_tokens);
  }
  for (size_t i = 0; i < length; i++) {
    const uint64_t mixed = (uint64_t)(b->ids.ids.count + 1) * 0x9e3779b97f4a7c15u;
    const int32_t id = (int32_t)((mixed >> 32) % info->vocab);
    if (!alb_vec_push(&b->ids.ids, id) || !alb_vec_push(&b->ids.type_ids, 0)) {
      return alb_fail_memory(diag, length, "token ids");
    }
  }
  return alb_vec_push(&b->ids.lengths, length) ? ALB_OK : alb_fail_memory(diag, length, "token ids");
}

static bool parse_count(const char **p, size_t *out) {
  char *end;
  if (**p < '0' || **p > '9') return false;
  errno = 0;
  const unsigned long n = strtoul(*p, &end, 10);
  *p = end;
  *out = n;
  return errno == 0 && n > 0;
}

/* BxS, or lengths between commas. */
static alb_status parse_shape(alb_diag *diag, bench *b, const char *text) {
  size_t count = 1, length = 0;
  const char *p = text;
  bool ok = parse_count(&p, &length);
  if (ok && *p == 'x') {
    count = length;
    ok = *++p && parse_count(&p, &length) && !*p && count <= 1u << 20;
  }
  for (; ok && *p == ','; ok = parse_count(&p, &length)) {
    ALB_TRY(add_sequence(diag, b, length));
    p++;
  }
  if (!ok || *p) {
    return alb_fail(diag, ALB_USAGE, "--lengths: expected BxS such as 8x128, or 12,40,7, or @FILE, found \"%s\"", text);
  }
  for (size_t i = 0; i < count; i++) ALB_TRY(add_sequence(diag, b, length));
  return ALB_OK;
}

static alb_status parse_lines(alb_diag *diag, bench *b, FILE *file) {
  char line[64];
  for (size_t i = 1; fgets(line, sizeof line, file); i++) {
    size_t length = 0;
    const char *p = line;
    if (!parse_count(&p, &length) || (*p && *p != '\n' && *p != '\r')) {
      return alb_fail(diag, ALB_MALFORMED, "line %zu is not a length", i);
    }
    ALB_TRY(add_sequence(diag, b, length));
  }
  if (ferror(file)) return alb_fail(diag, ALB_IO, "cannot be read: %s", strerror(errno));
  return b->ids.lengths.count ? ALB_OK : alb_fail(diag, ALB_MALFORMED, "has no lengths");
}

static alb_status read_lengths(alb_diag *diag, bench *b, const char *path) {
  FILE *file = fopen(path, "re");
  const alb_status status =
      file ? parse_lines(diag, b, file) : alb_fail(diag, ALB_IO, "cannot be opened: %s", strerror(errno));
  if (file) (void)fclose(file);
  if (status != ALB_OK) alb_diag_prefix(diag, "%s", path);
  return status;
}

/* ---- measuring ---- */

static alb_status run_once(alb_diag *diag, bench *b, double *ms) {
  const alb_batch batch = alb_ids_batch(&b->ids);
  const alb_output out = {"hidden", b->values, b->capacity};
  alb_error error;
  const double start = now_ms();
  const alb_status status = alb_run(b->runner->session, &batch, &out, 1, &error);
  *ms = now_ms() - start;
  return alb_run_fail(diag, status, &error);
}

static int by_time(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static alb_status measure(alb_diag *diag, bench *b) {
  double ms;
  ALB_TRY(run_once(diag, b, &b->first_ms));
  for (int i = 1; i < WARM_UP; i++) ALB_TRY(run_once(diag, b, &ms));
  const double end = now_ms() + 1e3 * b->runner->options.seconds;
  while (b->times.count < LEAST_RUNS || (now_ms() < end && b->times.count < MOST_RUNS)) {
    ALB_TRY(run_once(diag, b, &ms));
    if (!alb_vec_push(&b->times, ms)) return alb_fail_memory(diag, b->times.count, "times");
  }
  qsort(b->times.items, b->times.count, sizeof *b->times.items, by_time);
  return ALB_OK;
}

static double quantile(const bench *b, double q) {
  return b->times.items[(size_t)(q * (double)(b->times.count - 1) + 0.5)];
}

double alb_run_resident_mb(void) {
  FILE *file = fopen("/proc/self/statm", "re");
  long pages = 0;
  if (!file) return 0;
  if (fscanf(file, "%*d %ld", &pages) != 1) pages = 0;
  (void)fclose(file);
  return (double)pages * (double)sysconf(_SC_PAGESIZE) / 1e6;
}

static double peak_mb(void) {
  struct rusage usage;
  return getrusage(RUSAGE_SELF, &usage) == 0 ? (double)usage.ru_maxrss * 1024 / 1e6 : 0;
}

/* ---- the reply ---- */

typedef struct fact {
  const char *name, *unit;
  double value;
  int decimals;
} fact;

static void put_facts(bench *b, const fact *facts, size_t count) {
  FILE *out = b->runner->out;
  alb_json json = {.file = out};
  if (b->runner->options.json) alb_json_open(&json, '{');
  for (size_t i = 0; i < count; i++) {
    if (b->runner->options.json) {
      alb_json_key(&json, facts[i].name);
      alb_json_double(&json, facts[i].value, facts[i].decimals);
    } else {
      fprintf(out, "%-18s %12.*f %s\n", facts[i].name, facts[i].decimals, facts[i].value, facts[i].unit);
    }
  }
  if (!b->runner->options.json) return;
  alb_json_key(&json, "cpu");
  alb_json_text(&json, alb_str_of(b->runner->info.cpu));
  alb_json_key(&json, "dtype");
  alb_json_text(&json, alb_str_of(b->runner->info.dtype));
  alb_json_close(&json, '}');
  alb_json_line(&json);
}

static void put_results(bench *b) {
  const double median = quantile(b, 0.5);
  const fact facts[] = {{"tokens_per_second", "", (double)b->ids.ids.count / median * 1e3, 1},
                        {"median_ms", "ms", median, 4},
                        {"p99_ms", "ms", quantile(b, 0.99), 4},
                        {"min_ms", "ms", quantile(b, 0), 4},
                        {"load_ms", "ms", b->runner->load_ms, 3},
                        {"first_answer_ms", "ms", b->runner->load_ms + b->first_ms, 3},
                        {"own_rss_mb", "MB", b->runner->own_rss_mb, 2},
                        {"rss_mb", "MB", alb_run_resident_mb(), 2},
                        {"peak_rss_mb", "MB", peak_mb(), 2},
                        {"sequences", "", (double)b->ids.lengths.count, 0},
                        {"tokens", "", (double)b->ids.ids.count, 0},
                        {"runs", "", (double)b->times.count, 0},
                        {"threads", "", (double)alb_session_threads(b->runner->session), 0}};
  put_facts(b, facts, sizeof facts / sizeof *facts);
}

static alb_status run(alb_diag *diag, bench *b) {
  const char *lengths = b->runner->options.lengths;
  if (b->runner->text_count) return alb_fail(diag, ALB_USAGE, "bench takes no texts");
  if (b->runner->options.bench_texts) return alb_run_bench_texts(diag, b->runner);
  ALB_TRY(lengths[0] == '@' ? read_lengths(diag, b, lengths + 1) : parse_shape(diag, b, lengths));
  ALB_TRY(alb_run_room(diag, b->ids.ids.count, b->runner->info.hidden, &b->values, &b->capacity));
  ALB_TRY(measure(diag, b));
  put_results(b);
  return alb_run_flush(diag, b->runner->out);
}

alb_status alb_run_bench(alb_diag *diag, alb_runner *runner) {
  bench b = {.runner = runner};
  const alb_status status = run(diag, &b);
  alb_ids_free(&b.ids);
  alb_vec_free(&b.times);
  free(b.values);
  return status;
}
