/* Writing a file so that it is there whole or not at all. */
#include "base/output.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

/* A temporary name is ".NAME.alb-PID-N.tmp". Its file is locked (flock) while its writer lives, so
 * that the next writer of NAME can tell what a killed one left behind and remove it. */
#define TEMP_MARK ".alb-"
#define TEMP_END ".tmp"
enum { TEMP_NAME_BYTES = 200, TEMP_TRIES = 100 };

static alb_status fail_errno(alb_diag *diag, const char *what) {
  const int code = errno;
  return alb_fail(diag, code == ENOMEM ? ALB_MEMORY : ALB_IO, "%s: %s", what, strerror(code));
}

/* What stands at the path now: nothing, or (with replace) a regular file or a link. *mode is the
 * regular file's, to be kept, or -1. */
static alb_status check_target(alb_diag *diag, const char *path, bool replace, int *mode) {
  struct stat st;
  *mode = -1;
  if (lstat(path, &st) != 0) return errno == ENOENT ? ALB_OK : fail_errno(diag, "cannot be written");
  if (!replace) return alb_fail(diag, ALB_EXISTS, "exists already");
  if (S_ISDIR(st.st_mode)) return alb_fail(diag, ALB_EXISTS, "is a folder");
  if (!S_ISREG(st.st_mode) && !S_ISLNK(st.st_mode)) return alb_fail(diag, ALB_EXISTS, "is not a regular file");
  if (S_ISREG(st.st_mode)) *mode = (int)(st.st_mode & 0777);
  return ALB_OK;
}

static bool is_leftover(const char *entry, const char *name) {
  const size_t n = strnlen(name, TEMP_NAME_BYTES), length = strlen(entry), end = strlen(TEMP_END);
  return length > n + end && entry[0] == '.' && strncmp(entry + 1, name, n) == 0 &&
         strncmp(entry + 1 + n, TEMP_MARK, strlen(TEMP_MARK)) == 0 && strcmp(entry + length - end, TEMP_END) == 0;
}

/* Removes a leftover unless a living writer holds its lock. */
static void remove_leftover(int folder, const char *entry) {
  const int fd = openat(folder, entry, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (fd < 0) return;
  if (flock(fd, LOCK_EX | LOCK_NB) == 0) (void)unlinkat(folder, entry, 0);
  (void)close(fd);
}

/* Best effort: what can't be listed or removed stays. */
static void sweep_leftovers(const char *folder, const char *name) {
  DIR *dir = opendir(folder);
  if (!dir) return;
  for (const struct dirent *entry; (entry = readdir(dir));) {
    if (is_leftover(entry->d_name, name)) remove_leftover(dirfd(dir), entry->d_name);
  }
  (void)closedir(dir);
}

static char *temp_path_for(const char *path) {
  static atomic_uint counter;
  const char *name = alb_path_name(path);
  char *temp = NULL;
  if (asprintf(&temp, "%.*s.%.*s" TEMP_MARK "%ld-%u" TEMP_END, (int)(name - path), path, TEMP_NAME_BYTES, name,
               (long)getpid(), atomic_fetch_add(&counter, 1)) < 0) {
    return NULL;
  }
  return temp;
}

/* A file with a temporary name, for file systems without O_TMPFILE. */
static alb_status open_named(alb_diag *diag, alb_output *out) {
  for (int i = 0; i < TEMP_TRIES; i++) {
    free(out->temp_path);
    out->temp_path = temp_path_for(out->path);
    if (!out->temp_path) return alb_fail_memory(diag, strlen(out->path), "a temporary name");
    out->fd = open(out->temp_path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (out->fd >= 0) {
      (void)flock(out->fd, LOCK_EX | LOCK_NB);
      return ALB_OK;
    }
    if (errno != EEXIST) break;
  }
  free(out->temp_path);
  out->temp_path = NULL;
  return fail_errno(diag, "cannot be written");
}

/* A nameless file in the folder; linking it later needs /proc. */
static bool open_nameless(const char *folder, alb_output *out) {
  char link[64];
  out->fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0666);
  if (out->fd < 0) return false;
  (void)snprintf(link, sizeof link, "/proc/self/fd/%d", out->fd);
  if (access(link, F_OK) == 0) {
    (void)flock(out->fd, LOCK_EX | LOCK_NB);
    return true;
  }
  (void)close(out->fd);
  out->fd = -1;
  return false;
}

static alb_status open_temp(alb_diag *diag, const char *folder, int mode, alb_output *out) {
  sweep_leftovers(folder, alb_path_name(out->path));
  if (!open_nameless(folder, out)) ALB_TRY(open_named(diag, out));
  if (mode >= 0 && fchmod(out->fd, (mode_t)mode) != 0) return fail_errno(diag, "mode cannot be set");
  return ALB_OK;
}

alb_status alb_output_open(alb_diag *diag, const char *path, bool replace, alb_output *out) {
  int mode;
  *out = (alb_output){.fd = -1, .replace = replace};
  if (!*alb_path_name(path)) return alb_fail(diag, ALB_USAGE, "is not a file name");
  ALB_TRY(check_target(diag, path, replace, &mode));
  char *folder = alb_path_folder(path);
  out->path = strdup(path);
  alb_status status = folder && out->path ? open_temp(diag, folder, mode, out)
                                          : alb_fail_memory(diag, strlen(path), "the output's path");
  free(folder);
  if (status != ALB_OK) alb_output_abort(out);
  return status;
}

/* Has the disk begin with what is written so far, so that little is left for the sync at the end. Only speed: nothing
 * depends on whether it works. */
static void start_writing(alb_output *out, uint64_t end) {
  enum { STEP = 8 << 20 };
  if (end < out->started + STEP) return;
  (void)sync_file_range(out->fd, (off_t)out->started, (off_t)(end - out->started), SYNC_FILE_RANGE_WRITE);
  out->started = end;
}

alb_status alb_output_write(alb_diag *diag, alb_output *out, uint64_t offset, const void *bytes, size_t n) {
  const uint8_t *p = bytes;
  while (n > 0) {
    const ssize_t done = pwrite(out->fd, p, n, (off_t)offset);
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) {
      if (done == 0) errno = ENOSPC;
      return fail_errno(diag, "cannot be written");
    }
    p += done;
    n -= (size_t)done;
    offset += (uint64_t)done;
  }
  start_writing(out, offset);
  return ALB_OK;
}

static int link_fd(int fd, const char *path) {
  char link[64];
  (void)snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  return linkat(AT_FDCWD, link, AT_FDCWD, path, AT_SYMLINK_FOLLOW);
}

/* Gives a nameless file a temporary name, so that rename can put it over an old file. */
static alb_status name_temp(alb_diag *diag, alb_output *out) {
  for (int i = 0; i < TEMP_TRIES; i++) {
    char *temp = temp_path_for(out->path);
    if (!temp) return alb_fail_memory(diag, strlen(out->path), "a temporary name");
    if (link_fd(out->fd, temp) == 0) {
      out->temp_path = temp;
      return ALB_OK;
    }
    free(temp);
    if (errno != EEXIST) break;
  }
  return fail_errno(diag, "cannot be put in place");
}

/* Moves the temporary name to a path that must be free. */
static int rename_new(const char *temp, const char *path) {
  if (renameat2(AT_FDCWD, temp, AT_FDCWD, path, RENAME_NOREPLACE) == 0) return 0;
  if (errno != EINVAL && errno != ENOSYS) return -1;
  return link(temp, path) == 0 ? unlink(temp) : -1;
}

static alb_status put_in_place(alb_diag *diag, alb_output *out) {
  int rc;
  if (out->replace) {
    if (!out->temp_path) ALB_TRY(name_temp(diag, out));
    rc = rename(out->temp_path, out->path);
  } else {
    rc = out->temp_path ? rename_new(out->temp_path, out->path) : link_fd(out->fd, out->path);
  }
  if (rc != 0)
    return errno == EEXIST ? alb_fail(diag, ALB_EXISTS, "exists already") : fail_errno(diag, "cannot be put in place");
  free(out->temp_path);
  out->temp_path = NULL;
  return ALB_OK;
}

/* The folder of the target, to be synced; -1 for a folder that may be written but not read. */
static alb_status open_folder(alb_diag *diag, const char *path, int *fd) {
  char *folder = alb_path_folder(path);
  if (!folder) return alb_fail_memory(diag, strlen(path), "a folder's name");
  *fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  free(folder);
  return *fd >= 0 || errno == EACCES ? ALB_OK : fail_errno(diag, "folder cannot be synced");
}

static alb_status sync_folder(alb_diag *diag, int fd) {
  if (fd < 0 || fsync(fd) == 0 || errno == EINVAL || errno == EROFS) return ALB_OK; /* some file systems can't */
  return fail_errno(diag, "folder cannot be synced");
}

/* Whatever may fail for lack of something is done before the file is put in place. */
static alb_status commit(alb_diag *diag, alb_output *out, int folder) {
  if (fsync(out->fd) != 0) return fail_errno(diag, "cannot be written");
  ALB_TRY(put_in_place(diag, out));
  ALB_TRY(sync_folder(diag, folder));
  const int fd = out->fd;
  out->fd = -1;
  return close(fd) == 0 || errno == EINTR ? ALB_OK : fail_errno(diag, "cannot be written");
}

alb_status alb_output_commit(alb_diag *diag, alb_output *out) {
  int folder = -1;
  alb_status status = open_folder(diag, out->path, &folder);
  if (status == ALB_OK) status = commit(diag, out, folder);
  if (folder >= 0) (void)close(folder);
  alb_output_abort(out);
  return status;
}

void alb_output_abort(alb_output *out) {
  if (out->temp_path) (void)unlink(out->temp_path);
  if (out->fd >= 0) (void)close(out->fd);
  free(out->temp_path);
  free(out->path);
  *out = (alb_output){.fd = -1};
}
