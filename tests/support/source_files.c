/* Sources as files in a fresh folder. */
#include "tests/support/source_files.h"

#include <stdio.h>
#include <stdlib.h>

static void append(safetensors_file *file, const char *text) {
  for (; *text; text++) {
    if (!alb_vec_push(&file->header, *text)) abort();
  }
}

void safetensors_add(safetensors_file *file, const char *name, size_t rows, size_t columns, float first) {
  const size_t begin = file->data.count, n = rows * (columns ? columns : 1);
  for (size_t i = 0; i < n; i++) {
    const float value = first + (float)i;
    uint8_t bytes[sizeof value];
    memcpy(bytes, &value, sizeof value);
    for (size_t k = 0; k < sizeof value; k++) {
      if (!alb_vec_push(&file->data, bytes[k])) abort();
    }
  }
  const char *shape =
      columns ? alb_arena_printf(&file->arena, "%zu,%zu", rows, columns) : alb_arena_printf(&file->arena, "%zu", rows);
  append(file, alb_arena_printf(&file->arena, "\"%s\":{\"dtype\":\"F32\",\"shape\":[%s],\"data_offsets\":[%zu,%zu]},",
                                name, shape, begin, file->data.count));
}

void safetensors_write(safetensors_file *file, const char *path) {
  FILE *out = fopen(path, "wb");
  uint8_t size[8];
  const size_t entries = file->header.count ? file->header.count - 1 : 0; /* without the last comma */
  alb_store_u64(size, entries + 2);
  if (!out || fwrite(size, 1, 8, out) != 8 || fputc('{', out) == EOF) abort();
  if (entries && fwrite(file->header.items, 1, entries, out) != entries) abort();
  if (fputc('}', out) == EOF) abort();
  if (file->data.count && fwrite(file->data.items, 1, file->data.count, out) != file->data.count) abort();
  if (fclose(out) != 0) abort();
}

void safetensors_free(safetensors_file *file) {
  alb_vec_free(&file->data);
  alb_vec_free(&file->header);
  alb_arena_free(&file->arena);
}

void write_bytes(const char *path, const void *bytes, size_t n) {
  FILE *out = fopen(path, "wb");
  if (!out || (n && fwrite(bytes, 1, n, out) != n) || fclose(out) != 0) abort();
}

void write_text(const char *path, const char *text) {
  write_bytes(path, text, strlen(text));
}
