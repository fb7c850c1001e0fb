/* What a core can do at best: loops of nothing but multiply-adds, and of nothing but loads. */
#ifndef ALB_BENCH_ROOFS_H
#define ALB_BENCH_ROOFS_H

#include <stddef.h>
#include <stdint.h>

/* Independent chains: as many as registers hold beside the operands. Two units of a latency of 5 to 7 need 14 and more.
 */
enum { ROOF_ROUNDS = 2000, ROOF_CHAINS_AVX2 = 12, ROOF_CHAINS_AVXVNNI = 14, ROOF_CHAINS_VNNI = 16 };
/* Operations of a loop below: two for every multiply-add of 8-bit numbers, four numbers to a sum of 32 bits. */
#define ROOF_OPERATIONS(chains, sums) (ROOF_ROUNDS * 2.0 * 4 * (chains) * (sums))

/* u8 x s8 multiply-adds into 8 or 16 sums a chain; the return value keeps them alive. */
int roof_madd_avx2(void);    /* vpmaddubsw, vpmaddwd, vpaddd; 8 */
int roof_madd_avxvnni(void); /* vpdpbusd ymm; 8 */
int roof_madd_vnni(void);    /* vpdpbusd zmm; 16 */

/* Reads all of p[bytes] in eight streams, which is faster than in one; bytes is a multiple of 1024. */
enum { ROOF_STREAMS = 8, ROOF_STEP = 128 };
uint64_t roof_read_plain(const void *p, size_t bytes);
uint64_t roof_read_avx2(const void *p, size_t bytes);
uint64_t roof_read_avx512(const void *p, size_t bytes);

#endif
