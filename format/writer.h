/* Writing an .alb file: blobs are streamed, tables follow, the whole is read back before it is there. */
#ifndef ALB_FORMAT_WRITER_H
#define ALB_FORMAT_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "alb.pb-c.h"
#include "base/span.h"
#include "base/status.h"

/* A file in the making. Order of calls: open, blobs (ids 0, 1, 2 ... in the order of the calls),
 * set_manifest, set_vocab (if any), commit; close in any case. After a failed call only close is
 * of use. Memory: about 2 MiB, whatever the size of the blobs. One thread at a time. */
typedef struct alb_writer alb_writer;

/* Starts the file for `path` in the same folder, invisible until commit. Without `replace` an
 * existing path is refused (ALB_EXISTS). *out is the caller's, to be closed. */
alb_status alb_writer_open(alb_diag *diag, const char *path, bool replace, alb_writer **out);

/* Adds a blob of `bytes`. width: bytes of one element (1, 2, 4 or 8); the size is a multiple of it
 * and at least 1. compress: stored shuffled and deflated (blobs of some size only). *id may be NULL. */
alb_status alb_writer_add_blob(alb_diag *diag, alb_writer *writer, alb_span bytes, uint32_t width, bool compress,
                               uint32_t *id);

/* The same in pieces: begin states the size, the appended pieces add up to it. The bytes of the
 * file do not depend on how a blob was cut. */
alb_status alb_writer_begin_blob(alb_diag *diag, alb_writer *writer, uint64_t size, uint32_t width, bool compress,
                                 uint32_t *id);
alb_status alb_writer_append_blob(alb_diag *diag, alb_writer *writer, alb_span piece);
alb_status alb_writer_end_blob(alb_diag *diag, alb_writer *writer);

/* Packs the manifest; it is not needed afterwards. Blobs may still be added. */
alb_status alb_writer_set_manifest(alb_diag *diag, alb_writer *writer, const Alb__Manifest *manifest);
/* Packs the vocabulary: tokens[id] is the text of token `id`, UTF-8. Not needed afterwards. */
alb_status alb_writer_set_vocab(alb_diag *diag, alb_writer *writer, const alb_str *tokens, size_t count);

/* Writes the tables, reads the whole file back through the reader with every check (so a wrong
 * manifest is refused here), syncs it and puts it at its path. *file_size may be NULL. */
alb_status alb_writer_commit(alb_diag *diag, alb_writer *writer, uint64_t *file_size);

/* Frees the writer; without a successful commit nothing is left of the file. NULL is allowed. */
void alb_writer_close(alb_writer *writer);

/* The bytes of a vocabulary section with `count` tokens of `text_bytes` bytes in all. */
uint64_t alb_vocab_section_size(uint64_t count, uint64_t text_bytes);

/* The exact size of the file that the writer would make of uncompressed blobs of these sizes, a
 * manifest of manifest_size bytes (alb__manifest__get_packed_size) and a vocabulary section of
 * vocab_size bytes (0: none). ALB_OVERFLOW or ALB_LIMIT when there can be no such file. */
alb_status alb_writer_predict_size(alb_diag *diag, const uint64_t *blob_sizes, size_t blob_count,
                                   uint64_t manifest_size, uint64_t vocab_size, uint64_t *file_size);

#endif
