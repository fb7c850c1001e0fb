/* Reading an .alb file: from bytes nobody trusts to a checked, read-only view. */
#ifndef ALB_FORMAT_READER_H
#define ALB_FORMAT_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "alb.pb-c.h"
#include "base/hash.h"
#include "base/span.h"
#include "base/status.h"

/* An open file. Immutable: may be shared between threads. */
typedef struct alb_reader alb_reader;

typedef struct alb_reader_options {
  bool no_verify; /* skip the checksums of the blobs' bytes (not those of the tables); default: verify */
  bool copy;      /* read the file into memory: immune to a file truncated in place; default: map it */
  bool release;   /* give mapped pages back once they are checked: for who will not read them soon; default: keep */
  size_t threads; /* that check; default 0: the caller's alone */
} alb_reader_options;

/* Opens and checks the file as docs/format.md section 10 says; options may be NULL. After success
 * every id, size, offset and name in it is in range; shapes along the graph are not checked here.
 * Errors: ALB_IO, ALB_MALFORMED (which rule, where), ALB_TRUNCATED, ALB_CHECKSUM, ALB_VERSION,
 * ALB_LIMIT, ALB_MEMORY ... *out is the caller's, to be closed. */
alb_status alb_reader_open(alb_diag *diag, const char *path, const alb_reader_options *options, alb_reader **out);

/* The same for a file in memory. The bytes are borrowed until close; they are copied when
 * options->copy says so or when they do not start at a multiple of 64. */
alb_status alb_reader_open_bytes(alb_diag *diag, alb_span bytes, const alb_reader_options *options, alb_reader **out);

void alb_reader_close(alb_reader *reader); /* NULL is allowed */

/* Everything below is borrowed from the reader and lives until its close. */

const Alb__Manifest *alb_reader_manifest(const alb_reader *reader); /* never NULL */

typedef struct alb_stored_blob {
  alb_span bytes;    /* the blob's bytes, inflated if need be; aligned to 64 */
  uint32_t width;    /* bytes of one element */
  uint32_t encoding; /* alb_encoding */
  uint64_t stored;   /* bytes it takes in the file */
} alb_stored_blob;

size_t alb_reader_blob_count(const alb_reader *reader);
alb_stored_blob alb_reader_blob(const alb_reader *reader, size_t id); /* {0} when there is none */

alb_span alb_reader_vocab(const alb_reader *reader);           /* the section's bytes; {0}: none */
size_t alb_reader_token_count(const alb_reader *reader);       /* 0: no vocabulary */
alb_str alb_reader_token(const alb_reader *reader, size_t id); /* {0} when there is none */

uint64_t alb_reader_file_size(const alb_reader *reader);
alb_hash128 alb_reader_root(const alb_reader *reader); /* names the content of the whole file */

#endif
