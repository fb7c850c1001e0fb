/* Memory running out anywhere while a file is written and read: one status, nothing leaked, nothing
 * left behind, and the same call succeeds afterwards. malloc and its kin are wrapped at link time. */
#include <stdio.h>

#include "base/file.h"
#include "format/reader.h"
#include "tests/support/check.h"
#include "tests/support/tiny_model.h"

static size_t calls, fail_at; /* the call that fails, from 1; 0: none */
static bool fail_on;          /* and all after it */

static bool fails(void) {
  calls++;
  return fail_at && (calls == fail_at || (fail_on && calls > fail_at));
}

void *__real_malloc(size_t n);
void *__wrap_malloc(size_t n);
void *__real_calloc(size_t count, size_t n);
void *__wrap_calloc(size_t count, size_t n);
void *__real_realloc(void *p, size_t n);
void *__wrap_realloc(void *p, size_t n);
void *__real_aligned_alloc(size_t align, size_t n);
void *__wrap_aligned_alloc(size_t align, size_t n);
char *__real_strdup(const char *text);
char *__wrap_strdup(const char *text);
char *__real_strndup(const char *text, size_t n);
char *__wrap_strndup(const char *text, size_t n);

void *__wrap_malloc(size_t n) {
  return fails() ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t count, size_t n) {
  return fails() ? NULL : __real_calloc(count, n);
}

void *__wrap_realloc(void *p, size_t n) {
  return fails() ? NULL : __real_realloc(p, n);
}

void *__wrap_aligned_alloc(size_t align, size_t n) {
  return fails() ? NULL : __real_aligned_alloc(align, n);
}

char *__wrap_strdup(const char *text) {
  return fails() ? NULL : __real_strdup(text);
}

char *__wrap_strndup(const char *text, size_t n) {
  return fails() ? NULL : __real_strndup(text, n);
}

typedef struct task {
  const char *path;
  const Alb__Manifest *manifest;
  bool compress, copy;
} task;

static alb_status write_task(alb_diag *diag, const task *t) {
  return tiny_file(diag, t->path, t->manifest, t->compress);
}

static alb_status read_task(alb_diag *diag, const task *t) {
  const alb_reader_options options = {.copy = t->copy};
  alb_reader *reader = NULL;
  const alb_status status = alb_reader_open(diag, t->path, &options, &reader);
  alb_reader_close(reader);
  return status;
}

static alb_status run(alb_status (*task_of)(alb_diag *, const task *), const task *t, size_t at, bool on) {
  alb_diag diag = {0};
  calls = 0;
  fail_at = at;
  fail_on = on;
  const alb_status status = task_of(&diag, t);
  fail_at = 0;
  if (status != ALB_OK && !*alb_diag_text(&diag, status)) fail_msg("no message");
  alb_diag_free(&diag);
  return status;
}

/* Fails the first call, the second ... until a run gets through without reaching the failing one. */
static size_t sweep(alb_status (*task_of)(alb_diag *, const task *), const task *t, bool on, bool writes) {
  size_t at = 1;
  for (; at < 1000; at++) {
    if (writes) (void)remove(t->path);
    const alb_status status = run(task_of, t, at, on);
    if (calls < at) break;
    if (status != ALB_MEMORY && status != ALB_OK) fail_msg("call %zu: status %s", at, alb_status_name(status));
    if (writes) assert_int_equal(alb_path_exists(t->path), status == ALB_OK);
  }
  assert_int_equal(run(task_of, t, 0, false), ALB_OK);
  return at - 1;
}

static void test_sweep(void **state) {
  (void)state;
  alb_arena arena = {0};
  char *folder = tiny_folder();
  task t = {.path = tiny_path(&arena, folder, "m.alb"), .manifest = tiny_manifest(&arena)};
  for (int variant = 0; variant < 4; variant++) {
    t.compress = variant & 1;
    t.copy = variant & 2;
    for (int on = 0; on < 2; on++) {
      assert_in_range(sweep(write_task, &t, on, true), 15, 900);
      assert_in_range(sweep(read_task, &t, on, false), 8, 900);
    }
  }
  tiny_remove_folder(folder);
  alb_arena_free(&arena);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_sweep)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
