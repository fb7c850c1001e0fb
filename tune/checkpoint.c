/* Writing checkpoints, and reading them as hostile input. */
#include "tune/checkpoint.h"

#include <string.h>

#include "base/file.h"
#include "base/output.h"

enum { PIECES = 4 + ALB_CHECKPOINT_ARRAYS };

static const char magic[8] = "ALBHEAL2";

/* Where everything lies in memory, in the file's order. */
static void pieces_of(const alb_checkpoint *c, const uint64_t *n, alb_span pieces[PIECES]) {
  pieces[0] = (alb_span){(const uint8_t *)magic, sizeof magic};
  pieces[1] = (alb_span){c->key.bytes, sizeof c->key.bytes};
  pieces[2] = (alb_span){(const uint8_t *)n, sizeof *n};
  pieces[3] = (alb_span){(const uint8_t *)c->state, sizeof *c->state};
  for (int i = 0; i < ALB_CHECKPOINT_ARRAYS; i++)
    pieces[4 + i] = (alb_span){(const uint8_t *)c->arrays[i], c->n * sizeof(float)};
}

static alb_status write_pieces(alb_diag *diag, alb_output *out, const alb_span pieces[PIECES]) {
  const alb_hash128 hash = alb_hash_pieces(pieces, PIECES);
  uint64_t at = 0;
  for (int i = 0; i < PIECES; i++) {
    ALB_TRY(alb_output_write(diag, out, at, pieces[i].p, pieces[i].n));
    at += pieces[i].n;
  }
  return alb_output_write(diag, out, at, hash.bytes, sizeof hash.bytes);
}

alb_status alb_checkpoint_save(alb_diag *diag, const char *path, const alb_checkpoint *checkpoint) {
  const uint64_t n = checkpoint->n;
  alb_span pieces[PIECES];
  alb_output out;
  pieces_of(checkpoint, &n, pieces);
  ALB_TRY(alb_output_open(diag, path, true, &out));
  const alb_status status = write_pieces(diag, &out, pieces);
  if (status == ALB_OK) return alb_output_commit(diag, &out);
  alb_output_abort(&out);
  return status;
}

/* The bytes are a whole checkpoint of this training. */
static alb_status check(alb_diag *diag, alb_span bytes, const alb_span pieces[PIECES]) {
  size_t size = sizeof(alb_hash128);
  for (int i = 0; i < PIECES; i++) size += pieces[i].n;
  if (bytes.n < sizeof magic || memcmp(bytes.p, magic, sizeof magic) != 0)
    return alb_fail(diag, ALB_MALFORMED, "is no checkpoint");
  if (bytes.n < sizeof magic + sizeof(alb_hash128)) return alb_fail(diag, ALB_TRUNCATED, "is cut off");
  if (memcmp(bytes.p + sizeof magic, pieces[1].p, pieces[1].n) != 0)
    return alb_fail(diag, ALB_DIFFERS, "is the checkpoint of another source, other texts or other options");
  if (bytes.n != size) return alb_fail(diag, ALB_TRUNCATED, "has %zu bytes, expected %zu", bytes.n, size);
  const alb_hash128 hash = alb_hash_bytes((alb_span){bytes.p, size - sizeof hash});
  if (memcmp(hash.bytes, bytes.p + size - sizeof hash, sizeof hash) != 0)
    return alb_fail(diag, ALB_CHECKSUM, "is damaged: its checksum is another one");
  if (memcmp(bytes.p + sizeof magic + pieces[1].n, pieces[2].p, pieces[2].n) != 0)
    return alb_fail(diag, ALB_MALFORMED, "is of another number of parameters");
  return ALB_OK;
}

static void take(alb_span bytes, const alb_checkpoint *c) {
  const uint8_t *from = bytes.p + sizeof magic + sizeof c->key + sizeof(uint64_t);
  memcpy(c->state, from, sizeof *c->state);
  from += sizeof *c->state;
  for (int i = 0; i < ALB_CHECKPOINT_ARRAYS; i++, from += c->n * sizeof(float))
    memcpy(c->arrays[i], from, c->n * sizeof(float));
}

alb_status alb_checkpoint_load(alb_diag *diag, const char *path, const alb_checkpoint *checkpoint) {
  const uint64_t n = checkpoint->n;
  alb_span pieces[PIECES];
  alb_file file;
  pieces_of(checkpoint, &n, pieces);
  alb_status status = alb_file_map(diag, path, &file);
  if (status == ALB_OK) {
    status = check(diag, file.bytes, pieces);
    if (status == ALB_OK) take(file.bytes, checkpoint);
    alb_file_unmap(&file);
  }
  if (status != ALB_OK) alb_diag_prefix(diag, "%s", path);
  return status;
}
