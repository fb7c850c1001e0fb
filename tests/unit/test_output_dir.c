/* Atomic folders: the target is there whole or not at all, and nothing that is not an output is lost. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/output_dir.h"
#include "tests/support/check.h"
#include "tests/support/tiny_model.h"

typedef struct fixture {
  alb_arena arena;
  alb_diag diag;
  char *folder, *path;
} fixture;

static int setup(void **state) {
  fixture *f = *state = calloc(1, sizeof *f);
  f->folder = tiny_folder();
  f->path = tiny_path(&f->arena, f->folder, "out");
  return 0;
}

static int teardown(void **state) {
  fixture *f = *state;
  char *command = alb_arena_printf(&f->arena, "rm -rf '%s'", f->folder);
  assert_int_equal(system(command), 0);
  free(f->folder);
  alb_arena_free(&f->arena);
  alb_diag_free(&f->diag);
  free(f);
  return 0;
}

static size_t entries(const char *folder) {
  DIR *dir = opendir(folder);
  size_t count = 0;
  for (const struct dirent *entry; dir && (entry = readdir(dir));) {
    count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
  }
  if (dir) closedir(dir);
  return count;
}

static bool own(const char *name) {
  return strcmp(name, "a.json") == 0 || strcmp(name, "sub") == 0;
}

static char *inside(fixture *f, const char *name) {
  return alb_arena_printf(&f->arena, "%s/%s", f->path, name);
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
  (void)!fread(buffer, 1, sizeof buffer - 1, file);
  fclose(file);
  assert_string_equal(buffer, text);
}

/* A folder with a.json and sub/b.json. */
static alb_status write_folder(fixture *f, const char *path, bool replace, const char *text) {
  alb_output_dir out;
  const alb_span bytes = {(const uint8_t *)text, strlen(text)};
  ALB_TRY(alb_output_dir_open(&f->diag, path, replace, own, &out));
  assert_int_equal(alb_output_dir_file(&f->diag, &out, "a.json", bytes), ALB_OK);
  assert_int_equal(alb_output_dir_folder(&f->diag, &out, "sub"), ALB_OK);
  assert_int_equal(alb_output_dir_file(&f->diag, &out, "sub/b.json", bytes), ALB_OK);
  const alb_status status = alb_output_dir_commit(&f->diag, &out);
  alb_output_dir_abort(&out);
  return status;
}

static void test_new_folder(void **state) {
  fixture *f = *state;
  assert_ok(&f->diag, write_folder(f, alb_arena_printf(&f->arena, "%s///", f->path), false, "one"));
  assert_content(inside(f, "a.json"), "one");
  assert_content(inside(f, "sub/b.json"), "one");
  assert_int_equal(entries(f->folder), 1);
}

static void test_empty_folder_is_taken(void **state) {
  fixture *f = *state;
  assert_int_equal(mkdir(f->path, 0777), 0);
  assert_ok(&f->diag, write_folder(f, f->path, false, "one"));
  assert_content(inside(f, "a.json"), "one");
  assert_int_equal(entries(f->folder), 1);
}

static void test_full_folder_needs_replace(void **state) {
  fixture *f = *state;
  assert_ok(&f->diag, write_folder(f, f->path, false, "one"));
  assert_int_equal(write_folder(f, f->path, false, "two"), ALB_EXISTS);
  assert_content(inside(f, "a.json"), "one");
  alb_diag_free(&f->diag);
  assert_ok(&f->diag, write_folder(f, f->path, true, "two"));
  assert_content(inside(f, "sub/b.json"), "two");
  assert_int_equal(entries(f->folder), 1);
}

static void test_other_files_stay(void **state) {
  fixture *f = *state;
  assert_ok(&f->diag, write_folder(f, f->path, false, "one"));
  put(inside(f, "thesis.txt"), "precious");
  assert_int_equal(write_folder(f, f->path, true, "two"), ALB_EXISTS);
  assert_non_null(strstr(alb_diag_text(&f->diag, ALB_OK), "thesis.txt"));
  assert_content(inside(f, "thesis.txt"), "precious");
  assert_content(inside(f, "a.json"), "one");
  assert_int_equal(entries(f->folder), 1);
}

static void test_file_in_the_way(void **state) {
  fixture *f = *state;
  put(f->path, "precious");
  assert_int_equal(write_folder(f, f->path, true, "two"), ALB_EXISTS);
  assert_content(f->path, "precious");
}

static void test_abort_leaves_nothing(void **state) {
  fixture *f = *state;
  alb_output_dir out;
  assert_ok(&f->diag, alb_output_dir_open(&f->diag, f->path, false, own, &out));
  assert_ok(&f->diag, alb_output_dir_file(&f->diag, &out, "a.json", (alb_span){(const uint8_t *)"x", 1}));
  assert_int_equal(entries(f->folder), 1);
  assert_false(alb_path_exists(f->path));
  alb_output_dir_abort(&out);
  alb_output_dir_abort(&out);
  assert_int_equal(entries(f->folder), 0);
}

/* What a killed writer left is swept; what a living one writes is not. */
static void test_leftovers(void **state) {
  fixture *f = *state;
  char *dead = tiny_path(&f->arena, f->folder, ".out.alb-1-0.dir"),
       *living = tiny_path(&f->arena, f->folder, ".out.alb-2-0.dir");
  assert_int_equal(mkdir(dead, 0777) + mkdir(living, 0777), 0);
  put(alb_arena_printf(&f->arena, "%s/a.json", dead), "half");
  const int fd = open(living, O_RDONLY | O_DIRECTORY);
  assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), 0);
  assert_ok(&f->diag, write_folder(f, f->path, false, "one"));
  assert_false(alb_path_exists(dead));
  assert_true(alb_path_exists(living));
  close(fd);
}

/* Somebody else was first. */
static void test_raced(void **state) {
  fixture *f = *state;
  alb_output_dir out;
  assert_ok(&f->diag, alb_output_dir_open(&f->diag, f->path, false, own, &out));
  assert_int_equal(mkdir(f->path, 0777), 0);
  put(inside(f, "a.json"), "theirs");
  assert_int_equal(alb_output_dir_commit(&f->diag, &out), ALB_EXISTS);
  assert_content(inside(f, "a.json"), "theirs");
  assert_int_equal(entries(f->folder), 1);
}

static void test_no_name(void **state) {
  static const char *const names[] = {".", "..", "/"};
  fixture *f = *state;
  alb_output_dir out;
  for (size_t i = 0; i < 3; i++) assert_int_not_equal(alb_output_dir_open(&f->diag, names[i], true, own, &out), ALB_OK);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(test_new_folder, setup, teardown),
      cmocka_unit_test_setup_teardown(test_empty_folder_is_taken, setup, teardown),
      cmocka_unit_test_setup_teardown(test_full_folder_needs_replace, setup, teardown),
      cmocka_unit_test_setup_teardown(test_other_files_stay, setup, teardown),
      cmocka_unit_test_setup_teardown(test_file_in_the_way, setup, teardown),
      cmocka_unit_test_setup_teardown(test_abort_leaves_nothing, setup, teardown),
      cmocka_unit_test_setup_teardown(test_leftovers, setup, teardown),
      cmocka_unit_test_setup_teardown(test_raced, setup, teardown),
      cmocka_unit_test_setup_teardown(test_no_name, setup, teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
