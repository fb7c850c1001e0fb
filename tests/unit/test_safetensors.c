/* Reading safetensors files and folders of shards: what the tensor table holds afterwards. */
#include <stdio.h>
#include "converter/source.h"

#include "tests/support/check.h"
#include "tests/support/source_files.h"
#include "tests/support/tiny_model.h"

typedef struct fixture {
  alb_arena arena;
  alb_diag diag;
  char *folder;
  safetensors_file file;
  alb_source source;
} fixture;

static int setup(void **state) {
  fixture *f = calloc(1, sizeof *f);
  f->folder = tiny_folder();
  *state = f;
  return 0;
}

static int teardown(void **state) {
  fixture *f = *state;
  alb_source_free(&f->source);
  safetensors_free(&f->file);
  tiny_remove_folder(f->folder);
  alb_arena_free(&f->arena);
  alb_diag_free(&f->diag);
  free(f);
  return 0;
}

static const char *in_folder(fixture *f, const char *name) {
  return tiny_path(&f->arena, f->folder, name);
}

static void check_values(const fixture *f, const char *name, size_t rank, float first) {
  const uint32_t id = alb_tensors_find(&f->source.tensors, alb_str_of(name));
  assert_true(id < f->source.tensors.tensors.count);
  const alb_tensor *t = &f->source.tensors.tensors.items[id];
  const alb_span bytes = f->source.tensors.blobs.items[t->blob].bytes;
  float value;
  assert_int_equal(t->rank, rank);
  assert_int_equal(t->dtype, ALB_F32);
  for (size_t i = 0; i < bytes.n / sizeof value; i++) {
    memcpy(&value, bytes.p + i * sizeof value, sizeof value);
    assert_true(value == first + (float)i);
  }
}

static void test_one_file(void **state) {
  fixture *f = *state;
  safetensors_add(&f->file, "matrix", 3, 4, 100);
  safetensors_add(&f->file, "na\\u00efve \\\"name\\\"", 5, 0, 200);
  safetensors_write(&f->file, in_folder(f, "model.safetensors"));
  assert_ok(&f->diag, alb_source_open(&f->diag, f->folder, &f->source));
  assert_int_equal(f->source.tensors.tensors.count, 2);
  check_values(f, "matrix", 2, 100);
  check_values(f, "na\xc3\xafve \"name\"", 1, 200);
  assert_null(f->source.config);
}

/* The hash of each file is kept, whichever way the source was named. */
static void test_hashes(void **state) {
  fixture *f = *state;
  safetensors_add(&f->file, "x", 1, 0, 0);
  safetensors_write(&f->file, in_folder(f, "model.safetensors"));
  write_text(in_folder(f, "config.json"), "{\"a\": 1}");
  assert_ok(&f->diag, alb_source_open(&f->diag, in_folder(f, "model.safetensors"), &f->source));
  assert_int_equal(f->source.files.count, 2);
  for (size_t i = 0; i < 2; i++) {
    const alb_source_file *file = &f->source.files.items[i];
    const alb_hash128 hash = alb_hash_bytes(file->file.bytes);
    assert_true(alb_hash_equal(&hash, &file->hash));
  }
  assert_int_equal(json_integer_value(json_object_get(f->source.config, "a")), 1);
}

/* Ids follow the place in the data, not the header's order. */
static void test_order(void **state) {
  fixture *f = *state;
  static const char header[] =
      "{\"b\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[1,3]},"
      "\"a\":{\"dtype\":\"BOOL\",\"shape\":[],\"data_offsets\":[0,1]},"
      "\"none\":{\"dtype\":\"F64\",\"shape\":[3,0],\"data_offsets\":[3,3]}}";
  uint8_t bytes[8 + sizeof header - 1 + 3] = {sizeof header - 1};
  memcpy(bytes + 8, header, sizeof header - 1);
  memcpy(bytes + sizeof bytes - 3, "xyz", 3);
  write_bytes(in_folder(f, "any.name"), bytes, sizeof bytes);
  assert_ok(&f->diag, alb_source_open(&f->diag, in_folder(f, "any.name"), &f->source));
  assert_int_equal(f->source.tensors.tensors.count, 3);
  const alb_tensor *t = f->source.tensors.tensors.items;
  assert_string_equal(t[0].name.p, "a");
  assert_int_equal(t[0].rank, 0);
  assert_string_equal(t[1].name.p, "b");
  assert_memory_equal(f->source.tensors.blobs.items[t[1].blob].bytes.p, "yz", 2);
  assert_int_equal(t[2].dims[0], 3);
  assert_int_equal(t[2].dims[1], 0);
}

static void test_shards(void **state) {
  fixture *f = *state;
  safetensors_file second = {0};
  safetensors_add(&f->file, "x", 2, 2, 1);
  safetensors_add(&second, "y", 3, 0, 10);
  safetensors_write(&f->file, in_folder(f, "one.safetensors"));
  safetensors_write(&second, in_folder(f, "two.safetensors"));
  safetensors_free(&second);
  write_text(in_folder(f, "model.safetensors.index.json"),
             "{\"metadata\":{},\"weight_map\":{\"y\":\"two.safetensors\",\"x\":\"one.safetensors\"}}");
  assert_ok(&f->diag, alb_source_open(&f->diag, f->folder, &f->source));
  check_values(f, "x", 2, 1);
  check_values(f, "y", 1, 10);
  assert_int_equal(f->source.files.count, 3);
}

static void test_missing_shard(void **state) {
  fixture *f = *state;
  write_text(in_folder(f, "model.safetensors.index.json"), "{\"weight_map\":{\"x\":\"one.safetensors\"}}");
  assert_refused(&f->diag, alb_source_open(&f->diag, f->folder, &f->source), ALB_IO, "one.safetensors: no such file");
}

static void test_extra_files(void **state) {
  static const char *const outside[] = {"", "..", "../x", "a/../../x", "a/..", "/etc/passwd"};
  fixture *f = *state;
  const alb_source_file *file;
  safetensors_write(&f->file, in_folder(f, "model.safetensors"));
  write_text(in_folder(f, "a..b"), "text");
  assert_ok(&f->diag, alb_source_open(&f->diag, f->folder, &f->source));
  for (size_t i = 0; i < sizeof outside / sizeof *outside; i++) {
    assert_refused(&f->diag, alb_source_extra(&f->diag, &f->source, outside[i], &file), ALB_MALFORMED,
                   "leads out of the folder");
  }
  assert_ok(&f->diag, alb_source_extra(&f->diag, &f->source, "vocab.txt", &file));
  assert_null(file);
  assert_ok(&f->diag, alb_source_extra(&f->diag, &f->source, "a..b", &file));
  assert_int_equal(file->file.bytes.n, 4);
  const size_t count = f->source.files.count;
  assert_ok(&f->diag, alb_source_extra(&f->diag, &f->source, "a..b", &file));
  assert_int_equal(f->source.files.count, count);
}

/* Every prefix of a sound file is refused. */
static void test_truncations(void **state) {
  fixture *f = *state;
  uint8_t bytes[1000];
  safetensors_add(&f->file, "x", 2, 2, 1);
  safetensors_add(&f->file, "y", 3, 0, 10);
  safetensors_write(&f->file, in_folder(f, "whole"));
  FILE *whole = fopen(in_folder(f, "whole"), "rb");
  const size_t n = fread(bytes, 1, sizeof bytes, whole);
  fclose(whole);
  assert_true(n > 100 && n < sizeof bytes);
  for (size_t cut = 0; cut < n; cut++) {
    write_bytes(in_folder(f, "cut"), bytes, cut);
    const alb_status status = alb_source_open(&f->diag, in_folder(f, "cut"), &f->source);
    if (status != ALB_TRUNCATED && status != ALB_MALFORMED) fail_msg("%zu bytes: %s", cut, alb_status_name(status));
    alb_source_free(&f->source);
    alb_diag_free(&f->diag);
  }
  assert_ok(&f->diag, alb_source_open(&f->diag, in_folder(f, "whole"), &f->source));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(test_one_file, setup, teardown),
      cmocka_unit_test_setup_teardown(test_hashes, setup, teardown),
      cmocka_unit_test_setup_teardown(test_order, setup, teardown),
      cmocka_unit_test_setup_teardown(test_shards, setup, teardown),
      cmocka_unit_test_setup_teardown(test_missing_shard, setup, teardown),
      cmocka_unit_test_setup_teardown(test_extra_files, setup, teardown),
      cmocka_unit_test_setup_teardown(test_truncations, setup, teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
