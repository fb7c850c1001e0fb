/* Sources as files in a fresh folder; for tests of the readers. */
#ifndef ALB_TESTS_SOURCE_FILES_H
#define ALB_TESTS_SOURCE_FILES_H

#include "base/arena.h"
#include "base/vec.h"

/* Start with {0}; safetensors_free at the end. */
typedef struct safetensors_file {
  alb_arena arena;
  ALB_VEC(uint8_t) data;
  ALB_VEC(char) header; /* entries with a comma behind each */
} safetensors_file;

/* Adds an F32 tensor whose values are first, first + 1, ...; columns 0: a vector. */
void safetensors_add(safetensors_file *file, const char *name, size_t rows, size_t columns, float first);
void safetensors_write(safetensors_file *file, const char *path);
void safetensors_free(safetensors_file *file);

void write_bytes(const char *path, const void *bytes, size_t n);
void write_text(const char *path, const char *text);

#endif
