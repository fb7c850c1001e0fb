/* The manifest's bytes: unpacked within a memory budget, and only in their canonical form. */
#ifndef ALB_FORMAT_MANIFEST_H
#define ALB_FORMAT_MANIFEST_H

#include "alb.pb-c.h"
#include "base/arena.h"
#include "base/span.h"
#include "base/status.h"

/* The memory that a manifest of n bytes may take when unpacked. */
#define ALB_MANIFEST_MEMORY(n) (64 * (size_t)(n) + (1 << 20))

/* Unpacks into the arena (which frees everything; never call alb__manifest__free_unpacked).
 * Refused: more than ALB_MAX_MANIFEST_BYTES, more memory than ALB_MANIFEST_MEMORY, bytes that are
 * not what packing the result gives, text that is not UTF-8, and, in a file whose minor version
 * this program knows, unknown fields. */
alb_status alb_manifest_unpack(alb_diag *diag, alb_span bytes, unsigned minor, alb_arena *arena,
                               const Alb__Manifest **out);

#endif
