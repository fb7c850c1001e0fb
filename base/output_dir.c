/* Writing a folder so that it is there whole or not at all: it is filled under a temporary name and renamed. */
#include "base/output_dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/output.h"

/* ".NAME.alb-PID-N.dir", locked while its writer lives, so that the next writer of NAME can tell what a killed one
 * left behind. */
#define TEMP_MARK ".alb-"
#define TEMP_END ".dir"
enum { TEMP_NAME_BYTES = 200, TEMP_TRIES = 100, REMOVE_FILES = 16 };

static alb_status fail_errno(alb_diag *diag, const char *what) {
  const int code = errno;
  return alb_fail(diag, code == ENOMEM ? ALB_MEMORY : ALB_IO, "%s: %s", what, strerror(code));
}

/* ---- what stands at the path ---- */

static bool is_dots(const char *name) {
  return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* ALB_EXISTS names the first entry that may not go. */
static alb_status check_entries(alb_diag *diag, DIR *dir, bool replace, bool (*may_go)(const char *name)) {
  for (const struct dirent *entry; (entry = readdir(dir));) {
    if (is_dots(entry->d_name)) continue;
    if (!replace) return alb_fail(diag, ALB_EXISTS, "exists already (--force replaces it)");
    if (may_go && may_go(entry->d_name)) continue;
    return alb_fail(diag, ALB_EXISTS, "holds \"%s\", which is no part of such an output: it is not replaced",
                    entry->d_name);
  }
  return ALB_OK;
}

alb_status alb_output_dir_check(alb_diag *diag, const char *path, bool replace, bool (*may_go)(const char *name)) {
  struct stat st;
  if (lstat(path, &st) != 0 && errno == ENOENT) return ALB_OK;
  DIR *dir = opendir(path);
  if (!dir && errno == ENOTDIR) return alb_fail(diag, ALB_EXISTS, "exists already and is not a folder");
  if (!dir) return fail_errno(diag, "cannot be written");
  const alb_status status = check_entries(diag, dir, replace, may_go);
  (void)closedir(dir);
  return status;
}

/* ---- removing ---- */

static int remove_entry(const char *path, const struct stat *st, int kind, struct FTW *at) {
  (void)st, (void)kind, (void)at;
  (void)remove(path);
  return 0;
}

/* Best effort: what can't be removed stays. Links are removed, not followed. */
static void remove_tree(const char *path) {
  (void)nftw(path, remove_entry, REMOVE_FILES, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

static bool is_leftover(const char *entry, const char *name) {
  const size_t n = strnlen(name, TEMP_NAME_BYTES), length = strlen(entry), end = strlen(TEMP_END);
  return length > n + end && entry[0] == '.' && strncmp(entry + 1, name, n) == 0 &&
         strncmp(entry + 1 + n, TEMP_MARK, strlen(TEMP_MARK)) == 0 && strcmp(entry + length - end, TEMP_END) == 0;
}

/* Removes a leftover unless a living writer holds its lock. */
static void remove_leftover(const char *folder, const char *entry) {
  char *path = NULL;
  if (asprintf(&path, "%s/%s", folder, entry) < 0) return;
  const int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
  if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0) remove_tree(path);
  if (fd >= 0) (void)close(fd);
  free(path);
}

static void sweep_leftovers(const char *folder, const char *name) {
  DIR *dir = opendir(folder);
  if (!dir) return;
  for (const struct dirent *entry; (entry = readdir(dir));) {
    if (is_leftover(entry->d_name, name)) remove_leftover(folder, entry->d_name);
  }
  (void)closedir(dir);
}

/* ---- opening ---- */

/* The path without "/" at its end, in malloc'd memory. */
static char *without_slashes(const char *path) {
  size_t n = strlen(path);
  while (n > 1 && path[n - 1] == '/') n--;
  return strndup(path, n);
}

static alb_status open_temp(alb_diag *diag, alb_output_dir *out) {
  static atomic_uint counter;
  const char *name = alb_path_name(out->path);
  for (int i = 0; i < TEMP_TRIES; i++) {
    free(out->temp_path);
    out->temp_path = NULL;
    if (asprintf(&out->temp_path, "%.*s.%.*s" TEMP_MARK "%ld-%u" TEMP_END, (int)(name - out->path), out->path,
                 TEMP_NAME_BYTES, name, (long)getpid(), atomic_fetch_add(&counter, 1)) < 0) {
      out->temp_path = NULL;
      return alb_fail_memory(diag, strlen(out->path), "a temporary name");
    }
    if (mkdir(out->temp_path, 0777) == 0) {
      out->fd = open(out->temp_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
      if (out->fd < 0) return fail_errno(diag, "cannot be written");
      (void)flock(out->fd, LOCK_EX | LOCK_NB);
      return ALB_OK;
    }
    if (errno != EEXIST) break;
  }
  const alb_status status = fail_errno(diag, "cannot be written");
  free(out->temp_path);
  out->temp_path = NULL;
  return status;
}

alb_status alb_output_dir_open(alb_diag *diag, const char *path, bool replace, bool (*may_go)(const char *name),
                               alb_output_dir *out) {
  *out = (alb_output_dir){.fd = -1, .replace = replace};
  ALB_TRY(alb_output_dir_check(diag, path, replace, may_go));
  out->path = without_slashes(path);
  char *folder = out->path ? alb_path_folder(out->path) : NULL;
  alb_status status = folder ? ALB_OK : alb_fail_memory(diag, strlen(path), "the output's path");
  if (status == ALB_OK && (!*alb_path_name(out->path) || is_dots(alb_path_name(out->path)))) {
    status = alb_fail(diag, ALB_USAGE, "is not the name of a folder");
  }
  if (status == ALB_OK) {
    sweep_leftovers(folder, alb_path_name(out->path));
    status = open_temp(diag, out);
  }
  free(folder);
  if (status != ALB_OK) alb_output_dir_abort(out);
  return status;
}

/* ---- filling ---- */

char *alb_output_dir_path(const alb_output_dir *out, const char *name) {
  char *path = NULL;
  return asprintf(&path, "%s/%s", out->temp_path, name) < 0 ? NULL : path;
}

alb_status alb_output_dir_folder(alb_diag *diag, alb_output_dir *out, const char *name) {
  return mkdirat(out->fd, name, 0777) == 0 ? ALB_OK : fail_errno(diag, "cannot be written");
}

alb_status alb_output_dir_file(alb_diag *diag, alb_output_dir *out, const char *name, alb_span bytes) {
  alb_output file = {.fd = -1};
  char *path = alb_output_dir_path(out, name);
  if (!path) return alb_fail_memory(diag, strlen(name), "a path");
  alb_status status = alb_output_open(diag, path, false, &file);
  if (status == ALB_OK) status = alb_output_write(diag, &file, 0, bytes.p, bytes.n);
  if (status == ALB_OK) status = alb_output_commit(diag, &file);
  alb_output_abort(&file);
  free(path);
  return status;
}

/* ---- putting it in its place ---- */

/* Some file systems can't sync a folder. */
static bool sync_fd(int fd) {
  return fd < 0 || fsync(fd) == 0 || errno == EINVAL || errno == EROFS;
}

/* A name that is free, or an empty folder, is taken by rename itself; a full one is exchanged, so that there is
 * always one of the two at the path. */
static alb_status put_in_place(alb_diag *diag, alb_output_dir *out) {
  if (renameat2(AT_FDCWD, out->temp_path, AT_FDCWD, out->path, RENAME_NOREPLACE) == 0) return ALB_OK;
  if ((errno == EEXIST || errno == EINVAL || errno == ENOSYS) && rename(out->temp_path, out->path) == 0) return ALB_OK;
  if (errno != ENOTEMPTY && errno != EEXIST) return fail_errno(diag, "cannot be put in place");
  if (!out->replace) return alb_fail(diag, ALB_EXISTS, "exists already");
  if (renameat2(AT_FDCWD, out->temp_path, AT_FDCWD, out->path, RENAME_EXCHANGE) != 0) {
    return fail_errno(diag, "cannot be exchanged with the folder that is there");
  }
  remove_tree(out->temp_path); /* the old one */
  return ALB_OK;
}

static alb_status commit(alb_diag *diag, alb_output_dir *out, int around) {
  if (!sync_fd(out->fd)) return fail_errno(diag, "cannot be written");
  ALB_TRY(put_in_place(diag, out));
  free(out->temp_path);
  out->temp_path = NULL;
  return sync_fd(around) ? ALB_OK : fail_errno(diag, "folder cannot be synced");
}

alb_status alb_output_dir_commit(alb_diag *diag, alb_output_dir *out) {
  char *folder = alb_path_folder(out->path);
  const int around = folder ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
  const alb_status status =
      folder ? commit(diag, out, around) : alb_fail_memory(diag, strlen(out->path), "a folder's name");
  if (around >= 0) (void)close(around);
  free(folder);
  alb_output_dir_abort(out);
  return status;
}

void alb_output_dir_abort(alb_output_dir *out) {
  if (out->temp_path) remove_tree(out->temp_path);
  if (out->fd >= 0) (void)close(out->fd);
  free(out->temp_path);
  free(out->path);
  *out = (alb_output_dir){.fd = -1};
}
