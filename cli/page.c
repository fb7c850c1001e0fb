/* The frame of a page: head, verdict, sections, tables, and numbers that know their place in the JSON. */
#include "cli/page.h"

#include <math.h>
#include <stdarg.h>
#include <string.h>

#include "base/utf8.h"
#include "cli/convert_cli.h"
#include "cli/json_out.h"

/* ---- text ---- */

static void put_character(FILE *out, const char *p, size_t n) {
  static const struct {
    char c;
    const char *entity;
  } entities[] = {{'<', "&lt;"}, {'>', "&gt;"}, {'&', "&amp;"}, {'"', "&quot;"}, {'\'', "&#39;"}};
  for (size_t i = 0; n == 1 && i < sizeof entities / sizeof *entities; i++) {
    if (*p != entities[i].c) continue;
    fputs(entities[i].entity, out);
    return;
  }
  const bool control = n == 1 && ((unsigned char)*p < 0x20 || *p == 0x7f) && *p != '\n' && *p != '\t';
  if (control || n == 0)
    fputs("\xef\xbf\xbd", out);
  else
    fwrite(p, 1, n, out);
}

void alb_page_text(alb_page *page, alb_str text) {
  for (size_t i = 0; i < text.n;) {
    const size_t n = alb_utf8_length((const uint8_t *)text.p + i, text.n - i);
    put_character(page->out, text.p + i, n);
    i += n ? n : 1;
  }
}

static void put_bdi(alb_page *page, alb_str text) {
  fputs("<bdi>", page->out);
  alb_page_text(page, text);
  fputs("</bdi>", page->out);
}

void alb_page_name(alb_page *page, const char *name) {
  put_bdi(page, alb_str_of(name));
}

/* "x.alb" of "a/x.alb", "x/" of "a/x/". */
static alb_str last_part(const char *path) {
  size_t n = strlen(path), from;
  for (from = n; from && path[from - 1] == '/';) from--;
  while (from && path[from - 1] != '/') from--;
  return (alb_str){path + from, n - from};
}

/* ---- frame ---- */

void alb_page_begin(alb_page *page, FILE *out, const char *kind, const char *name) {
  *page = (alb_page){.out = out};
  fputs(
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
      "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
      "<meta name=\"color-scheme\" content=\"light dark\">\n<title>",
      out);
  fprintf(out, "%s: ", kind);
  alb_page_text(page, last_part(name));
  fprintf(out, "</title>\n<style>%s</style></head>\n<body><main>\n", alb_page_style);
  fprintf(out, "<header><p class=\"kind\">albert-convert <span>%s</span></p>\n<h1>", kind);
  put_bdi(page, last_part(name));
  fputs("</h1></header>\n", out);
}

void alb_page_end(alb_page *page, alb_str json) {
  if (json.p) {
    fputs(
        "<section class=\"screen\"><details><summary>All of this as JSON</summary>\n"
        "<pre class=\"json\" id=\"json\" tabindex=\"0\">",
        page->out);
    alb_page_text(page, json);
    fputs("</pre></details></section>\n", page->out);
  }
  fputs("</main></body></html>\n", page->out);
}

void alb_page_verdict(alb_page *page, alb_page_tone tone, const char *word) {
  static const char *const classes[] = {"good", "fair", "bad"};
  fprintf(page->out, "<div class=\"verdict %s\" id=\"verdict\"><strong>%s</strong><p>", classes[tone], word);
}

void alb_page_verdict_end(alb_page *page) {
  fputs("</p></div>\n", page->out);
}

void alb_page_tiles(alb_page *page) {
  fputs("<dl class=\"tiles\">\n", page->out);
}

void alb_page_tile(alb_page *page, const char *label) {
  fprintf(page->out, "<div><dt>%s</dt><dd>", label);
}

void alb_page_tile_end(alb_page *page, const char *note) {
  fputs("</dd>", page->out);
  if (note) {
    fputs("<dd class=\"note\">", page->out);
    alb_page_text(page, alb_str_of(note));
    fputs("</dd>", page->out);
  }
  fputs("</div>\n", page->out);
}

void alb_page_tiles_end(alb_page *page) {
  fputs("</dl>\n", page->out);
}

void alb_page_section(alb_page *page, const char *title, const char *lead) {
  fprintf(page->out, "<section><h2>%s</h2>\n", title);
  if (lead) fprintf(page->out, "<p class=\"lead\">%s</p>\n", lead);
}

void alb_page_section_end(alb_page *page) {
  fputs("</section>\n", page->out);
}

/* ---- tables ---- */

void alb_page_table(alb_page *page, const char *summary, const char *heads) {
  FILE *out = page->out;
  if (summary) fprintf(out, "<details class=\"numbers\"><summary>%s</summary>\n", summary);
  fputs("<div class=\"scroll\" tabindex=\"0\" role=\"group\" aria-label=\"Table\"><table><thead><tr>", out);
  for (const char *p = heads; *p;) {
    const size_t n = strcspn(p, "|");
    fprintf(out, "<th scope=\"col\">%.*s</th>", (int)n, p);
    p += n + (p[n] == '|');
  }
  fputs("</tr></thead><tbody>", out);
}

static void begin_row(alb_page *page, const char *name, bool marked) {
  fputs(marked ? "\n<tr class=\"marked\"><th scope=\"row\">" : "\n<tr><th scope=\"row\">", page->out);
  alb_page_name(page, name);
  fputs("</th>", page->out);
}

void alb_page_row(alb_page *page, const char *name) {
  begin_row(page, name, false);
}

void alb_page_row_marked(alb_page *page, const char *name) {
  begin_row(page, name, true);
}

void alb_page_table_end(alb_page *page, bool folded) {
  fputs(folded ? "</tbody></table></div></details>\n" : "</tbody></table></div>\n", page->out);
}

/* ---- numbers ---- */

void alb_page_key(alb_page *page, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  (void)vsnprintf(page->key, sizeof page->key, format, arguments);
  va_end(arguments);
}

/* An element with the number as the JSON has it, around what is shown. */
static void put_number(alb_page *page, const char *element, const char *json, const char *shown) {
  fprintf(page->out, "<%s", element);
  if (*page->key) fprintf(page->out, " data-key=\"%s\" data-value=\"%s\"", page->key, json);
  fprintf(page->out, ">%s</%s>", shown, element);
  *page->key = 0;
}

static void put_int(alb_page *page, const char *element, uint64_t value) {
  char json[24], shown[32];
  (void)snprintf(json, sizeof json, "%llu", (unsigned long long)value);
  put_number(page, element, json, alb_grouped(value, shown));
}

static void put_double(alb_page *page, const char *element, double value, int decimals, int shown) {
  char json[48], text[48];
  (void)alb_double_text(value, decimals, json);
  (void)alb_double_text(value, shown, text);
  put_number(page, element, json, isfinite(value) ? text : "none");
}

static void put_float(alb_page *page, const char *element, double value, bool cosine) {
  char json[24] = "null", text[32] = "none";
  if (isfinite((float)value)) {
    json[alb_float_text((float)value, json)] = 0;
    (void)snprintf(text, sizeof text, cosine ? "%.9f" : "%.4g", value);
  }
  put_number(page, element, json, text);
}

const char *alb_bytes_text(uint64_t bytes, char out[32]) {
  static const char *const units[] = {"bytes", "kB", "MB", "GB", "TB"};
  double value = (double)bytes;
  size_t unit = 0;
  for (; value >= 999.5 && unit + 1 < sizeof units / sizeof *units; unit++) value /= 1000;
  (void)snprintf(out, 32, unit && value < 99.95 ? "%.1f %s" : "%.0f %s", value, units[unit]);
  return out;
}

void alb_page_bytes(alb_page *page, uint64_t bytes) {
  char json[24], shown[32];
  (void)snprintf(json, sizeof json, "%llu", (unsigned long long)bytes);
  put_number(page, "span", json, alb_bytes_text(bytes, shown));
}

void alb_page_int(alb_page *page, uint64_t value) {
  put_int(page, "span", value);
}

void alb_page_double(alb_page *page, double value, int decimals, int shown) {
  put_double(page, "span", value, decimals, shown);
}

void alb_page_percent(alb_page *page, double part, int decimals) {
  char json[48], text[32];
  (void)alb_double_text(part, decimals, json);
  (void)snprintf(text, sizeof text, "%.0f&nbsp;%%", 100 * part);
  put_number(page, "span", json, text);
}

void alb_page_float(alb_page *page, double value) {
  put_float(page, "span", value, false);
}

void alb_page_int_cell(alb_page *page, uint64_t value) {
  put_int(page, "td", value);
}

void alb_page_double_cell(alb_page *page, double value, int decimals, int shown) {
  put_double(page, "td", value, decimals, shown);
}

void alb_page_float_cell(alb_page *page, double value) {
  put_float(page, "td", value, false);
}

void alb_page_cosine_cell(alb_page *page, double value) {
  put_float(page, "td", value, true);
}

void alb_page_text_cell(alb_page *page, const char *text) {
  fputs("<td>", page->out);
  alb_page_text(page, alb_str_of(text));
  fputs("</td>", page->out);
}
