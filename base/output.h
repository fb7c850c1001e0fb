/* Writing a file so that it is there whole or not at all. */
#ifndef ALB_BASE_OUTPUT_H
#define ALB_BASE_OUTPUT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"

/* A file that is being written beside its place: see alb_output_commit. */
typedef struct alb_output {
  int fd;                 /* readable and writable, at the temporary file */
  char *path, *temp_path; /* owned; temp_path is NULL while the file has no name (O_TMPFILE) */
  bool replace;
  uint64_t started; /* bytes that the disk was asked to begin with */
} alb_output;

/* Starts a file at `path`. Without `replace` an existing path is refused with ALB_EXISTS at once
 * (and again, atomically, at commit). Nothing is visible at `path` before commit. */
alb_status alb_output_open(alb_diag *diag, const char *path, bool replace, alb_output *out);
/* Writes n bytes at the offset; handles short writes and EINTR. */
alb_status alb_output_write(alb_diag *diag, alb_output *out, uint64_t offset, const void *bytes, size_t n);
/* fsync, link or rename to its place, fsync the folder. After success or failure `out` is spent. */
alb_status alb_output_commit(alb_diag *diag, alb_output *out);
/* Drops the file; nothing is left. Harmless after commit and after a failed open. */
void alb_output_abort(alb_output *out);

#endif
