/* Writing one float32 array in NumPy's format, row by row, without knowing how many rows there will be. */
#include "cli/npy_out.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

enum { HEADER_ALIGN = 64, PREAMBLE = 10 }; /* magic, version, and the length of the text that follows */

static alb_status failed(alb_diag *diag) {
  return alb_fail(diag, ALB_IO, "temporary file: %s", strerror(errno));
}

/* In memory where there is no folder for temporary files, as in an empty container. */
static FILE *open_spool(void) {
  FILE *file = tmpfile();
  if (file) return file;
  const int fd = memfd_create("albert-run", MFD_CLOEXEC);
  return fd < 0 ? NULL : fdopen(fd, "w+b");
}

alb_status alb_npy_open(alb_diag *diag, size_t width, alb_npy *npy) {
  *npy = (alb_npy){.spool = open_spool(), .width = width};
  return npy->spool ? ALB_OK : failed(diag);
}

/* The values are written as this machine has them; ours are little-endian. */
alb_status alb_npy_rows(alb_diag *diag, alb_npy *npy, const float *values, size_t rows) {
  npy->rows += rows;
  return fwrite(values, npy->width * sizeof *values, rows, npy->spool) == rows ? ALB_OK : failed(diag);
}

static void write_header(const alb_npy *npy, FILE *out) {
  char text[256];
  const int n = snprintf(text, sizeof text, "{'descr': '<f4', 'fortran_order': False, 'shape': (%zu, %zu), }",
                         npy->rows, npy->width);
  const size_t used = PREAMBLE + (size_t)n + 1, total = (used + HEADER_ALIGN - 1) / HEADER_ALIGN * HEADER_ALIGN;
  const size_t length = total - PREAMBLE;
  fwrite("\x93NUMPY\x01\x00", 1, 8, out);
  putc((int)(length & 0xff), out);
  putc((int)(length >> 8), out);
  fwrite(text, 1, (size_t)n, out);
  for (size_t i = used; i < total; i++) putc(' ', out);
  putc('\n', out);
}

alb_status alb_npy_finish(alb_diag *diag, alb_npy *npy, FILE *out) {
  char block[1 << 15];
  size_t n;
  write_header(npy, out);
  if (fseeko(npy->spool, 0, SEEK_SET) != 0) return failed(diag);
  while ((n = fread(block, 1, sizeof block, npy->spool)) > 0 && fwrite(block, 1, n, out) == n) continue;
  return ferror(npy->spool) ? failed(diag) : ALB_OK;
}

void alb_npy_close(alb_npy *npy) {
  if (npy->spool) (void)fclose(npy->spool);
  *npy = (alb_npy){0};
}
