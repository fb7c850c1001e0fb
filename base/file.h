/* Reading files: mapping a whole regular file, and looking at paths. */
#ifndef ALB_BASE_FILE_H
#define ALB_BASE_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/hash.h"
#include "base/span.h"
#include "base/status.h"

/* A read-only mapping of a whole regular file. Bytes are valid until alb_file_unmap. */
typedef struct alb_file {
  alb_span bytes; /* n = 0 and p = NULL for an empty file */
  uint64_t device, inode;
} alb_file;

/* Opens with O_NONBLOCK and refuses what is not a regular file, so it never hangs on a FIFO. */
alb_status alb_file_map(alb_diag *diag, const char *path, alb_file *out);
void alb_file_unmap(alb_file *file);
/* Reads a whole regular file into memory aligned to `align` (a power of two, at least 16). *owned is
 * the caller's, to be freed; *bytes is what it holds. ALB_IO also when the file shrinks meanwhile. */
alb_status alb_file_read(alb_diag *diag, const char *path, size_t align, uint8_t **owned, alb_span *bytes);
/* The hash of a mapped file, whose pages are given back on the way. */
alb_hash128 alb_file_hash(const alb_file *file);
/* Tells the kernel that the pages of this part are not needed soon (they can be read again). */
void alb_file_release(alb_span part);

bool alb_path_exists(const char *path);
bool alb_path_is_dir(const char *path);
/* Both are there and are one file or folder. */
bool alb_path_same(const char *a, const char *b);
/* What stands behind the last slash; part of the path. */
const char *alb_path_name(const char *path);
/* What stands before it, for the caller to free: "." for a bare name. NULL: out of memory. */
char *alb_path_folder(const char *path);

#endif
