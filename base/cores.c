/* How many threads are worth starting: physical cores, as far as Linux tells. */
#include "base/cores.h"

#include <sched.h>
#include <stdbool.h>
#include <stdio.h>

/* The first CPU of the core that `cpu` belongs to ("0,4" or "0-1"), or `cpu` when not told. */
static size_t first_sibling(size_t cpu) {
  char path[96];
  size_t first = cpu;
  (void)snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%zu/topology/thread_siblings_list", cpu);
  FILE *file = fopen(path, "re");
  if (!file) return cpu;
  if (fscanf(file, "%zu", &first) != 1 || first > cpu) first = cpu;
  (void)fclose(file);
  return first;
}

/* A core counts once, at the first of its CPUs that is allowed. */
size_t alb_physical_cores(void) {
  cpu_set_t allowed, counted;
  size_t cores = 0;
  CPU_ZERO(&allowed);
  CPU_ZERO(&counted);
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) return 1;
  for (size_t cpu = 0; cpu < CPU_SETSIZE; cpu++) {
    if (!CPU_ISSET(cpu, &allowed)) continue;
    const size_t core = first_sibling(cpu);
    cores += !CPU_ISSET(core, &counted);
    CPU_SET(core, &counted);
  }
  return cores ? cores : 1;
}
