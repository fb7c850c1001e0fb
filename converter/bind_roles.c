/* From a source's tensors to filled roles. */
#include "converter/bind_roles.h"

#include <stdio.h>

#include "converter/finite.h"

typedef struct binder {
  alb_diag *diag;
  alb_arena *arena;
  const alb_source *source;
  const alb_source_config *config;
  const alb_arch *arch;
  alb_tensors *tensors;
  alb_model_spec *spec;
  bool *used;         /* by tensor id of the source */
  alb_str outer;      /* what a trainer put before every name: "module.", "base_model." */
  const char *prefix; /* of the encoder's tensors: for names of missing ones */
  ALB_VEC(const char *) missing;
} binder;

/* Where ALBERT takes the parameters of a layer from: transformers' AlbertTransformer. */
static void albert_place(const alb_source_config *c, uint32_t layer, uint32_t *group, uint32_t *inner) {
  const uint32_t stated = layer / c->inner_layers;
  *inner = layer % c->inner_layers;
  *group = (uint32_t)((double)stated / ((double)c->stated_layers / (double)c->groups));
}

enum { MAX_CLASSES = 1 << 20 };

enum { NAME_ROOM = 256, MAX_OUTER = 128 }; /* patterns are below 100 characters, a number has at most ten */

/* The pattern behind both prefixes, with numbers in the place of {L}, {G} and {I}. */
static alb_str expand(const binder *b, const char *prefix, const char *pattern, uint32_t layer, char out[NAME_ROOM]) {
  uint32_t group, inner;
  int n = snprintf(out, NAME_ROOM, "%.*s%s", ALB_STR_ARGS(b->outer), prefix);
  albert_place(b->config, layer, &group, &inner);
  while (*pattern) {
    const char *open = strchr(pattern, '{');
    const int plain = open ? (int)(open - pattern) : (int)strlen(pattern);
    n += snprintf(out + n, (size_t)(NAME_ROOM - n), "%.*s", plain, pattern);
    pattern += plain;
    if (!open) continue;
    const uint32_t number = open[1] == 'L' ? layer : open[1] == 'G' ? group : inner;
    n += snprintf(out + n, (size_t)(NAME_ROOM - n), "%u", number);
    pattern += 3;
  }
  return (alb_str){out, (size_t)n};
}

/* Blobs that are joined of parts are the same only when they are one. */
static bool same_bytes(const binder *b, uint32_t x, uint32_t y) {
  const alb_tensors *t = &b->source->tensors;
  const alb_blob *p = &t->blobs.items[t->tensors.items[x].blob], *q = &t->blobs.items[t->tensors.items[y].blob];
  if (p == q) return true;
  if (p->kind != ALB_BLOB_BYTES || q->kind != ALB_BLOB_BYTES || p->bytes.n != q->bytes.n) return false;
  return p->bytes.n == 0 || memcmp(p->bytes.p, q->bytes.p, p->bytes.n) == 0;
}

/* The tensor of one pattern, with any prefix; two that differ are ambiguous. */
static alb_status find_pattern(binder *b, const char *pattern, uint32_t layer, uint32_t *tensor) {
  *tensor = ALB_NO_TENSOR;
  for (size_t p = 0; b->arch->prefixes[p]; p++) {
    char name[NAME_ROOM];
    const uint32_t id = alb_tensors_find(&b->source->tensors, expand(b, b->arch->prefixes[p], pattern, layer, name));
    if (id == ALB_NO_TENSOR) continue;
    b->used[id] = true;
    if (*tensor == ALB_NO_TENSOR) *tensor = id;
    if (same_bytes(b, *tensor, id)) continue;
    return alb_fail(b->diag, ALB_DUPLICATE, "tensor \"%s\" stands twice, with and without a prefix, and differs", name);
  }
  return ALB_OK;
}

/* A tensor of the source that plays a role, and how it lies there. */
typedef struct source_match {
  uint32_t tensor; /* or ALB_NO_TENSOR */
  bool transposed;
} source_match;

/* The source's tensor for a role. Every name that a role may have is marked used; the first pattern that is there
 * counts. */
static alb_status find_source(binder *b, alb_role role, uint32_t layer, source_match *out) {
  *out = (source_match){ALB_NO_TENSOR, false};
  for (size_t i = 0; i < b->arch->pattern_count; i++) {
    const alb_name_pattern *pattern = &b->arch->patterns[i];
    uint32_t id;
    if (pattern->role != role) continue;
    ALB_TRY(find_pattern(b, pattern->pattern, layer, &id));
    if (out->tensor == ALB_NO_TENSOR) *out = (source_match){id, pattern->transposed};
  }
  return ALB_OK;
}

/* The role that tells whether a head is there at all; ALB_ROLE_COUNT: the block is no head. */
static alb_role head_key(alb_block block) {
  static const struct {
    alb_block block;
    alb_role key;
  } heads[] = {{ALB_BLOCK_POOLER, ALB_ROLE_POOLER_W},
               {ALB_BLOCK_MLM, ALB_ROLE_MLM_DENSE_W},
               {ALB_BLOCK_CLASSIFIER, ALB_ROLE_CLASSIFIER_W},
               {ALB_BLOCK_SPAN, ALB_ROLE_SPAN_W}};
  for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
    if (heads[i].block == block) return heads[i].key;
  }
  return ALB_ROLE_COUNT;
}

/* What the role's tensor would be called, in the arena; NULL: out of memory. */
static const char *expected_name(const binder *b, alb_role role, uint32_t layer) {
  const char *pattern = alb_role_info(role)->name, *prefix = "";
  char name[NAME_ROOM];
  for (size_t i = b->arch->pattern_count; i-- > 0;) {
    if (b->arch->patterns[i].role == role) pattern = b->arch->patterns[i].pattern;
  }
  /* heads stand beside the encoder, without its prefix */
  const alb_block block = alb_role_info(role)->block;
  if (block == ALB_BLOCK_POOLER || head_key(block) == ALB_ROLE_COUNT) prefix = b->prefix;
  return alb_arena_strdup(b->arena, expand(b, prefix, pattern, layer, name));
}

/* Which key of config.json gives a dimension. */
static const char *dim_key(alb_dim_name dim) {
  static const char *const keys[] = {
      [ALB_DIM_NAME_NONE] = "",
      [ALB_DIM_NAME_V] = "vocab_size ",
      [ALB_DIM_NAME_P] = "max_position_embeddings ",
      [ALB_DIM_NAME_Y] = "type_vocab_size ",
      [ALB_DIM_NAME_E] = "embedding_size ",
      [ALB_DIM_NAME_H] = "hidden_size ",
      [ALB_DIM_NAME_F] = "intermediate_size ",
      [ALB_DIM_NAME_M] = "embedding_size ",
      [ALB_DIM_NAME_C] = "classes ",
      [ALB_DIM_NAME_2] = "start and end ",
  };
  return keys[dim];
}

static const char *shape_text(const binder *b, size_t rank, const uint64_t *dims, const alb_dim_name *names) {
  const bool albert = strcmp(b->arch->name, "albert") == 0;
  const char *text = "";
  for (size_t i = 0; text && i < rank; i++) {
    alb_dim_name name = names ? names[i] : ALB_DIM_NAME_NONE;
    if (!albert && (name == ALB_DIM_NAME_E || name == ALB_DIM_NAME_M)) name = ALB_DIM_NAME_H;
    text = alb_arena_printf(b->arena, "%s%s%s%llu", text, i ? ", " : "", dim_key(name), (unsigned long long)dims[i]);
  }
  return text ? text : "?";
}

/* Whether a stored shape is the wanted one, or (split_heads) has a dimension of it as two. */
static bool shape_fits(const binder *b, const alb_tensor *t, size_t rank, const uint64_t *dims) {
  size_t d = 0;
  if (!b->arch->split_heads && t->rank != rank) return false;
  for (size_t i = 0; i < rank; i++) {
    uint64_t product = d < t->rank ? t->dims[d++] : 0;
    if (product != dims[i] && d < t->rank && t->rank > rank)
      product *= t->dims[d++]; /* checked: elements fit 64 bits */
    if (product != dims[i]) return false;
  }
  return d == t->rank;
}

/* NaN and infinity in the source's bytes: a recipe's are those of what it is made of. */
static alb_status check_finite(const binder *b, const alb_tensor *t, uint32_t blob_id) {
  const alb_blob *blob = &b->source->tensors.blobs.items[blob_id];
  for (size_t i = 0; i < blob->input_count; i++) ALB_TRY(check_finite(b, t, blob->inputs[i]));
  if (blob->kind != ALB_BLOB_BYTES) return ALB_OK;
  ALB_TRY(alb_check_finite(b->diag, t->name, t->dtype, blob->bytes));
  alb_file_release(blob->bytes); /* sources are mapped */
  return ALB_OK;
}

static alb_status check_tensor(const binder *b, alb_role role, const alb_tensor *t, bool transposed) {
  const alb_dim_name names[] = {alb_role_info(role)->rows, alb_role_info(role)->columns};
  const alb_dim_name stored[] = {names[transposed], names[!transposed]};
  uint64_t dims[2], wanted[2];
  const size_t rank = alb_role_shape(&b->spec->config, role, dims);
  wanted[0] = dims[transposed];
  wanted[1] = dims[!transposed];
  if (!shape_fits(b, t, rank, wanted)) {
    return alb_fail(b->diag, ALB_SHAPE, "tensor \"%.*s\": %s makes it [%s], found [%s]", ALB_STR_ARGS(t->name),
                    b->source->config_name ? b->source->config_name : "config.json",
                    shape_text(b, rank, wanted, stored), shape_text(b, t->rank, t->dims, NULL));
  }
  if (!alb_dtype_is_float(t->dtype)) {
    return alb_fail(b->diag, ALB_UNSUPPORTED, "tensor \"%.*s\": weights of dtype %s are not supported",
                    ALB_STR_ARGS(t->name), alb_dtype_name(t->dtype));
  }
  return check_finite(b, t, t->blob);
}

/* The same blob in the table of bound tensors. Recipes of readers are at most three deep. */
static alb_status copy_blob(const binder *b, uint32_t from, uint32_t *to) {
  const alb_blob *blob = &b->source->tensors.blobs.items[from];
  if (blob->kind == ALB_BLOB_BYTES)
    return alb_tensors_blob(b->diag, b->tensors, blob->dtype, blob->elements, blob->bytes, to);
  uint32_t *inputs = ALB_NEW_ARRAY(b->arena, uint32_t, blob->input_count);
  if (!inputs) return alb_fail_memory(b->diag, blob->input_count * sizeof *inputs, "a recipe");
  for (size_t i = 0; i < blob->input_count; i++) ALB_TRY(copy_blob(b, blob->inputs[i], &inputs[i]));
  alb_blob copy = *blob;
  copy.inputs = inputs;
  return alb_tensors_new_recipe(b->diag, b->tensors, &copy, to);
}

/* A matrix [rows, columns] of a blob, the other way round; what was transposed already is so no more. */
static alb_status transpose(const binder *b, uint64_t rows, uint64_t columns, uint32_t *blob_id) {
  const alb_blob *blob = &b->tensors->blobs.items[*blob_id];
  if (blob->kind == ALB_BLOB_TRANSPOSE) {
    *blob_id = blob->inputs[0];
    return ALB_OK;
  }
  const alb_blob recipe = {.kind = ALB_BLOB_TRANSPOSE,
                           .dtype = blob->dtype,
                           .elements = blob->elements,
                           .rows = rows,
                           .columns = columns,
                           .inputs = blob_id,
                           .input_count = 1};
  return alb_tensors_new_recipe(b->diag, b->tensors, &recipe, blob_id);
}

static alb_status add_bound(const binder *b, alb_role role, uint32_t layer, const alb_tensor *t, bool transposed,
                            uint32_t *id) {
  const alb_role_facts *facts = alb_role_info(role);
  const char *name =
      facts->scope == ALB_SCOPE_LAYER ? alb_arena_printf(b->arena, "layer.%u.%s", layer, facts->name) : facts->name;
  uint64_t dims[2];
  uint32_t blob;
  if (!name) return alb_fail_memory(b->diag, 64, "a tensor name");
  const size_t rank = alb_role_shape(&b->spec->config, role, dims);
  ALB_TRY(copy_blob(b, t->blob, &blob));
  if (transposed) ALB_TRY(transpose(b, dims[1], dims[0], &blob));
  return alb_tensors_view(b->diag, b->tensors, alb_str_of(name), rank, dims, blob, id);
}

static bool is_optional(const binder *b, alb_role role) {
  for (size_t i = 0; i < b->arch->optional_count; i++) {
    if (b->arch->optional[i] == role) return true;
  }
  return false;
}

/* A head is there as a whole or not at all; a decoder may be the word embeddings. */
static bool is_missing(const binder *b, alb_role role) {
  const alb_role key = head_key(alb_role_info(role)->block);
  if (role == ALB_ROLE_MLM_DECODER_W && b->config->tied_decoder) return false;
  if (key != ALB_ROLE_COUNT) return role != key && b->spec->global[key] != ALB_NO_TENSOR;
  return !is_optional(b, role);
}

/* Tensors of a head that is not there are left alone, and so are listed as unused. */
static bool is_wanted(const binder *b, alb_role role) {
  const bool other = b->config->classifier == ALB_CLASSIFIER_OTHER;
  if (other && alb_role_info(role)->block == ALB_BLOCK_CLASSIFIER) return false;
  const alb_role key = head_key(alb_role_info(role)->block);
  return key == ALB_ROLE_COUNT || role == key || b->spec->global[key] != ALB_NO_TENSOR;
}

static alb_status miss(binder *b, alb_role role, uint32_t layer) {
  const char *name = expected_name(b, role, layer);
  return name && alb_vec_push(&b->missing, name) ? ALB_OK : alb_fail_memory(b->diag, NAME_ROOM, "a tensor name");
}

/* The number of classes is the number of rows that the classifier has. */
static alb_status set_classes(binder *b, const alb_tensor *t) {
  b->spec->config.classes = t->rank ? (uint32_t)t->dims[0] : 0;
  if (t->rank && t->dims[0] >= 1 && t->dims[0] <= MAX_CLASSES) return ALB_OK;
  return alb_fail(b->diag, ALB_LIMIT, "tensor \"%.*s\": a classifier of %llu classes, allowed are 1 to %d",
                  ALB_STR_ARGS(t->name), (unsigned long long)(t->rank ? t->dims[0] : 0), MAX_CLASSES);
}

static alb_status bind(binder *b, alb_role role, uint32_t layer, uint32_t *bound) {
  source_match f;
  *bound = ALB_NO_TENSOR;
  if (!is_wanted(b, role)) return ALB_OK;
  ALB_TRY(find_source(b, role, layer, &f));
  if (f.tensor == ALB_NO_TENSOR) return is_missing(b, role) ? miss(b, role, layer) : ALB_OK;
  const alb_tensor *t = &b->source->tensors.tensors.items[f.tensor];
  if (role == ALB_ROLE_CLASSIFIER_W) ALB_TRY(set_classes(b, t));
  ALB_TRY(check_tensor(b, role, t, f.transposed));
  return add_bound(b, role, layer, t, f.transposed, bound);
}

/* Layers of one group and place have the parameters of the first of them. */
static alb_status bind_layers(binder *b) {
  const size_t places = (size_t)b->config->groups * b->config->inner_layers;
  uint32_t *first = ALB_NEW_ARRAY(b->arena, uint32_t, places), group, inner; /* layer + 1 */
  if (!first) return alb_fail_memory(b->diag, places * sizeof *first, "layers");
  for (uint32_t l = 0; l < b->spec->config.layers; l++) {
    albert_place(b->config, l, &group, &inner);
    uint32_t *owner = &first[group * b->config->inner_layers + inner];
    if (*owner) {
      memcpy(b->spec->layer[l], b->spec->layer[*owner - 1], sizeof b->spec->layer[l]);
      continue;
    }
    *owner = l + 1;
    for (int r = 0; r < ALB_ROLE_COUNT; r++) {
      b->spec->layer[l][r] = ALB_NO_TENSOR;
      if (alb_role_info((alb_role)r)->scope != ALB_SCOPE_LAYER) continue;
      ALB_TRY(bind(b, (alb_role)r, l, &b->spec->layer[l][r]));
    }
  }
  return ALB_OK;
}

/* What a classifier is for, and the pooler that one of texts needs. */
static alb_status settle_classifier(binder *b) {
  const uint32_t *global = b->spec->global;
  const bool pools = global[ALB_ROLE_POOLER_W] != ALB_NO_TENSOR;
  if (global[ALB_ROLE_CLASSIFIER_W] == ALB_NO_TENSOR) return ALB_OK;
  b->spec->token_classes =
      b->config->classifier == ALB_CLASSIFIER_TOKENS || (b->config->classifier == ALB_CLASSIFIER_UNSTATED && !pools);
  if (b->spec->token_classes || pools) return ALB_OK;
  ALB_TRY(miss(b, ALB_ROLE_POOLER_W, 0));
  return miss(b, ALB_ROLE_POOLER_B, 0);
}

static alb_status bind_globals(binder *b) {
  for (int r = 0; r < ALB_ROLE_COUNT; r++) {
    b->spec->global[r] = ALB_NO_TENSOR;
    if (alb_role_info((alb_role)r)->scope == ALB_SCOPE_GLOBAL) ALB_TRY(bind(b, (alb_role)r, 0, &b->spec->global[r]));
  }
  if (b->spec->global[ALB_ROLE_MLM_DENSE_W] != ALB_NO_TENSOR &&
      b->spec->global[ALB_ROLE_MLM_DECODER_W] == ALB_NO_TENSOR) {
    b->spec->global[ALB_ROLE_MLM_DECODER_W] = b->spec->global[ALB_ROLE_WORD];
  }
  return settle_classifier(b);
}

/* Whether the tensor is a table of word embeddings, and what stands before the architecture's prefix in its name. */
static bool outer_of(const binder *b, alb_str name, alb_str *outer) {
  const alb_str word = ALB_STR("embeddings.word_embeddings.weight");
  if (!alb_str_ends(name, word)) return false;
  const alb_str before = {name.p, name.n - word.n};
  bool found = false;
  for (size_t p = 0; b->arch->prefixes[p]; p++) { /* the longest prefix that fits */
    const alb_str prefix = alb_str_of(b->arch->prefixes[p]);
    const alb_str rest = {before.p, before.n - prefix.n};
    if (!alb_str_ends(before, prefix) || (rest.n && rest.p[rest.n - 1] != '.') || (found && rest.n >= outer->n))
      continue;
    *outer = rest;
    found = true;
  }
  return found;
}

/* Whatever wraps a model puts its own name before those of all tensors: "module.", "base_model.", "model.". It is what
 * stands before the word embeddings: nothing, when some have nothing before them. */
static alb_status find_outer(binder *b) {
  alb_str outer, other = {NULL, 0};
  bool found = false;
  b->outer = ALB_STR("");
  for (size_t i = 0; i < b->source->tensors.tensors.count; i++) {
    if (!outer_of(b, b->source->tensors.tensors.items[i].name, &outer)) continue;
    if (outer.n == 0) {
      b->outer = outer;
      return ALB_OK;
    }
    if (found && !alb_str_equal(outer, b->outer)) other = outer;
    if (!found) b->outer = outer;
    found = true;
  }
  if (other.n) {
    return alb_fail(b->diag, ALB_UNSUPPORTED, "the source holds two encoders: \"%.*s\" and \"%.*s\"",
                    ALB_STR_ARGS(b->outer), ALB_STR_ARGS(other));
  }
  if (b->outer.n <= MAX_OUTER) return ALB_OK;
  return alb_fail(b->diag, ALB_LIMIT, "more than %d bytes stand before the names of tensors", MAX_OUTER);
}

/* How many of a table's names the source has, in its first layer. */
static size_t count_names(binder *b, const alb_arch *arch) {
  size_t count = 0;
  for (size_t i = 0; i < arch->pattern_count; i++) {
    for (size_t p = 0; arch->prefixes[p]; p++) {
      char name[NAME_ROOM];
      const alb_str text = expand(b, arch->prefixes[p], arch->patterns[i].pattern, 0, name);
      count += alb_tensors_find(&b->source->tensors, text) != ALB_NO_TENSOR;
    }
  }
  return count;
}

/* The table that knows most of the source's names; the first when none knows any. */
static void find_arch(binder *b) {
  size_t most = 0;
  const char *name = b->config->encoder.architecture;
  b->arch = alb_arch_next(name, NULL);
  for (const alb_arch *arch = b->arch; arch; arch = alb_arch_next(name, arch)) {
    const size_t count = count_names(b, arch);
    if (count <= most) continue;
    most = count;
    b->arch = arch;
  }
}

/* The prefix that names of this source have: the first that any tensor begins with. */
static void find_prefix(binder *b) {
  b->prefix = "";
  for (size_t i = 0; i < b->source->tensors.tensors.count; i++) {
    const alb_str name = b->source->tensors.tensors.items[i].name;
    if (!alb_str_starts(name, b->outer)) continue;
    for (size_t p = 0; b->arch->prefixes[p]; p++) {
      const alb_str prefix = alb_str_of(b->arch->prefixes[p]);
      if (prefix.n == 0 || !alb_str_starts((alb_str){name.p + b->outer.n, name.n - b->outer.n}, prefix)) continue;
      b->prefix = b->arch->prefixes[p];
      return;
    }
  }
}

static void mark_ignored(binder *b) {
  char name[NAME_ROOM];
  for (size_t p = 0; b->arch->prefixes[p]; p++) {
    for (size_t i = 0; b->arch->ignored[i]; i++) {
      const alb_str text = expand(b, b->arch->prefixes[p], b->arch->ignored[i], 0, name);
      const uint32_t id = alb_tensors_find(&b->source->tensors, text);
      if (id != ALB_NO_TENSOR) b->used[id] = true;
    }
  }
}

static alb_status list_unused(binder *b, alb_binding *binding) {
  const size_t count = b->source->tensors.tensors.count;
  alb_str *unused = ALB_NEW_ARRAY(b->arena, alb_str, count);
  if (!unused) return alb_fail_memory(b->diag, count * sizeof *unused, "names");
  mark_ignored(b);
  *binding = (alb_binding){.unused = unused};
  for (size_t i = 0; i < count; i++) {
    if (!b->used[i]) unused[binding->unused_count++] = b->source->tensors.tensors.items[i].name;
  }
  return ALB_OK;
}

enum { MAX_LISTED = 4096 };

/* "a, b, c" in linear time, and how many more there are above the limit; NULL: out of memory. */
static const char *join(alb_arena *arena, const alb_str *names, size_t count) {
  const size_t listed = count < MAX_LISTED ? count : MAX_LISTED;
  size_t size = 64;
  for (size_t i = 0; i < listed; i++) size += names[i].n + 2;
  char *text = alb_arena_alloc(arena, size), *p = text;
  for (size_t i = 0; text && i < listed; i++) {
    if (i) p = mempcpy(p, ", ", 2);
    p = mempcpy(p, names[i].p, names[i].n);
  }
  if (text && count == 0) memcpy(text, "none", 4);
  if (text && count > listed) (void)snprintf(p, 64, " and %zu more", count - listed);
  return text;
}

static alb_status report_missing(binder *b, const alb_binding *binding) {
  alb_str *names = ALB_NEW_ARRAY(b->arena, alb_str, b->missing.count);
  if (!names) return alb_fail_memory(b->diag, b->missing.count * sizeof *names, "names");
  for (size_t i = 0; i < b->missing.count; i++) names[i] = alb_str_of(b->missing.items[i]);
  const char *missing = join(b->arena, names, b->missing.count);
  const char *unused = join(b->arena, binding->unused, binding->unused_count);
  if (!missing || !unused) return alb_fail_memory(b->diag, b->missing.count, "names");
  return alb_fail(b->diag, ALB_MISSING, "missing tensors (%zu): %s; unused tensors (%zu): %s", b->missing.count,
                  missing, binding->unused_count, unused);
}

/* Layers that the configuration does not know of would be lost without a word. */
static alb_status refuse_lost_layers(const binder *b, const alb_binding *binding) {
  for (size_t i = 0; i < binding->unused_count; i++) {
    alb_str name = binding->unused[i];
    if (!alb_str_starts(name, b->outer)) continue;
    name = (alb_str){name.p + b->outer.n, name.n - b->outer.n};
    for (size_t p = 0; b->arch->prefixes[p]; p++) {
      const size_t n = strlen(b->arch->prefixes[p]);
      const bool prefixed = alb_str_starts(name, alb_str_of(b->arch->prefixes[p]));
      if (!prefixed || !alb_str_starts((alb_str){name.p + n, name.n - n}, alb_str_of(b->arch->encoder))) continue;
      return alb_fail(b->diag, ALB_MALFORMED,
                      "tensor \"%.*s\" belongs to the encoder, but not to one of the %u layers of %s",
                      ALB_STR_ARGS(binding->unused[i]), b->spec->config.layers,
                      b->source->config_name ? b->source->config_name : "config.json");
    }
  }
  return ALB_OK;
}

static alb_status bind_all(binder *b, alb_binding *binding) {
  ALB_TRY(find_outer(b));
  find_prefix(b);
  ALB_TRY(bind_globals(b));
  ALB_TRY(bind_layers(b));
  ALB_TRY(list_unused(b, binding));
  return b->missing.count ? report_missing(b, binding) : refuse_lost_layers(b, binding);
}

alb_status alb_bind_roles(alb_diag *diag, alb_arena *arena, const alb_source *source, const alb_source_config *config,
                          alb_tensors *tensors, alb_model_spec *spec, alb_binding *binding) {
  binder b = {.diag = diag, .arena = arena, .source = source, .config = config, .tensors = tensors, .spec = spec};
  b.outer = ALB_STR("");
  find_arch(&b);
  b.used = ALB_NEW_ARRAY(arena, bool, source->tensors.tensors.count);
  spec->config = config->encoder;
  spec->tensors = tensors;
  tensors->mapped = true;
  spec->layer = alb_arena_array(arena, config->encoder.layers, sizeof *spec->layer);
  if (!b.used || !spec->layer) return alb_fail_memory(diag, config->encoder.layers * sizeof *spec->layer, "roles");
  const alb_status status = bind_all(&b, binding);
  alb_vec_free(&b.missing);
  return status;
}
