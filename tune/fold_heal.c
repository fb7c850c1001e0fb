/* From a fold in hand to teacher and student, and back. */
#include "tune/fold_heal.h"

#include "passes/layer_table.h"
#include "tune/factor_words.h"

/* The column of the table that has a role; the number of columns where none has. */
static size_t column_of(const alb_layer_table *table, alb_role role) {
  size_t p = 0;
  while (p < table->parameter_count && strcmp(table->parameters[p].name, alb_role_info(role)->name) != 0) p++;
  return p;
}

/* The source's roles with the layers' tensors as a table has them. */
static alb_status make_spec(alb_diag *diag, alb_arena *arena, const alb_heal_job *heal, const alb_fold_job *job,
                            const uint32_t *tensors, alb_model_spec *out) {
  const alb_layer_table *table = job->table;
  *out = *heal->spec;
  out->tensors = job->graph->tensors;
  out->layer = alb_arena_array(arena, table->layers, sizeof *out->layer);
  if (!out->layer) return alb_fail_memory(diag, table->layers * sizeof *out->layer, "roles of layers");
  size_t found = 0;
  for (int r = 0; r < ALB_ROLE_COUNT; r++) {
    const bool layered = alb_role_info((alb_role)r)->scope == ALB_SCOPE_LAYER;
    const size_t p = layered ? column_of(table, (alb_role)r) : table->parameter_count;
    found += p < table->parameter_count;
    for (size_t l = 0; l < table->layers; l++)
      out->layer[l][r] = p < table->parameter_count ? tensors[l * table->parameter_count + p] : ALB_NO_TENSOR;
  }
  if (found == table->parameter_count && table->layers == out->config.layers) return ALB_OK;
  return alb_fail(diag, ALB_UNSUPPORTED, "layers of this structure cannot be healed");
}

static alb_status load(alb_diag *diag, alb_arena *arena, const alb_heal_job *heal, const alb_fold_job *job,
                       const uint32_t *tensors, bool backward, alb_tune_encoder *out) {
  alb_model_spec spec;
  ALB_TRY(make_spec(diag, arena, heal, job, tensors, &spec));
  return alb_tune_encoder_load(diag, &spec, backward, out);
}

static alb_status narrow_words(alb_diag *diag, const alb_heal_job *heal, const alb_fold_job *job,
                               alb_tune_encoder *student) {
  if (!heal->embedding_size) return ALB_OK;
  return alb_factor_words_product(diag, heal->words, job->graph->tensors, heal->spec->global[ALB_ROLE_WORD],
                                  heal->embedding_size, alb_tune_value(student, ALB_ROLE_WORD, 0));
}

static alb_status store(alb_diag *diag, alb_tune_encoder *student, alb_tensors *tensors) {
  for (uint32_t a = 0; a < student->count; a++)
    if (student->arrays[a].first < student->layer_values) ALB_TRY(alb_tune_encoder_store(diag, student, a, tensors));
  return ALB_OK;
}

/* The first head of the graph whose answers are looked at; what no head has, is not found. */
static alb_status load_head(alb_diag *diag, const alb_heal_job *heal, const alb_fold_job *job, alb_tune_head *out,
                            bool *found) {
  static const alb_head kinds[] = {ALB_HEAD_CLASSIFY, ALB_HEAD_NER, ALB_HEAD_QA};
  alb_model_spec spec = *heal->spec;
  spec.tensors = job->graph->tensors;
  *found = false;
  for (size_t i = 0; i < sizeof kinds / sizeof kinds[0] && !*found; i++)
    if (alb_graph_find(job->graph, alb_head_info(kinds[i])->function) != ALB_NONE)
      ALB_TRY(alb_tune_head_load(diag, &spec, kinds[i], heal->independent, out, found));
  return ALB_OK;
}

static alb_status train(alb_diag *diag, const alb_heal_job *heal, const alb_fold_job *job,
                        const alb_tune_encoder *teacher, alb_tune_encoder *student) {
  alb_train_options options = *heal->options;
  alb_tune_head head = {0};
  bool found;
  alb_status status = load_head(diag, heal, job, &head, &found);
  if (found) options.head = &head;
  /* int8 loses too little for it: the embeddings of MiniLM-L6 came no nearer */
  if (heal->types.matrices == ALB_I4) options.rounding = heal->types;
  if (status == ALB_OK) status = alb_train(diag, teacher, student, &options, heal->report);
  alb_tune_head_free(&head);
  return status;
}

alb_status alb_fold_heal(alb_diag *diag, void *context, const alb_fold_job *job) {
  const alb_heal_job *heal = context;
  alb_tune_encoder teacher = {0}, student = {0};
  alb_arena arena = {0};
  alb_status status = load(diag, &arena, heal, job, job->source, false, &teacher);
  if (status == ALB_OK) status = load(diag, &arena, heal, job, job->table->tensors, true, &student);
  if (status == ALB_OK) status = narrow_words(diag, heal, job, &student);
  if (status == ALB_OK) status = train(diag, heal, job, &teacher, &student);
  if (status == ALB_OK) status = store(diag, &student, job->graph->tensors);
  alb_tune_encoder_free(&teacher);
  alb_tune_encoder_free(&student);
  alb_arena_free(&arena);
  return status;
}
