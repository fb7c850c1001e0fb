/* Checks SentencePiece's table of replacements and looks keys up in its double array. */
#include "format/charsmap.h"

#include "base/utf8.h"
#include "format/layout.h"

/* ---- units ---- */

#define VALUE (UINT32_C(1) << 31)

static uint32_t unit_at(const alb_charsmap *map, size_t i) {
  return alb_load_u32(map->units + 4 * i);
}

static bool ends_key(uint32_t unit) {
  return unit >> 8 & 1;
}

/* From where unit number i looks for the units behind it. */
static size_t base_of(size_t i, uint32_t unit) {
  const uint32_t offset = (unit & ~VALUE) >> 10;
  return i ^ ((size_t)offset << (unit >> 9 & 1 ? 8 : 0));
}

/* ---- checking ---- */

static alb_status check_value(alb_diag *diag, const alb_charsmap *map, size_t i, uint32_t value) {
  if (!(value & VALUE)) return alb_fail(diag, ALB_MALFORMED, "charsmap: unit %zu ends a key without a value", i);
  const size_t at = value & ~VALUE;
  if (at >= map->texts.n)
    return alb_fail(diag, ALB_MALFORMED, "charsmap: unit %zu has its text at %zu of %zu bytes", i, at, map->texts.n);
  if (((uint8_t)map->texts.p[at] & 0xc0) == 0x80)
    return alb_fail(diag, ALB_MALFORMED, "charsmap: unit %zu has its text within a character, at %zu", i, at);
  return ALB_OK;
}

static alb_status check_units(alb_diag *diag, const alb_charsmap *map) {
  if (unit_at(map, 0) & VALUE) return alb_fail(diag, ALB_MALFORMED, "charsmap: the root is a value");
  for (size_t i = 0; i < map->unit_count; i++) {
    const uint32_t unit = unit_at(map, i);
    if (unit & VALUE) continue;
    const size_t base = base_of(i, unit);
    if ((base | 0xff) >= map->unit_count)
      return alb_fail(diag, ALB_MALFORMED, "charsmap: unit %zu leads to unit %zu of %zu", i, base | 0xff,
                      map->unit_count);
    if (ends_key(unit)) ALB_TRY(check_value(diag, map, i, unit_at(map, base)));
  }
  return ALB_OK;
}

alb_status alb_charsmap_open(alb_diag *diag, alb_span bytes, alb_charsmap *out) {
  if (bytes.n < 4) return alb_fail(diag, ALB_MALFORMED, "charsmap: %zu bytes", bytes.n);
  if (bytes.n > ALB_MAX_CHARSMAP_BYTES)
    return alb_fail(diag, ALB_LIMIT, "charsmap: %zu bytes, at most %d", bytes.n, ALB_MAX_CHARSMAP_BYTES);
  const size_t size = alb_load_u32(bytes.p), rest = bytes.n - 4;
  if (size == 0 || size % 4 || size > rest)
    return alb_fail(diag, ALB_MALFORMED, "charsmap: trie of %zu bytes in %zu", size, rest);
  *out = (alb_charsmap){bytes.p + 4, size / 4, {(const char *)bytes.p + 4 + size, rest - size}};
  if (!alb_utf8_valid(out->texts)) return alb_fail(diag, ALB_MALFORMED, "charsmap: its texts are not UTF-8");
  if (out->texts.n && out->texts.p[out->texts.n - 1])
    return alb_fail(diag, ALB_MALFORMED, "charsmap: the last text has no end");
  return check_units(diag, out);
}

/* ---- looking up ---- */

bool alb_charsmap_find(const alb_charsmap *map, const uint8_t *text, size_t n, alb_str *out) {
  size_t base = base_of(0, unit_at(map, 0));
  for (size_t k = 0; k < n && text[k]; k++) {
    const size_t i = base ^ text[k];
    const uint32_t unit = unit_at(map, i);
    if ((unit & (VALUE | 0xff)) != text[k]) return false;
    base = base_of(i, unit);
    if (!ends_key(unit)) continue;
    const size_t at = unit_at(map, base) & ~VALUE;
    *out = (alb_str){map->texts.p + at, strlen(map->texts.p + at)};
    return true;
  }
  return false;
}
