/* The manifest's verifier: one wrong manifest for every rule of docs/format.md sections 7 and 8. */
#include <math.h>

#include "base/dtype.h"
#include "base/vocabulary.h"
#include "format/layout.h"
#include "format/validate.h"
#include "tests/support/check.h"
#include "tests/support/tiny_model.h"

/* What a case changes; the blobs are copies of pointers, so they may be changed too. */
typedef struct subject {
  alb_arena arena;
  Alb__Manifest *m;
  alb_stored_blob blobs[TINY_BLOBS + 1];
  alb_validation v;
} subject;

static void prepare(subject *s) {
  *s = (subject){0};
  s->m = tiny_manifest(&s->arena);
  for (size_t i = 0; i < TINY_BLOBS; i++) s->blobs[i].bytes = tiny_blob(i, &s->blobs[i].width);
  s->v = (alb_validation){
      .manifest = s->m, .blobs = s->blobs, .blob_count = TINY_BLOBS, .token_count = TINY_TOKENS, .deep = true};
}

#define CASE(name, change)                                              \
  static void name(subject *s) {                                        \
    Alb__Manifest *m = s->m;                                            \
    Alb__Function *layer = m->functions[0], *encoder = m->functions[1]; \
    (void)m, (void)layer, (void)encoder;                                \
    change;                                                             \
  }

static char *long_name(subject *s) {
  char *name = alb_arena_alloc(&s->arena, ALB_MAX_NAME_BYTES + 2);
  memset(name, 'x', ALB_MAX_NAME_BYTES + 1);
  return name;
}

static alb_span floats(subject *s, const float *values, size_t n) {
  float *copy = ALB_NEW_ARRAY(&s->arena, float, n);
  memcpy(copy, values, n * sizeof *values);
  return (alb_span){(const uint8_t *)copy, n * sizeof *values};
}
#define SCALES(s, ...) (s)->blobs[2].bytes = floats((s), (const float[]){__VA_ARGS__}, 4)

/* Functions f0, f1 ... each of which calls the one before it `calls` times. */
static void call_bomb(subject *s, size_t functions, size_t calls) {
  Alb__Manifest *m = s->m;
  Alb__ParameterSet *empty = ALB_NEW(&s->arena, Alb__ParameterSet);
  alb__parameter_set__init(empty);
  empty->name = (char *)(uintptr_t) "empty";
  m->n_sets = 1;
  m->sets[0] = empty;
  Alb__Function **all = ALB_NEW_ARRAY(&s->arena, Alb__Function *, functions);
  for (uint32_t f = 0; f < functions; f++) {
    Alb__Function *function = all[f] = ALB_NEW(&s->arena, Alb__Function);
    *function = *m->functions[2]; /* embed: one input */
    function->name = alb_arena_printf(&s->arena, "f%u", f);
    function->n_nodes = f == 0 ? 1 : calls;
    function->nodes = ALB_NEW_ARRAY(&s->arena, Alb__Node *, calls);
    function->outputs = ALB_NEW(&s->arena, uint32_t);
    function->outputs[0] = (uint32_t)function->n_nodes;
    for (size_t i = 0; i < function->n_nodes; i++) {
      Alb__Node *node = function->nodes[i] = ALB_NEW(&s->arena, Alb__Node);
      *node = *m->functions[2]->nodes[0]; /* of the input */
      node->pooling = 0;
      node->op = f == 0 ? ALB_OP_NORMALIZE : ALB_OP_CALL;
      node->callee = f == 0 ? 0 : f - 1;
    }
  }
  m->functions = all;
  m->n_functions = functions;
  m->n_golden = 0;
}

CASE(no_config, m->config = NULL)
CASE(layers_0, m->config->layers = 0)
CASE(layers_many, m->config->layers = ALB_MAX_LAYERS + 1)
CASE(hidden_0, m->config->hidden = 0)
CASE(embedding_0, m->config->embedding = 0)
CASE(heads_0, m->config->heads = 0)
CASE(heads_3, m->config->heads = 3)
CASE(intermediate_huge, m->config->intermediate = UINT32_MAX)
CASE(vocab_0, m->config->vocab = 0)
CASE(vocab_small, m->config->vocab = 7)
CASE(positions_0, m->config->max_positions = 0)
CASE(types_0, m->config->type_vocab = 0)
CASE(offset_big, m->config->position_offset = 100)
CASE(pad_big, m->config->pad_id = 8)
CASE(eps_0, m->config->layer_norm_eps = 0)
CASE(eps_nan, m->config->layer_norm_eps = NAN)
CASE(eps_inf, m->config->layer_norm_eps = INFINITY)
CASE(eps_negative, m->config->layer_norm_eps = -1e-5f)
CASE(activation_unknown, m->config->activation = (char *)(uintptr_t) "gelu_hard")
CASE(activation_none, m->config->activation = (char *)(uintptr_t) "none")
CASE(class_score_unknown, m->config->class_score = (char *)(uintptr_t) "guess")
CASE(rank_score_unknown, m->config->rank_score = (char *)(uintptr_t) "tanh")
CASE(no_architecture, m->config->architecture = (char *)(uintptr_t) "")

CASE(tensor_no_name, m->tensors[0]->name = (char *)(uintptr_t) "")
CASE(tensor_long_name, m->tensors[0]->name = long_name(s))
CASE(tensor_twice, m->tensors[1]->name = m->tensors[0]->name)
CASE(tensor_dtype_0, m->tensors[0]->dtype = 0)
CASE(tensor_dtype_f64, m->tensors[0]->dtype = ALB_F64)
CASE(tensor_dtype_99, m->tensors[0]->dtype = 99)
CASE(tensor_dtype_newer, m->tensors[0]->dtype = 99; s->v.minor = 9)
CASE(tensor_blob, m->tensors[0]->blob = TINY_BLOBS)
CASE(tensor_blob_max, m->tensors[0]->blob = UINT32_MAX)
CASE(tensor_dim_0, m->tensors[0]->dims[0] = 0)
CASE(tensor_dim_0_last, m->tensors[0]->dims[1] = 0)
CASE(tensor_dim_huge, m->tensors[0]->dims[0] = ALB_MAX_DIM_SIZE + 1)
CASE(tensor_dims_wrap, m->tensors[0]->dims[0] = m->tensors[0]->dims[1] = (uint64_t)1 << 32)
CASE(tensor_dims_less, m->tensors[0]->dims[0] = 7)
CASE(tensor_dims_more, m->tensors[0]->dims[0] = 9)
CASE(tensor_rank, m->tensors[0]->n_dims = 9; m->tensors[0]->dims = ALB_NEW_ARRAY(&s->arena, uint64_t, 9))
CASE(tensor_width, m->tensors[4]->dtype = ALB_F32; m->tensors[4]->dims[0] = 2)
CASE(tensor_i8_dense, m->tensors[1]->scale_blob = 0)
CASE(tensor_scaled_f32, m->tensors[0]->scale_blob = 3)
CASE(tensor_scale_id, m->tensors[1]->scale_blob = TINY_BLOBS + 1)
CASE(tensor_scale_width, m->tensors[1]->scale_blob = 5)
CASE(tensor_scale_count, m->tensors[1]->scale_blob = 1)
CASE(tensor_i8_rank, m->tensors[1]->n_dims = 1; m->tensors[1]->dims[0] = 16)
CASE(scale_0, SCALES(s, 1, 0, 1, 1))
CASE(scale_negative, SCALES(s, 1, -1, 1, 1))
CASE(scale_nan, SCALES(s, 1, 1, 1, NAN))
CASE(scale_inf, SCALES(s, 1, 1, INFINITY, 1))
CASE(int8_min, uint8_t *q = alb_arena_alloc(&s->arena, 16); q[9] = 0x80; s->blobs[1].bytes.p = q)
CASE(blob_unused, s->blobs[TINY_BLOBS] = s->blobs[3]; s->v.blob_count++)

CASE(set_no_name, m->sets[0]->name = (char *)(uintptr_t) "")
CASE(set_tensor, m->sets[1]->tensors[2] = 6)

CASE(function_twice, m->functions[2]->name = encoder->name)
CASE(function_no_name, encoder->name = (char *)(uintptr_t) "")
CASE(function_no_output, encoder->n_outputs = 0)
CASE(function_output, encoder->outputs[0] = 7)
CASE(input_dtype, encoder->inputs[0]->dtype = 0)
CASE(input_dim_0, layer->inputs[0]->dims[1] = 0)
CASE(input_dim_4, layer->inputs[0]->dims[0] = -4)
CASE(input_dim_huge, layer->inputs[0]->dims[1] = INT64_MAX)
CASE(input_rank, layer->inputs[0]->n_dims = 9; layer->inputs[0]->dims = ALB_NEW_ARRAY(&s->arena, int64_t, 9))
CASE(parameter_twice, layer->parameters[1] = layer->parameters[0])

CASE(op_0, encoder->nodes[0]->op = 0)
CASE(op_99, encoder->nodes[0]->op = 99)
CASE(op_newer, encoder->nodes[0]->op = 99; s->v.minor = 9)
CASE(arity_less, encoder->nodes[2]->n_operands = 1)
CASE(arity_more, layer->nodes[0]->n_operands = 4; layer->nodes[0]->operands = layer->nodes[2]->operands)
CASE(attention_2, layer->nodes[1]->n_operands = 2)
CASE(operand_kind, encoder->nodes[0]->operands[0] = 0)
CASE(operand_self, encoder->nodes[0]->operands[0] = 2 * 4 + ALB_OPERAND_VALUE)
CASE(operand_value, encoder->nodes[0]->operands[0] = UINT32_MAX / 4 * 4 + ALB_OPERAND_VALUE)
CASE(operand_tensor, encoder->nodes[0]->operands[1] = 6 * 4 + ALB_OPERAND_TENSOR)
CASE(operand_parameter, layer->nodes[0]->operands[1] = 3 * 4 + ALB_OPERAND_PARAMETER)
CASE(attribute_activation, encoder->nodes[2]->activation = 1)
CASE(attribute_heads, encoder->nodes[2]->heads = 1)
CASE(attribute_eps, encoder->nodes[2]->eps = 1e-5f)
CASE(attribute_eps_nan, encoder->nodes[2]->eps = NAN)
CASE(attribute_pooling, encoder->nodes[2]->pooling = 1)
CASE(attribute_callee, encoder->nodes[2]->callee = 1)
CASE(attribute_set, encoder->nodes[2]->set = 1)
CASE(node_activation, layer->nodes[0]->activation = ALB_ACT_COUNT)
CASE(node_pooling, m->functions[2]->nodes[0]->pooling = ALB_POOL_COUNT)
CASE(node_pooling_0, m->functions[2]->nodes[0]->pooling = 0)
CASE(node_heads_0, layer->nodes[1]->heads = 0)
CASE(node_heads_huge, layer->nodes[1]->heads = UINT32_MAX)
CASE(node_eps_0, layer->nodes[2]->eps = 0)
CASE(node_eps_nan, layer->nodes[2]->eps = NAN)
CASE(node_layer, encoder->nodes[4]->layer = 3)
CASE(node_no_activation, m->functions[2]->nodes[1]->op = ALB_OP_ACTIVATION)
CASE(call_self, encoder->nodes[3]->callee = 1)
CASE(call_later, encoder->nodes[3]->callee = 2)
CASE(call_nothing, encoder->nodes[3]->callee = UINT32_MAX)
CASE(call_operands, encoder->nodes[3]->n_operands = 2; encoder->nodes[3]->operands = encoder->nodes[2]->operands)
CASE(call_tensor, encoder->nodes[3]->operands[0] = ALB_OPERAND_TENSOR)
CASE(call_outputs, layer->n_outputs = 2; layer->outputs = m->sets[0]->tensors)
CASE(call_set, encoder->nodes[3]->set = 2)
CASE(call_set_size, m->sets[0]->n_tensors = 2)
CASE(call_deep, call_bomb(s, ALB_MAX_CALL_DEPTH + 1, 1))
CASE(call_wide, call_bomb(s, ALB_MAX_CALL_DEPTH, 4))
CASE(functions_many, call_bomb(s, ALB_MAX_FUNCTIONS + 1, 1))

CASE(no_vocab, s->v.token_count = 0)
CASE(no_tokenizer, m->tokenizer = NULL)
CASE(pooling_none, m->embedding->pooling = (char *)(uintptr_t) "none")
CASE(pooling_unknown, m->embedding->pooling = (char *)(uintptr_t) "")
CASE(prompt_missing, m->embedding->default_prompt = (char *)(uintptr_t) "passage")
CASE(prompt_no_name, m->embedding->prompts[0]->name = (char *)(uintptr_t) "")
CASE(hash_size, m->provenance->files[0]->xxh128.len = 15)
CASE(golden_empty, m->golden[0]->n_ids = m->golden[0]->n_type_ids = 0)
CASE(golden_long, m->config->position_offset = 98)
CASE(golden_id, m->golden[0]->ids[1] = 8)
CASE(golden_type, m->golden[0]->type_ids[1] = 1)
CASE(golden_types, m->golden[0]->n_type_ids = 2)
CASE(golden_function, m->golden[0]->outputs[0]->function = (char *)(uintptr_t) "nothing")
CASE(golden_layer, m->golden[0]->outputs[0]->function = layer->name)
CASE(golden_size, m->golden[0]->outputs[0]->dims[1] = 5)
CASE(golden_dim_0, m->golden[0]->outputs[0]->dims[1] = 0)
CASE(golden_dims_wrap, m->golden[0]->outputs[0]->dims[0] = UINT64_MAX)
CASE(golden_nan, m->golden[0]->outputs[0]->values.data[15] = 0x7f; m->golden[0]->outputs[0]->values.data[14] = 0x80)
CASE(golden_row, m->golden[0]->outputs[0]->n_rows = 1; m->golden[0]->outputs[0]->rows = m->golden[0]->ids;
     m->golden[0]->ids[0] = 3)
CASE(golden_rows, m->golden[0]->outputs[0]->n_rows = 2; m->golden[0]->outputs[0]->rows = m->sets[0]->tensors;
     m->sets[0]->tensors[0] = 0; m->sets[0]->tensors[1] = 2)
CASE(golden_rows_fall, m->golden[0]->outputs[0]->n_rows = 2; m->golden[0]->outputs[0]->rows = m->golden[0]->type_ids)

static const struct {
  const char *name;
  void (*change)(subject *);
  alb_status status;
  const char *message;
} cases[] = {
#define ROW(name, status, message) {#name, name, ALB_##status, message},
    ROW(no_config, MISSING, "config is missing") ROW(
        layers_0, MALFORMED,
        "config: layers is 0, allowed are 1 to 4096") ROW(layers_many, MALFORMED,
                                                          "config: layers is 4097") ROW(hidden_0, MALFORMED,
                                                                                        "config: hidden is 0")
        ROW(embedding_0, MALFORMED, "config: embedding is 0") ROW(heads_0, MALFORMED, "config: heads is 0") ROW(
            heads_3, MALFORMED, "config: 3 heads do not divide hidden 4") ROW(intermediate_huge, MALFORMED,
                                                                              "config: intermediate is 4294967295")
            ROW(vocab_0, MALFORMED, "config: vocab is 0") ROW(
                vocab_small,
                MALFORMED, "vocabulary section has 8 tokens, the model 7") ROW(positions_0,
                                                                               MALFORMED, "config: max_positions is 0") ROW(types_0,
                                                                                                                            MALFORMED,
                                                                                                                            "config: type_vocab is 0") ROW(offset_big,
                                                                                                                                                           MALFORMED,
                                                                                                                                                           "config: position_offset 100 of 100") ROW(pad_big,
                                                                                                                                                                                                     MALFORMED,
                                                                                                                                                                                                     "config: pad_id 8") ROW(eps_0,
                                                                                                                                                                                                                             MALFORMED,
                                                                                                                                                                                                                             "config: layer_norm_eps is 0") ROW(eps_nan,
                                                                                                                                                                                                                                                                MALFORMED,
                                                                                                                                                                                                                                                                "config: layer_norm_eps is nan") ROW(eps_inf,
                                                                                                                                                                                                                                                                                                     MALFORMED,
                                                                                                                                                                                                                                                                                                     "config: layer_norm_eps is inf") ROW(eps_negative,
                                                                                                                                                                                                                                                                                                                                          MALFORMED,
                                                                                                                                                                                                                                                                                                                                          "config: layer_norm_eps is -1e-05") ROW(activation_unknown,
                                                                                                                                                                                                                                                                                                                                                                                  MALFORMED,
                                                                                                                                                                                                                                                                                                                                                                                  "config: activation \"gelu_hard\"") ROW(activation_none,
                                                                                                                                                                                                                                                                                                                                                                                                                          MALFORMED,
                                                                                                                                                                                                                                                                                                                                                                                                                          "config: activation \"none\"") ROW(class_score_unknown,
                                                                                                                                                                                                                                                                                                                                                                                                                                                             MALFORMED,
                                                                                                                                                                                                                                                                                                                                                                                                                                                             "config: class_score \"guess\"") ROW(rank_score_unknown,
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                  MALFORMED,
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                  "config: rank_score \"tanh\"") ROW(no_architecture,
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                     MALFORMED,
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                     "name of 0 bytes") ROW(tensor_no_name,
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                            MALFORMED,
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                            "tensor 0: name of 0 bytes") ROW(tensor_long_name,
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                             MALFORMED,
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                             "tensor 0: name of 4097 bytes") ROW(tensor_twice,
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                 DUPLICATE,
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                 "two tensors \"embeddings.word\"") ROW(tensor_dtype_0,
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                        MALFORMED,
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                        "unknown tensor dtype 0") ROW(tensor_dtype_f64,
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                      MALFORMED,
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                      "unknown tensor dtype 5") ROW(tensor_dtype_99,
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                    MALFORMED,
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                    "unknown tensor dtype 99") ROW(tensor_dtype_newer,
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                   VERSION,
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                   "written by a newer version") ROW(tensor_blob,
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                     MALFORMED,
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                     "blob 6 of 6") ROW(tensor_blob_max, MALFORMED,
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                        "blob 4294967295 of 6")
                ROW(tensor_dim_0, MALFORMED, "dimension 0 is 0") ROW(
                    tensor_dim_0_last, MALFORMED,
                    "dimension 1 is 0") ROW(tensor_dim_huge, MALFORMED, "dimension 0 is 281474976710657")
                    ROW(tensor_dims_wrap, OVERFLOW, "size overflows") ROW(
                        tensor_dims_less, MALFORMED, "112 bytes of f32, but blob 0 has 128 bytes") ROW(tensor_dims_more,
                                                                                                       MALFORMED,
                                                                                                       "144 bytes of "
                                                                                                       "f32, "
                                                                                                       "but blob 0 has "
                                                                                                       "128 "
                                                                                                       "bytes")
                        ROW(tensor_rank, LIMIT, "rank 9") ROW(tensor_width, MALFORMED, "8 bytes of width 2") ROW(
                            tensor_i8_dense, MALFORMED,
                            "scale_blob 0") ROW(tensor_scaled_f32, MALFORMED, "scales of f32")
                            ROW(tensor_scale_id,
                                MALFORMED, "scale_blob 7") ROW(tensor_scale_width, MALFORMED,
                                                               "8 bytes "
                                                               "of "
                                                               "scales "
                                                               "for 4 "
                                                               "rows")
                                ROW(tensor_scale_count, MALFORMED, "128 bytes of scales for 4 rows") ROW(
                                    tensor_i8_rank,
                                    MALFORMED,
                                    "int8 of rank 1") ROW(scale_0, MALFORMED,
                                                          "scale of row 1 is 0") ROW(scale_negative, MALFORMED,
                                                                                     "scale of row 1 is -1")
                                    ROW(scale_nan, MALFORMED, "scale of row 3 is nan") ROW(
                                        scale_inf, MALFORMED,
                                        "scale of row 2 "
                                        "is inf") ROW(int8_min, MALFORMED, "int8 element -128")
                                        ROW(blob_unused, MALFORMED, "blob 6 is no tensor's") ROW(
                                            set_no_name, MALFORMED,
                                            "parameter set 0: name") ROW(set_tensor, MALFORMED,
                                                                         "paramete"
                                                                         "r set "
                                                                         "1: "
                                                                         "tensor "
                                                                         "6 of "
                                                                         "6") ROW(function_twice,
                                                                                  DUPLICATE, "two functions \"encoder\"") ROW(function_no_name, MALFORMED,
                                                                                                                              "function 1: name of 0 bytes")
                                            ROW(function_no_output, MALFORMED,
                                                "\"encoder\" has no output") ROW(function_output, MALFORMED,
                                                                                 "output 7 is no value") ROW(input_dtype, MALFORMED,
                                                                                                             "u"
                                                                                                             "n"
                                                                                                             "k"
                                                                                                             "n"
                                                                                                             "o"
                                                                                                             "w"
                                                                                                             "n"
                                                                                                             " "
                                                                                                             "i"
                                                                                                             "n"
                                                                                                             "p"
                                                                                                             "u"
                                                                                                             "t"
                                                                                                             " "
                                                                                                             "d"
                                                                                                             "t"
                                                                                                             "y"
                                                                                                             "p"
                                                                                                             "e"
                                                                                                             " "
                                                                                                             "0") ROW(input_dim_0,
                                                                                                                      MALFORMED,
                                                                                                                      "dimension 0 of input 0") ROW(input_dim_4,
                                                                                                                                                    MALFORMED,
                                                                                                                                                    "dimension -4 of input 0") ROW(input_dim_huge,
                                                                                                                                                                                   MALFORMED,
                                                                                                                                                                                   "dimension 9223372036854775807 of input 0")
                                                ROW(input_rank, MALFORMED, "input 0 has rank 9") ROW(
                                                    parameter_twice, DUPLICATE,
                                                    "two parameters \"p0\"") ROW(op_0, MALFORMED, "unknown operator 0")
                                                    ROW(op_99, MALFORMED, "unknown operator 99") ROW(
                                                        op_newer, VERSION,
                                                        "unknown operator 99") ROW(arity_less, MALFORMED,
                                                                                   "\"encoder\", node 2: add with "
                                                                                   "1 operands")
                                                        ROW(arity_more, MALFORMED, "linear with 4 operands") ROW(
                                                            attention_2, MALFORMED,
                                                            "a"
                                                            "t"
                                                            "t"
                                                            "e"
                                                            "n"
                                                            "t"
                                                            "i"
                                                            "o"
                                                            "n"
                                                            " "
                                                            "w"
                                                            "i"
                                                            "t"
                                                            "h"
                                                            " "
                                                            "2"
                                                            " "
                                                            "o"
                                                            "p"
                                                            "e"
                                                            "r"
                                                            "a"
                                                            "n"
                                                            "d"
                                                            "s") ROW(operand_kind, MALFORMED, "operand 0 of kind 0")
                                                            ROW(operand_self, MALFORMED,
                                                                "operand 2 of kind 1") ROW(operand_value, MALFORMED,
                                                                                           "operand 1073741823 of "
                                                                                           "kind 1")
                                                                ROW(operand_tensor, MALFORMED, "operand 6 of kind 2") ROW(
                                                                    operand_parameter,
                                                                    MALFORMED, "operand 3 of kind 3") ROW(attribute_activation, MALFORMED,
                                                                                                          "attribut"
                                                                                                          "e that "
                                                                                                          "add "
                                                                                                          "does "
                                                                                                          "not "
                                                                                                          "have") ROW(attribute_heads,
                                                                                                                      MALFORMED,
                                                                                                                      "attribute that add does not have") ROW(attribute_eps,
                                                                                                                                                              MALFORMED,
                                                                                                                                                              "attribute that add does not have") ROW(attribute_eps_nan,
                                                                                                                                                                                                      MALFORMED,
                                                                                                                                                                                                      "attribute that add does not have") ROW(attribute_pooling,
                                                                                                                                                                                                                                              MALFORMED,
                                                                                                                                                                                                                                              "attribute that add does not have") ROW(attribute_callee,
                                                                                                                                                                                                                                                                                      MALFORMED,
                                                                                                                                                                                                                                                                                      "attribute that add does not have") ROW(attribute_set,
                                                                                                                                                                                                                                                                                                                              MALFORMED,
                                                                                                                                                                                                                                                                                                                              "attribute that add does not have") ROW(node_activation,
                                                                                                                                                                                                                                                                                                                                                                      MALFORMED,
                                                                                                                                                                                                                                                                                                                                                                      "unknown activation") ROW(node_pooling,
                                                                                                                                                                                                                                                                                                                                                                                                MALFORMED,
                                                                                                                                                                                                                                                                                                                                                                                                "unknown pooling") ROW(node_pooling_0,
                                                                                                                                                                                                                                                                                                                                                                                                                       MALFORMED,
                                                                                                                                                                                                                                                                                                                                                                                                                       "pool without a pooling") ROW(node_heads_0,
                                                                                                                                                                                                                                                                                                                                                                                                                                                     MALFORMED,
                                                                                                                                                                                                                                                                                                                                                                                                                                                     "0 heads") ROW(node_heads_huge,
                                                                                                                                                                                                                                                                                                                                                                                                                                                                    MALFORMED,
                                                                                                                                                                                                                                                                                                                                                                                                                                                                    "4294967295 heads")
                                                                    ROW(node_eps_0, MALFORMED, "eps is 0") ROW(
                                                                        node_eps_nan, MALFORMED,
                                                                        "eps is nan") ROW(node_layer, MALFORMED,
                                                                                          "layer 3") ROW(node_no_activation,
                                                                                                         MALFORMED,
                                                                                                         "activation "
                                                                                                         "without a "
                                                                                                         "function") ROW(call_self,
                                                                                                                         MALFORMED,
                                                                                                                         "call of "
                                                                                                                         "function 1")
                                                                        ROW(call_later, MALFORMED, "call of function 2") ROW(
                                                                            call_nothing, MALFORMED,
                                                                            "call of function 4294967295")
                                                                            ROW(call_operands, MALFORMED,
                                                                                "call of \"layer\" with 2 operands") ROW(call_tensor, MALFORMED,
                                                                                                                         "opera"
                                                                                                                         "nd 0 "
                                                                                                                         "of a "
                                                                                                                         "call "
                                                                                                                         "is "
                                                                                                                         "no "
                                                                                                                         "valu"
                                                                                                                         "e")
                                                                                ROW(call_outputs, MALFORMED,
                                                                                    "call of \"layer\"") ROW(call_set,
                                                                                                             MALFORMED,
                                                                                                             "parameter"
                                                                                                             " set 2 "
                                                                                                             "of 2") ROW(call_set_size,
                                                                                                                         MALFORMED,
                                                                                                                         "param"
                                                                                                                         "eter "
                                                                                                                         "set "
                                                                                                                         "0 "
                                                                                                                         "has "
                                                                                                                         "2 "
                                                                                                                         "tenso"
                                                                                                                         "rs, "
                                                                                                                         "\"lay"
                                                                                                                         "er\" "
                                                                                                                         "has "
                                                                                                                         "3 "
                                                                                                                         "param"
                                                                                                                         "eter"
                                                                                                                         "s")
                                                                                    ROW(call_deep, LIMIT,
                                                                                        "too large with its calls "
                                                                                        "written out") ROW(call_wide, LIMIT,
                                                                                                           "too large "
                                                                                                           "with its "
                                                                                                           "calls "
                                                                                                           "written "
                                                                                                           "out") ROW(functions_many,
                                                                                                                      LIMIT,
                                                                                                                      "257 functions") ROW(no_vocab,
                                                                                                                                           MALFORMED,
                                                                                                                                           "tokenizer "
                                                                                                                                           "without a "
                                                                                                                                           "vocabulary")
                                                                                        ROW(no_tokenizer, MALFORMED,
                                                                                            "vocabula"
                                                                                            "ry "
                                                                                            "section "
                                                                                            "without "
                                                                                            "a "
                                                                                            "tokenize"
                                                                                            "r") ROW(pooling_none,
                                                                                                     MALFORMED,
                                                                                                     "embedding: "
                                                                                                     "pooling "
                                                                                                     "\"none\"") ROW(pooling_unknown, MALFORMED,
                                                                                                                     "e"
                                                                                                                     "m"
                                                                                                                     "b"
                                                                                                                     "e"
                                                                                                                     "d"
                                                                                                                     "d"
                                                                                                                     "i"
                                                                                                                     "n"
                                                                                                                     "g"
                                                                                                                     ":"
                                                                                                                     " "
                                                                                                                     "p"
                                                                                                                     "o"
                                                                                                                     "o"
                                                                                                                     "l"
                                                                                                                     "i"
                                                                                                                     "n"
                                                                                                                     "g"
                                                                                                                     " "
                                                                                                                     "\"\"") ROW(prompt_missing,
                                                                                                                                 MALFORMED,
                                                                                                                                 "no prompt "
                                                                                                                                 "\"passage\"") ROW(prompt_no_name,
                                                                                                                                                    MALFORMED,
                                                                                                                                                    "prompt 0: name")
                                                                                            ROW(hash_size, MALFORMED,
                                                                                                "source file "
                                                                                                "0: hash of 15 "
                                                                                                "bytes") ROW(golden_empty,
                                                                                                             MALFORMED,
                                                                                                             "g"
                                                                                                             "o"
                                                                                                             "l"
                                                                                                             "d"
                                                                                                             "e"
                                                                                                             "n"
                                                                                                             " "
                                                                                                             "0"
                                                                                                             ":"
                                                                                                             " "
                                                                                                             "0"
                                                                                                             " "
                                                                                                             "i"
                                                                                                             "d"
                                                                                                             "s") ROW(golden_long,
                                                                                                                      MALFORMED,
                                                                                                                      "golden 0: 3 ids")
                                                                                                ROW(golden_id,
                                                                                                    MALFORMED,
                                                                                                    "golden 0: "
                                                                                                    "id "
                                                                                                    "1 is "
                                                                                                    "8") ROW(golden_type,
                                                                                                             MALFORMED,
                                                                                                             "g"
                                                                                                             "o"
                                                                                                             "l"
                                                                                                             "d"
                                                                                                             "e"
                                                                                                             "n"
                                                                                                             " "
                                                                                                             "0"
                                                                                                             ":"
                                                                                                             " "
                                                                                                             "t"
                                                                                                             "y"
                                                                                                             "p"
                                                                                                             "e"
                                                                                                             " "
                                                                                                             "i"
                                                                                                             "d"
                                                                                                             " "
                                                                                                             "1"
                                                                                                             " "
                                                                                                             "i"
                                                                                                             "s"
                                                                                                             " "
                                                                                                             "1") ROW(golden_types, MALFORMED,
                                                                                                                      "golden 0: 2 "
                                                                                                                      "type ids for "
                                                                                                                      "3 ids")
                                                                                                    ROW(golden_function,
                                                                                                        MALFORMED,
                                                                                                        "n"
                                                                                                        "o"
                                                                                                        " "
                                                                                                        "f"
                                                                                                        "u"
                                                                                                        "n"
                                                                                                        "c"
                                                                                                        "t"
                                                                                                        "i"
                                                                                                        "o"
                                                                                                        "n"
                                                                                                        " "
                                                                                                        "\"noth"
                                                                                                        "ing"
                                                                                                        "\"") ROW(golden_layer,
                                                                                                                  MALFORMED,
                                                                                                                  "no "
                                                                                                                  "func"
                                                                                                                  "tion"
                                                                                                                  " "
                                                                                                                  "\"la"
                                                                                                                  "yer"
                                                                                                                  "\" "
                                                                                                                  "with"
                                                                                                                  "out "
                                                                                                                  "para"
                                                                                                                  "mete"
                                                                                                                  "r"
                                                                                                                  "s")
                                                                                                        ROW(golden_size,
                                                                                                            MALFORMED,
                                                                                                            "1"
                                                                                                            "6"
                                                                                                            " "
                                                                                                            "b"
                                                                                                            "y"
                                                                                                            "t"
                                                                                                            "e"
                                                                                                            "s"
                                                                                                            " "
                                                                                                            "o"
                                                                                                            "f"
                                                                                                            " "
                                                                                                            "v"
                                                                                                            "a"
                                                                                                            "l"
                                                                                                            "u"
                                                                                                            "e"
                                                                                                            "s"
                                                                                                            ","
                                                                                                            " "
                                                                                                            "n"
                                                                                                            "o"
                                                                                                            "t"
                                                                                                            " "
                                                                                                            "2"
                                                                                                            "0") ROW(golden_dim_0,
                                                                                                                     MALFORMED,
                                                                                                                     "d"
                                                                                                                     "i"
                                                                                                                     "m"
                                                                                                                     "e"
                                                                                                                     "n"
                                                                                                                     "s"
                                                                                                                     "i"
                                                                                                                     "o"
                                                                                                                     "n"
                                                                                                                     " "
                                                                                                                     "1"
                                                                                                                     " "
                                                                                                                     "i"
                                                                                                                     "s"
                                                                                                                     " "
                                                                                                                     "0")
                                                                                                            ROW(golden_dims_wrap,
                                                                                                                MALFORMED,
                                                                                                                "di"
                                                                                                                "me"
                                                                                                                "ns"
                                                                                                                "io"
                                                                                                                "n "
                                                                                                                "0 "
                                                                                                                "is"
                                                                                                                " "
                                                                                                                "18"
                                                                                                                "44"
                                                                                                                "67"
                                                                                                                "44"
                                                                                                                "07"
                                                                                                                "37"
                                                                                                                "09"
                                                                                                                "55"
                                                                                                                "16"
                                                                                                                "1"
                                                                                                                "5") ROW(golden_nan,
                                                                                                                         NONFINITE,
                                                                                                                         "value 3 of \"embed\"")
                                                                                                                ROW(golden_row,
                                                                                                                    MALFORMED,
                                                                                                                    "ro"
                                                                                                                    "w "
                                                                                                                    "0 "
                                                                                                                    "is"
                                                                                                                    " t"
                                                                                                                    "ok"
                                                                                                                    "en"
                                                                                                                    " "
                                                                                                                    "3")
                                                                                                                    ROW(golden_rows,
                                                                                                                        MALFORMED,
                                                                                                                        "2 rows of \"embed\"")
                                                                                                                        ROW(golden_rows_fall,
                                                                                                                            MALFORMED,
                                                                                                                            "row 1 is token 0")
#undef ROW
};

static void test_sound(void **state) {
  (void)state;
  subject s;
  alb_diag diag = {0};
  prepare(&s);
  assert_ok(&diag, alb_validate_manifest(&diag, &s.v));
  alb_arena_free(&s.arena);
}

static void test_cases(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    subject s;
    alb_diag diag = {0};
    prepare(&s);
    cases[i].change(&s);
    const alb_status status = alb_validate_manifest(&diag, &s.v);
    if (status != cases[i].status) print_error("case %s\n", cases[i].name);
    assert_refused(&diag, status, cases[i].status, cases[i].message);
    alb_arena_free(&s.arena);
  }
}

/* Not deep: the elements of int8 tensors are not looked at. */
static void test_shallow(void **state) {
  (void)state;
  subject s;
  alb_diag diag = {0};
  prepare(&s);
  int8_min(&s);
  s.v.deep = false;
  assert_ok(&diag, alb_validate_manifest(&diag, &s.v));
  alb_arena_free(&s.arena);
}

/* Within the limits: 16 levels of calls, and calls that double up to 2^15 nodes. */
static void test_large_calls(void **state) {
  (void)state;
  subject s;
  alb_diag diag = {0};
  prepare(&s);
  call_bomb(&s, ALB_MAX_CALL_DEPTH, 2);
  assert_ok(&diag, alb_validate_manifest(&diag, &s.v));
  alb_arena_free(&s.arena);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_sound),
      cmocka_unit_test(test_cases),
      cmocka_unit_test(test_shallow),
      cmocka_unit_test(test_large_calls),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
