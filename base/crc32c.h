/* CRC32C (Castagnoli), as iSCSI (RFC 3720, B.4) and LevelDB's tables have it. */
#ifndef ALB_BASE_CRC32C_H
#define ALB_BASE_CRC32C_H

#include "base/span.h"

/* The checksum of what `crc` is of, followed by `bytes`; start with 0. */
uint32_t alb_crc32c(uint32_t crc, alb_span bytes);

/* LevelDB stores checksums rotated and with a constant added, so that a checksum over checksums stays sound. */
static inline uint32_t alb_crc32c_mask(uint32_t crc) {
  return (crc >> 15 | crc << 17) + 0xa282ead8u;
}

#endif
