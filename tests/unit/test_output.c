/* Atomic output: the target is there whole or not at all, whatever happens. */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/output.h"
#include "tests/support/check.h"
#include "tests/support/tiny_model.h"

typedef struct fixture {
  alb_arena arena;
  alb_diag diag;
  char *folder, *path;
} fixture;

static int setup(void **state) {
  fixture *f = calloc(1, sizeof *f);
  f->folder = tiny_folder();
  f->path = tiny_path(&f->arena, f->folder, "out");
  *state = f;
  return 0;
}

static int teardown(void **state) {
  fixture *f = *state;
  tiny_remove_folder(f->folder);
  alb_arena_free(&f->arena);
  alb_diag_free(&f->diag);
  free(f);
  return 0;
}

static size_t entries(const fixture *f) {
  DIR *dir = opendir(f->folder);
  size_t count = 0;
  for (const struct dirent *entry; dir && (entry = readdir(dir));) {
    count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
  }
  if (dir) closedir(dir);
  return count;
}

static void put(const char *path, const char *text) {
  FILE *file = fopen(path, "w");
  assert_non_null(file);
  fputs(text, file);
  fclose(file);
}

static void assert_content(const char *path, const char *text) {
  char buffer[64] = {0};
  FILE *file = fopen(path, "r");
  assert_non_null(file);
  (void)fread(buffer, 1, sizeof buffer - 1, file);
  fclose(file);
  assert_string_equal(buffer, text);
}

static alb_status write_text(fixture *f, bool replace, const char *text) {
  alb_output out;
  ALB_TRY(alb_output_open(&f->diag, f->path, replace, &out));
  alb_status status = alb_output_write(&f->diag, &out, 0, text, strlen(text));
  if (status == ALB_OK) return alb_output_commit(&f->diag, &out);
  alb_output_abort(&out);
  return status;
}

static void test_new(void **state) {
  fixture *f = *state;
  alb_output out;
  assert_ok(&f->diag, alb_output_open(&f->diag, f->path, false, &out));
  assert_ok(&f->diag, alb_output_write(&f->diag, &out, 3, "def", 3));
  assert_false(alb_path_exists(f->path));
  assert_ok(&f->diag, alb_output_write(&f->diag, &out, 0, "abc", 3));
  assert_ok(&f->diag, alb_output_commit(&f->diag, &out));
  alb_output_abort(&out); /* harmless */
  assert_content(f->path, "abcdef");
  assert_int_equal(entries(f), 1);
}

static void test_umask(void **state) {
  fixture *f = *state;
  struct stat st;
  const mode_t old = umask(027);
  assert_ok(&f->diag, write_text(f, false, "x"));
  umask(old);
  assert_int_equal(stat(f->path, &st), 0);
  assert_int_equal(st.st_mode & 0777, 0640);
}

static void test_existing(void **state) {
  fixture *f = *state;
  put(f->path, "old");
  assert_refused(&f->diag, write_text(f, false, "new"), ALB_EXISTS, "exists already");
  assert_content(f->path, "old");
  assert_ok(&f->diag, write_text(f, true, "new"));
  assert_content(f->path, "new");
  assert_int_equal(entries(f), 1);
}

/* The target appears while the file is being written. */
static void test_race(void **state) {
  fixture *f = *state;
  alb_output out;
  assert_ok(&f->diag, alb_output_open(&f->diag, f->path, false, &out));
  put(f->path, "first");
  assert_refused(&f->diag, alb_output_commit(&f->diag, &out), ALB_EXISTS, "exists already");
  assert_content(f->path, "first");
  assert_int_equal(entries(f), 1);
}

static void test_mode_kept(void **state) {
  fixture *f = *state;
  struct stat st;
  put(f->path, "old");
  assert_int_equal(chmod(f->path, 0600), 0);
  assert_ok(&f->diag, write_text(f, true, "new"));
  assert_int_equal(stat(f->path, &st), 0);
  assert_int_equal(st.st_mode & 0777, 0600);
}

static void test_abort(void **state) {
  fixture *f = *state;
  alb_output out;
  put(f->path, "old");
  assert_ok(&f->diag, alb_output_open(&f->diag, f->path, true, &out));
  assert_ok(&f->diag, alb_output_write(&f->diag, &out, 0, "new", 3));
  alb_output_abort(&out);
  assert_content(f->path, "old");
  assert_int_equal(entries(f), 1);
}

static void test_odd_targets(void **state) {
  fixture *f = *state;
  alb_output out;
  char *sub = tiny_path(&f->arena, f->folder, "sub");
  assert_refused(&f->diag, alb_output_open(&f->diag, "/dev/null", true, &out), ALB_EXISTS, "not a regular file");
  assert_refused(&f->diag, alb_output_open(&f->diag, f->folder, true, &out), ALB_EXISTS, "is a folder");
  assert_refused(&f->diag, alb_output_open(&f->diag, f->folder, false, &out), ALB_EXISTS, "exists already");
  assert_refused(&f->diag, alb_output_open(&f->diag, "", true, &out), ALB_USAGE, "not a file name");
  assert_refused(&f->diag, alb_output_open(&f->diag, tiny_path(&f->arena, sub, ""), true, &out), ALB_USAGE,
                 "not a file name");
  assert_refused(&f->diag, alb_output_open(&f->diag, tiny_path(&f->arena, sub, "x"), true, &out), ALB_IO,
                 "cannot be written");
}

/* A link is replaced, not followed; a dangling one exists. */
static void test_link(void **state) {
  fixture *f = *state;
  struct stat st;
  char *target = tiny_path(&f->arena, f->folder, "target");
  assert_int_equal(symlink("target", f->path), 0);
  assert_refused(&f->diag, write_text(f, false, "new"), ALB_EXISTS, "exists already");
  put(target, "old");
  assert_ok(&f->diag, write_text(f, true, "new"));
  assert_int_equal(lstat(f->path, &st), 0);
  assert_true(S_ISREG(st.st_mode));
  assert_content(target, "old");
}

/* A bare name goes to the current folder. */
static void test_bare_name(void **state) {
  fixture *f = *state;
  char old[4096];
  assert_non_null(getcwd(old, sizeof old));
  assert_int_equal(chdir(f->folder), 0);
  f->path = alb_arena_strdup(&f->arena, ALB_STR("bare"));
  const alb_status fresh = write_text(f, false, "1"), again = write_text(f, true, "2");
  assert_int_equal(chdir(old), 0);
  assert_ok(&f->diag, fresh);
  assert_ok(&f->diag, again);
  assert_content(tiny_path(&f->arena, f->folder, "bare"), "2");
}

static void test_long_name(void **state) {
  fixture *f = *state;
  char name[256];
  memset(name, 'n', 255);
  name[255] = '\0';
  f->path = tiny_path(&f->arena, f->folder, name);
  assert_ok(&f->diag, write_text(f, false, "1"));
  assert_ok(&f->diag, write_text(f, true, "2"));
  assert_content(f->path, "2");
  assert_int_equal(entries(f), 1);
}

/* What a killed writer left under a temporary name goes away; a living one's stays. */
static void test_leftovers(void **state) {
  fixture *f = *state;
  char *dead = tiny_path(&f->arena, f->folder, ".out.alb-999-0.tmp");
  char *alive = tiny_path(&f->arena, f->folder, ".out.alb-999-1.tmp");
  char *other = tiny_path(&f->arena, f->folder, ".other.alb-999-0.tmp");
  put(dead, "x");
  put(alive, "x");
  put(other, "x");
  const int fd = open(alive, O_RDONLY);
  assert_true(fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0);
  assert_ok(&f->diag, write_text(f, false, "new"));
  assert_false(alb_path_exists(dead));
  assert_true(alb_path_exists(alive));
  assert_true(alb_path_exists(other));
  close(fd);
}

/* A file that can't grow: one message, nothing left. */
static void test_full(void **state) {
  fixture *f = *state;
  const pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) {
    const struct rlimit limit = {1000, 1000};
    static char bytes[5000];
    alb_output out;
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &limit);
    if (alb_output_open(NULL, f->path, false, &out) != ALB_OK) _exit(1);
    if (alb_output_write(&f->diag, &out, 0, bytes, sizeof bytes) != ALB_IO) _exit(2);
    alb_output_abort(&out);
    _exit(strstr(f->diag.text, "cannot be written") ? 0 : 3);
  }
  int status;
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_true(WIFEXITED(status));
  assert_int_equal(WEXITSTATUS(status), 0);
  assert_int_equal(entries(f), 0);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
  const struct CMUnitTest tests[] = {
      TEST(test_new),       TEST(test_umask),     TEST(test_existing),    TEST(test_race),
      TEST(test_mode_kept), TEST(test_abort),     TEST(test_odd_targets), TEST(test_link),
      TEST(test_bare_name), TEST(test_long_name), TEST(test_leftovers),   TEST(test_full),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
