/* What alignment makes layers have in common, as words and as JSON. */
#include "cli/inspect.h"

static bool in_mode(const alb_share_facts *facts, int matrix) {
  return matrix >= ALB_ALIGN_UP ? facts->ffn : facts->attention;
}

/* What n layers' matrices have in common beyond what alignment makes of noise. */
static double net_of(const alb_align_share *a, int matrix, size_t n) {
  return alb_align_excess(a->aligned[matrix], n) - alb_align_excess(a->noise[matrix], n);
}

double alb_inspect_net_share(const alb_inspection *in, alb_share_mode mode) {
  const alb_align_share *a = &in->aligned;
  const size_t n = in->layers.layers;
  double sum = 0;
  size_t matrices = 0;
  for (int m = 0; a->done && m < ALB_ALIGN_MATRICES; m++) {
    if (!in_mode(alb_share_info(mode), m)) continue;
    sum += net_of(a, m, n);
    matrices++;
  }
  return matrices ? sum / (double)matrices : 0;
}

void alb_inspection_print_aligned(const alb_inspection *in, FILE *out) {
  const alb_align_share *a = &in->aligned;
  if (!a->done) {
    fprintf(out, "\nAligned: nothing to align (all layers have the same numbers, or a structure of their own)\n");
    return;
  }
  fprintf(out, "\nAligned: the same with heads turned and ordered, and neurons ordered, towards layer %zu\n",
          a->reference);
  fprintf(out, "  %-10s %8s %8s %8s %8s  net: what the layers have in common beyond random matrices\n", "matrix", "rho",
          "aligned", "random", "net");
  for (int m = 0; m < ALB_ALIGN_MATRICES; m++) {
    const size_t n = in->layers.layers;
    fprintf(out, "  %-10s %8.4f %8.4f %8.4f %8.4f\n", alb_align_matrix_name((alb_align_matrix)m), a->rho[m],
            a->aligned[m], a->noise[m], net_of(a, m, n));
  }
  for (int mode = 0; mode < ALB_SHARE_COUNT; mode++) {
    const alb_share_facts *facts = alb_share_info((alb_share_mode)mode);
    if (!facts->attention && !facts->ffn) continue;
    fprintf(out, "  --share %-9s: net %.4f, mean of its matrices\n", facts->name,
            alb_inspect_net_share(in, (alb_share_mode)mode));
  }
}

static void json_matrix(alb_json *json, const alb_align_share *a, int m, size_t n) {
  const struct {
    const char *key;
    double value;
  } figures[] = {{"rho", a->rho[m]}, {"aligned", a->aligned[m]}, {"random", a->noise[m]}, {"net", net_of(a, m, n)}};
  alb_json_key(json, alb_align_matrix_name((alb_align_matrix)m));
  alb_json_open(json, '{');
  for (size_t i = 0; i < sizeof figures / sizeof *figures; i++) {
    alb_json_key(json, figures[i].key);
    alb_json_double(json, figures[i].value, 6);
  }
  alb_json_close(json, '}');
}

void alb_inspection_json_aligned(alb_json *json, const alb_inspection *in) {
  alb_json_key(json, "aligned");
  if (!in->aligned.done) {
    alb_json_null(json);
    return;
  }
  alb_json_open(json, '{');
  alb_json_key(json, "reference");
  alb_json_int(json, (int64_t)in->aligned.reference);
  for (int m = 0; m < ALB_ALIGN_MATRICES; m++) json_matrix(json, &in->aligned, m, in->layers.layers);
  alb_json_key(json, "net");
  alb_json_open(json, '{');
  for (int mode = 0; mode < ALB_SHARE_COUNT; mode++) {
    const alb_share_facts *facts = alb_share_info((alb_share_mode)mode);
    if (!facts->attention && !facts->ffn) continue;
    alb_json_key(json, facts->name);
    alb_json_double(json, alb_inspect_net_share(in, (alb_share_mode)mode), 6);
  }
  alb_json_close(json, '}');
  alb_json_close(json, '}');
}
