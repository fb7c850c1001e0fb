/* Snappy: blocks of LevelDB-like tables may be compressed with it. */
#ifndef ALB_CONVERTER_SNAPPY_H
#define ALB_CONVERTER_SNAPPY_H

#include "base/span.h"
#include "base/status.h"

/* Decodes one raw Snappy block into memory of its own, *owned (the caller's, to be freed; *bytes is what
 * it holds). At most `limit` bytes are made (ALB_LIMIT), and never more than the input can hold
 * (ALB_MALFORMED), so that nothing is allocated that the input does not pay for. */
alb_status alb_snappy_decode(alb_diag *diag, alb_span in, size_t limit, uint8_t **owned, alb_span *bytes);

#endif
