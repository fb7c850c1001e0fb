/* The manifest's bytes: canonical form, memory budget, text, unknown fields. */
#include "format/layout.h"
#include "format/manifest.h"
#include "tests/support/check.h"
#include "tests/support/tiny_model.h"

static alb_diag diag;

static alb_status unpack(alb_span bytes, unsigned minor) {
  alb_arena arena = {0};
  const Alb__Manifest *manifest;
  const alb_status status = alb_manifest_unpack(&diag, bytes, minor, &arena, &manifest);
  alb_arena_free(&arena);
  return status;
}

#define BYTES(literal) ((alb_span){(const uint8_t *)(literal), sizeof(literal) - 1})

static void test_round_trip(void **state) {
  (void)state;
  alb_arena arena = {0}, result = {0};
  const Alb__Manifest *in = tiny_manifest(&arena), *out = NULL;
  const size_t n = alb__manifest__get_packed_size(in);
  uint8_t *bytes = alb_arena_alloc(&arena, n);
  alb__manifest__pack(in, bytes);
  assert_ok(&diag, alb_manifest_unpack(&diag, (alb_span){bytes, n}, 0, &result, &out));
  assert_int_equal(out->n_tensors, in->n_tensors);
  assert_string_equal(out->functions[1]->name, "encoder");
  assert_true(result.used <= ALB_MANIFEST_MEMORY(n));
  alb_arena_free(&result);
  alb_arena_free(&arena);
}

/* Field 1 is Config, whose field 3 (layers) is tag 0x18; field 6 is labels, tag 0x32. */
static void test_canonical(void **state) {
  (void)state;
  assert_ok(&diag, unpack(BYTES(""), 0));
  assert_ok(&diag, unpack(BYTES("\x0a\x00"), 0));
  assert_ok(&diag, unpack(BYTES("\x0a\x02\x18\x02"), 0));
  assert_ok(&diag, unpack(BYTES("\x32\x01"
                                "a"
                                "\x32\x00"),
                          0));
  static const alb_span bad[] = {
      {(const uint8_t *)"\x0a\x02\x18\x00", 4},                 /* a default written out */
      {(const uint8_t *)"\x0a\x03\x18\x82\x00", 5},             /* a long varint */
      {(const uint8_t *)"\x0a\x82\x00\x18\x02", 5},             /* a long length */
      {(const uint8_t *)"\x0a\x04\x20\x02\x18\x02", 6},         /* fields out of order */
      {(const uint8_t *)"\x0a\x04\x18\x02\x18\x03", 6},         /* a field twice */
      {(const uint8_t *)"\x0a\x02\x18\x02\x0a\x02\x20\x02", 8}, /* a message in two parts */
      {(const uint8_t *)"\x1a\x04\x10\x01\x10\x02", 6},         /* numbers not packed */
      {(const uint8_t *)"\x32\x03"
                        "a\0b",
       5},                                                      /* NUL in a text */
      {(const uint8_t *)"\x0a\x05\x6d\x00\x00\x00\x80", 7},     /* -0 */
      {(const uint8_t *)"\x0a\x06\x18\x82\x80\x80\x80\x10", 8}, /* 33 bits in a u32 */
      {(const uint8_t *)"\x3a\x02\x10\x02", 4},                 /* a bool of 2 */
  };
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    assert_refused(&diag, unpack(bad[i], 0), ALB_MALFORMED, "not in canonical form");
  }
}

static void test_not_protobuf(void **state) {
  (void)state;
  static const alb_span bad[] = {
      {(const uint8_t *)"\x0a", 1},                                              /* no length */
      {(const uint8_t *)"\x0a\x05\x18", 3},                                      /* past the end */
      {(const uint8_t *)"\x0a\xff\xff\xff\xff\x0f", 6},                          /* 2^32 - 1 */
      {(const uint8_t *)"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11},     /* 2^64 - 1 */
      {(const uint8_t *)"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 12}, /* a tag of 12 bytes */
      {(const uint8_t *)"\x0b\x0c", 2},                                          /* groups */
      {(const uint8_t *)"\x08\x01", 2},                                          /* wrong wire type */
  };
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) assert_int_equal(unpack(bad[i], 0), ALB_MALFORMED);
  alb_diag_free(&diag);
}

static void test_unknown_field(void **state) {
  (void)state;
  const alb_span bytes = BYTES("\xa2\x06\x01x"); /* field 100 */
  assert_refused(&diag, unpack(bytes, ALB_FORMAT_MINOR), ALB_MALFORMED, "unknown field 100 in Manifest");
  assert_ok(&diag, unpack(bytes, ALB_FORMAT_MINOR + 1));
  assert_refused(&diag, unpack(BYTES("\x0a\x04\xa2\x06\x01x"), 0), ALB_MALFORMED, "unknown field 100 in Config");
}

static void test_text(void **state) {
  (void)state;
  assert_refused(&diag, unpack(BYTES("\x32\x02\xc0\x80"), 0), ALB_MALFORMED, "\"labels\" is not UTF-8");
  assert_refused(&diag, unpack(BYTES("\x0a\x05\x0a\x03\xed\xa0\x80"), 0), ALB_MALFORMED,
                 "\"architecture\" is not UTF-8");
  assert_refused(&diag, unpack(BYTES("\x22\x03\x1a\x01\xff"), 0), ALB_MALFORMED, "\"parameters\" is not UTF-8");
}

/* 4 MiB of empty functions would unpack to hundreds of MiB. */
static void test_budget(void **state) {
  (void)state;
  const size_t n = 4 << 20;
  uint8_t *bytes = malloc(n);
  for (size_t i = 0; i < n; i += 2) memcpy(bytes + i, "\x22", 2);
  assert_refused(&diag, unpack((alb_span){bytes, n}, 0), ALB_LIMIT, "64 times its size");
  free(bytes);
  assert_refused(&diag, unpack((alb_span){NULL, ALB_MAX_MANIFEST_BYTES + 1}, 0), ALB_LIMIT, "at most 67108864");
}

/* The walk over a message recurses as deep as the schema: it must have no cycle. */
static unsigned depth_of(const ProtobufCMessageDescriptor *message, unsigned limit) {
  unsigned deepest = 0;
  for (unsigned i = 0; limit && i < message->n_fields; i++) {
    if (message->fields[i].type != PROTOBUF_C_TYPE_MESSAGE) continue;
    const unsigned depth = depth_of(message->fields[i].descriptor, limit - 1);
    if (depth > deepest) deepest = depth;
  }
  return deepest + 1;
}

static void test_schema_depth(void **state) {
  (void)state;
  assert_in_range(depth_of(&alb__manifest__descriptor, 20), 1, 8);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_round_trip),    cmocka_unit_test(test_canonical), cmocka_unit_test(test_not_protobuf),
      cmocka_unit_test(test_unknown_field), cmocka_unit_test(test_text),      cmocka_unit_test(test_budget),
      cmocka_unit_test(test_schema_depth),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
