/* The body of a file being written: bytes in order, a checksum for each chunk. */
#include "format/body.h"

#include <stdlib.h>

#include "base/hash.h"

uint64_t alb_body_offset(const alb_body *body) {
  return ALB_PREFIX_BYTES + body->written + body->filled;
}

/* Writes bytes that begin a chunk: whole chunks, but for the end of the body. */
static alb_status write_chunks(alb_diag *diag, alb_body *body, alb_span bytes) {
  for (size_t at = 0; at < bytes.n; at += ALB_CHUNK_BYTES) {
    const size_t rest = bytes.n - at, n = rest < ALB_CHUNK_BYTES ? rest : ALB_CHUNK_BYTES;
    if (!alb_vec_push(&body->hashes, alb_hash64_bytes((alb_span){bytes.p + at, n}))) {
      return alb_fail_memory(diag, body->hashes.count * sizeof(uint64_t), "checksums");
    }
  }
  ALB_TRY(alb_output_write(diag, body->output, ALB_PREFIX_BYTES + body->written, bytes.p, bytes.n));
  body->written += bytes.n;
  return ALB_OK;
}

static alb_status flush(alb_diag *diag, alb_body *body) {
  const alb_span bytes = {body->buffer, body->filled};
  body->filled = 0;
  return write_chunks(diag, body, bytes);
}

/* Up to the end of the chunk, or of the bytes. */
static size_t fill(alb_body *body, alb_span bytes) {
  const size_t room = ALB_CHUNK_BYTES - body->filled % ALB_CHUNK_BYTES, n = bytes.n < room ? bytes.n : room;
  memcpy(body->buffer + body->filled, bytes.p, n);
  body->filled += n;
  return n;
}

/* What is many chunks is written from where it lies, once the buffer ends with a whole chunk. */
alb_status alb_body_append(alb_diag *diag, alb_body *body, alb_span bytes) {
  while (bytes.n > 0) {
    size_t n = bytes.n < ALB_BODY_BUFFER ? 0 : ALB_BODY_BUFFER;
    const bool direct = n && body->filled % ALB_CHUNK_BYTES == 0;
    if (direct && body->filled) ALB_TRY(flush(diag, body));
    if (direct) {
      ALB_TRY(write_chunks(diag, body, (alb_span){bytes.p, n}));
    } else {
      n = fill(body, bytes);
    }
    if (body->filled == ALB_BODY_BUFFER) ALB_TRY(flush(diag, body));
    bytes = (alb_span){bytes.p + n, bytes.n - n};
  }
  return ALB_OK;
}

alb_status alb_body_pad(alb_diag *diag, alb_body *body) {
  static const uint8_t zeros[ALB_ALIGN];
  const size_t over = (size_t)(alb_body_offset(body) % ALB_ALIGN);
  return over ? alb_body_append(diag, body, (alb_span){zeros, ALB_ALIGN - over}) : ALB_OK;
}

alb_status alb_body_finish(alb_diag *diag, alb_body *body) {
  return flush(diag, body);
}

void alb_body_free(alb_body *body) {
  alb_vec_free(&body->hashes);
  free(body->buffer);
  *body = (alb_body){0};
}
