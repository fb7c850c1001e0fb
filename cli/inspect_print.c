/* An inspection as text for people. */
#include "cli/inspect.h"

static void print_header(const alb_inspection *in, FILE *out) {
  const alb_encoder_config *c = &in->loaded.spec.config;
  char a[32], b[32];
  fprintf(out, "%s\n", in->path);
  fprintf(out, "  %s, %s: %u layers, hidden %u, embedding %u, %u heads, FFN %u, %s\n", c->architecture, in->loaded.task,
          c->layers, c->hidden, c->embedding, c->heads, c->intermediate, alb_activation_name(c->activation));
  fprintf(out, "  vocabulary %u, positions %u, types %u, layer norm eps %g\n", c->vocab, c->max_positions,
          c->type_vocab, (double)c->layer_norm_eps);
  fprintf(out, "  %s bytes of weights, %s different numbers\n", alb_grouped(in->source_bytes, a),
          alb_grouped(in->parameters, b));
  const alb_sentence *s = &in->loaded.sentence;
  fprintf(out, "  embedding: %s pooling, %snormalised%s\n", alb_pooling_name(s->pooling), s->normalize ? "" : "not ",
          s->stated ? "" : " (default: the source does not say)");
  fprintf(out, "  tokenizer: %s\n",
          in->loaded.vocab.tokenizer ? in->loaded.vocab.tokenizer->model : "none, token ids only");
}

static void print_provenance(const alb_inspection *in, FILE *out) {
  if (!in->loaded.alb) return;
  const Alb__Manifest *m = alb_reader_manifest(in->loaded.alb);
  const Alb__Provenance *p = m->provenance;
  fprintf(out, "  weights: %s, %zu blobs, %zu parameter sets, %zu golden inputs\n", m->config->dtype,
          alb_reader_blob_count(in->loaded.alb), m->n_sets, m->n_golden);
  if (p) fprintf(out, "  made by %s (%s), folding: %s\n", p->tool, p->options, p->fold);
  for (size_t i = 0; p && i < p->n_files; i++) {
    fprintf(out, "    from %s, %llu bytes\n", p->files[i]->name, (unsigned long long)p->files[i]->size);
  }
}

static void print_tensors(const alb_inspection *in, FILE *out) {
  const alb_tensors *tensors = &in->loaded.tensors;
  char bytes[32];
  fprintf(out, "\n  %-42s %-5s %16s %14s\n", "tensor", "dtype", "shape", "bytes");
  for (uint32_t t = 0; t < tensors->tensors.count; t++) {
    const alb_tensor *tensor = &tensors->tensors.items[t];
    char shape[64] = "scalar";
    if (tensor->rank == 1) (void)snprintf(shape, sizeof shape, "%llu", (unsigned long long)tensor->dims[0]);
    if (tensor->rank == 2) {
      (void)snprintf(shape, sizeof shape, "%llu x %llu", (unsigned long long)tensor->dims[0],
                     (unsigned long long)tensor->dims[1]);
    }
    fprintf(out, "  %-42.*s %-5s %16s %14s", ALB_STR_ARGS(tensor->name), alb_dtype_name(tensor->dtype), shape,
            alb_grouped(alb_blob_bytes(tensors, tensor->blob), bytes));
    const uint32_t first = alb_inspect_first_equal(in, t);
    if (first != t) fprintf(out, "  = %.*s", ALB_STR_ARGS(tensors->tensors.items[first].name));
    fputc('\n', out);
  }
}

/* "0-5  6  7-11": layers with equal blocks stand together. */
static void print_groups(const char *block, const alb_block_signature *s, size_t layers, FILE *out) {
  size_t sets = 0;
  for (size_t l = 0; l < layers; l++) sets += s->equal[l] == l;
  fprintf(out, "  %-9s %zu different in %zu layers:", block, sets, layers);
  for (size_t first = 0; first < layers; first++) {
    if (s->equal[first] != first) continue;
    const char *separator = " {";
    for (size_t l = first; l < layers; l++) {
      if (s->equal[l] != first) continue;
      size_t last = l;
      while (last + 1 < layers && s->equal[last + 1] == first) last++;
      fprintf(out, last > l ? "%s%zu-%zu" : "%s%zu", separator, l, last);
      separator = ",";
      l = last;
    }
    fputc('}', out);
  }
  fputc('\n', out);
}

/* Layers that are another one though their bytes differ: found, not folded. */
static void print_relations(const char *block, const alb_block_signature *s, size_t layers, FILE *out) {
  for (size_t l = 0; l < layers; l++) {
    const alb_layer_relation *r = &s->relations[l];
    if (r->kind == ALB_RELATION_ROUNDING)
      fprintf(out, "  %s of layer %zu is layer %u but for rounding, at most %.3g\n", block, l, r->of, r->max_delta);
    if (r->kind == ALB_RELATION_PERMUTED)
      fprintf(out, "  %s of layer %zu is layer %u with its neurons in another order\n", block, l, r->of);
  }
}

/* Matrices that are another layer's and factors: a line a matrix. */
static void print_bases(const alb_matrix_relations *matrix, size_t layers, FILE *out) {
  double most = 0;
  const char *separator = ": layer ";
  bool found = false;
  for (size_t l = 0; l < layers; l++) found = found || alb_base_is_found(&matrix->layers[l], l);
  if (!found) return;
  fprintf(out, "  %s", matrix->name);
  for (size_t l = 0; l < layers; l++) {
    const alb_base_relation *r = &matrix->layers[l];
    if (!alb_base_is_found(r, l)) continue;
    fprintf(out, "%s%zu is %u's and factors of rank %u", separator, l, r->of, r->rank);
    separator = ", ";
    most = r->max_delta > most ? r->max_delta : most;
  }
  fprintf(out, "; no number further than %.3g\n", most);
}

static void print_matrix(const char *block, const alb_block_signature *s, size_t layers, FILE *out) {
  if (alb_block_is_equal(s, layers)) return; /* all ones */
  fprintf(out, "\n  cosine of %s matrices\n  layer", block);
  for (size_t l = 0; l < layers; l++) fprintf(out, "%7zu", l);
  fputc('\n', out);
  for (size_t a = 0; a < layers; a++) {
    fprintf(out, "  %5zu", a);
    for (size_t b = 0; b < layers; b++) fprintf(out, "%7.3f", s->cosine[a * layers + b]);
    fputc('\n', out);
  }
}

static void print_role(const alb_role_share *role, size_t layers, FILE *out) {
  fprintf(out, "  %-28s %7.4f %8.4f %8.4f ", role->name, role->rho, 1 / (double)layers, role->share);
  for (size_t l = 0; l + 1 < layers; l++) fprintf(out, "%7.3f", role->adjacent[l]);
  fputc('\n', out);
}

/* What each matrix would share with the others, beside what matrices have in common by chance. */
static void print_shareability(const alb_inspection *in, FILE *out) {
  const alb_layer_signature *s = &in->layers;
  if (!s->role_count) return;
  fprintf(out, "\nShareability: energy that the mean of the layers explains\n  %-28s %7s %8s %8s  %s\n", "matrix",
          "rho", "chance", "share", "cosine of adjacent layers");
  for (size_t r = 0; r < s->role_count; r++) print_role(&s->roles[r], s->layers, out);
  for (int mode = 0; mode < ALB_SHARE_COUNT; mode++) {
    const alb_share_facts *facts = alb_share_info((alb_share_mode)mode);
    if (!facts->attention && !facts->ffn) continue;
    fprintf(out, "  --share %-9s: %s\n", facts->name, alb_inspect_verdict(in, (alb_share_mode)mode));
  }
}

static void print_layers(const alb_inspection *in, FILE *out) {
  const size_t layers = in->layers.layers;
  if (!layers) return;
  fprintf(out, "\nLayers\n");
  print_groups("attention", &in->layers.attention, layers, out);
  print_groups("ffn", &in->layers.ffn, layers, out);
  print_relations("attention", &in->layers.attention, layers, out);
  print_relations("ffn", &in->layers.ffn, layers, out);
  for (size_t m = 0; m < in->matrix_count; m++) print_bases(&in->matrices[m], layers, out);
  print_matrix("attention", &in->layers.attention, layers, out);
  print_matrix("FFN", &in->layers.ffn, layers, out);
  if (in->layers.row_step > 1) fprintf(out, "  (taken over every %zu-th row)\n", in->layers.row_step);
}

static void print_sizes(const alb_inspection *in, FILE *out) {
  char bytes[32];
  fprintf(out, "\nBytes of the .alb file, by --share and --dtype\n  %-10s", "share");
  for (size_t d = 0; d < ALB_SIZE_DTYPES; d++) fprintf(out, "%15s", alb_dtype_name(alb_size_dtypes[d]));
  fputc('\n', out);
  for (int mode = 0; mode < ALB_SHARE_COUNT; mode++) {
    fprintf(out, "  %-10s", alb_share_info((alb_share_mode)mode)->name);
    for (size_t d = 0; d < ALB_SIZE_DTYPES; d++) {
      fprintf(out, "%15s", in->sizes[mode][d] ? alb_grouped(in->sizes[mode][d], bytes) : "-");
    }
    fprintf(out, "  %s\n", in->lossy[mode] ? "LOSSY: folds layers that differ" : "");
  }
}

void alb_inspection_print(const alb_inspection *in, FILE *out) {
  print_header(in, out);
  print_provenance(in, out);
  print_tensors(in, out);
  print_layers(in, out);
  print_shareability(in, out);
  if (in->align) alb_inspection_print_aligned(in, out);
  print_sizes(in, out);
  if (in->loaded.note) fprintf(out, "\nNote: %s\n", in->loaded.note);
  if (in->loaded.binding.unused_count) fprintf(out, "\nNot used:");
  for (size_t i = 0; i < in->loaded.binding.unused_count; i++) {
    fprintf(out, " %.*s", ALB_STR_ARGS(in->loaded.binding.unused[i]));
  }
  if (in->loaded.binding.unused_count) fputc('\n', out);
}
