/* Finds the products with constant matrices and the look-ups in constant tables, in all the operators that do so. */
#include "converter/onnx/match.h"

const alb_onnx_part alb_onnx_no_part = {.value = ALB_ONNX_NONE, .scale = ALB_ONNX_NONE, .zero = ALB_ONNX_NONE};

alb_onnx_part alb_match_whole(uint32_t value) {
  alb_onnx_part part = alb_onnx_no_part;
  part.value = value;
  return part;
}

static uint32_t input(const alb_onnx_node *node, uint32_t i) {
  return i < node->input_count ? node->inputs[i] : ALB_ONNX_NONE;
}

static const alb_onnx_tensor *tensor_of(const alb_onnx_match *m, uint32_t value) {
  static const alb_onnx_tensor none = {.type = ALB_ONNX_NO_TYPE};
  return value == ALB_ONNX_NONE ? &none : &m->trace->tensors[value];
}

static bool is_dynamic(const alb_onnx_match *m, uint32_t value) {
  return value != ALB_ONNX_NONE && m->trace->dynamic[value];
}

bool alb_match_is_vector(const alb_onnx_match *m, uint32_t value, size_t count) {
  if (value == ALB_ONNX_NONE || is_dynamic(m, value)) return false;
  const alb_onnx_tensor *t = tensor_of(m, value);
  return alb_onnx_type_is_float(t->type) && t->count == count;
}

/* A constant that is one matrix; ones in front of its shape do not matter. */
static bool is_matrix(const alb_onnx_match *m, uint32_t value, size_t *rows, size_t *columns) {
  const alb_onnx_tensor *t = tensor_of(m, value);
  if (value == ALB_ONNX_NONE || is_dynamic(m, value) || t->rank < 2 || t->count == 0) return false;
  for (size_t i = 0; i + 2 < t->rank; i++) {
    if (t->dims[i] != 1) return false;
  }
  *rows = (size_t)t->dims[t->rank - 2];
  *columns = (size_t)t->dims[t->rank - 1];
  return true;
}

static bool has_type(const alb_onnx_match *m, uint32_t value, bool floats) {
  const alb_onnx_type type = tensor_of(m, value)->type;
  return floats ? alb_onnx_type_is_float(type) : type == ALB_ONNX_INT8 || type == ALB_ONNX_UINT8;
}

/* Fills k and n from the weight, and the class of x; false: not a product with a constant. */
static bool take_weight(const alb_onnx_match *m, alb_onnx_product *p, uint32_t x, uint32_t weight, bool transposed,
                        bool floats) {
  size_t rows, columns;
  if (!is_dynamic(m, x) || !is_matrix(m, weight, &rows, &columns) || !has_type(m, weight, floats)) return false;
  p->weight = alb_match_whole(weight);
  p->weight.transposed = transposed;
  p->k = transposed ? columns : rows;
  p->n = transposed ? rows : columns;
  p->x = m->trace->same[x];
  return tensor_of(m, x)->count % p->k == 0;
}

static void set_bias(const alb_onnx_match *m, alb_onnx_product *p, uint32_t bias) {
  if (alb_match_is_vector(m, bias, p->n)) p->bias = alb_match_whole(bias);
}

static bool bias_is_plain(const alb_onnx_match *m, const alb_onnx_product *p, uint32_t bias) {
  return bias == ALB_ONNX_NONE || alb_match_is_vector(m, bias, p->n);
}

static bool find_matmul(const alb_onnx_match *m, const alb_onnx_node *node, alb_onnx_product *p) {
  return take_weight(m, p, input(node, 0), input(node, 1), false, true);
}

static bool find_fused_matmul(const alb_onnx_match *m, const alb_onnx_node *node, alb_onnx_product *p) {
  const bool plain = alb_onnx_attr_float(node, "alpha", 1) == 1 && !alb_onnx_attr_int(node, "transA", 0) &&
                     !alb_onnx_attr_int(node, "transBatchA", 0) && !alb_onnx_attr_int(node, "transBatchB", 0);
  return plain && take_weight(m, p, input(node, 0), input(node, 1), alb_onnx_attr_int(node, "transB", 0) != 0, true);
}

static bool find_gemm(const alb_onnx_match *m, const alb_onnx_node *node, alb_onnx_product *p) {
  const bool plain = alb_onnx_attr_float(node, "alpha", 1) == 1 && alb_onnx_attr_float(node, "beta", 1) == 1 &&
                     !alb_onnx_attr_int(node, "transA", 0);
  if (!plain || !take_weight(m, p, input(node, 0), input(node, 1), alb_onnx_attr_int(node, "transB", 0) != 0, true))
    return false;
  set_bias(m, p, input(node, 2));
  return bias_is_plain(m, p, input(node, 2));
}

/* What was quantised to become this value: the x of a DynamicQuantizeLinear or QuantizeLinear. */
static uint32_t unquantised(const alb_onnx_match *m, uint32_t value) {
  const alb_onnx_node *from = alb_onnx_producer(m->model, value);
  const bool known = from && (from->op == ALB_ONNX_OP_DynamicQuantizeLinear || from->op == ALB_ONNX_OP_QuantizeLinear);
  return known ? from->inputs[0] : ALB_ONNX_NONE;
}

static bool take_quantised(const alb_onnx_match *m, alb_onnx_product *p, uint32_t x, uint32_t weight, uint32_t scale,
                           uint32_t zero) {
  if (is_dynamic(m, scale) || is_dynamic(m, zero) || scale == ALB_ONNX_NONE) return false;
  if (!take_weight(m, p, x, weight, false, false)) return false;
  p->weight.scale = scale;
  p->weight.zero = zero;
  return true;
}

static bool find_dynamic_quantize_matmul(const alb_onnx_match *m, const alb_onnx_node *node, alb_onnx_product *p) {
  if (!take_quantised(m, p, input(node, 0), input(node, 1), input(node, 2), input(node, 3))) return false;
  set_bias(m, p, input(node, 4));
  return bias_is_plain(m, p, input(node, 4));
}

static bool find_integer_to_float(const alb_onnx_match *m, const alb_onnx_node *node, alb_onnx_product *p) {
  const uint32_t x = unquantised(m, input(node, 0));
  if (x == ALB_ONNX_NONE || !take_quantised(m, p, x, input(node, 1), input(node, 3), input(node, 5))) return false;
  set_bias(m, p, input(node, 6));
  return bias_is_plain(m, p, input(node, 6));
}

static bool find_nbits(const alb_onnx_match *m, const alb_onnx_node *node, alb_onnx_product *p) {
  const uint32_t x = input(node, 0);
  if (!is_dynamic(m, x) || is_dynamic(m, input(node, 1))) return false;
  p->k = (size_t)alb_onnx_attr_int(node, "K", 0);
  p->n = (size_t)alb_onnx_attr_int(node, "N", 0);
  p->weight = alb_match_whole(input(node, 1));
  p->weight.by_product = true;
  p->weight.node = p->node;
  p->x = m->trace->same[x];
  return p->k && p->n && tensor_of(m, x)->count % p->k == 0 && input(node, 5) == ALB_ONNX_NONE;
}

static bool find_attention(const alb_onnx_match *m, const alb_onnx_node *node, alb_onnx_product *p) {
  if (!take_weight(m, p, input(node, 0), input(node, 1), false, true) || p->n % 3) return false;
  set_bias(m, p, input(node, 2));
  p->kind = ALB_ONNX_ATTENTION;
  return bias_is_plain(m, p, input(node, 2));
}

static bool find_embedding(const alb_onnx_match *m, const alb_onnx_node *node, alb_onnx_product *p) {
  size_t rows, columns;
  p->kind = ALB_ONNX_EMBEDDING;
  p->x = input(node, 0);
  p->weight = alb_match_whole(input(node, 2));
  if (!is_dynamic(m, p->x) || !is_matrix(m, p->weight.value, &rows, &columns)) return false;
  p->k = rows;
  p->n = columns;
  return true;
}

/* Indices may be constant: positions are. */
static bool find_lookup(const alb_onnx_match *m, const alb_onnx_node *node, alb_onnx_product *p) {
  size_t rows, columns;
  const uint32_t table = input(node, 0), indices = input(node, 1);
  if (tensor_of(m, table)->rank != 2 || !is_matrix(m, table, &rows, &columns)) return false;
  if (alb_onnx_attr_int(node, "axis", 0) != 0 || tensor_of(m, indices)->count < 1) return false;
  if (!has_type(m, table, true) && !has_type(m, table, false)) return false;
  p->kind = ALB_ONNX_LOOKUP;
  p->weight = alb_match_whole(table);
  p->k = rows;
  p->n = columns;
  p->x = indices;
  return true;
}

/* Operators that are products by themselves. */
static const struct {
  alb_onnx_op op;
  bool (*find)(const alb_onnx_match *m, const alb_onnx_node *node, alb_onnx_product *p);
} finders[] = {
    {ALB_ONNX_OP_MatMul, find_matmul},
    {ALB_ONNX_OP_Gemm, find_gemm},
    {ALB_ONNX_OP_ms_FusedMatMul, find_fused_matmul},
    {ALB_ONNX_OP_ms_TransposeMatMul, find_fused_matmul},
    {ALB_ONNX_OP_ms_DynamicQuantizeMatMul, find_dynamic_quantize_matmul},
    {ALB_ONNX_OP_ms_MatMulIntegerToFloat, find_integer_to_float},
    {ALB_ONNX_OP_ms_MatMulNBits, find_nbits},
    {ALB_ONNX_OP_ms_Attention, find_attention},
    {ALB_ONNX_OP_ms_EmbedLayerNormalization, find_embedding},
    {ALB_ONNX_OP_Gather, find_lookup},
};

static void mark_inside(alb_onnx_match *m, uint32_t value) {
  const uint32_t node = value == ALB_ONNX_NONE ? ALB_ONNX_NONE : m->model->values.items[value].node;
  if (node != ALB_ONNX_NONE && m->product_of[node] == ALB_ONNX_NONE) m->product_of[node] = ALB_ONNX_INSIDE;
}

/* The first node that uses a value and has this operator. */
static uint32_t next_user(const alb_onnx_match *m, uint32_t value, alb_onnx_op op) {
  for (uint32_t i = m->user_begin[value]; i < m->user_begin[value + 1]; i++) {
    if (alb_match_node(m, m->users[i])->op == op) return m->users[i];
  }
  return ALB_ONNX_NONE;
}

static uint32_t other_input(const alb_onnx_node *node, uint32_t value) {
  return node->inputs[0] == value ? node->inputs[1] : node->inputs[0];
}

/* The constant one of the two factors of a scale x_scale * w_scale; ALB_ONNX_NONE: there is none. */
static uint32_t constant_factor(const alb_onnx_match *m, uint32_t scale) {
  const alb_onnx_node *node = alb_onnx_producer(m->model, scale);
  if (!node || node->op != ALB_ONNX_OP_Mul) return ALB_ONNX_NONE;
  if (!is_dynamic(m, node->inputs[0])) return node->inputs[0];
  return is_dynamic(m, node->inputs[1]) ? ALB_ONNX_NONE : node->inputs[1];
}

/* DynamicQuantizeLinear -> MatMulInteger -> Cast -> Mul(x_scale * w_scale): one product. */
static bool find_matmul_integer(alb_onnx_match *m, const alb_onnx_node *node, alb_onnx_product *p) {
  const uint32_t x = unquantised(m, input(node, 0));
  const uint32_t cast = next_user(m, node->outputs[0], ALB_ONNX_OP_Cast);
  if (x == ALB_ONNX_NONE || cast == ALB_ONNX_NONE) return false;
  const uint32_t as_float = alb_match_node(m, cast)->outputs[0];
  const uint32_t mul = next_user(m, as_float, ALB_ONNX_OP_Mul);
  if (mul == ALB_ONNX_NONE) return false;
  const uint32_t scale = other_input(alb_match_node(m, mul), as_float), factor = constant_factor(m, scale);
  if (factor == ALB_ONNX_NONE || !take_quantised(m, p, x, input(node, 1), factor, input(node, 3))) return false;
  p->y = alb_match_node(m, mul)->outputs[0];
  mark_inside(m, input(node, 0));
  mark_inside(m, as_float);
  mark_inside(m, scale);
  mark_inside(m, p->y);
  return true;
}

/* The constant that a value looks up with these indices, through reshapes: the scales of a table's rows. */
static uint32_t looked_up(alb_onnx_match *m, uint32_t value, uint32_t indices) {
  enum { MAX_STEPS = 8 };
  for (size_t step = 0; step < MAX_STEPS; step++) {
    const alb_onnx_node *node = alb_onnx_producer(m->model, value);
    if (!node || node->input_count == 0) return ALB_ONNX_NONE;
    const bool gathers = node->op == ALB_ONNX_OP_Gather && node->inputs[1] == indices;
    if (gathers && !is_dynamic(m, node->inputs[0])) return node->inputs[0];
    if (node->op != ALB_ONNX_OP_Unsqueeze && node->op != ALB_ONNX_OP_Reshape && node->op != ALB_ONNX_OP_Cast)
      return ALB_ONNX_NONE;
    mark_inside(m, value);
    value = node->inputs[0];
  }
  return ALB_ONNX_NONE;
}

/* Gather -> Cast -> Mul with the rows' scales, looked up in the same way. */
static bool finish_scaled_lookup(alb_onnx_match *m, alb_onnx_product *p) {
  const uint32_t cast = next_user(m, p->y, ALB_ONNX_OP_Cast);
  if (cast == ALB_ONNX_NONE) return false;
  const uint32_t numbers = alb_match_node(m, cast)->outputs[0], mul = next_user(m, numbers, ALB_ONNX_OP_Mul);
  if (mul == ALB_ONNX_NONE) return false;
  const alb_onnx_node *node = alb_match_node(m, mul);
  const uint32_t scale = looked_up(m, other_input(node, numbers), p->x);
  if (scale == ALB_ONNX_NONE || tensor_of(m, scale)->count != p->k) return false;
  p->weight.scale = scale;
  p->y = node->outputs[0];
  mark_inside(m, numbers);
  mark_inside(m, p->y);
  return true;
}

/* A table of integers whose rows are dequantised after the look-up. */
static bool finish_lookup(alb_onnx_match *m, alb_onnx_product *p) {
  if (has_type(m, p->weight.value, true)) return true;
  const uint32_t user = next_user(m, p->y, ALB_ONNX_OP_DequantizeLinear);
  if (user == ALB_ONNX_NONE) return finish_scaled_lookup(m, p);
  const alb_onnx_node *node = alb_match_node(m, user);
  const bool plain =
      node->inputs[0] == p->y && !is_dynamic(m, input(node, 1)) && tensor_of(m, input(node, 1))->count == 1;
  if (!plain) return false;
  p->weight.scale = input(node, 1);
  p->weight.zero = input(node, 2);
  p->y = node->outputs[0];
  mark_inside(m, p->y);
  return true;
}

static bool find_product(alb_onnx_match *m, const alb_onnx_node *node, alb_onnx_product *p) {
  p->y = node->output_count ? node->outputs[0] : ALB_ONNX_NONE;
  if (node->op == ALB_ONNX_OP_MatMulInteger) return find_matmul_integer(m, node, p);
  for (size_t i = 0; i < sizeof finders / sizeof finders[0]; i++) {
    if (finders[i].op != node->op || p->y == ALB_ONNX_NONE || !finders[i].find(m, node, p)) continue;
    return p->kind != ALB_ONNX_LOOKUP || finish_lookup(m, p);
  }
  return false;
}

alb_status alb_match_products(alb_onnx_match *m) {
  const alb_onnx_graph *graph = &m->model->graphs.items[0];
  for (uint32_t i = 0; i < graph->nodes.count; i++) {
    alb_onnx_product p = {.node = i, .weight = alb_onnx_no_part, .bias = alb_onnx_no_part};
    if (!find_product(m, &graph->nodes.items[i], &p)) continue;
    p.y = m->trace->same[p.y];
    p.rows = p.n ? alb_match_count(m, p.y) / (p.kind == ALB_ONNX_ATTENTION ? p.n / 3 : p.n) : 0;
    if (p.kind == ALB_ONNX_PRODUCT || p.kind == ALB_ONNX_ATTENTION) m->feeds_product[p.x] = true;
    m->product_of[i] = (uint32_t)m->products.count;
    if (!alb_vec_push(&m->products, p)) return alb_fail_memory(m->diag, sizeof p, "a product");
  }
  return ALB_OK;
}
