/* Which layout of `transformers` holds a model, and which tensors that layout has. */
#include "converter/hf_layout.h"

#include <stdio.h>
#include <stdlib.h>

#include "graph/weight.h"

typedef struct chooser {
  alb_diag *diag;
  alb_arena *arena;
  const alb_model_spec *spec;
  const alb_arch *names; /* asked for; NULL: those of transformers */
  uint32_t *set_of;      /* [layers]: number of the layer's parameter set, by first use */
  uint32_t sets;
  alb_hf_layout *out;
} chooser;

static const alb_tensor *tensor_at(const chooser *c, uint32_t id) {
  return &c->spec->tensors->tensors.items[id];
}

/* ---- which layers are one ---- */

static bool same_tensor(const chooser *c, uint32_t a, uint32_t b) {
  if (a == b) return true;
  if (a == ALB_NO_TENSOR || b == ALB_NO_TENSOR) return false;
  return tensor_at(c, a)->blob == tensor_at(c, b)->blob && tensor_at(c, a)->scale_blob == tensor_at(c, b)->scale_blob;
}

static bool same_layer(const chooser *c, uint32_t a, uint32_t b, bool matrices_only) {
  for (int r = 0; r < ALB_ROLE_COUNT; r++) {
    if (matrices_only && alb_role_info((alb_role)r)->part != ALB_PART_MATRIX) continue;
    if (!same_tensor(c, c->spec->layer[a][r], c->spec->layer[b][r])) return false;
  }
  return true;
}

static alb_status number_sets(chooser *c) {
  const uint32_t layers = c->spec->config.layers;
  c->set_of = ALB_NEW_ARRAY(c->arena, uint32_t, layers);
  if (!c->set_of) return alb_fail_memory(c->diag, layers * sizeof *c->set_of, "layers");
  bool same = true;
  for (uint32_t l = 0; l < layers; l++) {
    uint32_t first = 0;
    while (!same_layer(c, first, l, false)) first++;
    c->set_of[l] = first == l ? c->sets++ : c->set_of[first];
    same = same && same_layer(c, 0, l, true);
  }
  c->out->same_matrices = same && c->sets > 1;
  return ALB_OK;
}

/* The group that transformers' AlbertTransformer takes a stated layer from. */
static uint32_t group_of(uint32_t stated, uint32_t stated_layers, uint32_t groups) {
  return (uint32_t)((double)stated / ((double)stated_layers / (double)groups));
}

static bool groups_fit(const chooser *c, uint32_t groups, uint32_t inner) {
  const uint32_t layers = c->spec->config.layers, stated = layers / inner;
  for (uint32_t l = 0; l < layers; l++) {
    if (c->set_of[l] != group_of(l / inner, stated, groups) * inner + l % inner) return false;
  }
  return true;
}

/* Groups of inner layers that use each parameter set in the order that the layers need; false: there are none. */
static bool find_groups(const chooser *c, uint32_t *groups, uint32_t *inner) {
  const uint32_t layers = c->spec->config.layers;
  for (*inner = 1; *inner <= c->sets; ++*inner) {
    if (layers % *inner || c->sets % *inner) continue;
    *groups = c->sets / *inner;
    if (*groups <= layers / *inner && groups_fit(c, *groups, *inner)) return true;
  }
  return false;
}

/* ---- which layout ---- */

/* Whether a tensor is the identity, or (for a vector) zero. */
static alb_status is_neutral(const chooser *c, uint32_t id, bool *neutral) {
  alb_weight weight = {0};
  *neutral = true;
  if (id == ALB_NO_TENSOR) return ALB_OK;
  const alb_status status = alb_weight_open(c->diag, c->spec->tensors, id, &weight);
  const bool matrix = tensor_at(c, id)->rank == 2;
  for (size_t r = 0; status == ALB_OK && *neutral && r < weight.rows; r++) {
    const float *row = alb_weight_row(&weight, r);
    for (size_t i = 0; i < weight.width; i++) *neutral = *neutral && row[i] == (matrix && i == r ? 1.0f : 0.0f);
  }
  alb_weight_close(&weight);
  return status;
}

/* A BERT can't say a projection of the embeddings, unless that does nothing. */
static alb_status needs_albert(const chooser *c, bool *needed) {
  const alb_encoder_config *config = &c->spec->config;
  *needed = config->embedding != config->hidden;
  bool weight, bias;
  if (*needed || c->spec->global[ALB_ROLE_PROJECTION_W] == ALB_NO_TENSOR) return ALB_OK;
  ALB_TRY(is_neutral(c, c->spec->global[ALB_ROLE_PROJECTION_W], &weight));
  ALB_TRY(is_neutral(c, c->spec->global[ALB_ROLE_PROJECTION_B], &bias));
  *needed = !weight || !bias;
  return ALB_OK;
}

static alb_status choose(chooser *c) {
  alb_hf_layout *out = c->out;
  const uint32_t layers = c->spec->config.layers;
  bool needed;
  ALB_TRY(number_sets(c));
  ALB_TRY(needs_albert(c, &needed));
  const bool grouped = find_groups(c, &out->groups, &out->inner);
  out->albert = needed || (grouped && c->sets < layers && !c->names);
  if (needed && c->names) {
    return alb_fail(c->diag, ALB_UNSUPPORTED,
                    "this form has no place for an ALBERT's embeddings: they are %u wide and projected to %u",
                    c->spec->config.embedding, c->spec->config.hidden);
  }
  if (!grouped || !out->albert) {
    out->groups = layers;
    out->inner = 1;
  }
  out->arch = c->names ? c->names : out->albert ? &alb_arch_albert : &alb_arch_bert;
  out->stated_layers = layers / out->inner;
  out->identity = out->albert && c->spec->global[ALB_ROLE_PROJECTION_W] == ALB_NO_TENSOR;
  return ALB_OK;
}

/* ---- its tensors ---- */

/* The first pattern of a role, or its last. */
static const char *pattern_of(const alb_arch *arch, alb_role role, bool last) {
  const char *found = NULL;
  for (size_t i = 0; i < arch->pattern_count; i++) {
    if (arch->patterns[i].role == role && (last || !found)) found = arch->patterns[i].pattern;
  }
  return found;
}

/* A pattern with numbers in the place of {L}, {G} and {I}; in the arena. */
static const char *name_of(const chooser *c, const char *p, const char *prefix, uint32_t layer) {
  const uint32_t group = group_of(layer / c->out->inner, c->out->stated_layers, c->out->groups);
  const char *name = prefix;
  while (name && *p) {
    const int plain = (int)strcspn(p, "{");
    const uint32_t number = p[plain] == '\0'      ? 0
                            : p[plain + 1] == 'L' ? layer
                            : p[plain + 1] == 'G' ? group
                                                  : layer % c->out->inner;
    name = p[plain] ? alb_arena_printf(c->arena, "%s%.*s%u", name, plain, p, number)
                    : alb_arena_printf(c->arena, "%s%.*s", name, plain, p);
    p += p[plain] ? plain + 3 : plain;
  }
  return name;
}

/* Heads stand beside the encoder, without its prefix; a model without heads has none. */
static bool is_head(alb_role role) {
  return alb_role_info(role)->block > ALB_BLOCK_POOLER;
}

static const char *prefix_of(const chooser *c, alb_role role) {
  bool heads = false;
  for (int r = 0; r < ALB_ROLE_COUNT; r++)
    heads = heads || (is_head((alb_role)r) && c->spec->global[r] != ALB_NO_TENSOR);
  if (c->names || !heads || is_head(role)) return "";
  return c->out->albert ? "albert." : "bert.";
}

/* Adds the tensor of a role; ALB_NO_TENSOR: what `fill` says. */
static alb_status add(chooser *c, alb_role role, uint32_t layer, uint32_t tensor, alb_st_fill fill) {
  alb_st_item *item = &c->out->items[c->out->count++];
  *item = (alb_st_item){.tensor = tensor, .fill = fill, .dtype = c->out->dtype};
  item->rank = alb_role_shape(&c->spec->config, role, item->dims);
  item->name = name_of(c, pattern_of(c->out->arch, role, false), prefix_of(c, role), layer);
  return item->name ? ALB_OK : alb_fail_memory(c->diag, 1, "a name");
}

/* A layer whose set another place of the layout has already. */
static bool is_stored(const chooser *c, uint32_t layer) {
  const uint32_t group = group_of(layer / c->out->inner, c->out->stated_layers, c->out->groups);
  const uint32_t stated = layer / c->out->inner;
  return stated > 0 && group_of(stated - 1, c->out->stated_layers, c->out->groups) == group;
}

static alb_status add_layer(chooser *c, uint32_t layer) {
  if (is_stored(c, layer)) return ALB_OK;
  for (int r = 0; r < ALB_ROLE_COUNT; r++) {
    if (alb_role_info((alb_role)r)->scope != ALB_SCOPE_LAYER) continue;
    ALB_TRY(add(c, (alb_role)r, layer, c->spec->layer[layer][r], ALB_ST_ZEROS));
  }
  return ALB_OK;
}

/* A projection that does nothing is not for a BERT; a tied decoder is the word embeddings. */
static bool is_left_out(const chooser *c, alb_role role) {
  const bool projection = role == ALB_ROLE_PROJECTION_W || role == ALB_ROLE_PROJECTION_B;
  if (projection) return !c->out->albert;
  return c->spec->global[role] == ALB_NO_TENSOR || (role == ALB_ROLE_MLM_DECODER_W && c->out->tied);
}

static alb_status add_globals(chooser *c) {
  for (int r = 0; r < ALB_ROLE_COUNT; r++) {
    const alb_role role = (alb_role)r;
    if (alb_role_info(role)->scope != ALB_SCOPE_GLOBAL || is_left_out(c, role)) continue;
    if (!pattern_of(c->out->arch, role, false)) {
      c->out->headless = true;
      if (c->names) continue;
      return alb_fail(c->diag, ALB_UNSUPPORTED, "%s layout has no place for %s", c->out->arch->name,
                      alb_role_info(role)->name);
    }
    ALB_TRY(add(c, role, 0, c->spec->global[role], role == ALB_ROLE_PROJECTION_W ? ALB_ST_IDENTITY : ALB_ST_ZEROS));
  }
  return ALB_OK;
}

/* The bias of a decoder that is not tied stands under a second name as well, which transformers ties else. */
static alb_status add_untied(chooser *c) {
  const alb_role role = ALB_ROLE_MLM_DECODER_B;
  if (c->out->tied || c->names || c->spec->global[role] == ALB_NO_TENSOR) return ALB_OK;
  ALB_TRY(add(c, role, 0, c->spec->global[role], ALB_ST_ZEROS));
  alb_st_item *item = &c->out->items[c->out->count - 1];
  item->name = name_of(c, pattern_of(c->out->arch, role, true), "", 0);
  return item->name ? ALB_OK : alb_fail_memory(c->diag, 1, "a name");
}

/* Equal bytes; blobs that are not shared may be equal too (--share none). */
static alb_status check_tied(chooser *c) {
  const uint32_t decoder = c->spec->global[ALB_ROLE_MLM_DECODER_W], word = c->spec->global[ALB_ROLE_WORD];
  c->out->tied = decoder == ALB_NO_TENSOR || same_tensor(c, decoder, word);
  if (c->out->tied || tensor_at(c, decoder)->dtype != tensor_at(c, word)->dtype) return ALB_OK;
  alb_hash128 a, b;
  ALB_TRY(alb_blob_hash(c->diag, c->spec->tensors, tensor_at(c, decoder)->blob, &a));
  ALB_TRY(alb_blob_hash(c->diag, c->spec->tensors, tensor_at(c, word)->blob, &b));
  c->out->tied = tensor_at(c, word)->scale_blob == ALB_NO_BLOB && memcmp(&a, &b, sizeof a) == 0;
  return ALB_OK;
}

/* ---- types ---- */

/* Whether every number of a vector is the same as f16 or bf16. */
static alb_status fits(const chooser *c, uint32_t tensor, alb_dtype dtype, bool *out) {
  alb_weight weight = {0};
  const alb_status status = alb_weight_open(c->diag, c->spec->tensors, tensor, &weight);
  *out = status == ALB_OK;
  const float *row = *out ? alb_weight_row(&weight, 0) : NULL;
  for (size_t i = 0; *out && i < weight.width; i++) {
    uint16_t half;
    float back;
    *out = alb_from_f32(dtype, &row[i], 1, &half) && alb_to_f32(dtype, &half, 1, &back) && back == row[i];
  }
  alb_weight_close(&weight);
  return status;
}

static void note_dtype(chooser *c, uint32_t id, alb_dtype *found) {
  if (id == ALB_NO_TENSOR || tensor_at(c, id)->rank != 2) return;
  const alb_dtype dtype = tensor_at(c, id)->dtype;
  c->out->dequantized = c->out->dequantized || alb_dtype_is_quantised(dtype);
  *found = *found == ALB_DTYPE_NONE || *found == dtype ? dtype : ALB_F32;
}

/* The type of matrices and tables: as all are stored; f32 when they differ, quantised ones multiplied out. */
static void choose_matrix_dtype(chooser *c) {
  alb_dtype found = ALB_DTYPE_NONE;
  for (int r = 0; r < ALB_ROLE_COUNT; r++) {
    note_dtype(c, c->spec->global[r], &found);
    for (uint32_t l = 0; l < c->spec->config.layers; l++) note_dtype(c, c->spec->layer[l][r], &found);
  }
  c->out->dtype = found == ALB_F16 || found == ALB_BF16 ? found : ALB_F32;
}

/* Vectors, which are f32 in the graph, are of the matrices' type when that loses nothing. */
static alb_status choose_vector_dtype(chooser *c) {
  alb_hf_layout *out = c->out;
  bool all = true;
  for (size_t i = 0; all && out->dtype != ALB_F32 && i < out->count; i++) {
    if (out->items[i].rank == 1 && out->items[i].tensor != ALB_NO_TENSOR) {
      ALB_TRY(fits(c, out->items[i].tensor, out->dtype, &all));
    }
  }
  out->narrowest = all ? out->dtype : ALB_F32;
  for (size_t i = 0; i < out->count; i++) {
    if (out->items[i].rank == 1) out->items[i].dtype = out->narrowest;
  }
  return ALB_OK;
}

static int by_blob(const void *a, const void *b) {
  const uint32_t *x = a, *y = b;
  return (*x > *y) - (*x < *y);
}

/* Whether matrices of layers (items from `first` on) are stored more than once. */
static alb_status note_repeated(chooser *c, size_t first) {
  uint32_t *blobs = ALB_NEW_ARRAY(c->arena, uint32_t, c->out->count);
  size_t n = 0;
  if (!blobs) return alb_fail_memory(c->diag, c->out->count * sizeof *blobs, "tensors");
  for (size_t i = first; i < c->out->count; i++) {
    if (c->out->items[i].rank == 2) blobs[n++] = tensor_at(c, c->out->items[i].tensor)->blob;
  }
  if (n) qsort(blobs, n, sizeof *blobs, by_blob);
  for (size_t i = 1; i < n; i++) c->out->repeated = c->out->repeated || blobs[i] == blobs[i - 1];
  return ALB_OK;
}

alb_status alb_hf_layout_choose(alb_diag *diag, alb_arena *arena, const alb_model_spec *spec, const alb_arch *names,
                                alb_hf_layout *out) {
  chooser c = {.diag = diag, .arena = arena, .spec = spec, .names = names, .out = out};
  *out = (alb_hf_layout){0};
  if (!spec->config.layers) return alb_fail(diag, ALB_UNSUPPORTED, "an encoder without layers");
  if (spec->config.position_offset) return alb_fail(diag, ALB_UNSUPPORTED, "positions that do not begin at 0");
  ALB_TRY(choose(&c));
  ALB_TRY(check_tied(&c));
  choose_matrix_dtype(&c);
  out->items = ALB_NEW_ARRAY(arena, alb_st_item, ALB_ROLE_COUNT * ((size_t)spec->config.layers + 1));
  if (!out->items) return alb_fail_memory(diag, ALB_ROLE_COUNT * sizeof *out->items, "tensors");
  ALB_TRY(add_globals(&c));
  ALB_TRY(add_untied(&c));
  const size_t globals = out->count;
  for (uint32_t l = 0; l < spec->config.layers; l++) ALB_TRY(add_layer(&c, l));
  ALB_TRY(choose_vector_dtype(&c));
  return note_repeated(&c, globals);
}
