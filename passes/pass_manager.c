/* The list of passes, and running some of them in order. */
#include "passes/pass.h"

static const alb_pass passes[] = {
#define ALB_PASS(function, name, summary) {name, summary, alb_pass_##function},
#include "passes/passes.def"
#undef ALB_PASS
};

enum { PASS_COUNT = sizeof passes / sizeof passes[0] };

const alb_pass *alb_passes(size_t *count) {
  *count = PASS_COUNT;
  return passes;
}

const alb_pass *alb_pass_by_name(alb_str name) {
  for (size_t i = 0; i < PASS_COUNT; i++) {
    if (alb_str_is(name, passes[i].name)) return &passes[i];
  }
  return NULL;
}

alb_str alb_parameter_name(alb_str tensor) {
  size_t dots = 0;
  for (size_t i = 0; alb_str_starts(tensor, ALB_STR("layer.")) && i < tensor.n; i++) {
    dots += tensor.p[i] == '.';
    if (dots == 2) return (alb_str){tensor.p + i + 1, tensor.n - i - 1};
  }
  return tensor;
}

static alb_status run_one(alb_diag *diag, alb_graph *graph, alb_str name, const alb_pass_options *options,
                          const alb_pass_observer *observer) {
  const alb_pass *pass = alb_pass_by_name(name);
  if (!pass) return alb_fail(diag, ALB_USAGE, "there is no pass \"%.*s\"", ALB_STR_ARGS(name));
  size_t changes = 0;
  alb_status status = pass->run(diag, graph, options, &changes);
  if (status == ALB_OK) status = alb_graph_verify(diag, graph);
  if (status == ALB_INTERNAL) alb_diag_prefix(diag, "pass %s", pass->name);
  if (status == ALB_OK && observer && observer->after) observer->after(observer->context, pass, changes, graph);
  return status;
}

alb_status alb_passes_run(alb_diag *diag, alb_graph *graph, const char *pipeline, const alb_pass_options *options,
                          const alb_pass_observer *observer) {
  while (*pipeline) {
    const size_t n = strcspn(pipeline, ",");
    ALB_TRY(run_one(diag, graph, (alb_str){pipeline, n}, options, observer));
    pipeline += n + (pipeline[n] == ',');
  }
  return ALB_OK;
}
