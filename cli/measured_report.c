/* What was measured, as words and as JSON. */
#include "cli/measure.h"

static void print_figures(FILE *out, const char *what, uint64_t bytes, const alb_embed_figures *f) {
  char text[32];
  fprintf(out, "  %-9s %15s bytes: cosine mean %.4f, p5 %.4f, min %.4f; same nearest text %.1f %%, similarities %.4f\n",
          what, alb_grouped(bytes, text), f->mean, f->low, f->least, 100 * f->nearest, f->correlation);
}

void alb_measured_print(const alb_measured *measured, FILE *out) {
  char what[16];
  if (!measured->texts) return;
  fprintf(out, "  measured  on every second line of the text: %zu texts, %zu tokens, against the source unshared\n",
          measured->texts, measured->tokens);
  print_figures(out, "this", measured->bytes, &measured->model);
  if (measured->control_dtype) {
    (void)snprintf(what, sizeof what, measured->control_tables ? "%s words" : "%s only", measured->control_dtype);
    print_figures(out, what, measured->control_bytes, &measured->control);
  }
  if (measured->deleted_layer) print_figures(out, "less one", measured->deleted_bytes, &measured->deleted);
  fprintf(out, "            mean of this, of as many texts drawn from these: %.4f to %.4f in nine of ten draws\n",
          measured->model.from, measured->model.to);
  if (measured->control_tables && measured->control_bytes <= measured->bytes &&
      measured->control.mean >= measured->model.mean) {
    fprintf(out, "            --embeddings %s without --embedding-size is smaller and nearer to the source\n",
            measured->control_dtype);
  }
  if (measured->deleted_layer) {
    fprintf(out,
            "            less one: the source without layer %zu of %zu, the best one to leave out on the first texts\n",
            measured->deleted_layer, measured->layers);
  }
}

static void json_figures(alb_json *json, const char *key, const char *dtype, size_t layer, uint64_t bytes,
                         const alb_embed_figures *f) {
  alb_named_figure figures[ALB_EMBED_FIGURES];
  alb_embed_figures_named(f, figures);
  alb_json_key(json, key);
  alb_json_open(json, '{');
  if (dtype) {
    alb_json_key(json, "dtype");
    alb_json_text(json, alb_str_of(dtype));
  }
  alb_json_key(json, "bytes");
  alb_json_int(json, (int64_t)bytes);
  for (size_t i = 0; i < ALB_EMBED_FIGURES; i++) {
    alb_json_key(json, figures[i].key);
    alb_json_double(json, figures[i].value, 6);
  }
  alb_json_key(json, "histogram");
  alb_histogram_json(json, &f->histogram);
  if (layer) {
    alb_json_key(json, "left_out");
    alb_json_int(json, (int64_t)layer);
  }
  alb_json_close(json, '}');
}

void alb_measured_json(const alb_measured *measured, alb_json *json) {
  alb_json_key(json, "measured");
  if (!measured->texts) {
    alb_json_null(json);
    return;
  }
  alb_json_open(json, '{');
  alb_json_key(json, "text_xxh128");
  alb_json_text(json, alb_str_of(measured->hash));
  alb_json_key(json, "texts");
  alb_json_int(json, (int64_t)measured->texts);
  alb_json_key(json, "tokens");
  alb_json_int(json, (int64_t)measured->tokens);
  alb_json_key(json, "histogram_edges");
  alb_histogram_edges_json(json);
  json_figures(json, "model", NULL, 0, measured->bytes, &measured->model);
  if (measured->control_dtype) {
    json_figures(json, "control", measured->control_dtype, 0, measured->control_bytes, &measured->control);
  }
  if (measured->other_dtype) {
    json_figures(json, "other_control", measured->other_dtype, 0, measured->other_bytes, &measured->other);
  }
  if (measured->deleted_layer) {
    json_figures(json, "layer_deleted", NULL, measured->deleted_layer, measured->deleted_bytes, &measured->deleted);
  }
  alb_json_close(json, '}');
}
