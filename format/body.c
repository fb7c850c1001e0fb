/* The body of a file being written: bytes in order, a checksum for each chunk. */
#include "format/body.h"

#include <stdlib.h>

#include "base/hash.h"

uint64_t alb_body_offset(const alb_body *body) {
  return ALB_PREFIX_BYTES + body->written + body->filled;
}

/* The buffer holds whole chunks but for the end of the body, so chunks never straddle it. */
static alb_status flush(alb_diag *diag, alb_body *body) {
  for (size_t at = 0; at < body->filled; at += ALB_CHUNK_BYTES) {
    const size_t rest = body->filled - at, n = rest < ALB_CHUNK_BYTES ? rest : ALB_CHUNK_BYTES;
    if (!alb_vec_push(&body->hashes, alb_hash64_bytes((alb_span){body->buffer + at, n}))) {
      return alb_fail_memory(diag, body->hashes.count * sizeof(uint64_t), "checksums");
    }
  }
  ALB_TRY(alb_output_write(diag, body->output, ALB_PREFIX_BYTES + body->written, body->buffer, body->filled));
  body->written += body->filled;
  body->filled = 0;
  return ALB_OK;
}

alb_status alb_body_append(alb_diag *diag, alb_body *body, alb_span bytes) {
  while (bytes.n > 0) {
    const size_t room = ALB_BODY_BUFFER - body->filled, n = bytes.n < room ? bytes.n : room;
    memcpy(body->buffer + body->filled, bytes.p, n);
    body->filled += n;
    bytes = (alb_span){bytes.p + n, bytes.n - n};
    if (body->filled == ALB_BODY_BUFFER) ALB_TRY(flush(diag, body));
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
