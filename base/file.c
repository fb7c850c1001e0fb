/* Reading files: mapping a whole regular file, and looking at paths. */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/checked.h"

static alb_status open_regular(alb_diag *diag, const char *path, int *fd, struct stat *st) {
  *fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
  if (*fd < 0) return alb_fail(diag, ALB_IO, "cannot be opened: %s", strerror(errno));
  if (fstat(*fd, st) != 0) return alb_fail(diag, ALB_IO, "cannot be read: %s", strerror(errno));
  if (!S_ISREG(st->st_mode)) return alb_fail(diag, ALB_IO, "is not a regular file");
  if (st->st_size < 0 || (uint64_t)st->st_size > SIZE_MAX / 2) return alb_fail(diag, ALB_LIMIT, "file is too large");
  return ALB_OK;
}

static alb_status map_path(alb_diag *diag, const char *path, int *fd, alb_file *out) {
  struct stat st;
  ALB_TRY(open_regular(diag, path, fd, &st));
  *out = (alb_file){.device = st.st_dev, .inode = st.st_ino};
  if (st.st_size == 0) return ALB_OK;
  void *p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, *fd, 0);
  if (p == MAP_FAILED)
    return alb_fail(diag, errno == ENOMEM ? ALB_MEMORY : ALB_IO, "cannot be mapped: %s", strerror(errno));
  out->bytes = (alb_span){p, (size_t)st.st_size};
  return ALB_OK;
}

alb_status alb_file_map(alb_diag *diag, const char *path, alb_file *out) {
  int fd = -1;
  *out = (alb_file){0};
  const alb_status status = map_path(diag, path, &fd, out);
  if (fd >= 0) (void)close(fd);
  return status;
}

static alb_status read_all(alb_diag *diag, int fd, uint8_t *p, size_t n) {
  for (size_t at = 0; at < n;) {
    const ssize_t got = pread(fd, p + at, n - at, (off_t)at);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return alb_fail(diag, ALB_IO, "cannot be read: %s", strerror(errno));
    if (got == 0) return alb_fail(diag, ALB_IO, "changed while it was read");
    at += (size_t)got;
  }
  return ALB_OK;
}

static alb_status read_path(alb_diag *diag, const char *path, size_t align, int *fd, uint8_t **owned, size_t *n) {
  struct stat st;
  size_t room;
  ALB_TRY(open_regular(diag, path, fd, &st));
  *n = (size_t)st.st_size;
  if (!alb_align_ok(*n ? *n : 1, align, &room)) return alb_fail(diag, ALB_LIMIT, "file is too large");
  *owned = aligned_alloc(align, room);
  return *owned ? read_all(diag, *fd, *owned, *n) : alb_fail_memory(diag, room, "a file");
}

alb_status alb_file_read(alb_diag *diag, const char *path, size_t align, uint8_t **owned, alb_span *bytes) {
  int fd = -1;
  size_t n = 0;
  *owned = NULL;
  const alb_status status = read_path(diag, path, align, &fd, owned, &n);
  if (fd >= 0) (void)close(fd);
  if (status == ALB_OK) {
    *bytes = (alb_span){*owned, n};
  } else {
    free(*owned);
    *owned = NULL;
  }
  return status;
}

void alb_file_unmap(alb_file *file) {
  if (file->bytes.p) (void)munmap((void *)(uintptr_t)file->bytes.p, file->bytes.n);
  *file = (alb_file){0};
}

alb_hash128 alb_file_hash(const alb_file *file) {
  return alb_hash_steps(file->bytes, (size_t)4 << 20, alb_file_release);
}

void alb_file_release(alb_span part) {
  const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
  const uintptr_t begin = ((uintptr_t)part.p + page - 1) & ~(page - 1);
  const uintptr_t end = ((uintptr_t)part.p + part.n) & ~(page - 1);
  if (end > begin) (void)madvise((void *)begin, end - begin, MADV_DONTNEED);
}

bool alb_path_exists(const char *path) {
  struct stat st;
  return lstat(path, &st) == 0;
}

bool alb_path_same(const char *a, const char *b) {
  struct stat x, y;
  return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

bool alb_path_is_dir(const char *path) {
  struct stat st;
  return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

const char *alb_path_name(const char *path) {
  const char *slash = strrchr(path, '/');
  return slash ? slash + 1 : path;
}

char *alb_path_folder(const char *path) {
  const char *slash = strrchr(path, '/');
  if (!slash) return strdup(".");
  return slash == path ? strdup("/") : strndup(path, (size_t)(slash - path));
}
