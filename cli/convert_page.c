/* The page of a conversion: its class, then where the bytes are, what is shared, and what that costs. */
#include "cli/convert_page.h"

#include "base/file.h"
#include "cli/auto_page.h"
#include "cli/chart.h"
#include "cli/heal_page.h"
#include "cli/measured_page.h"

/* ---- head ---- */

static void put_source(alb_page *page, const alb_convert_report *r) {
  fprintf(page->out, "<p class=\"lead\">%s ", r->cli->dry_run ? "What would be made of" : "Made of");
  alb_page_name(page, r->source);
  fprintf(page->out, ": %s, %zu layers, hidden %u, ", r->conversion->architecture, r->conversion->layers,
          r->loaded->spec.config.hidden);
  alb_page_name(page, r->conversion->task);
  fputs(".</p>\n", page->out);
}

static void put_folded(alb_page *page, const alb_fold_report *fold) {
  fprintf(page->out, "Layers that differ were %sfolded into their mean", fold->aligned ? "aligned and " : "");
  if (fold->residuals) fprintf(page->out, " and factors of rank %zu", fold->residual);
  fprintf(page->out, "%s. Their matrices moved by ", fold->refitted ? ", and what is per layer adjusted to texts" : "");
  alb_page_key(page, "moved");
  alb_page_percent(page, alb_fold_moved(fold), 6);
  fputs(" of their size (root of mean square), and the model loses quality, often all of it. ", page->out);
}

static void put_product(alb_page *page, const alb_fold_report *fold) {
  fputs("The table of words is one of width ", page->out);
  alb_page_key(page, "embedding_size");
  alb_page_int(page, fold->embedding_size);
  fputs(" and a projection, and the model loses quality. ", page->out);
}

/* What was done with loss, and what is known of its cost. */
static void put_lossy(alb_page *page, const alb_convert_report *r) {
  if (r->conversion->fold.lossy) put_folded(page, &r->conversion->fold);
  if (r->conversion->fold.embedding_size) put_product(page, &r->conversion->fold);
  if (r->conversion->heal.trained)
    fputs("It was then trained to compute what its source does: see the healing below.", page->out);
  else if (!r->measured->texts)
    fputs("<b>Not measured</b>: <code>--text FILE</code> measures it.", page->out);
}

static void put_rounded(alb_page *page, const alb_conversion *c) {
  fputs("Weights are rounded to ", page->out);
  alb_page_name(page, c->dtype);
  if (strcmp(c->dtype, c->tables) != 0) {
    fputs(", embedding tables to ", page->out);
    alb_page_name(page, c->tables);
  }
  fputs("; no layer is folded into another.", page->out);
}

static void put_verdict(alb_page *page, const alb_convert_report *r) {
  const alb_conversion *c = r->conversion;
  static const alb_page_tone tones[] = {ALB_PAGE_GOOD, ALB_PAGE_GOOD, ALB_PAGE_FAIR, ALB_PAGE_BAD};
  alb_page_verdict(page, tones[c->fidelity], alb_fidelity_name(c->fidelity));
  if (c->fidelity == ALB_LOSSLESS) fputs("Every weight is the source's, bit for bit.", page->out);
  if (c->fidelity == ALB_ROUNDING_EQUAL) {
    fputs("Layers that differ by rounding only, or by factors of low rank, are one; no number moved further than ",
          page->out);
    alb_page_key(page, "max_delta");
    alb_page_double(page, alb_fold_max_delta(&c->fold), 9, 9);
    fputs(".", page->out);
  }
  if (c->fidelity == ALB_ROUNDED) put_rounded(page, c);
  if (c->fidelity == ALB_FOLDED) put_lossy(page, r);
  alb_page_verdict_end(page);
}

static void put_size_tile(alb_page *page, const alb_conversion *c, bool dry) {
  char text[80], bytes[32];
  alb_page_tile(page, dry ? "Size it would have" : "Size");
  alb_page_key(page, "bytes");
  alb_page_bytes(page, c->size);
  (void)snprintf(text, sizeof text, "%.1f %% of the source's %s",
                 100 * (double)c->size / (double)(c->source_bytes ? c->source_bytes : 1),
                 alb_bytes_text(c->source_bytes, bytes));
  alb_page_tile_end(page, text);
}

static void put_tiles(alb_page *page, const alb_convert_report *r) {
  const alb_conversion *c = r->conversion;
  char text[96];
  alb_page_tiles(page);
  put_size_tile(page, c, r->cli->dry_run);
  alb_page_tile(page, "Weights");
  alb_page_text(page, alb_str_of(c->dtype));
  (void)snprintf(text, sizeof text, "tables %s", c->tables);
  alb_page_tile_end(page, text);
  alb_page_tile(page, "Parameter sets");
  alb_page_key(page, "attention_sets");
  alb_page_int(page, c->attention_sets);
  fputs(" + ", page->out);
  alb_page_key(page, "ffn_sets");
  alb_page_int(page, c->ffn_sets);
  (void)snprintf(text, sizeof text, "attention + FFN, of %zu layers (--share %s)", c->layers, c->share);
  alb_page_tile_end(page, text);
  alb_measured_tile(page, r->measured, &c->heal);
  alb_page_tiles_end(page);
}

/* ---- bytes ---- */

static const char *const part_words[ALB_MODEL_PARTS] = {"embeddings", "attention", "FFN", "heads", "rest"};

static void put_parts_table(alb_page *page, const alb_conversion *c) {
  alb_page_table(page, "The numbers", "part|source, bytes|output, bytes");
  for (int p = 0; p < ALB_MODEL_PARTS; p++) {
    const char *key = alb_model_part_name((alb_model_part)p);
    alb_page_row(page, part_words[p]);
    alb_page_key(page, "parts.%s.source_bytes", key);
    alb_page_int_cell(page, c->parts_before[p]);
    alb_page_key(page, "parts.%s.bytes", key);
    if (c->parts_known)
      alb_page_int_cell(page, c->parts[p]);
    else
      alb_page_text_cell(page, "not known");
    fputs("</tr>", page->out);
  }
  alb_page_row_marked(page, "all");
  alb_page_key(page, "source_bytes");
  alb_page_int_cell(page, c->source_bytes);
  alb_page_key(page, "bytes");
  alb_page_int_cell(page, c->size);
  fputs("</tr>", page->out);
  alb_page_table_end(page, true);
}

static void put_bytes(alb_page *page, const alb_convert_report *r) {
  const alb_conversion *c = r->conversion;
  alb_bar bars[ALB_MODEL_PARTS];
  for (int p = 0; p < ALB_MODEL_PARTS; p++)
    bars[p] = (alb_bar){part_words[p], c->parts_before[p], c->parts[p], !c->parts_known};
  alb_page_section(page, "Where the bytes are",
                   r->cli->compress ? "Blocks with their norms and biases; rest is what is no weight of the graph. "
                                      "Parts are as they are before they are deflated."
                                    : "Blocks with their norms and biases; rest is what is no weight of the graph: "
                                      "tokenizer, configuration, unused weights.");
  alb_chart_bars(page, &(alb_chart){"Bytes by part", "Two bars for each part, source and output; the table has them."},
                 bars, ALB_MODEL_PARTS);
  put_parts_table(page, c);
  alb_page_section_end(page);
}

/* ---- layers ---- */

static void put_stack_table(alb_page *page, const alb_conversion *c) {
  char text[32];
  alb_page_table(page, "The numbers", "layer|attention as in layer (from 0)|FFN as in layer (from 0)");
  for (size_t l = 0; l < c->layers; l++) {
    (void)snprintf(text, sizeof text, "%zu", l);
    alb_page_row(page, text);
    alb_page_key(page, "attention_set_of_layer.%zu", l);
    alb_page_int_cell(page, c->attention_map[l]);
    alb_page_key(page, "ffn_set_of_layer.%zu", l);
    alb_page_int_cell(page, c->ffn_map[l]);
    fputs("</tr>", page->out);
  }
  alb_page_table_end(page, true);
}

static void put_stack(alb_page *page, const alb_conversion *c) {
  if (!c->attention_map || !c->ffn_map) return;
  alb_page_section(page, "What is shared",
                   "A row for each layer, in the order in which a text passes them. Boxes of one colour use one set of "
                   "matrices, which is stored once; grey boxes have a set of their own.");
  alb_chart_stack(page, &(alb_chart){"Layers and their parameter sets", "The table says each layer's sets."},
                  c->attention_map, c->ffn_map, c->layers);
  put_stack_table(page, c);
  alb_page_section_end(page);
}

static void put_cosines(alb_page *page, const char *key, const alb_block_signature *block, size_t layers) {
  char text[32];
  fputs(
      "<details class=\"numbers screen\"><summary>The numbers</summary><div class=\"scroll\" tabindex=\"0\" "
      "role=\"group\" aria-label=\"Table\"><table><tbody>",
      page->out);
  for (size_t a = 0; a < layers; a++) {
    (void)snprintf(text, sizeof text, "layer %zu", a + 1);
    alb_page_row(page, text);
    for (size_t b = 0; b < layers; b++) {
      alb_page_key(page, "similarity.%s.%zu.%zu", key, a, b);
      alb_page_double_cell(page, block->cosine[a * layers + b], 6, 4);
    }
    fputs("</tr>", page->out);
  }
  alb_page_table_end(page, true);
}

static void put_heat(alb_page *page, const char *caption, const char *key, const alb_block_signature *block,
                     size_t layers) {
  fputs("<div>", page->out);
  alb_chart_heat(page, &(alb_chart){caption, "A square for every two layers; the table has the cosines."},
                 block->cosine, layers);
  put_cosines(page, key, block, layers);
  fputs("</div>\n", page->out);
}

static void put_similarity(alb_page *page, const alb_layer_signature *s) {
  if (!s || s->layers < 2) return;
  alb_page_section(
      page, "How alike the source's layers are",
      "Cosine of two layers' matrices, taken as one long vector: 1 where they are equal, about 0 where they "
      "have nothing in common, as in trained BERTs.");
  fputs("<div class=\"pair\">\n", page->out);
  put_heat(page, "Attention blocks", "attention", &s->attention, s->layers);
  put_heat(page, "FFN blocks", "ffn", &s->ffn, s->layers);
  fputs("</div>\n", page->out);
  alb_page_section_end(page);
}

/* ---- what else is to be said ---- */

static void put_changes(alb_page *page, const alb_fold_report *fold) {
  if (!fold->changes.count) return;
  alb_page_table(page, "How far each matrix moved", "parameter|moved, part of its size");
  for (size_t i = 0; i < fold->changes.count; i++) {
    alb_page_row(page, fold->changes.items[i].parameter);
    alb_page_key(page, "folded.%zu.moved", i);
    alb_page_double_cell(page, alb_fold_change_moved(&fold->changes.items[i]), 6, 4);
    fputs("</tr>", page->out);
  }
  alb_page_table_end(page, true);
}

static void put_counts(alb_page *page, const alb_conversion *c) {
  const struct {
    const char *name, *key;
    uint64_t value;
  } rows[] = {{"stored numbers", "parameters", c->parameters},
              {"bytes of blobs", "blob_bytes", c->blob_bytes},
              {"tensors", "tensors", c->tensors},
              {"blobs", "blobs", c->blobs},
              {"layers", "layers", c->layers},
              {"parameter sets, biases and norms included", "parameter_sets", c->sets},
              {"FFN blocks with neurons in another order", "permuted_blocks", c->fold.permuted},
              {"blocks equal up to rounding", "rounding_equal_blocks", c->fold.rounded},
              {"width of a narrower table of words, 0: as it was", "embedding_size", c->fold.embedding_size},
              {"matrices that are a base and factors", "low_rank_matrices", c->fold.low_rank},
              {"highest rank of factors", "low_rank", c->fold.low_rank_most},
              {"folded matrices that kept factors", "residual_matrices", c->fold.residuals},
              {"rank of these factors", "residual", c->fold.residual}};
  alb_page_table(page, "Counts and changes", "what|number");
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    alb_page_row(page, rows[i].name);
    alb_page_key(page, "%s", rows[i].key);
    alb_page_int_cell(page, rows[i].value);
    fputs("</tr>", page->out);
  }
  alb_page_row(page, "how far folded matrices moved, part of their size");
  alb_page_key(page, "moved");
  alb_page_double_cell(page, alb_fold_moved(&c->fold), 6, 6);
  fputs("</tr>", page->out);
  alb_page_row(page, "the largest change of a number by rounding-equal layers");
  alb_page_key(page, "max_delta");
  alb_page_double_cell(page, alb_fold_max_delta(&c->fold), 9, 9);
  fputs("</tr>", page->out);
  alb_page_table_end(page, true);
}

static void put_notes(alb_page *page, const alb_convert_report *r) {
  const alb_conversion *c = r->conversion;
  fputs("<ul>", page->out);
  if (r->loaded->note) fputs("<li>", page->out), alb_page_name(page, r->loaded->note), fputs("</li>", page->out);
  for (size_t i = 0; i < c->notes.count; i++) {
    fputs("<li>", page->out);
    alb_page_name(page, c->notes.items[i]);
    fputs("</li>", page->out);
  }
  fputs("</ul>\n", page->out);
}

static void put_unused(alb_page *page, const alb_binding *binding) {
  if (!binding->unused_count) return;
  fputs("<p>Tensors of the source that are not used: ", page->out);
  for (size_t i = 0; i < binding->unused_count; i++) {
    fputs(i ? ", <bdi>" : "<bdi>", page->out);
    alb_page_text(page, binding->unused[i]);
    fputs("</bdi>", page->out);
  }
  fputs(".</p>\n", page->out);
}

static void put_more(alb_page *page, const alb_convert_report *r) {
  alb_page_section(page, "More", NULL);
  if (r->loaded->note || r->conversion->notes.count) put_notes(page, r);
  put_unused(page, &r->loaded->binding);
  put_changes(page, &r->conversion->fold);
  put_counts(page, r->conversion);
  alb_page_section_end(page);
}

/* ---- the page ---- */

static void write_page(FILE *out, void *context, alb_str json) {
  const alb_convert_report *r = context;
  alb_page page;
  alb_page_begin(&page, out, r->cli->healing ? "healing" : "conversion", r->cli->output ? r->cli->output : r->source);
  put_source(&page, r);
  put_verdict(&page, r);
  put_tiles(&page, r);
  alb_auto_section(&page, r->chosen);
  alb_measured_section(&page, r->measured, r->conversion->source_bytes);
  alb_heal_section(&page, &r->conversion->heal);
  put_bytes(&page, r);
  put_stack(&page, r->conversion);
  put_similarity(&page, r->layers);
  put_more(&page, r);
  alb_page_end(&page, json);
}

alb_status alb_convert_page(alb_diag *diag, const alb_convert_report *report, void (*json)(FILE *out, void *report),
                            alb_page_place *place) {
  return alb_page_put(diag, place, json, write_page, (void *)(uintptr_t)report);
}
