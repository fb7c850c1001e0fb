/* The manifest's verifier: after it, every id, size and name of the manifest is in range. */
#ifndef ALB_FORMAT_VALIDATE_H
#define ALB_FORMAT_VALIDATE_H

#include "alb.pb-c.h"
#include "base/status.h"
#include "format/reader.h"

/* What a manifest is checked against; all borrowed. */
typedef struct alb_validation {
  const Alb__Manifest *manifest;
  const alb_stored_blob *blobs; /* [blob_count] */
  size_t blob_count;
  size_t token_count;  /* of the vocabulary section; 0: none */
  unsigned minor;      /* minor version of the file: says whether an unknown value is newer or wrong */
  bool deep;           /* look at the int8 elements too */
  alb_span file;       /* the whole of it */
  const uint8_t *seen; /* as alb_verify_options has it; NULL: not known, all elements are looked at */
} alb_validation;

/* Checks what docs/format.md sections 5, 7 and 8 demand. Linear time; no recursion. The types and shapes
 * of values along the graph are the business of whoever runs it. */
alb_status alb_validate_manifest(alb_diag *diag, const alb_validation *v);

/* The part of it that concerns functions and nodes (validate_graph.c). */
alb_status alb_validate_graph(alb_diag *diag, const alb_validation *v);

/* ---- for the two files of the verifier ---- */

#define ALB_BAD(diag, ...) alb_fail((diag), ALB_MALFORMED, "manifest: " __VA_ARGS__)

/* A value of a table (dtype, operator ...) that this program does not have. */
alb_status alb_validate_unknown(alb_diag *diag, const alb_validation *v, const char *what, uint32_t value);
/* A name: 1 to ALB_MAX_NAME_BYTES bytes. */
alb_status alb_validate_name(alb_diag *diag, const char *what, size_t index, const char *name);

#endif
