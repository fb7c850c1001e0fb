/* The manifest's bytes: unpacked within a memory budget, and only in their canonical form. */
#include "format/manifest.h"

#include <stdlib.h>

#include "base/utf8.h"
#include "format/layout.h"

/* ---- an allocator for protobuf-c that takes from an arena and stops at a budget ---- */

typedef struct budget {
  alb_arena *arena;
  size_t rest;
  bool spent, failed;
} budget;

static void *budget_alloc(void *data, size_t n) {
  budget *b = data;
  b->spent = b->spent || n > b->rest;
  if (b->spent) return NULL;
  b->rest -= n;
  void *p = alb_arena_alloc(b->arena, n);
  b->failed = b->failed || !p;
  return p;
}

static void budget_free(void *data, void *p) {
  (void)data; /* the arena frees everything at once */
  (void)p;
}

static alb_status unpack(alb_diag *diag, alb_span bytes, alb_arena *arena, Alb__Manifest **out) {
  budget b = {.arena = arena, .rest = ALB_MANIFEST_MEMORY(bytes.n)};
  ProtobufCAllocator allocator = {.alloc = budget_alloc, .free = budget_free, .allocator_data = &b};
  *out = alb__manifest__unpack(&allocator, bytes.n, bytes.p);
  if (*out) return ALB_OK;
  if (b.failed) return alb_fail_memory(diag, ALB_MANIFEST_MEMORY(bytes.n), "the manifest");
  if (b.spent) return alb_fail(diag, ALB_LIMIT, "manifest: unpacks to more than 64 times its size");
  return alb_fail(diag, ALB_MALFORMED, "manifest: not a protobuf message of its schema");
}

/* One model, one file: there is one way to pack a message. */
static alb_status check_canonical(alb_diag *diag, alb_span bytes, const Alb__Manifest *manifest) {
  const size_t size = alb__manifest__get_packed_size(manifest);
  if (size != bytes.n) {
    return alb_fail(diag, ALB_MALFORMED, "manifest: not in canonical form (%zu bytes, canonical %zu)", bytes.n, size);
  }
  uint8_t *packed = malloc(size + 1);
  if (!packed) return alb_fail_memory(diag, size, "the manifest");
  (void)alb__manifest__pack(manifest, packed);
  const bool same = size == 0 || memcmp(packed, bytes.p, size) == 0;
  free(packed);
  return same ? ALB_OK : alb_fail(diag, ALB_MALFORMED, "manifest: not in canonical form");
}

/* ---- a walk over a message by its descriptor ---- */

static alb_status check_text(alb_diag *diag, const ProtobufCFieldDescriptor *field, const char *text) {
  if (!text || alb_utf8_valid(alb_str_of(text))) return ALB_OK;
  return alb_fail(diag, ALB_MALFORMED, "manifest: field \"%s\" is not UTF-8", field->name);
}

/* The number of values of a field and where they stand: repeated fields hold a pointer to them. */
static size_t field_values(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field,
                           const void **values) {
  const uint8_t *base = (const uint8_t *)message;
  *values = base + field->offset;
  if (field->label == PROTOBUF_C_LABEL_REPEATED) {
    size_t count;
    memcpy(&count, base + field->quantifier_offset, sizeof count);
    memcpy(values, base + field->offset, sizeof *values);
    return count;
  }
  if (!(field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF)) return 1;
  uint32_t which;
  memcpy(&which, base + field->quantifier_offset, sizeof which);
  return which == field->id;
}

/* Recursion is as deep as the schema, which has no cycles; a test says so. */
static alb_status check_message(alb_diag *diag, const ProtobufCMessage *message, bool allow_unknown) {
  if (message->n_unknown_fields && !allow_unknown) {
    return alb_fail(diag, ALB_MALFORMED, "manifest: unknown field %u in %s", message->unknown_fields[0].tag,
                    message->descriptor->short_name);
  }
  for (unsigned f = 0; f < message->descriptor->n_fields; f++) {
    const ProtobufCFieldDescriptor *field = &message->descriptor->fields[f];
    if (field->type != PROTOBUF_C_TYPE_STRING && field->type != PROTOBUF_C_TYPE_MESSAGE) continue;
    const void *values;
    const size_t count = field_values(message, field, &values);
    const void *const *items = values;
    for (size_t i = 0; i < count; i++) {
      if (field->type == PROTOBUF_C_TYPE_STRING) {
        ALB_TRY(check_text(diag, field, items[i]));
      } else if (items[i]) {
        ALB_TRY(check_message(diag, items[i], allow_unknown));
      }
    }
  }
  return ALB_OK;
}

alb_status alb_manifest_unpack(alb_diag *diag, alb_span bytes, unsigned minor, alb_arena *arena,
                               const Alb__Manifest **out) {
  Alb__Manifest *manifest = NULL;
  if (bytes.n > ALB_MAX_MANIFEST_BYTES) {
    return alb_fail(diag, ALB_LIMIT, "manifest: %zu bytes, at most %d", bytes.n, ALB_MAX_MANIFEST_BYTES);
  }
  ALB_TRY(unpack(diag, bytes, arena, &manifest));
  ALB_TRY(check_message(diag, &manifest->base, minor > ALB_FORMAT_MINOR));
  ALB_TRY(check_canonical(diag, bytes, manifest));
  *out = manifest;
  return ALB_OK;
}
