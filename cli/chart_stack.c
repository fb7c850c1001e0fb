/* Which layer computes with which parameters: a row a layer, a box a block, a colour a set that several layers use. */
#include "cli/chart.h"

enum { LEFT = 70, BLOCK = 200, GAP = 8, TOP = 24, COLOURS = 8 };

static size_t users(const uint32_t *sets, size_t layers, uint32_t set) {
  size_t count = 0;
  for (size_t l = 0; l < layers; l++) count += sets[l] == set;
  return count;
}

/* The number of different sets before this one, and of those that several layers use. */
static void number(const uint32_t *sets, size_t layers, uint32_t set, size_t *all, size_t *shared) {
  *all = *shared = 0;
  for (uint32_t l = 0; l < set; l++) {
    if (sets[l] != l) continue;
    *all += 1;
    *shared += users(sets, layers, l) > 1;
  }
}

static void put_block(alb_page *page, double x, double y, double height, const char *kind, const uint32_t *sets,
                      size_t layer, size_t layers) {
  size_t all, shared;
  char text[64];
  const size_t count = users(sets, layers, sets[layer]);
  number(sets, layers, sets[layer], &all, &shared);
  fprintf(page->out, "<g><title>layer %zu: %s set %zu, used by %zu layer%s</title>", layer + 1, kind, all + 1, count,
          count == 1 ? "" : "s");
  if (count > 1)
    fprintf(page->out, "<rect class=\"set c%zu\"", shared % COLOURS);
  else
    fputs("<rect class=\"alone\"", page->out);
  fprintf(page->out, " x=\"%.1f\" y=\"%.1f\" width=\"%d\" height=\"%.1f\" rx=\"2\"/>", x, y, BLOCK, height - 4);
  (void)snprintf(text, sizeof text, count > 1 ? "%s set %zu, shared by %zu" : "%s set %zu", kind, all + 1, count);
  alb_chart_label(page, x + 10, y + (height - 4) / 2 + 4, count > 1 ? "" : "t", text);
  fputs("</g>\n", page->out);
}

void alb_chart_stack(alb_page *page, const alb_chart *chart, const uint32_t *attention, const uint32_t *ffn,
                     size_t layers) {
  const double height = layers <= 16 ? 26 : 20;
  alb_chart_begin(page, chart, 520, TOP + (double)layers * height + 2, false);
  alb_chart_label(page, LEFT, 14, "t", "attention block");
  alb_chart_label(page, LEFT + BLOCK + GAP, 14, "t", "FFN block");
  for (size_t l = 0; l < layers; l++) {
    const double y = TOP + (double)l * height;
    char text[32];
    (void)snprintf(text, sizeof text, "layer %zu", l + 1);
    alb_chart_label(page, LEFT - 10, y + (height - 4) / 2 + 4, "e", text);
    put_block(page, LEFT, y, height, "attention", attention, l, layers);
    put_block(page, LEFT + BLOCK + GAP, y, height, "FFN", ffn, l, layers);
  }
  alb_chart_end(page);
}
