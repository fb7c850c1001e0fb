/* External data of ONNX tensors: files below the model's folder, mapped once each. */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "converter/onnx/onnx_reading.h"

enum { MAX_LOCATION = 4095, MAX_FILES = 4096 };

static bool good_component(const char *p, size_t n) {
  return n > 0 && !(n == 1 && p[0] == '.') && !(n == 2 && p[0] == '.' && p[1] == '.');
}

/* A relative path of plain components, on every system that such files come from. */
static bool good_location(alb_str location) {
  if (location.n == 0 || location.n > MAX_LOCATION) return false;
  for (size_t i = 0; i < location.n; i++) {
    if (location.p[i] == '\0' || strchr("\\:*", location.p[i])) return false;
  }
  for (size_t begin = 0; begin <= location.n;) {
    const char *slash = memchr(location.p + begin, '/', location.n - begin);
    const size_t end = slash ? (size_t)(slash - location.p) : location.n;
    if (!good_component(location.p + begin, end - begin)) return false;
    begin = end + 1;
  }
  return true;
}

static alb_status outside(alb_onnx_reading *r, alb_str location) {
  return alb_fail(r->diag, ALB_MALFORMED, "onnx: external data \"%.*s\" is not a path below the model's folder",
                  ALB_STR_ARGS(location));
}

/* Opens without ever leaving the folder: not by "..", not by a link. */
static alb_status open_beneath(alb_onnx_reading *r, alb_str location, const char *path, int *fd) {
  const int folder = open(r->folder[0] ? r->folder : ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0) return alb_fail(r->diag, ALB_IO, "onnx: folder of external data: %s", strerror(errno));
  struct open_how how = {.flags = O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK,
                         .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
  *fd = (int)syscall(SYS_openat2, folder, path, &how, sizeof how);
  const int error = errno;
  (void)close(folder);
  if (*fd >= 0) return ALB_OK;
  if (error == EXDEV || error == ELOOP) return outside(r, location);
  return alb_fail(r->diag, ALB_IO, "onnx: external data \"%.*s\": %s", ALB_STR_ARGS(location), strerror(error));
}

static alb_status map_fd(alb_onnx_reading *r, alb_str location, int fd, alb_file *out) {
  struct stat st;
  if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size < 0) {
    return alb_fail(r->diag, ALB_IO, "onnx: external data \"%.*s\" is not a regular file", ALB_STR_ARGS(location));
  }
  *out = (alb_file){.device = st.st_dev, .inode = st.st_ino};
  if (st.st_size == 0) return ALB_OK;
  void *p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
  if (p == MAP_FAILED) {
    return alb_fail(r->diag, errno == ENOMEM ? ALB_MEMORY : ALB_IO, "onnx: external data \"%.*s\": %s",
                    ALB_STR_ARGS(location), strerror(errno));
  }
  out->bytes = (alb_span){p, (size_t)st.st_size};
  return ALB_OK;
}

static alb_status map_location(alb_onnx_reading *r, alb_str location) {
  int fd = -1;
  alb_file file = {0};
  const char *path = alb_arena_strdup(&r->model->arena, location);
  if (!path) return alb_fail_memory(r->diag, location.n, "a path");
  ALB_TRY(open_beneath(r, location, path, &fd));
  alb_status status = map_fd(r, location, fd, &file);
  (void)close(fd);
  if (status == ALB_OK && !alb_vec_push(&r->model->files, file)) {
    alb_file_unmap(&file);
    status = alb_fail_memory(r->diag, sizeof file, "a file");
  }
  return status;
}

alb_status alb_onnx_external(alb_onnx_reading *r, alb_str location, uint64_t offset, size_t need, alb_span *out) {
  size_t index;
  bool inserted;
  if (!good_location(location)) return outside(r, location);
  if (!r->folder) return alb_fail(r->diag, ALB_UNSUPPORTED, "onnx: external data without a folder");
  if (!alb_strmap_add(&r->external, location, &index, &inserted)) return alb_fail_memory(r->diag, 1, "a path");
  if (inserted && index == MAX_FILES) return alb_fail(r->diag, ALB_LIMIT, "onnx: more than 4096 external files");
  if (inserted) ALB_TRY(map_location(r, location));
  const alb_span bytes = r->model->files.items[index].bytes;
  if (offset > bytes.n || need > bytes.n - offset) {
    return alb_fail(r->diag, ALB_TRUNCATED, "onnx: external data \"%.*s\": %zu bytes at %llu are not in a file of %zu",
                    ALB_STR_ARGS(location), need, (unsigned long long)offset, bytes.n);
  }
  *out = (alb_span){need ? bytes.p + offset : NULL, need};
  if (need && !alb_vec_push(&r->ranges, (alb_onnx_range){index, (size_t)offset, (size_t)offset + need})) {
    return alb_fail_memory(r->diag, sizeof(alb_onnx_range), "external data");
  }
  return ALB_OK;
}

static int by_place(const void *a, const void *b) {
  const alb_onnx_range *x = a, *y = b;
  if (x->file != y->file) return x->file < y->file ? -1 : 1;
  if (x->begin != y->begin) return x->begin < y->begin ? -1 : 1;
  return (x->end > y->end) - (x->end < y->end);
}

alb_status alb_onnx_check_ranges(alb_onnx_reading *r) {
  const size_t n = r->ranges.count;
  if (n) qsort(r->ranges.items, n, sizeof *r->ranges.items, by_place);
  for (size_t i = 1; i < n; i++) {
    const alb_onnx_range *x = &r->ranges.items[i - 1], *y = &r->ranges.items[i];
    const bool same = x->begin == y->begin && x->end == y->end;
    if (x->file != y->file || same || y->begin >= x->end) continue;
    return alb_fail(r->diag, ALB_MALFORMED, "onnx: external data of two tensors overlaps (offset %zu of \"%.*s\")",
                    y->begin, ALB_STR_ARGS(r->external.keys[y->file]));
  }
  return ALB_OK;
}
