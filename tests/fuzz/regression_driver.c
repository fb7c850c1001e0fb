/* Runs a fuzz target on saved files without a fuzzer: DRIVER FILE-OR-FOLDER... With --mutate N each
 * file is also run N times with some bytes changed, always in the same way. */
#include <dirent.h>
#include <stdio.h>

#include "tests/fuzz/fuzz.h"

static size_t runs;

/* xorshift: the same mutants on every machine. */
static uint32_t next_random(uint32_t *seed) {
  *seed ^= *seed << 13;
  *seed ^= *seed >> 17;
  *seed ^= *seed << 5;
  return *seed;
}

static void mutate(uint8_t *data, size_t n, uint32_t *seed) {
  for (uint32_t changes = 1 + next_random(seed) % 4; n && changes > 0; changes--) {
    const uint32_t value = next_random(seed), bit = 1u << value / 3 % 8;
    uint8_t *byte = &data[next_random(seed) % n];
    const uint32_t changed[] = {*byte ^ bit, *byte + 1u, value >> 8};
    *byte = (uint8_t)changed[value % 3];
  }
}

static void run_bytes(const uint8_t *data, size_t n, unsigned mutants) {
  uint32_t seed = 2463534242u;
  (void)LLVMFuzzerTestOneInput(data, n);
  runs++;
  for (unsigned i = 0; i < mutants; i++, runs++) {
    uint8_t *copy = fuzz_copy(data, n);
    mutate(copy, n, &seed);
    (void)LLVMFuzzerTestOneInput(copy, i % 8 == 7 ? next_random(&seed) % (n + 1) : n);
    free(copy);
  }
}

static int run_file(const char *path, unsigned mutants) {
  FILE *file = fopen(path, "rb");
  if (!file || fseek(file, 0, SEEK_END) != 0) return 1;
  const long size = ftell(file);
  uint8_t *data = fuzz_copy((const uint8_t *)"", 0);
  if (size > 0) {
    free(data);
    data = malloc((size_t)size);
    rewind(file);
    if (!data || fread(data, 1, (size_t)size, file) != (size_t)size) return 1;
  }
  fclose(file);
  run_bytes(data, size > 0 ? (size_t)size : 0, mutants);
  free(data);
  return 0;
}

static int run_path(const char *path, unsigned mutants) {
  DIR *dir = opendir(path);
  if (!dir) return run_file(path, mutants);
  int failed = 0;
  for (const struct dirent *entry; (entry = readdir(dir));) {
    char name[4096];
    if (entry->d_name[0] == '.') continue;
    (void)snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
    failed |= run_file(name, mutants);
  }
  (void)closedir(dir);
  return failed;
}

int main(int argc, char **argv) {
  unsigned mutants = 0;
  int failed = 0, first = 1;
  if (argc > 2 && strcmp(argv[1], "--mutate") == 0) {
    mutants = (unsigned)strtoul(argv[2], NULL, 10);
    first = 3;
  }
  for (int i = first; i < argc; i++) failed |= run_path(argv[i], mutants);
  printf("%zu runs\n", runs);
  return failed || runs == 0;
}
