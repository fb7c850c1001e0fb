/* Finding out what a checkpoint holds: equal tensors, equal layers, and what each mode would give. */
#include "cli/inspect.h"

const alb_dtype alb_size_dtypes[ALB_SIZE_DTYPES] = {ALB_F32, ALB_F16, ALB_BF16, ALB_I8, ALB_I6, ALB_I5, ALB_I4};

static alb_status find_aligned(alb_diag *diag, alb_graph *graph, alb_arena *arena, alb_align_share *out) {
  alb_layer_table table;
  ALB_TRY(alb_layer_table_read(diag, graph, arena, &table));
  return alb_align_share_find(diag, graph, &table, out);
}

/* The source's graph, equal layers' bodies one function. */
static alb_status open_rolled(alb_diag *diag, alb_loaded *loaded, alb_tensors *tensors, alb_graph *graph) {
  const alb_pass_options options = {0};
  ALB_TRY(alb_loaded_clone(diag, loaded, tensors));
  ALB_TRY(alb_loaded_graph(diag, loaded, tensors, graph));
  return alb_passes_run(diag, graph, "dedup-blobs,roll-layers", &options, NULL);
}

alb_status alb_inspect_layers(alb_diag *diag, alb_loaded *loaded, alb_arena *arena, alb_layer_signature *out,
                              alb_align_share *aligned) {
  alb_tensors tensors = {0};
  alb_graph graph = {0};
  alb_status status = open_rolled(diag, loaded, &tensors, &graph);
  if (status == ALB_OK) status = alb_layer_signature_read(diag, &graph, arena, out);
  if (status == ALB_OK && aligned) status = find_aligned(diag, &graph, arena, aligned);
  alb_graph_free(&graph);
  alb_tensors_free(&tensors);
  return status;
}

static void take_matrix(const alb_layer_table *table, size_t p, const alb_base_relation *all, alb_base_relation *out) {
  for (size_t l = 0; l < table->layers; l++) out[l] = all[l * table->parameter_count + p];
}

/* Matrices that are another layer's and factors of low rank. */
static alb_status read_bases(alb_diag *diag, const alb_graph *graph, alb_inspection *out) {
  alb_layer_table table;
  const alb_base_options options = {.cache = &out->bases};
  ALB_TRY(alb_layer_table_read(diag, graph, &out->arena, &table));
  const size_t count = table.layers * table.parameter_count;
  alb_base_relation *all = ALB_NEW_ARRAY(&out->arena, alb_base_relation, count + 1);
  out->matrices = ALB_NEW_ARRAY(&out->arena, alb_matrix_relations, table.parameter_count + 1);
  if (!all || !out->matrices) return alb_fail_memory(diag, count * sizeof *all, "relations");
  ALB_TRY(alb_base_relations(diag, graph, &table, &options, all));
  for (size_t p = 0; p < table.parameter_count; p++) {
    const alb_layer_parameter *parameter = &table.parameters[p];
    if (!parameter->matrix) continue;
    alb_base_relation *layers = ALB_NEW_ARRAY(&out->arena, alb_base_relation, table.layers + 1);
    const char *name = alb_arena_printf(&out->arena, "%s", parameter->name);
    if (!layers || !name) return alb_fail_memory(diag, table.layers * sizeof *layers, "relations");
    take_matrix(&table, p, all, layers);
    out->matrices[out->matrix_count++] = (alb_matrix_relations){name, parameter->ffn, layers};
  }
  return ALB_OK;
}

static alb_status find_bases(alb_diag *diag, alb_inspection *out) {
  alb_tensors tensors = {0};
  alb_graph graph = {0};
  alb_status status = open_rolled(diag, &out->loaded, &tensors, &graph);
  if (status == ALB_OK) status = read_bases(diag, &graph, out);
  alb_graph_free(&graph);
  alb_tensors_free(&tensors);
  return status;
}

/* A dry conversion: nothing is computed but sizes. What is not supported has no size. */
static alb_status find_size(alb_inspection *out, alb_share_mode mode, size_t column) {
  alb_convert_options options = {.dry_run = true, .sizes_only = true, .bases = &out->bases};
  alb_conversion conversion;
  alb_diag diag = {0};
  options.passes.mode = mode;
  options.passes.dtype = alb_size_dtypes[column];
  const alb_status status = alb_convert(&diag, &out->loaded, NULL, &options, &conversion);
  if (status == ALB_OK) {
    out->sizes[mode][column] = conversion.size;
    out->lossy[mode] = conversion.fold.lossy;
  }
  alb_conversion_free(&conversion);
  alb_diag_free(&diag);
  return status == ALB_MEMORY ? status : ALB_OK;
}

/* Blobs that are not hashed are alike no other. */
static bool equal_blobs(const alb_blob *a, const alb_blob *b) {
  if (a == b) return true;
  return a->hashed && b->hashed && a->dtype == b->dtype && a->elements == b->elements &&
         alb_hash_equal(&a->hash, &b->hash);
}

uint32_t alb_inspect_first_equal(const alb_inspection *inspection, uint32_t t) {
  const alb_tensors *tensors = &inspection->loaded.tensors;
  const alb_blob *blob = &tensors->blobs.items[tensors->tensors.items[t].blob];
  for (uint32_t e = 0; e < t; e++) {
    const alb_blob *other = &tensors->blobs.items[tensors->tensors.items[e].blob];
    if (equal_blobs(other, blob)) return e;
  }
  return t;
}

bool alb_block_is_equal(const alb_block_signature *block, size_t layers) {
  for (size_t l = 0; l < layers; l++) {
    if (block->equal[l] != 0) return false;
  }
  return true;
}

/* The worst relation that makes all layers one, or NONE when some layer is unlike. */
static alb_relation block_relation(const alb_block_signature *block, size_t layers) {
  alb_relation worst = ALB_RELATION_EQUAL;
  for (size_t l = 1; l < layers; l++) {
    if (block->relations[l].kind == ALB_RELATION_NONE) return ALB_RELATION_NONE;
    if (block->relations[l].kind > worst) worst = block->relations[l].kind;
  }
  return worst;
}

/* Every matrix of the mode's blocks is the first layer's and factors. */
static bool have_base(const alb_inspection *inspection, const alb_share_facts *facts) {
  bool all = inspection->matrix_count > 0;
  for (size_t m = 0; m < inspection->matrix_count; m++) {
    const alb_matrix_relations *matrix = &inspection->matrices[m];
    if (matrix->ffn ? !facts->ffn : !facts->attention) continue;
    for (size_t l = 0; l < inspection->layers.layers; l++) all = all && matrix->layers[l].of == 0;
  }
  return all;
}

const char *alb_inspect_verdict(const alb_inspection *inspection, alb_share_mode mode) {
  const alb_layer_signature *s = &inspection->layers;
  const alb_share_facts *facts = alb_share_info(mode);
  const bool equal = (!facts->attention || alb_block_is_equal(&s->attention, s->layers)) &&
                     (!facts->ffn || alb_block_is_equal(&s->ffn, s->layers));
  if (equal) return "equal";
  const alb_relation attention = facts->attention ? block_relation(&s->attention, s->layers) : ALB_RELATION_EQUAL;
  const alb_relation ffn = facts->ffn ? block_relation(&s->ffn, s->layers) : ALB_RELATION_EQUAL;
  if (attention != ALB_RELATION_NONE && ffn != ALB_RELATION_NONE) {
    return attention > ALB_RELATION_ROUNDING || ffn > ALB_RELATION_ROUNDING ? "equal up to a permutation"
                                                                            : "equal up to rounding";
  }
  if (have_base(inspection, facts)) return "a shared base and factors of low rank";
  for (size_t r = 0; r < s->role_count; r++) {
    if (s->roles[r].ffn ? !facts->ffn : !facts->attention) continue;
    if (s->roles[r].share > ALB_SHARE_SOME) continue;
    return alb_inspect_net_share(inspection, mode) > ALB_SHARE_SOME ? "alike once aligned, not equal: folding is lossy"
                                                                    : "nothing to share: quantise, or fold and heal";
  }
  return "alike, not equal: folding is lossy";
}

static void count(alb_inspection *out) {
  const alb_loaded *loaded = &out->loaded;
  const alb_tensors *source = loaded->alb ? &loaded->tensors : &loaded->source.tensors;
  for (size_t i = 0; i < source->blobs.count; i++) out->source_bytes += source->blobs.items[i].bytes.n;
  for (size_t i = 0; i < loaded->source.files.count; i++) out->file_bytes += loaded->source.files.items[i].file.bytes.n;
  for (uint32_t t = 0; t < loaded->tensors.tensors.count; t++) {
    const uint32_t blob = loaded->tensors.tensors.items[t].blob;
    if (alb_inspect_first_equal(out, t) == t) out->parameters += loaded->tensors.blobs.items[blob].elements;
  }
}

alb_status alb_inspect(alb_diag *diag, const char *path, alb_inspection *out) {
  out->path = path;
  ALB_TRY(alb_model_load(diag, path, &out->loaded));
  ALB_TRY(alb_inspect_layers(diag, &out->loaded, &out->arena, &out->layers, out->align ? &out->aligned : NULL));
  ALB_TRY(find_bases(diag, out));
  count(out);
  for (int mode = 0; mode < ALB_SHARE_COUNT; mode++) {
    for (size_t column = 0; column < ALB_SIZE_DTYPES; column++) {
      ALB_TRY(find_size(out, (alb_share_mode)mode, column));
    }
  }
  return ALB_OK;
}

void alb_inspection_free(alb_inspection *inspection) {
  alb_model_unload(&inspection->loaded);
  alb_vec_free(&inspection->bases.pairs);
  alb_arena_free(&inspection->arena);
}
