/* The PLANES encoding of a blob: byte planes in blocks, one zlib stream. Both ways. */
#include "format/compress.h"

#include <limits.h>
#include <stdlib.h>
#include <zlib.h>

#include "format/planes.h"

enum { LEVEL = 9, WINDOW_BITS = 15, MEMORY_LEVEL = 9, OUT_BYTES = 64 * 1024 };

struct alb_compressor {
  alb_body *body;
  z_stream stream;
  uint32_t width;
  size_t filled; /* bytes in block */
  uint8_t block[ALB_PLANE_BLOCK], planes[ALB_PLANE_BLOCK], out[OUT_BYTES];
};

alb_status alb_compressor_new(alb_diag *diag, alb_body *body, alb_compressor **out) {
  alb_compressor *c = malloc(sizeof *c);
  if (!c) return alb_fail_memory(diag, sizeof *c, "compression");
  c->body = body;
  c->stream = (z_stream){0};
  if (deflateInit2(&c->stream, LEVEL, Z_DEFLATED, WINDOW_BITS, MEMORY_LEVEL, Z_DEFAULT_STRATEGY) != Z_OK) {
    free(c);
    return alb_fail_memory(diag, 0, "compression");
  }
  *out = c;
  return ALB_OK;
}

void alb_compressor_start(alb_compressor *c, uint32_t width) {
  (void)deflateReset(&c->stream);
  c->width = width;
  c->filled = 0;
}

/* Deflates one block; with Z_FINISH the stream ends. */
static alb_status deflate_block(alb_diag *diag, alb_compressor *c, int flush) {
  alb_planes_split(c->block, c->filled, c->width, c->planes);
  c->stream.next_in = c->planes;
  c->stream.avail_in = (uInt)c->filled;
  c->filled = 0;
  int rc;
  do {
    c->stream.next_out = c->out;
    c->stream.avail_out = OUT_BYTES;
    rc = deflate(&c->stream, flush);
    ALB_TRY(alb_body_append(diag, c->body, (alb_span){c->out, OUT_BYTES - c->stream.avail_out}));
  } while (flush == Z_FINISH ? rc != Z_STREAM_END : c->stream.avail_out == 0);
  return ALB_OK;
}

alb_status alb_compressor_append(alb_diag *diag, alb_compressor *c, alb_span bytes) {
  while (bytes.n > 0) {
    const size_t room = ALB_PLANE_BLOCK - c->filled, n = bytes.n < room ? bytes.n : room;
    memcpy(c->block + c->filled, bytes.p, n);
    c->filled += n;
    bytes = (alb_span){bytes.p + n, bytes.n - n};
    if (c->filled == ALB_PLANE_BLOCK) ALB_TRY(deflate_block(diag, c, Z_NO_FLUSH));
  }
  return ALB_OK;
}

alb_status alb_compressor_finish(alb_diag *diag, alb_compressor *c) {
  return deflate_block(diag, c, Z_FINISH);
}

void alb_compressor_free(alb_compressor *c) {
  if (c) (void)deflateEnd(&c->stream);
  free(c);
}

/* Refills the input from what is left; avail_in is only 32 bits wide. */
static void feed(z_stream *stream, alb_span *rest) {
  alb_span part;
  if (stream->avail_in > 0) return;
  (void)alb_span_take(rest, rest->n < UINT_MAX ? rest->n : UINT_MAX, &part);
  stream->next_in = (Bytef *)(uintptr_t)part.p;
  stream->avail_in = (uInt)part.n;
}

/* Inflates exactly n bytes to out. */
static alb_status inflate_bytes(alb_diag *diag, z_stream *stream, alb_span *rest, uint8_t *out, size_t n) {
  stream->next_out = out;
  stream->avail_out = (uInt)n;
  while (stream->avail_out > 0) {
    feed(stream, rest);
    const int rc = inflate(stream, Z_NO_FLUSH);
    if (rc == Z_MEM_ERROR) return alb_fail_memory(diag, 0, "decompression");
    if (rc != Z_OK && !(rc == Z_STREAM_END && stream->avail_out == 0)) {
      return alb_fail(diag, ALB_MALFORMED, "compressed data: %s", stream->msg ? stream->msg : "ends early");
    }
  }
  return ALB_OK;
}

/* After the last byte of output: only the end of the stream, and no byte after it. */
static alb_status inflate_end(alb_diag *diag, z_stream *stream, alb_span *rest) {
  uint8_t more;
  int rc;
  do {
    feed(stream, rest);
    stream->next_out = &more;
    stream->avail_out = 1;
    rc = inflate(stream, Z_NO_FLUSH);
  } while (rc == Z_OK && stream->avail_out == 1);
  if (stream->avail_out == 0) return alb_fail(diag, ALB_MALFORMED, "compressed data: longer than the blob");
  if (rc != Z_STREAM_END) {
    return alb_fail(diag, ALB_MALFORMED, "compressed data: %s", stream->msg ? stream->msg : "stream does not end");
  }
  if (stream->avail_in || rest->n) return alb_fail(diag, ALB_MALFORMED, "compressed data: bytes after its end");
  return ALB_OK;
}

static alb_status inflate_blocks(alb_diag *diag, z_stream *stream, alb_span stored, uint32_t width, uint8_t *out,
                                 size_t size, uint8_t *planes) {
  for (size_t at = 0; at < size; at += ALB_PLANE_BLOCK) {
    const size_t n = size - at < ALB_PLANE_BLOCK ? size - at : ALB_PLANE_BLOCK;
    ALB_TRY(inflate_bytes(diag, stream, &stored, planes, n));
    alb_planes_join(planes, n, width, out + at);
  }
  return inflate_end(diag, stream, &stored);
}

alb_status alb_inflate_planes(alb_diag *diag, alb_span stored, uint32_t width, uint8_t *out, size_t size) {
  z_stream stream = {0};
  uint8_t *planes = malloc(ALB_PLANE_BLOCK);
  if (!planes || inflateInit2(&stream, WINDOW_BITS) != Z_OK) {
    free(planes);
    return alb_fail_memory(diag, ALB_PLANE_BLOCK, "decompression");
  }
  const alb_status status = inflate_blocks(diag, &stream, stored, width, out, size, planes);
  (void)inflateEnd(&stream);
  free(planes);
  return status;
}
