/* Writes small and not so small .alb files to a folder, for readers that are not this one's:
 * make_files FOLDER. Prints their paths. */
#include <stdio.h>
#include <stdlib.h>

#include "base/dtype.h"
#include "base/half.h"
#include "base/intn.h"
#include "tests/support/tiny_model.h"

/* One tensor of 1 MiB and some rows, f32 that compress well: more than a chunk and a plane block. */
static alb_status big_file(alb_diag *diag, const char *path, Alb__Manifest *m, bool compress) {
  enum { ROWS = (1 << 16) + 77 };
  static float values[ROWS * 4];
  for (size_t i = 0; i < ROWS * 4; i++) values[i] = (float)(i * i % 1021) / 1024 - 0.5f;
  m->n_tensors = 1;
  m->tensors[0]->dims[0] = ROWS;
  m->n_sets = m->n_functions = m->n_golden = 0;
  m->tokenizer = NULL;
  alb_writer *writer;
  ALB_TRY(alb_writer_open(diag, path, true, &writer));
  alb_status status =
      alb_writer_add_blob(diag, writer, (alb_span){(const uint8_t *)values, sizeof values}, 4, compress, NULL);
  if (status == ALB_OK) status = alb_writer_set_manifest(diag, writer, m);
  if (status == ALB_OK) status = alb_writer_commit(diag, writer, NULL);
  alb_writer_close(writer);
  return status;
}

/* One int4, int5 or int6 matrix with rows of two groups, the second one not full, and its scales. */
static alb_status intn_file(alb_diag *diag, const char *path, Alb__Manifest *m, alb_dtype dtype) {
  enum { ROWS = 3, COLUMNS = 40, GROUPS = 2 };
  const unsigned bits = alb_intn_bits(dtype);
  uint8_t values[ROWS * GROUPS * ALB_INTN_MOST_BYTES];
  uint16_t scales[ROWS * GROUPS];
  for (size_t i = 0; i < (size_t)ROWS * GROUPS * ALB_INTN_GROUP; i++) {
    const int number = (int)(i * 29 % (2 * (size_t)alb_intn_zero(bits))) - alb_intn_zero(bits);
    alb_intn_put(values + i / ALB_INTN_GROUP * alb_intn_bytes(bits), bits, i % ALB_INTN_GROUP,
                 i % (GROUPS * ALB_INTN_GROUP) < COLUMNS ? number : 0);
  }
  for (size_t i = 0; i < ROWS * GROUPS; i++) scales[i] = alb_f32_to_f16(i % 2 ? -0.25f : 0.125f * (float)(i + 1));
  m->n_tensors = 1;
  m->tensors[0]->dtype = dtype;
  m->tensors[0]->dims[0] = ROWS;
  m->tensors[0]->dims[1] = COLUMNS;
  m->tensors[0]->scale_blob = 2;
  m->n_sets = m->n_functions = m->n_golden = 0;
  m->tokenizer = NULL;
  alb_writer *writer;
  const alb_span blobs[] = {{values, ROWS * GROUPS * alb_intn_bytes(bits)}, {(const uint8_t *)scales, sizeof scales}};
  ALB_TRY(alb_writer_open(diag, path, true, &writer));
  alb_status status = ALB_OK;
  for (uint32_t i = 0; status == ALB_OK && i < 2; i++) {
    status = alb_writer_add_blob(diag, writer, blobs[i], i + 1, false, NULL);
  }
  if (status == ALB_OK) status = alb_writer_set_manifest(diag, writer, m);
  if (status == ALB_OK) status = alb_writer_commit(diag, writer, NULL);
  alb_writer_close(writer);
  return status;
}

#define INTN_FILE(name, dtype)                                                                \
  static alb_status name(alb_diag *diag, const char *path, Alb__Manifest *m, bool compress) { \
    (void)compress;                                                                           \
    return intn_file(diag, path, m, dtype);                                                   \
  }
INTN_FILE(int4_file, ALB_I4)
INTN_FILE(int5_file, ALB_I5)
INTN_FILE(int6_file, ALB_I6)
/* Two matrices over one base: as it is, and with factors of rank 1 in f16. */
static alb_status factors_file(alb_diag *diag, const char *path, Alb__Manifest *m, bool compress) {
  enum { ROWS = 3, COLUMNS = 20 };
  static float base[ROWS * COLUMNS];
  static const uint16_t left[ROWS] = {0x3c00, 0xb800, 0}, right[COLUMNS] = {0x3400, 0x3800};
  for (size_t i = 0; i < ROWS * COLUMNS; i++) base[i] = (float)i / 16;
  m->n_tensors = 2;
  for (size_t i = 0; i < 2; i++) {
    m->tensors[i]->dtype = ALB_F32;
    m->tensors[i]->n_dims = 2;
    m->tensors[i]->dims[0] = ROWS;
    m->tensors[i]->dims[1] = COLUMNS;
    m->tensors[i]->blob = m->tensors[i]->scale_blob = 0;
  }
  m->tensors[1]->left_blob = 2;
  m->tensors[1]->right_blob = 3;
  m->n_sets = m->n_functions = m->n_golden = 0;
  m->tokenizer = NULL;
  alb_writer *writer;
  const alb_span blobs[] = {{(const uint8_t *)base, sizeof base},
                            {(const uint8_t *)left, sizeof left},
                            {(const uint8_t *)right, sizeof right}};
  ALB_TRY(alb_writer_open(diag, path, true, &writer));
  alb_status status = ALB_OK;
  for (size_t i = 0; status == ALB_OK && i < 3; i++) {
    status = alb_writer_add_blob(diag, writer, blobs[i], i ? 2 : 4, compress, NULL);
  }
  if (status == ALB_OK) status = alb_writer_set_manifest(diag, writer, m);
  if (status == ALB_OK) status = alb_writer_commit(diag, writer, NULL);
  alb_writer_close(writer);
  return status;
}

int main(int argc, char **argv) {
  static const struct {
    const char *name;
    alb_status (*make)(alb_diag *, const char *, Alb__Manifest *, bool);
    bool compress;
  } files[] = {{"big.alb", big_file, false},   {"big-compressed.alb", big_file, true},
               {"int4.alb", int4_file, false}, {"int5.alb", int5_file, false},
               {"int6.alb", int6_file, false}, {"factors.alb", factors_file, false}};
  alb_arena arena = {0};
  alb_diag diag = {0};
  alb_status status = argc == 2 ? ALB_OK : ALB_USAGE;
  for (int compress = 0; status == ALB_OK && compress < 2; compress++) {
    const char *path = tiny_path(&arena, argv[1], compress ? "tiny-compressed.alb" : "tiny.alb");
    status = tiny_file(&diag, path, tiny_manifest(&arena), compress);
    puts(path);
  }
  for (size_t i = 0; status == ALB_OK && i < sizeof files / sizeof files[0]; i++) {
    const char *path = tiny_path(&arena, argv[1], files[i].name);
    status = files[i].make(&diag, path, tiny_manifest(&arena), files[i].compress);
    puts(path);
  }
  if (status != ALB_OK) fprintf(stderr, "make_files: %s\n", alb_diag_text(&diag, status));
  alb_diag_free(&diag);
  alb_arena_free(&arena);
  return alb_status_exit_code(status);
}
