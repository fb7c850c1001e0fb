/* open() as on a file system without O_TMPFILE; linked with --wrap=open. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>

int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);

int __wrap_open(const char *path, int flags, ...) {
  va_list args;
  va_start(args, flags);
  const int mode = va_arg(args, int); /* harmless when there is none: only passed on */
  va_end(args);
  if ((flags & O_TMPFILE) == O_TMPFILE) {
    errno = EOPNOTSUPP;
    return -1;
  }
  return __real_open(path, flags, mode);
}
