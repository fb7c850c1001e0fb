/* Reads a SentencePiece model: a bounds-checked walk over protobuf fields, three messages deep. */
#include "converter/spiece_model.h"

#include <math.h>

#include "base/half.h"
#include "base/utf8.h"
#include "base/varint.h"
#include "format/layout.h"

/* ---- protobuf ---- */

typedef struct field {
  uint32_t number, wire; /* 0 varint, 1 and 5 fixed, 2 bytes */
  uint64_t value;        /* of a varint or a fixed number */
  alb_span bytes;
} field;

static alb_status broken(alb_diag *diag, const char *what) {
  return alb_fail(diag, ALB_MALFORMED, "not a SentencePiece model: %s", what);
}

static alb_status take_varint(alb_diag *diag, alb_span *from, uint64_t *out) {
  const alb_status status = alb_take_varint(from, out);
  if (status == ALB_OK) return ALB_OK;
  return broken(diag, status == ALB_TRUNCATED ? "a number ends early" : "a number of more than 64 bits");
}

static alb_status take_field(alb_diag *diag, alb_span *from, field *out) {
  uint64_t tag;
  ALB_TRY(take_varint(diag, from, &tag));
  *out = (field){.number = (uint32_t)(tag >> 3), .wire = tag & 7};
  if (tag > UINT32_MAX || out->number == 0) return broken(diag, "field number out of range");
  if (out->wire == 0) return take_varint(diag, from, &out->value);
  if (out->wire != 1 && out->wire != 2 && out->wire != 5) return broken(diag, "unknown wire type");
  uint64_t size = out->wire == 1 ? 8 : 4;
  if (out->wire == 2) ALB_TRY(take_varint(diag, from, &size));
  if (size > from->n || !alb_span_take(from, (size_t)size, &out->bytes)) return broken(diag, "a field ends early");
  if (out->wire == 1) out->value = alb_load_u64(out->bytes.p);
  if (out->wire == 5) out->value = alb_load_u32(out->bytes.p);
  return ALB_OK;
}

/* Whether a field has the wire type of its kind: proto2 skips one that has not. */
static bool is(const field *f, uint32_t number, uint32_t wire) {
  return f->number == number && f->wire == wire;
}

/* ---- messages ---- */

static alb_status check_text(alb_diag *diag, size_t i, alb_str text) {
  if (text.n == 0) return alb_fail(diag, ALB_MALFORMED, "piece %zu is empty", i);
  if (text.n > ALB_MAX_NAME_BYTES)
    return alb_fail(diag, ALB_LIMIT, "piece %zu has %zu bytes, at most %d", i, text.n, ALB_MAX_NAME_BYTES);
  if (memchr(text.p, 0, text.n)) return alb_fail(diag, ALB_MALFORMED, "piece %zu has a NUL", i);
  if (!alb_utf8_valid(text)) return alb_fail(diag, ALB_MALFORMED, "piece %zu is not UTF-8", i);
  return ALB_OK;
}

static alb_status read_piece(alb_diag *diag, alb_span message, alb_spiece_model *out) {
  const size_t i = out->pieces.count;
  alb_spiece piece = {.type = ALB_SPIECE_NORMAL};
  uint64_t type = ALB_SPIECE_NORMAL;
  field f;
  while (message.n) {
    ALB_TRY(take_field(diag, &message, &f));
    if (is(&f, 1, 2)) piece.text = (alb_str){(const char *)f.bytes.p, f.bytes.n};
    if (is(&f, 2, 5)) piece.score = alb_f32_of_bits((uint32_t)f.value);
    if (is(&f, 3, 0)) type = f.value;
  }
  ALB_TRY(check_text(diag, i, piece.text));
  if (!isfinite(piece.score)) return alb_fail(diag, ALB_NONFINITE, "score of piece %zu", i);
  if (type < ALB_SPIECE_NORMAL || type > ALB_SPIECE_BYTE)
    return alb_fail(diag, ALB_MALFORMED, "piece %zu has type %llu", i, (unsigned long long)type);
  if (i == ALB_MAX_TOKENS) return alb_fail(diag, ALB_LIMIT, "more than %d pieces", ALB_MAX_TOKENS);
  piece.type = (alb_spiece_type)type;
  return alb_vec_push(&out->pieces, piece) ? ALB_OK : alb_fail_memory(diag, sizeof piece, "the pieces");
}

static alb_status read_trainer(alb_diag *diag, alb_span message, alb_spiece_model *out) {
  field f;
  while (message.n) {
    ALB_TRY(take_field(diag, &message, &f));
    if (f.wire != 0) continue;
    const int32_t number = (int32_t)(uint32_t)f.value;
    if (f.number == 3) out->model_type = number;
    if (f.number == 24) out->space_as_suffix = f.value;
    if (f.number == 35) out->byte_fallback = f.value;
    if (f.number == 40) out->unk_id = number;
    if (f.number == 40) out->states_unk_id = true;
    if (f.number == 41) out->bos_id = number;
    if (f.number == 42) out->eos_id = number;
    if (f.number == 43) out->pad_id = number;
  }
  return ALB_OK;
}

static alb_status read_normalizer(alb_diag *diag, alb_span message, alb_spiece_model *out) {
  field f;
  while (message.n) {
    ALB_TRY(take_field(diag, &message, &f));
    if (is(&f, 2, 2)) out->charsmap = f.bytes;
    if (is(&f, 3, 0)) out->dummy_prefix = f.value;
    if (is(&f, 4, 0)) out->remove_spaces = f.value;
    if (is(&f, 5, 0)) out->escape_spaces = f.value;
  }
  return ALB_OK;
}

/* ---- what must hold ---- */

static alb_status find_unknown(alb_diag *diag, alb_spiece_model *m) {
  size_t found = 0;
  for (size_t i = 0; i < m->pieces.count; i++) {
    if (m->pieces.items[i].type != ALB_SPIECE_UNKNOWN) continue;
    m->unk = (uint32_t)i;
    found++;
  }
  if (found != 1) return alb_fail(diag, ALB_MALFORMED, "%zu pieces of type unknown, not one", found);
  if (m->states_unk_id && m->unk_id != (int32_t)m->unk)
    return alb_fail(diag, ALB_MALFORMED, "unk_id is %d, the unknown piece is %u", m->unk_id, m->unk);
  return ALB_OK;
}

static alb_status check_ids(alb_diag *diag, const alb_spiece_model *m) {
  const struct {
    const char *name;
    int32_t id;
  } ids[] = {{"bos_id", m->bos_id}, {"eos_id", m->eos_id}, {"pad_id", m->pad_id}};
  for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
    if (ids[i].id < -1 || (ids[i].id > 0 && (size_t)ids[i].id >= m->pieces.count))
      return alb_fail(diag, ALB_MALFORMED, "%s is %d of %zu pieces", ids[i].name, ids[i].id, m->pieces.count);
  }
  return ALB_OK;
}

/* With byte fallback there is a piece for every byte; without, none. */
static alb_status check_bytes(alb_diag *diag, const alb_spiece_model *m) {
  bool seen[256] = {false};
  size_t count = 0;
  for (size_t i = 0; i < m->pieces.count; i++) {
    const alb_spiece *piece = &m->pieces.items[i];
    if (piece->type != ALB_SPIECE_BYTE) continue;
    unsigned byte = 0;
    char text[8] = "";
    memcpy(text, piece->text.p, piece->text.n < 7 ? piece->text.n : 7);
    for (; byte < 256; byte++) {
      static const char digits[] = "0123456789ABCDEF";
      const char name[7] = {'<', '0', 'x', digits[byte >> 4], digits[byte & 15], '>', 0};
      if (strcmp(text, name) == 0) break;
    }
    if (byte == 256 || seen[byte]) return alb_fail(diag, ALB_MALFORMED, "piece %zu is not a byte: \"%s\"", i, text);
    seen[byte] = true;
    count++;
  }
  if (count != (m->byte_fallback ? 256 : 0))
    return alb_fail(diag, ALB_MALFORMED, "%zu pieces of bytes, byte_fallback is %d", count, m->byte_fallback);
  return ALB_OK;
}

static alb_status check_kind(alb_diag *diag, const alb_spiece_model *m) {
  static const char *const types[] = {"?", "unigram", "bpe", "word", "char"};
  if (m->model_type < 1 || m->model_type > 4) return alb_fail(diag, ALB_MALFORMED, "model type %d", m->model_type);
  if (m->model_type != 1) return alb_fail(diag, ALB_UNSUPPORTED, "model type \"%s\"", types[m->model_type]);
  if (!m->escape_spaces) return alb_fail(diag, ALB_UNSUPPORTED, "escape_whitespaces is false");
  if (!m->remove_spaces) return alb_fail(diag, ALB_UNSUPPORTED, "remove_extra_whitespaces is false");
  if (m->space_as_suffix) return alb_fail(diag, ALB_UNSUPPORTED, "treat_whitespace_as_suffix is true");
  return ALB_OK;
}

alb_status alb_spiece_model_read(alb_diag *diag, alb_span file, alb_spiece_model *out) {
  field f;
  *out = (alb_spiece_model){.model_type = 1,
                            .bos_id = -1,
                            .eos_id = -1,
                            .pad_id = -1,
                            .dummy_prefix = true,
                            .remove_spaces = true,
                            .escape_spaces = true};
  while (file.n) {
    ALB_TRY(take_field(diag, &file, &f));
    if (is(&f, 1, 2)) ALB_TRY(read_piece(diag, f.bytes, out));
    if (is(&f, 2, 2)) ALB_TRY(read_trainer(diag, f.bytes, out));
    if (is(&f, 3, 2)) ALB_TRY(read_normalizer(diag, f.bytes, out));
  }
  if (!out->pieces.count) return alb_fail(diag, ALB_MALFORMED, "no pieces");
  ALB_TRY(check_kind(diag, out));
  ALB_TRY(find_unknown(diag, out));
  ALB_TRY(check_ids(diag, out));
  return check_bytes(diag, out);
}

void alb_spiece_model_free(alb_spiece_model *model) {
  alb_vec_free(&model->pieces);
}
