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

enum { NAME_ROOM = 256 }; /* patterns are below 100 characters, a number has at most ten */

/* The pattern behind the prefix, with numbers in the place of {L}, {G} and {I}. */
static alb_str expand(const binder *b, const char *prefix, const char *pattern, uint32_t layer, char out[NAME_ROOM]) {
  uint32_t group, inner;
  int n = snprintf(out, NAME_ROOM, "%s", prefix);
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

static bool same_bytes(const binder *b, uint32_t x, uint32_t y) {
  const alb_tensors *t = &b->source->tensors;
  const alb_span p = t->blobs.items[t->tensors.items[x].blob].bytes, q = t->blobs.items[t->tensors.items[y].blob].bytes;
  return p.n == q.n && (p.n == 0 || memcmp(p.p, q.p, p.n) == 0);
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

/* The source's tensor for a role, or ALB_NO_TENSOR. Every name that a role may have is marked used; the first pattern
 * that is there counts. */
static alb_status find_source(binder *b, alb_role role, uint32_t layer, uint32_t *tensor) {
  *tensor = ALB_NO_TENSOR;
  for (size_t i = 0; i < b->arch->pattern_count; i++) {
    uint32_t id;
    if (b->arch->patterns[i].role != role) continue;
    ALB_TRY(find_pattern(b, b->arch->patterns[i].pattern, layer, &id));
    if (*tensor == ALB_NO_TENSOR) *tensor = id;
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

static alb_status check_tensor(const binder *b, alb_role role, const alb_tensor *t) {
  const alb_dim_name names[] = {alb_role_info(role)->rows, alb_role_info(role)->columns};
  uint64_t dims[2];
  const size_t rank = alb_role_shape(&b->spec->config, role, dims);
  if (rank != t->rank || memcmp(dims, t->dims, rank * sizeof *dims) != 0) {
    return alb_fail(b->diag, ALB_SHAPE, "tensor \"%.*s\": config.json makes it [%s], found [%s]", ALB_STR_ARGS(t->name),
                    shape_text(b, rank, dims, names), shape_text(b, t->rank, t->dims, NULL));
  }
  if (!alb_dtype_is_float(t->dtype)) {
    return alb_fail(b->diag, ALB_UNSUPPORTED, "tensor \"%.*s\": weights of dtype %s are not supported",
                    ALB_STR_ARGS(t->name), alb_dtype_name(t->dtype));
  }
  const alb_span bytes = b->source->tensors.blobs.items[t->blob].bytes;
  ALB_TRY(alb_check_finite(b->diag, t->name, t->dtype, bytes));
  alb_file_release(bytes); /* sources are mapped */
  return ALB_OK;
}

static alb_status add_bound(const binder *b, alb_role role, uint32_t layer, const alb_tensor *t, uint32_t *id) {
  const alb_role_facts *facts = alb_role_info(role);
  const char *name =
      facts->scope == ALB_SCOPE_LAYER ? alb_arena_printf(b->arena, "layer.%u.%s", layer, facts->name) : facts->name;
  if (!name) return alb_fail_memory(b->diag, 64, "a tensor name");
  return alb_tensors_add(b->diag, b->tensors, alb_str_of(name), t->dtype, t->rank, t->dims,
                         b->source->tensors.blobs.items[t->blob].bytes, id);
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
  uint32_t id;
  *bound = ALB_NO_TENSOR;
  if (!is_wanted(b, role)) return ALB_OK;
  ALB_TRY(find_source(b, role, layer, &id));
  if (id == ALB_NO_TENSOR) {
    return is_missing(b, role) ? miss(b, role, layer) : ALB_OK;
  }
  const alb_tensor *t = &b->source->tensors.tensors.items[id];
  if (role == ALB_ROLE_CLASSIFIER_W) ALB_TRY(set_classes(b, t));
  ALB_TRY(check_tensor(b, role, t));
  return add_bound(b, role, layer, t, bound);
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

/* The prefix that names of this source have: the first that any tensor begins with. */
static void find_prefix(binder *b) {
  b->prefix = "";
  for (size_t i = 0; i < b->source->tensors.tensors.count; i++) {
    for (size_t p = 0; b->arch->prefixes[p]; p++) {
      const alb_str prefix = alb_str_of(b->arch->prefixes[p]);
      if (prefix.n == 0 || !alb_str_starts(b->source->tensors.tensors.items[i].name, prefix)) continue;
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
    const alb_str name = binding->unused[i];
    for (size_t p = 0; b->arch->prefixes[p]; p++) {
      const size_t n = strlen(b->arch->prefixes[p]);
      const bool prefixed = alb_str_starts(name, alb_str_of(b->arch->prefixes[p]));
      if (!prefixed || !alb_str_starts((alb_str){name.p + n, name.n - n}, ALB_STR("encoder."))) continue;
      return alb_fail(b->diag, ALB_MALFORMED,
                      "tensor \"%.*s\" belongs to the encoder, but not to one of the %u layers of config.json",
                      ALB_STR_ARGS(name), b->spec->config.layers);
    }
  }
  return ALB_OK;
}

static alb_status bind_all(binder *b, alb_binding *binding) {
  find_prefix(b);
  ALB_TRY(bind_globals(b));
  ALB_TRY(bind_layers(b));
  ALB_TRY(list_unused(b, binding));
  return b->missing.count ? report_missing(b, binding) : refuse_lost_layers(b, binding);
}

alb_status alb_bind_roles(alb_diag *diag, alb_arena *arena, const alb_source *source, const alb_source_config *config,
                          alb_tensors *tensors, alb_model_spec *spec, alb_binding *binding) {
  binder b = {.diag = diag, .arena = arena, .source = source, .config = config, .tensors = tensors, .spec = spec};
  b.arch = alb_arch_by_name(config->encoder.architecture);
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
