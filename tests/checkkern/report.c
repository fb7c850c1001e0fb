/* A line of --bench. */
#include <stdio.h>

#include "checkkern.h"

void report_rate(const check *c, const char *shape, double seconds, double flops, double bytes) {
  printf("%-12s %-8s %-26s %9.2f us", c->slot, c->isa, shape, seconds * 1e6);
  if (flops > 0) printf(" %8.2f GFLOP/s", flops / seconds * 1e-9);
  if (flops > 0 && c->peak_gflops > 0) printf(" %5.1f %% of peak", flops / seconds * 1e-7 / c->peak_gflops);
  if (bytes > 0) printf(" %8.2f GB/s", bytes / seconds * 1e-9);
  putchar('\n');
}
