/* Recognises the embeddings: look-ups by ids, types and positions, their sum's LayerNorm, ALBERT's projection. */
#include <math.h>
#include <stdlib.h>

#include "converter/onnx/match_attention.h"

enum { MAX_ADDENDS = 6, ATTENTION_PRODUCTS = 8 };

/* What may stand in the sum besides the words. */
typedef struct addend {
  uint32_t value;
  const float *numbers;     /* [tokens][embedding] */
  alb_onnx_product *lookup; /* of the types; NULL: a constant */
} addend;

typedef struct embeddings {
  alb_onnx_match *m;
  alb_onnx_product *word, *type;
  addend addends[MAX_ADDENDS];
  size_t addend_count, width;
} embeddings;

static bool indices_are(const alb_onnx_match *m, uint32_t value, const int64_t *expected) {
  const alb_onnx_tensor *t = &m->trace->tensors[value];
  if (t->count != m->tokens || !t->data) return false;
  for (size_t i = 0; i < t->count; i++) {
    if (alb_onnx_get_i64(t, i) != expected[i]) return false;
  }
  return true;
}

/* Is x a row of 0 with a single 1 for each token, at the index that is expected? */
static bool is_one_hot(const alb_onnx_match *m, const alb_onnx_product *p, const int64_t *expected) {
  const alb_onnx_tensor *t = &m->trace->tensors[p->x];
  if (t->count != m->tokens * p->k || !t->data) return false;
  for (size_t i = 0; i < t->count; i++) {
    const double want = expected[i / p->k] == (int64_t)(i % p->k) ? 1 : 0;
    if (alb_onnx_get_f64(t, i) != want) return false;
  }
  return true;
}

static bool looks_up(const alb_onnx_match *m, const alb_onnx_product *p, const int64_t *expected) {
  if (p->kind == ALB_ONNX_LOOKUP) return m->trace->dynamic[p->x] && indices_are(m, p->x, expected);
  return p->kind == ALB_ONNX_PRODUCT && is_one_hot(m, p, expected);
}

/* The look-ups by ids (the largest table) and by types. */
static void find_lookups(embeddings *e) {
  alb_onnx_match *m = e->m;
  for (size_t i = 0; i < m->products.count; i++) {
    alb_onnx_product *p = &m->products.items[i];
    if (looks_up(m, p, m->ids) && (!e->word || p->k > e->word->k)) e->word = p;
  }
  for (size_t i = 0; i < m->products.count; i++) {
    alb_onnx_product *p = &m->products.items[i];
    if (p != e->word && !e->type && looks_up(m, p, m->type_ids) && e->word && p->n == e->word->n) e->type = p;
  }
}

static alb_status add_candidate(embeddings *e, uint32_t value, alb_onnx_product *lookup) {
  addend a = {.value = value, .lookup = lookup};
  if (e->addend_count == MAX_ADDENDS) return ALB_OK;
  ALB_TRY(alb_onnx_trace_f32(e->m->diag, e->m->trace, value, &a.numbers));
  for (size_t i = 0; i < e->addend_count; i++) {
    if (memcmp(e->addends[i].numbers, a.numbers, e->m->tokens * e->width * sizeof(float)) == 0) return ALB_OK;
  }
  e->addends[e->addend_count++] = a;
  return ALB_OK;
}

/* The types' rows, and constants of the size of the sum in front of the first product that is no look-up. */
static alb_status find_addends(embeddings *e) {
  const alb_onnx_match *m = e->m;
  const size_t n = m->tokens * e->width;
  if (e->type) ALB_TRY(add_candidate(e, e->type->y, e->type));
  for (size_t i = 0; i < m->model->graphs.items[0].nodes.count; i++) {
    const uint32_t product = m->product_of[i];
    const alb_onnx_node *node = alb_match_node(m, (uint32_t)i);
    if (product < m->products.count && &m->products.items[product] != e->type &&
        m->products.items[product].kind != ALB_ONNX_LOOKUP && i > e->word->node)
      break;
    for (uint32_t k = 0; k < node->input_count; k++) {
      if (alb_match_is_vector(m, node->inputs[k], n) && n != e->width) ALB_TRY(add_candidate(e, node->inputs[k], NULL));
    }
  }
  return ALB_OK;
}

static alb_status try_subset(embeddings *e, unsigned subset, float *base, bool *found) {
  const size_t n = e->m->tokens * e->width;
  const float *word;
  ALB_TRY(alb_onnx_trace_f32(e->m->diag, e->m->trace, e->word->y, &word));
  memcpy(base, word, n * sizeof *base);
  for (size_t i = 0; i < e->addend_count; i++) {
    for (size_t k = 0; (subset >> i & 1) && k < n; k++) base[k] += e->addends[i].numbers[k];
  }
  return alb_match_norm(e->m, e->word->y, base, e->m->tokens, e->width, &e->m->out->embed_norm, found);
}

/* The largest set of addends whose sum's LayerNorm stands in the graph: tables stay apart where they are. */
static alb_status find_sum(embeddings *e, unsigned *subset, bool *found) {
  float *base = malloc(e->m->tokens * e->width * sizeof *base);
  if (!base) return alb_fail_memory(e->m->diag, 0, "embeddings");
  alb_status status = ALB_OK;
  *found = false;
  for (int size = (int)e->addend_count; size >= 0 && status == ALB_OK && !*found; size--) {
    for (unsigned s = 0; s < 1U << e->addend_count && status == ALB_OK && !*found; s++) {
      if (__builtin_popcount(s) != size) continue;
      status = try_subset(e, s, base, found);
      *subset = s;
    }
  }
  free(base);
  return status;
}

/* ---- constants of the sum ---- */

static bool all_rows_equal(const embeddings *e, const float *numbers) {
  for (size_t t = 1; t < e->m->tokens; t++) {
    if (memcmp(numbers, numbers + t * e->width, e->width * sizeof(float)) != 0) return false;
  }
  return true;
}

/* A constant look-up that gives these numbers: where its indices begin, and by how much they grow. */
static alb_status find_constant_lookup(const embeddings *e, const float *numbers, alb_onnx_product **out) {
  alb_onnx_match *m = e->m;
  *out = NULL;
  for (size_t i = 0; i < m->products.count; i++) {
    alb_onnx_product *p = &m->products.items[i];
    const float *rows;
    if (p->kind != ALB_ONNX_LOOKUP || m->trace->dynamic[p->x] || p->n != e->width) continue;
    if (alb_match_count(m, p->y) != m->tokens * e->width) continue;
    ALB_TRY(alb_onnx_trace_f32(m->diag, m->trace, p->y, &rows));
    if (memcmp(rows, numbers, m->tokens * e->width * sizeof *rows) != 0) continue;
    *out = p;
    return ALB_OK;
  }
  return ALB_OK;
}

/* A constant table that begins with these rows, or ALB_ONNX_NONE. */
static uint32_t find_table(const embeddings *e, const float *numbers) {
  const alb_onnx_match *m = e->m;
  const size_t n = m->tokens * e->width;
  for (uint32_t v = 0; v < m->trace->values; v++) {
    const alb_onnx_tensor *t = alb_onnx_constant(m->model, v);
    if (!t || t->rank < 2 || !alb_onnx_type_is_float(t->type) || t->dims[t->rank - 1] != (int64_t)e->width) continue;
    if (t->count < n || t->dims[t->rank - 2] * (int64_t)e->width != (int64_t)t->count) continue;
    size_t i = 0;
    while (i < n && (float)alb_onnx_get_f64(t, i) == numbers[i]) i++;
    if (i == n) return v;
  }
  return ALB_ONNX_NONE;
}

/* One constant addend: positions, or the row of a type that is always the same. */
static alb_status take_constant(embeddings *e, const addend *a) {
  alb_onnx_encoder *out = e->m->out;
  alb_onnx_product *lookup;
  ALB_TRY(find_constant_lookup(e, a->numbers, &lookup));
  if (all_rows_equal(e, a->numbers) && e->m->tokens > 1) {
    out->type = lookup ? lookup->weight : alb_match_whole(a->value);
    if (!lookup) out->type.size = (uint32_t)e->width;
    return ALB_OK;
  }
  if (lookup) {
    const alb_onnx_tensor *indices = &e->m->trace->tensors[lookup->x];
    for (size_t t = 0; t < e->m->tokens; t++) {
      if (alb_onnx_get_i64(indices, t) == (int64_t)t) continue;
      return alb_match_refuse(e->m, lookup->node, "expected positions that count from 0, found %lld at token %zu",
                              (long long)alb_onnx_get_i64(indices, t), t);
    }
    out->position = lookup->weight;
    return ALB_OK;
  }
  const uint32_t table = find_table(e, a->numbers);
  if (table == ALB_ONNX_NONE && !e->m->fixed)
    return alb_match_refuse(e->m, e->word->node,
                            "expected behind it a table of positions, found rows that come from no table");
  out->position = alb_match_whole(table == ALB_ONNX_NONE ? a->value : table);
  return ALB_OK;
}

static alb_status take_addends(embeddings *e, unsigned subset) {
  alb_onnx_encoder *out = e->m->out;
  if (out->embed_norm.bias.value != ALB_ONNX_NONE) out->type = out->embed_norm.bias; /* one row for all tokens */
  for (size_t i = 0; i < e->addend_count; i++) {
    if (!(subset >> i & 1)) continue;
    if (e->addends[i].lookup) {
      out->type = e->addends[i].lookup->weight;
      e->addends[i].lookup->used = true;
    } else {
      ALB_TRY(take_constant(e, &e->addends[i]));
    }
  }
  if (out->position.value != ALB_ONNX_NONE) return ALB_OK;
  return alb_match_refuse(e->m, e->word->node, "expected the rows of a table of positions in the sum with it");
}

/* ---- EmbedLayerNormalization ---- */

static alb_status take_fused(alb_onnx_match *m, alb_onnx_product *p) {
  const alb_onnx_node *node = alb_match_node(m, p->node);
  alb_onnx_encoder *out = m->out;
  const bool types = node->inputs[1] != ALB_ONNX_NONE && node->inputs[4] != ALB_ONNX_NONE;
  bool plain = indices_are(m, node->inputs[0], m->ids) && (!types || indices_are(m, node->inputs[1], m->type_ids));
  if (node->input_count > 8 && node->inputs[8] != ALB_ONNX_NONE) {
    const alb_onnx_tensor *t = &m->trace->tensors[node->inputs[8]];
    for (size_t i = 0; i < t->count; i++) plain = plain && alb_onnx_get_i64(t, i) == (int64_t)(i % m->tokens);
  }
  if (!plain)
    return alb_match_refuse(m, p->node, "expected the token ids, the type ids and positions that count from 0");
  out->word = alb_match_whole(node->inputs[2]);
  out->position = alb_match_whole(node->inputs[3]);
  if (types) out->type = alb_match_whole(node->inputs[4]);
  out->embed_norm = (alb_onnx_norm){.bias = alb_onnx_no_part,
                                    .gamma = alb_match_whole(node->inputs[5]),
                                    .beta = alb_match_whole(node->inputs[6]),
                                    .eps = alb_onnx_attr_float(node, "epsilon", 1e-12F),
                                    .y = p->y};
  p->used = true;
  return ALB_OK;
}

/* ---- all of it ---- */

/* ALBERT: one product between the norm and the first layer. */
static alb_status match_projection(alb_onnx_match *m, uint32_t before, uint32_t *x) {
  alb_onnx_product *on[ATTENTION_PRODUCTS];
  alb_onnx_encoder *out = m->out;
  const size_t count = alb_match_products_on(m, *x, on, ATTENTION_PRODUCTS);
  alb_onnx_product *first = count ? on[0] : NULL;
  out->hidden = out->embedding;
  if (alb_match_choose(on, count, out->hidden)) return ALB_OK;
  if (count != 1 || first->rows != m->tokens)
    return alb_match_refuse(m, before, "expected behind it a LayerNorm and then the products of an attention");
  out->hidden = first->n;
  out->projection_w = first->weight;
  out->projection_b = first->bias;
  first->used = true;
  *x = first->y;
  return first->bias.value == ALB_ONNX_NONE ? alb_match_bias(m, first->y, first->n, &out->projection_b, x) : ALB_OK;
}

/* Says what is wrong about a sum that was not found: RoBERTa's positions are counted from the ids and begin at 2. */
static alb_status refuse_sum(const embeddings *e) {
  const alb_onnx_match *m = e->m;
  for (size_t i = 0; i < m->products.count; i++) {
    const alb_onnx_product *p = &m->products.items[i];
    if (p->kind != ALB_ONNX_LOOKUP || p == e->word || p == e->type || p->n != e->width || !m->trace->dynamic[p->x])
      continue;
    return alb_match_refuse(m, p->node,
                            "expected positions that count from 0 whatever the token ids are; these depend on them and "
                            "begin at %lld (as in RoBERTa)",
                            (long long)alb_onnx_get_i64(&m->trace->tensors[p->x], 0));
  }
  return alb_match_refuse(m, e->word->node,
                          "expected behind it the LayerNorm of the sum of word, type and position embeddings");
}

static alb_status match_sum(alb_onnx_match *m) {
  embeddings e = {.m = m};
  unsigned subset = 0;
  bool found;
  find_lookups(&e);
  if (!e.word)
    return alb_fail(m->diag, ALB_UNSUPPORTED,
                    "expected a table of word embeddings, looked up by the token ids; there is none");
  e.width = e.word->n;
  ALB_TRY(find_addends(&e));
  ALB_TRY(find_sum(&e, &subset, &found));
  if (!found) return refuse_sum(&e);
  e.word->used = true;
  m->out->embedding = e.width;
  m->out->word = e.word->weight;
  return take_addends(&e, subset);
}

alb_status alb_match_embeddings(alb_onnx_match *m, uint32_t *x) {
  alb_onnx_product *fused = NULL;
  for (size_t i = 0; i < m->products.count && !fused; i++) {
    if (m->products.items[i].kind == ALB_ONNX_EMBEDDING) fused = &m->products.items[i];
  }
  if (fused) {
    m->out->embedding = fused->n;
    ALB_TRY(take_fused(m, fused));
  } else {
    ALB_TRY(match_sum(m));
  }
  *x = m->out->embed_norm.y;
  return match_projection(m, fused ? fused->node : m->model->values.items[*x].node, x);
}
