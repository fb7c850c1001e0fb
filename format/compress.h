/* The PLANES encoding of a blob: byte planes in blocks, one zlib stream. Both ways. */
#ifndef ALB_FORMAT_COMPRESS_H
#define ALB_FORMAT_COMPRESS_H

#include "format/body.h"

/* A blob being compressed into a body. Memory: 2.5 MiB, kept from blob to blob. */
typedef struct alb_compressor alb_compressor;

/* out is the caller's, to be freed; body is borrowed. */
alb_status alb_compressor_new(alb_diag *diag, alb_body *body, alb_compressor **out);
void alb_compressor_start(alb_compressor *compressor, uint32_t width);
alb_status alb_compressor_append(alb_diag *diag, alb_compressor *compressor, alb_span bytes);
alb_status alb_compressor_finish(alb_diag *diag, alb_compressor *compressor);
void alb_compressor_free(alb_compressor *compressor); /* NULL is allowed */

/* Undoes it: `stored` must be exactly one stream that gives exactly size bytes. */
alb_status alb_inflate_planes(alb_diag *diag, alb_span stored, uint32_t width, uint8_t *out, size_t size);

#endif
