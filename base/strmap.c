/* Map from strings to indices in the order of insertion. */
#include "base/strmap.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>
#include <xxhash.h>

#include "base/checked.h"
#include "base/vec.h"

/* One seed a process; a lost race only means that two threads agree on the winner's. */
static uint64_t process_seed(void) {
  static _Atomic uint64_t seed;
  uint64_t value = atomic_load_explicit(&seed, memory_order_relaxed);
  if (value) return value;
  if (getrandom(&value, sizeof value, GRND_NONBLOCK) != (ssize_t)sizeof value) {
    value = (uint64_t)time(NULL) * 0x9e3779b97f4a7c15u;
  }
  value |= 1;
  uint64_t none = 0;
  return atomic_compare_exchange_strong(&seed, &none, value) ? value : none;
}

static uint32_t *find_slot(const alb_strmap *map, alb_str key) {
  const size_t mask = map->slot_count - 1;
  size_t i = (size_t)XXH3_64bits_withSeed(key.p, key.n, process_seed()) & mask;
  while (map->slots[i] && !alb_str_equal(map->keys[map->slots[i] - 1], key)) i = (i + 1) & mask;
  return &map->slots[i];
}

static bool rehash(alb_strmap *map) {
  const size_t old_count = map->slot_count;
  size_t slot_count = old_count ? old_count : 16;
  while (slot_count < 2 * (map->count + 1)) {
    if (!alb_mul_ok(slot_count, 2, &slot_count)) return false;
  }
  if (slot_count == old_count) return true;
  uint32_t *slots = calloc(slot_count, sizeof *slots);
  if (!slots) return false;
  free(map->slots);
  map->slots = slots;
  map->slot_count = slot_count;
  for (size_t i = 0; i < map->count; i++) *find_slot(map, map->keys[i]) = (uint32_t)(i + 1);
  return true;
}

bool alb_strmap_add(alb_strmap *map, alb_str key, size_t *index, bool *inserted) {
  if (map->count >= UINT32_MAX - 1 || !rehash(map)) return false;
  uint32_t *slot = find_slot(map, key);
  *inserted = *slot == 0;
  if (*inserted) {
    if (!alb_vec_grow((void **)&map->keys, &map->capacity, map->count, 1, sizeof *map->keys)) return false;
    map->keys[map->count++] = key;
    *slot = (uint32_t)map->count;
  }
  *index = *slot - 1;
  return true;
}

size_t alb_strmap_find(const alb_strmap *map, alb_str key) {
  if (map->count == 0) return ALB_STRMAP_NONE;
  const uint32_t *slot = find_slot(map, key);
  return *slot ? *slot - 1 : ALB_STRMAP_NONE;
}

void alb_strmap_free(alb_strmap *map) {
  free(map->keys);
  free(map->slots);
  *map = (alb_strmap){0};
}
