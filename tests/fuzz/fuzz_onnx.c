/* Fuzz target: ONNX files. What is read is looked at, put in order again, and run within bounds on inputs of zeros. */
#include "converter/onnx/onnx_eval.h"
#include "tests/fuzz/fuzz.h"

enum { MAX_OPERANDS = 16, OPEN_DIM = 2, MAX_INPUT = 4096 };

static void check(int ok) {
  if (!ok) abort();
}

/* Every id is one of a value, every value's node makes it. */
static void check_graph(const alb_onnx_model *m) {
  for (uint32_t i = 0; i < m->values.count; i++) {
    const alb_onnx_node *node = alb_onnx_producer(m, i);
    bool makes = !node;
    for (uint32_t k = 0; node && k < node->output_count; k++) makes = makes || node->outputs[k] == i;
    check(makes);
  }
  for (size_t g = 0; g < m->graphs.count; g++) {
    for (size_t i = 0; i < m->graphs.items[g].nodes.count; i++) {
      const alb_onnx_node *node = &m->graphs.items[g].nodes.items[i];
      for (uint32_t k = 0; k < node->input_count; k++) {
        check(node->inputs[k] == ALB_ONNX_NONE || node->inputs[k] < m->values.count);
      }
    }
  }
}

/* An input of zeros of its declared shape; false for one that is too large or has no type. */
static bool make_input(const alb_onnx_value *v, alb_onnx_tensor *out) {
  int64_t dims[ALB_ONNX_MAX_RANK] = {0};
  size_t count;
  for (int32_t i = 0; i < v->rank; i++) dims[i] = v->dims[i].size < 0 ? OPEN_DIM : v->dims[i].size;
  const size_t rank = v->rank < 0 ? 0 : (size_t)v->rank;
  if (alb_onnx_count(NULL, rank, dims, &count) != ALB_OK || count > MAX_INPUT) return false;
  return alb_onnx_tensor_new(NULL, v->type, rank, dims, out) == ALB_OK;
}

static void run(const alb_onnx_model *m) {
  const alb_onnx_limits limits = {.tensor_bytes = 1 << 16, .work = 1 << 18};
  const alb_onnx_graph *g = &m->graphs.items[0];
  alb_onnx_tensor inputs[MAX_OPERANDS] = {0}, outputs[MAX_OPERANDS];
  alb_diag diag = {0};
  bool ready = g->input_count <= MAX_OPERANDS && g->output_count <= MAX_OPERANDS;
  for (size_t i = 0; ready && i < g->input_count; i++) ready = make_input(&m->values.items[g->inputs[i]], &inputs[i]);
  if (ready) {
    const alb_status status = alb_onnx_run(&diag, m, inputs, &limits, outputs);
    check(status == ALB_OK || diag.text != NULL); /* every refusal says why */
    for (size_t i = 0; i < g->output_count; i++) alb_onnx_tensor_free(&outputs[i]);
  }
  for (size_t i = 0; i < MAX_OPERANDS; i++) alb_onnx_tensor_free(&inputs[i]);
  alb_diag_free(&diag);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
  uint8_t *copy = fuzz_copy(data, n);
  alb_onnx_model model = {0};
  alb_diag diag = {0};
  (void)alb_looks_like_onnx((alb_span){copy, n});
  if (alb_onnx_read(&diag, (alb_span){copy, n}, NULL, &model) == ALB_OK) {
    check_graph(&model);
    check(alb_onnx_settle(NULL, &model) == ALB_OK);
    check_graph(&model);
    run(&model);
  } else {
    check(diag.text != NULL);
  }
  alb_onnx_model_free(&model);
  alb_diag_free(&diag);
  free(copy);
  return 0;
}
