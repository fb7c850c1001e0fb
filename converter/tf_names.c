/* Names of variables: those of TensorFlow 1 are the keys; those of object-based checkpoints (TensorFlow 2, Keras)
 * stand in a graph of objects, tensorflow/core/protobuf/trackable_object_graph.proto. */
#include "converter/tf_names.h"

#include "base/utf8.h"
#include "converter/tf_wire.h"

enum { MAX_NAME = 4096 };

static const alb_str attribute = {"/.ATTRIBUTES/", 13}, value_suffix = {"/.ATTRIBUTES/VARIABLE_VALUE", 27};

/* Components that begin the names that architectures know; what stands before the first of them is left out. */
static const char *const roots[] = {"bert",
                                    "albert",
                                    "encoder",
                                    "embeddings",
                                    "transformer",
                                    "pooler",
                                    "pooler_transform",
                                    "cls",
                                    "mlm___cls",
                                    "nsp___cls",
                                    "predictions",
                                    "word_embeddings",
                                    "position_embedding",
                                    "type_embeddings",
                                    "embedding_projection"};

/* Counters and optimizers' own state: whole keys, and first components of keys. */
static const char *const counters[] = {"global_step", "beta1_power", "beta2_power"};
static const char *const keepers[] = {"optimizer", "_optimizer", "save_counter"};

static alb_str before_last_slash(alb_str text) {
  while (text.n && text.p[text.n - 1] != '/') text.n--;
  return (alb_str){text.p, text.n ? text.n - 1 : 0};
}

static alb_str take_component(alb_str *rest) {
  const char *slash = memchr(rest->p, '/', rest->n);
  const alb_str component = {rest->p, slash ? (size_t)(slash - rest->p) : rest->n};
  const size_t taken = component.n + (slash != NULL);
  *rest = (alb_str){rest->p + taken, rest->n - taken};
  return component;
}

static bool is_among(alb_str text, const char *const *list, size_t count) {
  for (size_t i = 0; i < count; i++) {
    if (alb_str_is(text, list[i])) return true;
  }
  return false;
}

static bool contains(alb_str text, const char *part) {
  return memmem(text.p, text.n, part, strlen(part)) != NULL;
}

static bool has_keeper(alb_str key) {
  while (key.n) {
    if (is_among(take_component(&key), keepers, sizeof keepers / sizeof *keepers)) return true;
  }
  return false;
}

/* A slot stands under its variable: "kernel/adam_m" beside "kernel", "kernel/.OPTIMIZER_SLOT/adam/m/...". */
static bool is_slot(const alb_tf_bundle *bundle, alb_str key) {
  return contains(key, "/.OPTIMIZER_SLOT/") || alb_tf_bundle_find(bundle, before_last_slash(key));
}

static bool is_variable(const alb_tf_bundle *bundle, const alb_tf_entry *e) {
  if (e->dtype == ALB_DTYPE_NONE || alb_tf_is_slice(e)) return false;
  if (is_among(e->key, counters, sizeof counters / sizeof *counters) || has_keeper(e->key)) return false;
  if (contains(e->key, attribute.p) && !alb_str_ends(e->key, value_suffix)) return false;
  return !is_slot(bundle, e->key);
}

static alb_str without_root(alb_str name) {
  for (alb_str rest = name; rest.n;) {
    const alb_str here = rest;
    if (is_among(take_component(&rest), roots, sizeof roots / sizeof *roots)) return here;
  }
  return name;
}

/* In paths ".S" stands for a slash in the name of an edge, ".." for a point. */
static alb_status path_name(alb_diag *diag, alb_tf_bundle *bundle, alb_str key, alb_str *out) {
  if (alb_str_ends(key, value_suffix)) key.n -= value_suffix.n;
  char *text = alb_arena_alloc(&bundle->arena, key.n + 1);
  size_t n = 0;
  if (!text) return alb_fail_memory(diag, key.n, "a name");
  for (size_t i = 0; i < key.n; i++) {
    const bool escaped = key.p[i] == '.' && i + 1 < key.n && (key.p[i + 1] == 'S' || key.p[i + 1] == '.');
    text[n++] = escaped ? (key.p[++i] == 'S' ? '/' : '.') : key.p[i];
  }
  *out = (alb_str){text, n};
  return ALB_OK;
}

/* ---- the object graph ---- */

typedef struct graph_reading {
  alb_diag *diag;
  const alb_tf_bundle *bundle;
  alb_str *full; /* by number of the entry */
  uint64_t nodes;
} graph_reading;

static alb_status bad_graph(const graph_reading *r, const char *what) {
  return alb_fail(r->diag, ALB_MALFORMED, "object graph: %s", what);
}

/* SerializedTensor: name 1, full_name 2, checkpoint_key 3. Any of them may be missing. */
static alb_status read_attribute(const graph_reading *r, alb_span message) {
  alb_tf_wire_field f;
  alb_str texts[4] = {{0}};
  while (message.n) {
    if (!alb_tf_wire_next(&message, &f)) return bad_graph(r, "bad attribute");
    if (f.number <= 3 && f.type != ALB_TF_WIRE_BYTES) return bad_graph(r, "bad attribute");
    if (f.number <= 3) texts[f.number] = (alb_str){(const char *)f.bytes.p, f.bytes.n};
  }
  const alb_tf_entry *e = texts[3].n ? alb_tf_bundle_find(r->bundle, texts[3]) : NULL;
  if (!e || !alb_str_is(texts[1], "VARIABLE_VALUE")) return ALB_OK;
  alb_str name = texts[2];
  if (alb_str_ends(name, ALB_STR(":0"))) name.n -= 2;
  if (name.n && (name.n > MAX_NAME || memchr(name.p, 0, name.n) || !alb_utf8_valid(name))) {
    return bad_graph(r, "a variable's name is not a text of at most 4096 bytes");
  }
  r->full[e - r->bundle->entries.items] = name;
  return ALB_OK;
}

/* ObjectReference: node_id 1. Nothing is followed, so loops of objects do no harm. */
static alb_status check_child(const graph_reading *r, alb_span message) {
  alb_tf_wire_field f;
  while (message.n) {
    if (!alb_tf_wire_next(&message, &f)) return bad_graph(r, "bad child");
    if (f.number == 1 && (f.type != ALB_TF_WIRE_VARINT || f.value >= r->nodes)) {
      return bad_graph(r, "a child is no node of the graph");
    }
  }
  return ALB_OK;
}

/* TrackableObject: children 1, attributes 2. */
static alb_status read_node(const graph_reading *r, alb_span message) {
  alb_tf_wire_field f;
  while (message.n) {
    if (!alb_tf_wire_next(&message, &f)) return bad_graph(r, "bad node");
    if (f.number > 2) continue;
    if (f.type != ALB_TF_WIRE_BYTES) return bad_graph(r, "bad node");
    ALB_TRY(f.number == 1 ? check_child(r, f.bytes) : read_attribute(r, f.bytes));
  }
  return ALB_OK;
}

/* TrackableObjectGraph: nodes 1. */
static alb_status read_graph(graph_reading *r, alb_span graph) {
  alb_tf_wire_field f;
  for (alb_span rest = graph; rest.n;) {
    if (!alb_tf_wire_next(&rest, &f) || (f.number == 1 && f.type != ALB_TF_WIRE_BYTES))
      return bad_graph(r, "cut short");
    r->nodes += f.number == 1;
  }
  while (graph.n) {
    (void)alb_tf_wire_next(&graph, &f);
    if (f.number == 1) ALB_TRY(read_node(r, f.bytes));
  }
  return ALB_OK;
}

/* ---- the choice ---- */

/* Full names are of use when every variable has one of its own, and some are more than "kernel". */
static alb_status tell_apart(alb_diag *diag, const alb_tf_bundle *bundle, const alb_str *full, const alb_str *names,
                             bool *useful) {
  alb_strmap seen = {0};
  bool paths = false, inserted = true;
  size_t index;
  alb_status status = ALB_OK;
  for (size_t i = 0; status == ALB_OK && inserted && i < bundle->entries.count; i++) {
    if (names[i].n == 0) continue;
    paths = paths || memchr(full[i].p ? full[i].p : "", '/', full[i].n);
    inserted = full[i].n > 0;
    if (inserted && !alb_strmap_add(&seen, full[i], &index, &inserted)) {
      status = alb_fail_memory(diag, full[i].n, "a name");
    }
  }
  alb_strmap_free(&seen);
  *useful = inserted && paths;
  return status;
}

static alb_status take_full_names(alb_diag *diag, alb_tf_bundle *bundle, alb_span graph, alb_str *names) {
  graph_reading r = {.diag = diag, .bundle = bundle};
  bool useful;
  r.full = ALB_NEW_ARRAY(&bundle->arena, alb_str, bundle->entries.count);
  if (!r.full) return alb_fail_memory(diag, bundle->entries.count * sizeof *r.full, "names");
  ALB_TRY(read_graph(&r, graph));
  ALB_TRY(tell_apart(diag, bundle, r.full, names, &useful));
  for (size_t i = 0; useful && i < bundle->entries.count; i++) {
    if (names[i].n == 0) continue;
    const char *copy = alb_arena_strdup(&bundle->arena, r.full[i]);
    if (!copy) return alb_fail_memory(diag, r.full[i].n, "a name");
    names[i] = (alb_str){copy, r.full[i].n};
  }
  return ALB_OK;
}

alb_status alb_tf_names(alb_diag *diag, alb_tf_bundle *bundle, alb_span graph, alb_str **out) {
  const size_t count = bundle->entries.count;
  alb_str *names = *out = ALB_NEW_ARRAY(&bundle->arena, alb_str, count);
  if (!names) return alb_fail_memory(diag, count * sizeof *names, "names");
  for (size_t i = 0; i < count; i++) {
    const alb_tf_entry *e = &bundle->entries.items[i];
    if (!is_variable(bundle, e)) continue;
    names[i] = e->key;
    if (contains(e->key, attribute.p)) ALB_TRY(path_name(diag, bundle, e->key, &names[i]));
  }
  if (graph.n) ALB_TRY(take_full_names(diag, bundle, graph, names));
  for (size_t i = 0; i < count; i++) names[i] = without_root(names[i]);
  return ALB_OK;
}
