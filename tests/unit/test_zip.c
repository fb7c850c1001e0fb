/* The zip index on archives that PyTorch and Python wrote: what is found, and that no damage goes unseen. */
#include "base/file.h"
#include "converter/zip.h"
#include "tests/support/check.h"

#define STORED "tests/e2e/twins/zip/pytorch_model.bin"
#define DEFLATED "tests/e2e/twins/deflated/pytorch_model.bin"
#define SMALL "tests/fuzz/corpus/zip/deflated"

static alb_file map(const char *path) {
  alb_diag diag = {0};
  alb_file file;
  assert_ok(&diag, alb_file_map(&diag, path, &file));
  return file;
}

static void test_find(void **state) {
  alb_diag diag = {0};
  alb_zip zip;
  alb_span content;
  alb_file file = map(STORED);
  (void)state;
  assert_ok(&diag, alb_zip_open(&diag, file.bytes, &zip));
  const alb_zip_entry *e = alb_zip_find(&zip, ALB_STR("pytorch_model/byteorder"));
  assert_non_null(e);
  assert_ok(&diag, alb_zip_borrow(&diag, &zip, e, &content));
  assert_true(content.n == 6 && memcmp(content.p, "little", 6) == 0);
  assert_true(content.p > file.bytes.p && content.p < file.bytes.p + file.bytes.n); /* not a copy */
  assert_null(alb_zip_find(&zip, ALB_STR("pytorch_model/Byteorder")));
  assert_null(alb_zip_find(&zip, ALB_STR("byteorder")));
  assert_null(alb_zip_find(&zip, ALB_STR("")));
  alb_zip_free(&zip);
  alb_file_unmap(&file);
}

/* The storages of a stored and a deflated archive. */
static void test_extract(void **state) {
  static const char *const paths[] = {STORED, DEFLATED};
  alb_diag diag = {0};
  (void)state;
  for (size_t k = 0; k < 2; k++) {
    alb_zip zip;
    alb_file file = map(paths[k]);
    assert_ok(&diag, alb_zip_open(&diag, file.bytes, &zip));
    for (size_t i = 0; i < zip.entries.count; i++) {
      alb_zip_entry e = zip.entries.items[i];
      assert_int_equal(e.method, k ? ALB_ZIP_DEFLATED : ALB_ZIP_STORED);
      uint8_t *out = malloc((size_t)e.size);
      assert_ok(&diag, alb_zip_extract(&diag, &zip, &e, out));
      e.crc ^= 1;
      assert_refused(&diag, alb_zip_extract(&diag, &zip, &e, out), ALB_CHECKSUM, "checksum is");
      if (e.size && k) {
        e.size--;
        assert_refused(&diag, alb_zip_extract(&diag, &zip, &e, out), ALB_MALFORMED, "damaged");
      }
      free(out);
    }
    alb_zip_free(&zip);
    alb_file_unmap(&file);
  }
}

static alb_status read_all(alb_span bytes) {
  alb_zip zip;
  ALB_TRY(alb_zip_open(NULL, bytes, &zip));
  alb_status status = ALB_OK;
  for (size_t i = 0; i < zip.entries.count && status == ALB_OK; i++) {
    uint8_t *out = malloc((size_t)zip.entries.items[i].size + 1);
    status = out ? alb_zip_extract(NULL, &zip, &zip.entries.items[i], out) : ALB_MEMORY;
    free(out);
  }
  alb_zip_free(&zip);
  return status;
}

static void test_truncations(void **state) {
  alb_file file = map(SMALL);
  (void)state;
  assert_int_equal(read_all(file.bytes), ALB_OK);
  for (size_t n = 0; n < file.bytes.n; n++) assert_int_not_equal(read_all((alb_span){file.bytes.p, n}), ALB_OK);
  alb_file_unmap(&file);
}

/* A flipped bit is refused, or it lies in one of the fields that say nothing about the content: versions, times,
 * attributes, the comment; or in a name. */
static void test_flips(void **state) {
  alb_file file = map(SMALL);
  size_t accepted = 0;
  uint8_t *copy = malloc(file.bytes.n);
  (void)state;
  memcpy(copy, file.bytes.p, file.bytes.n);
  for (size_t i = 0; i < file.bytes.n; i++) {
    copy[i] ^= 1;
    accepted += read_all((alb_span){copy, file.bytes.n}) == ALB_OK;
    copy[i] ^= 1;
  }
  /* Seven entries: 6 bytes of version and time in each local header, 18 in each central one; 4 in the ZIP64 record. */
  assert_in_range(accepted, 1, 7 * (6 + 18) + 4 + 1);
  free(copy);
  alb_file_unmap(&file);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_find),
      cmocka_unit_test(test_extract),
      cmocka_unit_test(test_truncations),
      cmocka_unit_test(test_flips),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
