/* Bytes and strings borrowed from somebody else's memory, and the one way to move through them. */
#ifndef ALB_BASE_SPAN_H
#define ALB_BASE_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* n bytes at p, borrowed; the owner is named where a span is handed out. */
typedef struct alb_span {
  const uint8_t *p;
  size_t n;
} alb_span;

/* n bytes of text at p, borrowed, not NUL-terminated. */
typedef struct alb_str {
  const char *p;
  size_t n;
} alb_str;

#define ALB_STR(literal) ((alb_str){(literal), sizeof(literal) - 1})
/* For printf("%.*s"). */
#define ALB_STR_ARGS(s) (int)((s).n > 128 ? 128 : (s).n), (s).p

static inline alb_str alb_str_of(const char *text) {
  return (alb_str){text, strlen(text)};
}

static inline bool alb_str_equal(alb_str a, alb_str b) {
  return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static inline bool alb_str_is(alb_str a, const char *text) {
  return alb_str_equal(a, alb_str_of(text));
}

static inline bool alb_str_starts(alb_str a, alb_str prefix) {
  return a.n >= prefix.n && (prefix.n == 0 || memcmp(a.p, prefix.p, prefix.n) == 0);
}

static inline bool alb_str_ends(alb_str a, alb_str suffix) {
  return a.n >= suffix.n && (suffix.n == 0 || memcmp(a.p + a.n - suffix.n, suffix.p, suffix.n) == 0);
}

/* Moves the first n bytes of *from to *out; false (nothing moved) when there are fewer. */
static inline bool alb_span_take(alb_span *from, size_t n, alb_span *out) {
  if (n > from->n) return false;
  *out = (alb_span){from->p, n};
  from->p += n;
  from->n -= n;
  return true;
}

/* Little-endian loads from any alignment; the caller has checked that the bytes are there. */
static inline uint16_t alb_load_u16(const uint8_t *p) {
  return (uint16_t)(p[0] | p[1] << 8);
}

static inline uint32_t alb_load_u32(const uint8_t *p) {
  return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static inline uint64_t alb_load_u64(const uint8_t *p) {
  return alb_load_u32(p) | (uint64_t)alb_load_u32(p + 4) << 32;
}

static inline void alb_store_u32(uint8_t *p, uint32_t v) {
  for (int i = 0; i < 4; i++) p[i] = (uint8_t)(v >> (8 * i));
}

static inline void alb_store_u64(uint8_t *p, uint64_t v) {
  for (int i = 0; i < 8; i++) p[i] = (uint8_t)(v >> (8 * i));
}

#endif
