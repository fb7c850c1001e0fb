/* Memory that lies in an unnamed file. */
#include "base/spill.h"

#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/checked.h"

enum { MAP_BYTES = 1 << 20, ALIGN = 64 };

/* A shared mapping of n bytes of a file without a name, or MAP_FAILED. */
static void *map_unnamed(size_t n) {
  const int fd = memfd_create("albert-convert", MFD_CLOEXEC);
  if (fd < 0) return MAP_FAILED;
  void *p = ftruncate(fd, (off_t)n) == 0 ? mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) : MAP_FAILED;
  (void)close(fd);
  return p;
}

static alb_status add_map(alb_diag *diag, alb_spill *spill, size_t n) {
  const size_t size = n < MAP_BYTES ? MAP_BYTES : n;
  if (size > SIZE_MAX / 2 || !alb_vec_reserve(&spill->maps, 1)) return alb_fail_memory(diag, n, "converted bytes");
  void *p = map_unnamed(size);
  if (p == MAP_FAILED) return alb_fail_memory(diag, n, "converted bytes");
  (void)alb_vec_push(&spill->maps, (alb_span){p, size}); /* there is room */
  spill->used = 0;
  return ALB_OK;
}

alb_status alb_spill_alloc(alb_diag *diag, alb_spill *spill, size_t n, uint8_t **out) {
  size_t need;
  if (!alb_align_ok(n ? n : 1, ALIGN, &need)) return alb_fail_memory(diag, n, "converted bytes");
  const size_t size = spill->maps.count ? spill->maps.items[spill->maps.count - 1].n : 0;
  if (need > size - spill->used) ALB_TRY(add_map(diag, spill, need));
  *out = (uint8_t *)(uintptr_t)spill->maps.items[spill->maps.count - 1].p + spill->used;
  spill->used += need;
  return ALB_OK;
}

void alb_spill_free(alb_spill *spill) {
  for (size_t i = 0; i < spill->maps.count; i++) {
    (void)munmap((void *)(uintptr_t)spill->maps.items[i].p, spill->maps.items[i].n);
  }
  alb_vec_free(&spill->maps);
  spill->used = 0;
}
