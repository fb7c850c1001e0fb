/* The body of a file being written: bytes in order, a checksum for each chunk. */
#ifndef ALB_FORMAT_BODY_H
#define ALB_FORMAT_BODY_H

#include "base/output.h"
#include "base/span.h"
#include "base/status.h"
#include "base/vec.h"
#include "format/layout.h"

enum { ALB_BODY_BUFFER = 16 * ALB_CHUNK_BYTES };

/* Start with {.output = ...} (borrowed) and buffer of ALB_BODY_BUFFER bytes (owned). */
typedef struct alb_body {
  alb_output *output;
  uint8_t *buffer;
  size_t filled;    /* bytes in the buffer, not yet written */
  uint64_t written; /* bytes of the body in the file */
  ALB_VEC(uint64_t) hashes;
} alb_body;

/* The offset in the file of the next byte. */
uint64_t alb_body_offset(const alb_body *body);
alb_status alb_body_append(alb_diag *diag, alb_body *body, alb_span bytes);
/* Zeros up to the next multiple of ALB_ALIGN. */
alb_status alb_body_pad(alb_diag *diag, alb_body *body);
/* Writes what is left; nothing can be appended afterwards. */
alb_status alb_body_finish(alb_diag *diag, alb_body *body);
void alb_body_free(alb_body *body);

#endif
