/* Brings an ONNX model in order after changes: forwards, dead nodes, the order of nodes, uses. Linear, no recursion. */
#include <stdlib.h>

#include "converter/onnx/onnx_graph.h"

/* A node by its place. */
typedef struct place {
  uint32_t graph, node;
} place;

typedef struct settling {
  alb_diag *diag;
  alb_onnx_model *model;
  ALB_VEC(place) work;
  bool **live;     /* [graphs][nodes] */
  bool *reachable; /* [graphs] */
} settling;

static alb_onnx_graph *graph_of(const settling *s, size_t graph) {
  return &s->model->graphs.items[graph];
}

/* ---- forwards ---- */

static alb_status follow(const settling *s, uint32_t *id) {
  if (*id == ALB_ONNX_NONE) return ALB_OK;
  alb_onnx_value *values = s->model->values.items;
  uint32_t root = *id;
  for (size_t steps = 0; values[root].forward != ALB_ONNX_NONE; steps++) {
    if (steps > s->model->values.count) return alb_fail(s->diag, ALB_INTERNAL, "onnx: values stand for one another");
    root = values[root].forward;
  }
  for (uint32_t at = *id, next; at != root; at = next) { /* the next look-up takes one step */
    next = values[at].forward;
    values[at].forward = root;
  }
  *id = root;
  return ALB_OK;
}

static alb_status follow_all(const settling *s, uint32_t *ids, size_t count) {
  for (size_t i = 0; i < count; i++) ALB_TRY(follow(s, &ids[i]));
  return ALB_OK;
}

static alb_status apply_forwards(const settling *s) {
  for (size_t g = 0; g < s->model->graphs.count; g++) {
    alb_onnx_graph *graph = graph_of(s, g);
    ALB_TRY(follow_all(s, graph->outputs, graph->output_count));
    for (size_t i = 0; i < graph->nodes.count; i++) {
      const alb_onnx_node *node = &graph->nodes.items[i];
      ALB_TRY(follow_all(s, node->inputs, node->input_count));
      ALB_TRY(follow_all(s, node->captures, node->capture_count));
    }
  }
  for (size_t i = 0; i < s->model->values.count; i++) s->model->values.items[i].forward = ALB_ONNX_NONE;
  return ALB_OK;
}

/* ---- who makes what ---- */

static void set_producers(const settling *s) {
  alb_onnx_value *values = s->model->values.items;
  for (size_t i = 0; i < s->model->values.count; i++) values[i].node = ALB_ONNX_NONE;
  for (size_t g = 0; g < s->model->graphs.count; g++) {
    const alb_onnx_graph *graph = graph_of(s, g);
    for (size_t i = 0; i < graph->nodes.count; i++) {
      const alb_onnx_node *node = &graph->nodes.items[i];
      for (size_t k = 0; k < node->output_count; k++) {
        if (node->outputs[k] == ALB_ONNX_NONE || values[node->outputs[k]].constant != ALB_ONNX_NONE) continue;
        values[node->outputs[k]].graph = (uint32_t)g;
        values[node->outputs[k]].node = (uint32_t)i;
      }
    }
  }
}

/* ---- what is alive ---- */

static bool wake(settling *s, const uint32_t *ids, size_t count) {
  for (size_t i = 0; i < count; i++) {
    if (ids[i] == ALB_ONNX_NONE) continue;
    const alb_onnx_value *v = &s->model->values.items[ids[i]];
    if (v->node == ALB_ONNX_NONE || s->live[v->graph][v->node]) continue;
    s->live[v->graph][v->node] = true;
    if (!alb_vec_push(&s->work, (place){v->graph, v->node})) return false;
  }
  return true;
}

static bool wake_graph(settling *s, uint32_t graph) {
  if (s->reachable[graph]) return true;
  s->reachable[graph] = true;
  return wake(s, graph_of(s, graph)->outputs, graph_of(s, graph)->output_count);
}

static bool find_live(settling *s) {
  if (!wake_graph(s, 0)) return false;
  while (s->work.count > 0) {
    const place p = s->work.items[--s->work.count];
    const alb_onnx_node *node = &graph_of(s, p.graph)->nodes.items[p.node];
    if (!wake(s, node->inputs, node->input_count)) return false;
    for (size_t i = 0; i < node->attribute_count; i++) {
      const alb_onnx_attribute *a = &node->attributes[i];
      if (a->kind == ALB_ONNX_ATTR_GRAPH && !wake_graph(s, a->graph)) return false;
    }
  }
  return true;
}

static void drop_dead(const settling *s) {
  for (size_t g = 0; g < s->model->graphs.count; g++) {
    alb_onnx_graph *graph = graph_of(s, g);
    size_t kept = 0;
    for (size_t i = 0; i < graph->nodes.count; i++) {
      if (s->live[g][i]) graph->nodes.items[kept++] = graph->nodes.items[i];
    }
    graph->nodes.count = kept;
  }
}

/* ---- the order of nodes ---- */

typedef struct sorting {
  const settling *s;
  uint32_t graph;
  uint8_t *state;  /* [nodes]: 0 new, 1 waits for what it needs, 2 placed */
  size_t *next;    /* [nodes]: the next need to look at */
  uint32_t *stack; /* [nodes] */
  uint32_t *order; /* [nodes] */
  size_t depth, placed;
} sorting;

/* The node of the same graph that makes the k-th value that a node needs; ALB_ONNX_NONE for another's. */
static uint32_t need(const sorting *t, const alb_onnx_node *node, size_t k) {
  const uint32_t id = k < node->input_count ? node->inputs[k] : node->captures[k - node->input_count];
  if (id == ALB_ONNX_NONE) return ALB_ONNX_NONE;
  const alb_onnx_value *v = &t->s->model->values.items[id];
  return v->graph == t->graph ? v->node : ALB_ONNX_NONE;
}

static alb_status cycle(const sorting *t, uint32_t node) {
  char label[300];
  return alb_fail(t->s->diag, ALB_MALFORMED, "onnx: %s depends on itself (a cycle)",
                  alb_onnx_node_label(&graph_of(t->s, t->graph)->nodes.items[node], label));
}

/* Looks at what the top of the stack needs next, or places it. */
static alb_status step(sorting *t) {
  const uint32_t at = t->stack[t->depth - 1];
  const alb_onnx_node *node = &graph_of(t->s, t->graph)->nodes.items[at];
  if (t->next[at] == (size_t)node->input_count + node->capture_count) {
    t->state[at] = 2;
    t->order[t->placed++] = at;
    t->depth--;
    return ALB_OK;
  }
  const uint32_t other = need(t, node, t->next[at]++);
  if (other == ALB_ONNX_NONE || t->state[other] == 2) return ALB_OK;
  if (t->state[other] == 1) return cycle(t, at);
  t->state[other] = 1;
  t->stack[t->depth++] = other;
  return ALB_OK;
}

static alb_status find_order(sorting *t, size_t count) {
  for (uint32_t i = 0; i < count; i++) {
    if (t->state[i]) continue;
    t->state[i] = 1;
    t->stack[t->depth++] = i;
    while (t->depth > 0) ALB_TRY(step(t));
  }
  return ALB_OK;
}

static alb_status reorder(const sorting *t, alb_onnx_graph *graph) {
  bool same = true;
  for (size_t i = 0; i < t->placed; i++) same = same && t->order[i] == i;
  if (same) return ALB_OK;
  alb_onnx_node *sorted = malloc(t->placed * sizeof *sorted);
  if (!sorted) return alb_fail_memory(t->s->diag, t->placed * sizeof *sorted, "nodes");
  for (size_t i = 0; i < t->placed; i++) sorted[i] = graph->nodes.items[t->order[i]];
  memcpy(graph->nodes.items, sorted, t->placed * sizeof *sorted);
  free(sorted);
  return ALB_OK;
}

static alb_status sort_graph(const settling *s, uint32_t g) {
  alb_onnx_graph *graph = graph_of(s, g);
  const size_t n = graph->nodes.count;
  if (n == 0) return ALB_OK;
  sorting t = {.s = s,
               .graph = g,
               .state = calloc(n, 1),
               .next = calloc(n, sizeof(size_t)),
               .stack = calloc(n, sizeof(uint32_t)),
               .order = calloc(n, sizeof(uint32_t))};
  const bool room = t.state && t.next && t.stack && t.order;
  alb_status status = room ? find_order(&t, n) : alb_fail_memory(s->diag, n * 16, "the order of nodes");
  if (status == ALB_OK) status = reorder(&t, graph);
  free(t.state);
  free(t.next);
  free(t.stack);
  free(t.order);
  return status;
}

/* ---- uses ---- */

static void count_uses(const settling *s, const uint32_t *ids, size_t count) {
  for (size_t i = 0; i < count; i++) {
    if (ids[i] != ALB_ONNX_NONE) s->model->values.items[ids[i]].uses++;
  }
}

static void set_uses(const settling *s) {
  for (size_t i = 0; i < s->model->values.count; i++) s->model->values.items[i].uses = 0;
  for (size_t g = 0; g < s->model->graphs.count; g++) {
    const alb_onnx_graph *graph = graph_of(s, g);
    if (s->reachable[g]) count_uses(s, graph->outputs, graph->output_count);
    for (size_t i = 0; i < graph->nodes.count; i++) {
      count_uses(s, graph->nodes.items[i].inputs, graph->nodes.items[i].input_count);
    }
  }
}

static alb_status mark_live(settling *s) {
  const size_t graphs = s->model->graphs.count;
  s->reachable = calloc(graphs, 1);
  s->live = calloc(graphs, sizeof *s->live);
  bool room = s->reachable && s->live;
  for (size_t g = 0; room && g < graphs; g++) {
    s->live[g] = calloc(graph_of(s, g)->nodes.count + 1, 1);
    room = s->live[g] != NULL;
  }
  return room && find_live(s) ? ALB_OK : alb_fail_memory(s->diag, graphs, "a graph");
}

static alb_status settle(settling *s) {
  ALB_TRY(apply_forwards(s));
  set_producers(s);
  ALB_TRY(mark_live(s));
  drop_dead(s);
  set_producers(s);
  for (size_t g = 0; g < s->model->graphs.count; g++) ALB_TRY(sort_graph(s, (uint32_t)g));
  set_producers(s);
  set_uses(s);
  return ALB_OK;
}

alb_status alb_onnx_settle(alb_diag *diag, alb_onnx_model *model) {
  settling s = {.diag = diag, .model = model};
  const alb_status status = settle(&s);
  for (size_t g = 0; s.live && g < model->graphs.count; g++) free(s.live[g]);
  free(s.live);
  free(s.reachable);
  alb_vec_free(&s.work);
  return status;
}
