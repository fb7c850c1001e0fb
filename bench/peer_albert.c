/* albert-run's library as one of the engines of bench_peers.py: the commands of peer_worker.py, a line each.
 *
 *     peer_albert MODEL THREADS INPUTS
 *
 * A program of its own, linked as users link it, so that its memory is the library's and not Python's. */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "albert.h"

#define LONG_MS 300 /* a run that takes longer needs no run before it to warm up: it counts */

/* The texts of one workload, packed. */
typedef struct workload {
  char name[32];
  size_t count, tokens, lengths_room, ids_room;
  size_t *lengths; /* [count] */
  int32_t *ids;    /* [tokens] */
  struct workload *next;
} workload;

typedef struct worker {
  const char *path;
  int threads;
  workload *workloads;
  alb_model *model;
  alb_session *session;
  size_t width;
  float *values; /* [texts of the largest workload, width] */
  size_t values_room;
  long base_kb;
  alb_error error;
} worker;

static double now_ms(void) {
  struct timespec t;
  (void)clock_gettime(CLOCK_MONOTONIC, &t);
  return 1e3 * (double)t.tv_sec + 1e-6 * (double)t.tv_nsec;
}

static void *grown(void *p, size_t bytes) {
  void *q = realloc(p, bytes);
  if (!q) exit(2);
  return q;
}

/* ---- inputs: a line "WORKLOAD id id ..." for every text ---- */

static workload *workload_named(worker *w, const char *name) {
  workload **at = &w->workloads;
  while (*at && strcmp((*at)->name, name) != 0) at = &(*at)->next;
  if (!*at) {
    *at = grown(NULL, sizeof **at);
    **at = (workload){0};
    (void)snprintf((*at)->name, sizeof(*at)->name, "%s", name);
  }
  return *at;
}

static void add_id(workload *to, int32_t id) {
  if (to->tokens == to->ids_room) {
    to->ids_room = 2 * to->ids_room + 64;
    to->ids = grown(to->ids, to->ids_room * sizeof *to->ids);
  }
  to->ids[to->tokens++] = id;
}

static void add_text(workload *to, char *ids) {
  const size_t before = to->tokens;
  char *end;
  for (long id = strtol(ids, &end, 10); end != ids; id = strtol(ids = end, &end, 10)) add_id(to, (int32_t)id);
  if (to->count == to->lengths_room) {
    to->lengths_room = 2 * to->lengths_room + 64;
    to->lengths = grown(to->lengths, to->lengths_room * sizeof *to->lengths);
  }
  to->lengths[to->count++] = to->tokens - before;
}

static bool read_inputs(worker *w, const char *path) {
  FILE *file = fopen(path, "re");
  char *line = NULL;
  size_t room = 0;
  if (!file) return false;
  while (getline(&line, &room, file) > 0) {
    char *ids = strchr(line, ' ');
    if (!ids) continue;
    *ids = 0;
    add_text(workload_named(w, line), ids + 1);
  }
  free(line);
  return fclose(file) == 0;
}

/* ---- memory ---- */

static long status_kb(const char *key) {
  FILE *file = fopen("/proc/self/status", "re");
  char line[256];
  long kb = 0;
  if (!file) return 0;
  while (fgets(line, sizeof line, file)) {
    if (strncmp(line, key, strlen(key)) == 0) kb = strtol(line + strlen(key), NULL, 10);
  }
  (void)fclose(file);
  return kb;
}

/* The peak from here on, not of the time before. */
static void forget_peak(void) {
  FILE *file = fopen("/proc/self/clear_refs", "we");
  if (!file) return;
  (void)fputs("5", file);
  (void)fclose(file);
}

/* ---- commands ---- */

static void put_error(const worker *w) {
  printf("{\"error\": \"%s\"}\n", w->error.text[0] ? w->error.text : "no such workload");
}

static bool open_model(worker *w) {
  const alb_model_options how = {.size = sizeof how, .threads = w->threads};
  const alb_session_options use = {.size = sizeof use, .threads = w->threads};
  if (alb_model_open(w->path, &how, &w->model, &w->error) != ALB_OK) return false;
  if (alb_session_new(w->model, &use, &w->session, &w->error) != ALB_OK) return false;
  w->width = alb_model_output_width(w->model, "embed");
  return true;
}

static void do_load(worker *w) {
  const double start = now_ms();
  if (open_model(w)) {
    printf("{\"load_ms\": %.4f, \"import_ms\": 0}\n", now_ms() - start);
  } else {
    put_error(w);
  }
}

static bool once(worker *w, const workload *of, double *ms) {
  const size_t room = of->count * w->width;
  if (room > w->values_room) {
    w->values = grown(w->values, room * sizeof *w->values);
    w->values_room = room;
  }
  const alb_batch batch = {.size = sizeof batch, .count = of->count, .lengths = of->lengths, .ids = of->ids};
  const alb_output out = {"embed", w->values, room};
  const double start = now_ms();
  const alb_status status = alb_run(w->session, &batch, &out, 1, &w->error);
  *ms = now_ms() - start;
  return status == ALB_OK;
}

static void do_run(worker *w, const workload *of, double seconds, int least) {
  double ms;
  if (!of->count || !once(w, of, &ms)) {
    put_error(w);
    return;
  }
  printf("{\"first_ms\": %.4f, \"times\": [", ms);
  const double end = now_ms() + 1e3 * seconds;
  int done = ms > LONG_MS;
  if (done) printf("%.4f", ms);
  for (; done < least || now_ms() < end; done++) {
    if (!once(w, of, &ms)) ms = 0;
    printf("%s%.4f", done ? ", " : "", ms);
  }
  puts("]}");
}

static void do_vectors(worker *w, const workload *of, const char *path) {
  double ms;
  FILE *file = of->count && once(w, of, &ms) ? fopen(path, "wbe") : NULL;
  if (!file || fwrite(w->values, sizeof(float) * w->width, of->count, file) != of->count || fclose(file) != 0) {
    put_error(w);
    return;
  }
  printf("{\"shape\": [%zu, %zu]}\n", of->count, w->width);
}

static void do_memory(const worker *w) {
  printf("{\"memory_mb\": %.3f, \"base_mb\": %.3f}\n", (double)(status_kb("VmHWM:") - w->base_kb) / 1e3,
         (double)w->base_kb / 1e3);
}

static void obey(worker *w, char *line) {
  const char *words[4] = {"", "", "", ""};
  char *save = NULL;
  size_t n = 0;
  for (char *p = strtok_r(line, " \n", &save); p && n < 4; p = strtok_r(NULL, " \n", &save)) words[n++] = p;
  if (strcmp(words[0], "load") == 0) do_load(w);
  if (strcmp(words[0], "run") == 0) do_run(w, workload_named(w, words[1]), strtod(words[2], NULL), atoi(words[3]));
  if (strcmp(words[0], "vectors") == 0) do_vectors(w, workload_named(w, words[1]), words[2]);
  if (strcmp(words[0], "memory") == 0) do_memory(w);
  (void)fflush(stdout);
}

static void free_all(worker *w) {
  alb_session_free(w->session);
  alb_model_free(w->model);
  free(w->values);
  for (workload *at = w->workloads, *next; at; at = next) {
    next = at->next;
    free(at->lengths);
    free(at->ids);
    free(at);
  }
}

int main(int argc, char **argv) {
  char line[4096];
  if (argc != 4) {
    fputs("usage: peer_albert MODEL THREADS INPUTS\n", stderr);
    return 2;
  }
  worker w = {.path = argv[1], .threads = atoi(argv[2])};
  if (!read_inputs(&w, argv[3])) {
    printf("{\"error\": \"%s: %s\"}\n", argv[3], strerror(errno));
    return 0;
  }
  forget_peak();
  w.base_kb = status_kb("VmRSS:");
  puts("{\"ready\": true}");
  (void)fflush(stdout);
  while (fgets(line, sizeof line, stdin)) obey(&w, line);
  free_all(&w);
  return 0;
}
