/* Opening a model: the file is checked and planned, the encoder's weights are prepared. */
#include "runtime/model.h"

#include <stdlib.h>
#include <string.h>

#include "base/cores.h"

const char *alb_version(void) {
  return ALB_VERSION_TEXT;
}

alb_status alb_report(alb_error *error, alb_diag *diag, alb_status status) {
  if (error && status != ALB_OK) {
    const char *text = alb_diag_text(diag, status);
    size_t n = strlen(text);
    if (n >= sizeof error->text) n = sizeof error->text - 1;
    memcpy(error->text, text, n);
    error->text[n] = '\0';
  }
  alb_diag_free(diag);
  return status;
}

/* ---- planning ---- */

static const char *output_name(const char *function) {
  return strcmp(function, "encoder") == 0 ? "hidden" : function;
}

static bool is_encoder(const alb_plan *plan) {
  if (plan->input_count != 3) return false;
  for (size_t i = 0; i < 3; i++) {
    const alb_plan_value *in = &plan->values.items[i];
    if (in->dtype != ALB_I32 || in->rows != ALB_ROWS_TOKENS) return false;
  }
  const alb_plan_value *out = &plan->values.items[plan->output];
  return out->dtype == ALB_F32 && out->rows == ALB_ROWS_TOKENS;
}

/* Takes the encoder's output, for all tokens or for chosen ones. */
static bool is_head(const alb_plan *plan, size_t hidden) {
  if (plan->input_count != 1) return false;
  const alb_plan_value *in = &plan->values.items[0];
  return in->dtype == ALB_F32 && in->columns == hidden && in->rows != ALB_ROWS_SEQUENCES;
}

static alb_status plan_entries(alb_diag *diag, alb_model *model) {
  const Alb__Manifest *m = model->manifest;
  model->entries = calloc(m->n_functions ? m->n_functions : 1, sizeof *model->entries);
  if (!model->entries) return alb_fail_memory(diag, m->n_functions * sizeof *model->entries, "the plans");
  for (size_t i = 0; i < m->n_functions; i++) {
    if (m->functions[i]->n_parameters) continue;
    alb_entry *entry = &model->entries[model->entry_count++];
    entry->output = output_name(m->functions[i]->name);
    ALB_TRY(alb_plan_make(diag, &model->weights, i, &entry->plan));
  }
  return ALB_OK;
}

/* Functions whose names mean something give the rows that docs/format.md says: whoever runs them counts on it. */
static alb_status check_rows(alb_diag *diag, const alb_entry *entry) {
  static const struct {
    const char *output, *rows_of;
    alb_rows rows;
  } named[] = {{"embed", "text", ALB_ROWS_SEQUENCES},    {"pooler", "text", ALB_ROWS_SEQUENCES},
               {"classify", "text", ALB_ROWS_SEQUENCES}, {"ner", "token", ALB_ROWS_TOKENS},
               {"qa", "token", ALB_ROWS_TOKENS},         {"mlm", "chosen token", ALB_ROWS_CHOSEN}};
  for (size_t i = 0; i < sizeof named / sizeof named[0]; i++) {
    if (strcmp(entry->output, named[i].output) != 0) continue;
    if (entry->plan.values.items[entry->plan.output].rows == named[i].rows) return ALB_OK;
    return alb_fail(diag, ALB_SHAPE, "function \"%s\" does not give a row for each %s", named[i].output,
                    named[i].rows_of);
  }
  return ALB_OK;
}

static alb_status find_encoder(alb_diag *diag, alb_model *model) {
  model->encoder = alb_model_entry(model, "hidden");
  if (!model->encoder) return alb_fail(diag, ALB_MISSING, "the graph has no function \"encoder\"");
  const alb_plan *plan = &model->encoder->plan;
  const size_t width = plan->values.items[plan->output].columns, hidden = model->manifest->config->hidden;
  if (!is_encoder(plan) || width != hidden) {
    return alb_fail(diag, ALB_SHAPE, "function \"encoder\" is not from three index vectors to [tokens, %zu]", hidden);
  }
  for (size_t i = 0; i < model->entry_count; i++) {
    alb_entry *entry = &model->entries[i];
    entry->runnable = entry == model->encoder || is_head(&entry->plan, hidden);
    if (entry->runnable) ALB_TRY(check_rows(diag, entry));
  }
  return ALB_OK;
}

/* What the tables allow, and the configuration; a table that is not used sets no limit. */
static alb_status set_limits(alb_diag *diag, alb_model *model) {
  const Alb__Config *config = model->manifest->config;
  const size_t *limit = model->encoder->plan.index_limit;
  model->id_limit = limit[0] < config->vocab ? limit[0] : config->vocab;
  model->type_limit = limit[1] < config->type_vocab ? limit[1] : config->type_vocab;
  const size_t positions = limit[2] < config->max_positions ? limit[2] : config->max_positions;
  if (config->position_offset >= positions) {
    return alb_fail(diag, ALB_SHAPE, "position_offset %u leaves no position of %zu", config->position_offset,
                    positions);
  }
  model->max_tokens = positions - config->position_offset;
  return ALB_OK;
}

/* ---- weights ---- */

alb_status alb_model_prepare(alb_diag *diag, alb_model *model, alb_entry *entry, alb_pool *pool) {
  if (atomic_load_explicit(&entry->ready, memory_order_acquire)) return ALB_OK;
  pthread_mutex_lock(&model->preparing);
  const alb_status status = alb_plan_prepare(diag, &entry->plan, &model->weights, pool);
  if (status == ALB_OK) atomic_store_explicit(&entry->ready, true, memory_order_release);
  pthread_mutex_unlock(&model->preparing);
  return status;
}

alb_status alb_model_tokenizer(alb_diag *diag, alb_model *model, const alb_tokenizer **out) {
  alb_tokenizer *tokenizer = atomic_load_explicit(&model->tokenizer, memory_order_acquire);
  alb_status status = ALB_OK;
  if (!model->manifest->tokenizer)
    return alb_fail(diag, ALB_UNSUPPORTED, "the model has no tokenizer, only token ids can be run");
  if (!tokenizer) {
    pthread_mutex_lock(&model->preparing);
    tokenizer = atomic_load(&model->tokenizer);
    if (!tokenizer) {
      status = alb_tokenizer_new(diag, model->manifest->tokenizer, alb_reader_vocab(model->reader), model->id_limit,
                                 &tokenizer);
      if (status == ALB_OK) atomic_store_explicit(&model->tokenizer, tokenizer, memory_order_release);
    }
    pthread_mutex_unlock(&model->preparing);
  }
  *out = tokenizer;
  return status;
}

static size_t threads_of(const alb_model_options *options) {
  return options->threads > 0 ? (size_t)options->threads : alb_physical_cores();
}

static alb_status prepare_encoder(alb_diag *diag, alb_model *model, size_t threads) {
  alb_pool *pool = NULL;
  ALB_TRY(alb_pool_new(diag, threads, &pool));
  const alb_status status = alb_model_prepare(diag, model, model->encoder, pool);
  alb_pool_free(pool);
  return status;
}

/* ---- opening ---- */

static alb_status open_model(alb_diag *diag, const char *path, const alb_model_options *options, alb_model *model) {
  const char *cpu = options->cpu ? options->cpu : secure_getenv("ALB_CPU");
  ALB_TRY(alb_kernels_select(diag, alb_cpu_detect(), cpu, &model->kernels));
  const alb_reader_options how = {
      .no_verify = options->no_verify != 0, .release = true, .threads = threads_of(options)};
  ALB_TRY(alb_reader_open(diag, path, &how, &model->reader));
  if (pthread_mutex_init(&model->preparing, NULL) != 0) return alb_fail_memory(diag, 0, "a mutex");
  model->mutex_made = true;
  model->manifest = alb_reader_manifest(model->reader);
  model->weights.reader = model->reader;
  ALB_TRY(plan_entries(diag, model));
  ALB_TRY(find_encoder(diag, model));
  ALB_TRY(set_limits(diag, model));
  if (alb_model_classes(model)) ALB_TRY(alb_model_check_labels(diag, model));
  return prepare_encoder(diag, model, threads_of(options));
}

/* Copies the caller's struct, which may be older (shorter) than ours. */
static bool copy_options(const alb_model_options *from, alb_model_options *to) {
  *to = (alb_model_options){.size = sizeof *to};
  if (!from) return true;
  if (from->size < sizeof from->size || from->size > sizeof *to) return false;
  memcpy(to, from, from->size);
  return true;
}

alb_status alb_model_open(const char *path, const alb_model_options *options, alb_model **model, alb_error *error) {
  alb_diag diag = {0};
  alb_model_options own;
  if (!path || !model) return alb_report(error, &diag, alb_fail(&diag, ALB_ARGUMENT, "path or model is NULL"));
  if (!copy_options(options, &own) || own.threads < 0 || own.threads > ALB_THREADS_MAX) {
    return alb_report(error, &diag, alb_fail(&diag, ALB_ARGUMENT, "model options: size or threads out of range"));
  }
  alb_model *made = calloc(1, sizeof *made);
  if (!made) return alb_report(error, &diag, alb_fail_memory(&diag, sizeof *made, "a model"));
  const alb_status status = open_model(&diag, path, &own, made);
  if (status == ALB_OK)
    *model = made;
  else
    alb_model_free(made);
  return alb_report(error, &diag, status);
}

void alb_model_free(alb_model *model) {
  if (!model) return;
  for (size_t i = 0; i < model->entry_count; i++) alb_plan_free(&model->entries[i].plan);
  free(model->entries);
  alb_weights_free(&model->weights);
  alb_tokenizer_free(atomic_load(&model->tokenizer));
  if (model->mutex_made) pthread_mutex_destroy(&model->preparing);
  alb_reader_close(model->reader);
  free(model);
}

/* ---- looking ---- */

alb_entry *alb_model_entry(const alb_model *model, const char *output) {
  for (size_t i = 0; i < model->entry_count; i++) {
    if (strcmp(model->entries[i].output, output) == 0) return &model->entries[i];
  }
  return NULL;
}

size_t alb_model_output_width(const alb_model *model, const char *name) {
  const alb_entry *entry = model && name ? alb_model_entry(model, name) : NULL;
  return entry && entry->runnable ? entry->plan.values.items[entry->plan.output].columns : 0;
}

static void describe_embedding(const alb_model *model, alb_model_info *info) {
  const Alb__Embedding *embedding = model->manifest->embedding;
  info->pooling = embedding ? embedding->pooling : "none";
  info->normalize = embedding ? embedding->normalize : 0;
  info->pooling_stated = embedding ? embedding->stated : 0;
}

alb_status alb_model_get_info(const alb_model *model, alb_model_info *info) {
  if (!model || !info || info->size < sizeof info->size || info->size > sizeof *info) return ALB_ARGUMENT;
  const Alb__Config *config = model->manifest->config;
  alb_model_info full = {.size = info->size,
                         .architecture = config->architecture,
                         .task = config->task,
                         .dtype = config->dtype,
                         .share = config->share,
                         .has_tokenizer = model->manifest->tokenizer != NULL,
                         .layers = config->layers,
                         .hidden = config->hidden,
                         .heads = config->heads,
                         .intermediate = config->intermediate,
                         .vocab = (uint32_t)model->id_limit,
                         .type_vocab = (uint32_t)model->type_limit,
                         .max_tokens = (uint32_t)model->max_tokens,
                         .cpu = model->kernels.isa,
                         .class_score = alb_model_score(model, "classify"),
                         .rank_score = alb_model_score(model, "rerank")};
  describe_embedding(model, &full);
  memcpy(info, &full, info->size);
  return ALB_OK;
}
