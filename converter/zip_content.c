/* The content of a zip archive's entries: stored or deflated, with its checksum. */
#include <limits.h>
#include <zlib.h>

#include "base/file.h"
#include "converter/zip.h"

enum { STEP = 4 << 20 };

static alb_span packed_bytes(const alb_zip *zip, const alb_zip_entry *e) {
  return (alb_span){zip->file.p + e->data, (size_t)e->packed};
}

static alb_status check_crc(alb_diag *diag, const alb_zip_entry *e, uint32_t crc) {
  if (crc == e->crc) return ALB_OK;
  return alb_fail(diag, ALB_CHECKSUM, "zip: entry \"%.*s\": checksum is %08x, the archive says %08x",
                  ALB_STR_ARGS(e->name), crc, e->crc);
}

/* Pages of the mapped file are given back on the way. */
alb_status alb_zip_borrow(alb_diag *diag, const alb_zip *zip, const alb_zip_entry *entry, alb_span *content) {
  uLong crc = crc32_z(0, NULL, 0);
  alb_span rest = packed_bytes(zip, entry), step;
  *content = rest;
  while (rest.n) {
    (void)alb_span_take(&rest, rest.n < STEP ? rest.n : STEP, &step);
    crc = crc32_z(crc, step.p, step.n);
    alb_file_release(step);
  }
  return check_crc(diag, entry, (uint32_t)crc);
}

/* One stream to exactly n bytes, which takes all packed bytes: Z_STREAM_END. */
static int inflate_all(z_stream *stream, alb_span packed, uint8_t *out, size_t n) {
  int result = Z_OK;
  uint8_t none[1];
  stream->next_out = n ? out : none;
  stream->next_in = (z_const Bytef *)(uintptr_t)packed.p;
  for (size_t given = 0, room = 0; result == Z_OK;) {
    if (stream->avail_in == 0) {
      stream->avail_in = (uInt)(packed.n - given < UINT_MAX ? packed.n - given : UINT_MAX);
      given += stream->avail_in;
    }
    if (stream->avail_out == 0) {
      stream->avail_out = (uInt)(n - room < UINT_MAX ? n - room : UINT_MAX);
      room += stream->avail_out;
    }
    result = inflate(stream, Z_NO_FLUSH);
  }
  const bool all = stream->total_out == n && stream->total_in == packed.n;
  return result == Z_STREAM_END && !all ? Z_DATA_ERROR : result;
}

alb_status alb_zip_extract(alb_diag *diag, const alb_zip *zip, const alb_zip_entry *entry, uint8_t *out) {
  const alb_span packed = packed_bytes(zip, entry);
  const size_t n = (size_t)entry->size;
  if (entry->method == ALB_ZIP_STORED) {
    if (n) memcpy(out, packed.p, n);
  } else {
    z_stream stream = {0};
    if (inflateInit2(&stream, -MAX_WBITS) != Z_OK) return alb_fail_memory(diag, 0, "decompression");
    const int result = inflate_all(&stream, packed, out, n);
    (void)inflateEnd(&stream);
    alb_file_release(packed);
    if (result == Z_MEM_ERROR) return alb_fail_memory(diag, 0, "decompression");
    if (result != Z_STREAM_END) {
      return alb_fail(diag, ALB_MALFORMED,
                      "zip: entry \"%.*s\": its deflated data are damaged or not of the size that is said",
                      ALB_STR_ARGS(entry->name));
    }
  }
  return check_crc(diag, entry, (uint32_t)crc32_z(crc32_z(0, NULL, 0), out, n));
}
