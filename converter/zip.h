/* A zip archive as an index over a mapped file, whose pages are given back once they were read. Strict: what two
 * readers could understand in two ways is refused. https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT (4.3
 * "General Format", 4.5.3 "ZIP64") */
#ifndef ALB_CONVERTER_ZIP_H
#define ALB_CONVERTER_ZIP_H

#include "base/arena.h"
#include "base/span.h"
#include "base/status.h"
#include "base/strmap.h"
#include "base/vec.h"

typedef struct alb_zip_entry {
  alb_str name;    /* in the file */
  uint64_t size;   /* of the content */
  uint64_t packed; /* bytes that the content takes in the file */
  uint64_t header; /* offset of the local header */
  uint64_t data;   /* offset of the packed bytes */
  uint32_t crc;    /* of the content */
  uint16_t method, flags;
} alb_zip_entry;

/* Start with {0}; alb_zip_free at the end. Borrows the file. */
typedef struct alb_zip {
  alb_span file;
  ALB_VEC(alb_zip_entry) entries; /* in the order of the central directory */
  alb_strmap names;               /* in lower case; the same order */
  alb_arena arena;
} alb_zip;

/* Indexes an archive; nothing is inflated. Sizes come from the central directory, and whatever the local headers, data
 * descriptors and ZIP64 fields say must agree with it. The entries tile the file up to the central directory: no
 * overlap, no hole, nothing before or behind. Names are plain relative UTF-8 names, different also when case is
 * ignored. Errors: ALB_TRUNCATED, ALB_MALFORMED, ALB_DUPLICATE, ALB_LIMIT (a deflated size that deflate cannot
 * reach), ALB_UNSUPPORTED (encryption, other methods, archives of several files). */
alb_status alb_zip_open(alb_diag *diag, alb_span file, alb_zip *out);
void alb_zip_free(alb_zip *zip);

/* The entry of that name, or NULL. */
const alb_zip_entry *alb_zip_find(const alb_zip *zip, alb_str name);

/* The content of a stored entry (method ALB_ZIP_STORED), in the file; ALB_CHECKSUM. */
alb_status alb_zip_borrow(alb_diag *diag, const alb_zip *zip, const alb_zip_entry *entry, alb_span *content);
/* Writes the content of any entry to out (entry->size bytes). Deflated data must give exactly these and end there:
 * ALB_MALFORMED, ALB_CHECKSUM. */
alb_status alb_zip_extract(alb_diag *diag, const alb_zip *zip, const alb_zip_entry *entry, uint8_t *out);

enum { ALB_ZIP_STORED = 0, ALB_ZIP_DEFLATED = 8 };

#endif
