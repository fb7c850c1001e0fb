/* The conversion as one straight line: build, prove, pass, emit. */
#include "converter/convert.h"

#include "converter/golden.h"
#include "converter/settings.h"
#include "converter/writer.h"
#include "graph/heads.h"
#include "passes/layer_table.h"
#include "passes/weight_use.h"
#include "tune/factor_words.h"
#include "tune/fit_intn.h"
#include "tune/fold_align.h"
#include "tune/fold_heal.h"
#include "tune/fold_refit.h"
#include "tune/fold_residual.h"
#include "tune/word_texts.h"

typedef struct job {
  alb_diag *diag;
  alb_loaded *loaded;
  const alb_convert_options *options;
  const alb_form *form;
  alb_arena arena;
  alb_tensors tensors; /* a copy: passes change it */
  alb_graph graph;
  alb_package package;
  alb_dtype dtype, tables, places; /* of matrices, of tables of words and of the other tables */
  alb_use *uses;                   /* of the source's tensors, before any pass */
} job;

const char *alb_fidelity_name(alb_fidelity fidelity) {
  static const char *const names[] = {"LOSSLESS", "ROUNDING-EQUAL", "ROUNDED", "LOSSY"};
  return names[fidelity];
}

static void drop_function(alb_graph *graph, const char *name) {
  const uint32_t id = alb_graph_find(graph, name);
  if (id == ALB_NONE) return;
  alb_vec_free(&graph->functions.items[id].nodes);
  graph->functions.count--;
  memmove(&graph->functions.items[id], &graph->functions.items[id + 1],
          (graph->functions.count - id) * sizeof *graph->functions.items);
}

/* Which head a task keeps beside the embedding, which has no weights. */
static const struct {
  const char *name;
  alb_head head;
} tasks[] = {{"embed", ALB_HEAD_EMBED},     {"fill-mask", ALB_HEAD_MLM}, {"classify", ALB_HEAD_CLASSIFY},
             {"rerank", ALB_HEAD_CLASSIFY}, {"ner", ALB_HEAD_NER},       {"qa", ALB_HEAD_QA}};

/* Heads stand behind the encoder and nobody calls them. */
static void keep_head(alb_graph *graph, alb_head kept) {
  for (int h = 0; h < ALB_HEAD_COUNT; h++) {
    if (h != (int)kept && h != ALB_HEAD_EMBED) drop_function(graph, alb_head_info((alb_head)h)->function);
  }
}

/* The number of classes of the head that texts are classified by. */
static alb_status count_classes(job *c, size_t *classes) {
  const uint32_t id = alb_graph_find(&c->graph, ALB_FN_CLASSIFY);
  const alb_function *function = &c->graph.functions.items[id];
  alb_type *types = ALB_NEW_ARRAY(&c->arena, alb_type, function->input_count + function->nodes.count);
  if (!types) return alb_fail_memory(c->diag, sizeof *types, "types");
  ALB_TRY(alb_function_types(c->diag, &c->graph, id, types));
  *classes = (size_t)types[function->output].dims[1];
  return ALB_OK;
}

static alb_status check_rerank(job *c) {
  size_t classes = 0;
  ALB_TRY(count_classes(c, &classes));
  if (classes == 1) return ALB_OK;
  return alb_fail(c->diag, ALB_UNSUPPORTED, "--task rerank: needs a classifier with one class, this one has %zu",
                  classes);
}

static alb_status select_task(job *c) {
  const char *task = c->options->task ? c->options->task : "auto";
  c->package.task = c->loaded->task;
  if (strcmp(task, "auto") == 0) return ALB_OK;
  size_t i = 0;
  while (i < sizeof tasks / sizeof tasks[0] && strcmp(task, tasks[i].name) != 0) i++;
  if (i == sizeof tasks / sizeof tasks[0]) return alb_fail(c->diag, ALB_UNSUPPORTED, "--task %s is not known", task);
  const alb_head_facts *head = alb_head_info(tasks[i].head);
  if (alb_graph_find(&c->graph, head->function) == ALB_NONE) {
    return alb_fail(c->diag, ALB_UNSUPPORTED, "--task %s: the source has no %s head", task, head->words);
  }
  if (strcmp(task, "rerank") == 0) ALB_TRY(check_rerank(c));
  keep_head(&c->graph, tasks[i].head);
  c->package.task = tasks[i].name;
  return ALB_OK;
}

/* True when some tensor of that use would be narrower than in the source. */
static bool rounds(const job *c, alb_use use) {
  for (size_t i = 0; i < c->loaded->tensors.tensors.count; i++) {
    const alb_dtype source = alb_tensor_stored(&c->loaded->tensors, (uint32_t)i);
    const alb_dtype stored = use == ALB_USED_MATRIX   ? c->dtype
                             : use == ALB_USED_PLACES ? c->places
                             : use == ALB_USED_TABLE  ? c->tables
                                                      : ALB_F32;
    if (c->uses[i] != use || stored == source || alb_dtype_is_quantised(source) ||
        (stored == ALB_F32 && source != ALB_F64))
      continue;
    return true;
  }
  return false;
}

static alb_status refuse_loss(const job *c, const alb_fold_report *fold) {
  const alb_pass_options *passes = &c->options->passes;
  if (fold->lossy) {
    return alb_fail(c->diag, ALB_LOSSY, "not lossless: --share %s would fold layers that differ; nothing was written",
                    alb_share_info(passes->mode)->name);
  }
  return alb_fail(c->diag, ALB_LOSSY,
                  "not lossless: --embedding-size %zu would make the table of words a product; nothing was written",
                  passes->embedding_size);
}

static alb_status check_fidelity(const job *c, alb_conversion *out) {
  const bool others = rounds(c, ALB_USED_MATRIX) || rounds(c, ALB_USED_VECTOR),
             tables = rounds(c, ALB_USED_TABLE) || rounds(c, ALB_USED_PLACES);
  const bool lossy = alb_fold_loses(&out->fold);
  const bool near = out->fold.rounded || out->fold.low_rank_delta > 0;
  out->fidelity = lossy ? ALB_FOLDED : others || tables ? ALB_ROUNDED : near ? ALB_ROUNDING_EQUAL : ALB_LOSSLESS;
  if (!c->options->require_lossless || out->fidelity == ALB_LOSSLESS) return ALB_OK;
  if (lossy) return refuse_loss(c, &out->fold);
  if (out->fidelity == ALB_ROUNDING_EQUAL) {
    return alb_fail(c->diag, ALB_LOSSY,
                    "not lossless: --share %s would make layers one that are equal up to rounding only%s; "
                    "nothing was written",
                    alb_share_info(c->options->passes.mode)->name, out->fold.low_rank ? " (with factors)" : "");
  }
  return alb_fail(c->diag, ALB_LOSSY, "not lossless: %s %s would round the weights; nothing was written",
                  others ? "--dtype" : "--embeddings", alb_dtype_name(others ? c->dtype : c->tables));
}

/* What is quantised already stays so: its numbers are not known any more. */
static alb_status check_given(const job *c, const char *option, alb_dtype given, alb_dtype asked) {
  if (!alb_dtype_is_quantised(given) || !asked || asked == given) return ALB_OK;
  return alb_fail(c->diag, ALB_UNSUPPORTED, "the source is %s already: %s %s is not supported", alb_dtype_name(given),
                  option, alb_dtype_name(asked));
}

/* Asked for, or else the source's own: f16 or bf16 only when everything is. */
static alb_status choose_dtypes(job *c, alb_pass_options *passes) {
  const size_t count = c->tensors.tensors.count;
  ALB_TRY(alb_weight_uses(c->diag, &c->arena, &c->graph, &c->uses));
  alb_dtype matrices = alb_use_dtype(&c->tensors, c->uses, count, ALB_USED_MATRIX);
  alb_dtype tables = alb_use_dtype(&c->tensors, c->uses, count, ALB_USED_TABLE);
  const alb_dtype places = alb_use_dtype(&c->tensors, c->uses, count, ALB_USED_PLACES);
  if (!alb_dtype_is_quantised(tables) && places != ALB_DTYPE_NONE && places != tables) tables = ALB_F32;
  ALB_TRY(check_given(c, "--dtype", matrices, passes->dtype));
  ALB_TRY(check_given(c, "--embeddings", tables, passes->tables));
  if (alb_dtype_is_quantised(tables)) passes->tables = tables;
  const bool same = matrices == tables || alb_dtype_is_quantised(matrices) || alb_dtype_is_quantised(tables);
  const bool known = alb_dtype_is_quantised(matrices) || matrices == ALB_F16 || matrices == ALB_BF16;
  if (!passes->dtype && alb_dtype_is_quantised(matrices) && !passes->tables) passes->tables = tables;
  if (!passes->dtype) passes->dtype = same && known ? matrices : ALB_F32;
  c->dtype = passes->dtype;
  c->tables = alb_table_dtype(passes);
  c->places = alb_place_dtype(passes);
  return ALB_OK;
}

/* What repairs a lossy fold. */
typedef struct repair {
  const job *job;
  alb_train_report *report;
} repair;

static alb_status refit_fold(alb_diag *diag, const job *c, const alb_fold_job *fold) {
  const alb_vocab *vocab = &c->loaded->vocab;
  alb_word_texts texts;
  alb_status status = alb_word_texts_make(diag, c->options->calib, vocab->tokens, vocab->count, &texts);
  if (status == ALB_OK) status = alb_fold_refit(diag, &texts.all, fold);
  alb_word_texts_free(&texts);
  return status;
}

static alb_status repair_fold(alb_diag *diag, void *context, const alb_fold_job *fold) {
  const repair *r = context;
  const alb_convert_options *options = r->job->options;
  const char *score = r->job->loaded->classes.class_score;
  alb_heal_job heal = {.spec = &r->job->loaded->spec,
                       .independent = score && strcmp(score, "sigmoid") == 0,
                       .options = options->heal,
                       .types = {r->job->dtype, r->job->tables, r->job->places},
                       .embedding_size = options->passes.embedding_size,
                       .words = options->calib,
                       .report = r->report};
  if (options->calib) ALB_TRY(refit_fold(diag, r->job, fold));
  if (fold->residual && !options->calib) ALB_TRY(alb_fold_residual(diag, fold));
  return options->heal ? alb_fold_heal(diag, &heal, fold) : ALB_OK;
}

/* What was trained to be rounded plainly is. */
static alb_status round_matrices(alb_diag *diag, void *context, alb_dtype dtype, alb_graph *graph) {
  const repair *r = context;
  if (r->report->trained && r->report->rounding) return ALB_OK;
  return alb_fit_intn(diag, (void *)(uintptr_t)r->job->options->calib, dtype, graph);
}

/* A table that is projected already is narrow for its reasons; folders and GGUF files of BERTs have no such table. */
static alb_status check_embedding_size(const job *c) {
  const alb_encoder_config *config = &c->loaded->spec.config;
  const size_t size = c->options->passes.embedding_size;
  if (!size) return ALB_OK;
  if (config->embedding != config->hidden) {
    return alb_fail(c->diag, ALB_USAGE, "--embedding-size %zu: the source's embeddings are projected already, from %u",
                    size, config->embedding);
  }
  if (strcmp(c->form->name, "alb") == 0 || strcmp(c->form->name, "onnx") == 0) return ALB_OK;
  return alb_fail(c->diag, ALB_USAGE, "--embedding-size %zu is for .alb and ONNX files, not for a %s", size,
                  c->form->what);
}

static alb_status run_passes(job *c, alb_conversion *out) {
  alb_pass_options passes = c->options->passes;
  passes.report = &out->fold;
  passes.factors = c->form->own;
  const bool sizes = c->options->dry_run && c->options->sizes_only;
  if (!c->options->plain_mean) passes.align = sizes ? alb_fold_align_sizes : alb_fold_align;
  alb_base_options bases = {c->options->bases, sizes};
  if (!c->options->heal) passes.bases = alb_shared_bases; /* a fold that is trained has no factors */
  passes.bases_context = &bases;
  repair repairing = {c, &out->heal};
  if (c->options->calib || c->options->heal || passes.residual) passes.refit = repair_fold;
  passes.refit_context = &repairing;
  if (c->options->calib) passes.round = round_matrices;
  passes.round_context = &repairing;
  passes.factor = alb_factor_words;
  passes.factor_context = (void *)(uintptr_t)c->options->calib;
  ALB_TRY(check_embedding_size(c));
  ALB_TRY(choose_dtypes(c, &passes));
  c->package.dtype = out->dtype = alb_dtype_name(c->dtype);
  c->package.tables = out->tables = alb_dtype_name(c->tables);
  c->package.share = out->share = alb_share_info(passes.mode)->name;
  ALB_TRY(
      alb_passes_run(c->diag, &c->graph, alb_pipeline(c->form->pipeline, passes.mode), &passes, c->options->observer));
  return check_fidelity(c, out);
}

/* The source's own outputs; those that an .alb file carries are of its first source, and stay. */
static alb_status take_golden(job *c) {
  const alb_loaded *loaded = c->loaded;
  if (!c->form->own) return ALB_OK;
  if (!loaded->alb) {
    return alb_golden_make(c->diag, &c->arena, &loaded->spec.config, &c->graph, loaded->golden_hidden,
                           c->options->sizes_only, &c->package.golden, &c->package.golden_count);
  }
  return alb_golden_select(c->diag, &c->arena, alb_reader_manifest(loaded->alb), &c->graph, &c->package.golden,
                           &c->package.golden_count);
}

static void take_written(const alb_written *written, alb_conversion *out) {
  out->size = written->size;
  out->tensors = written->tensors;
  out->blobs = written->blobs;
  out->blob_bytes = written->blob_bytes;
  out->parameters = written->parameters;
  if (written->dtype) out->dtype = out->tables = written->dtype;
  if (written->rounded && out->fidelity < ALB_ROUNDED) out->fidelity = ALB_ROUNDED;
  out->notes.items = written->notes.items;
  out->notes.count = written->notes.count;
  out->notes.capacity = written->notes.capacity;
}

/* Whether there is something to adjust is known after the passes only, so such options are not refused. */
static alb_status note_unused(const job *c, alb_conversion *out) {
  const size_t residual = c->options->passes.residual;
  const struct {
    bool holds;
    const char *text;
  } notes[] = {
      {c->options->calib && !out->fold.refitted && !out->fold.embedding_size,
       "--calib changed nothing: no layers were folded with loss and no matrices made int6, int5 or int4"},
      {residual && !out->fold.residuals, "--residual changed nothing: no layers were folded with loss"},
      {out->fold.residuals && !c->form->own, "factors are added to the matrices here: only .alb files have both apart"},
  };
  for (size_t i = 0; i < sizeof notes / sizeof notes[0]; i++) {
    if (!notes[i].holds || alb_vec_push(&out->notes, notes[i].text)) continue;
    return alb_fail_memory(c->diag, sizeof notes[i], "a note");
  }
  return ALB_OK;
}

static alb_status write_output(job *c, const char *output, alb_conversion *out) {
  const alb_write_job write = {.package = &c->package,
                               .loaded = c->loaded,
                               .options = c->options,
                               .path = output,
                               .dtype = c->dtype,
                               .tables = c->tables,
                               .arena = &out->arena};
  alb_written written = {0};
  const alb_status status = c->form->write(c->diag, &write, &written);
  take_written(&written, out);
  ALB_TRY(status);
  return note_unused(c, out);
}

static alb_status convert(job *c, const char *output, alb_conversion *out) {
  alb_loaded *loaded = c->loaded;
  if (c->options->compress && !c->form->own) {
    return alb_fail(c->diag, ALB_USAGE, "--compress is for .alb files, not for a %s", c->form->what);
  }
  ALB_TRY(alb_loaded_clone(c->diag, loaded, &c->tensors));
  ALB_TRY(alb_loaded_graph(c->diag, loaded, &c->tensors, &c->graph));
  ALB_TRY(alb_part_bytes(c->diag, &c->graph, out->parts_before));
  ALB_TRY(select_task(c));
  c->package.config = &loaded->spec.config;
  c->package.graph = &c->graph;
  ALB_TRY(take_golden(c)); /* before any pass has changed the graph */
  ALB_TRY(run_passes(c, out));
  ALB_TRY(alb_settings_fill(c->diag, &c->arena, loaded, c->options, &out->fold, &c->package));
  return write_output(c, output, out);
}

static alb_status count_sets(job *c, alb_conversion *out) {
  alb_layer_table table;
  ALB_TRY(alb_layer_table_read(c->diag, &c->graph, &c->arena, &table));
  out->sets = alb_layer_table_sets(&table);
  out->attention_sets = alb_layer_table_block_sets(&table, &c->tensors, false);
  out->ffn_sets = alb_layer_table_block_sets(&table, &c->tensors, true);
  if (!table.layers) return ALB_OK;
  out->attention_map = ALB_NEW_ARRAY(&out->arena, uint32_t, table.layers);
  out->ffn_map = ALB_NEW_ARRAY(&out->arena, uint32_t, table.layers);
  if (!out->attention_map || !out->ffn_map) return alb_fail_memory(c->diag, table.layers, "sets of layers");
  alb_layer_table_block_map(&table, &c->tensors, false, out->attention_map);
  alb_layer_table_block_map(&table, &c->tensors, true, out->ffn_map);
  return ALB_OK;
}

static void set_rest(uint64_t *parts, uint64_t whole) {
  uint64_t sum = 0;
  for (int p = 0; p < ALB_MODEL_REST; p++) sum += parts[p];
  parts[ALB_MODEL_REST] = whole > sum ? whole - sum : 0;
}

/* After fill_report, which says the source's bytes. */
static alb_status count_parts(const job *c, alb_conversion *out) {
  uint64_t sum = 0;
  ALB_TRY(alb_part_bytes(c->diag, &c->graph, out->parts));
  for (int p = 0; p < ALB_MODEL_REST; p++) sum += out->parts[p];
  out->parts_known = sum == out->blob_bytes;
  set_rest(out->parts_before, out->source_bytes);
  set_rest(out->parts, out->size);
  return ALB_OK;
}

/* Names in the fold report are the graph's, which goes. */
static alb_status keep_names(job *c, alb_conversion *out) {
  for (size_t i = 0; i < out->fold.changes.count; i++) {
    alb_fold_change *change = &out->fold.changes.items[i];
    change->parameter = alb_arena_strdup(&out->arena, alb_str_of(change->parameter));
    if (!change->parameter) return alb_fail_memory(c->diag, 1, "a name");
  }
  return ALB_OK;
}

static void fill_report(const job *c, alb_conversion *out) {
  const alb_loaded *loaded = c->loaded;
  out->form = c->form->what;
  out->architecture = loaded->spec.config.architecture;
  out->task = c->package.task;
  const alb_tensors *source = loaded->alb ? &loaded->tensors : &loaded->source.tensors;
  out->source_tensors = source->tensors.count;
  for (size_t i = 0; i < source->blobs.count; i++) out->source_bytes += source->blobs.items[i].bytes.n;
  out->source_bytes -= (uint64_t)loaded->source.widened; /* may be negative: modulo 2^64 it is right */
  out->layers = loaded->spec.config.layers;
}

alb_status alb_convert(alb_diag *diag, alb_loaded *loaded, const char *output, const alb_convert_options *options,
                       alb_conversion *out) {
  job c = {.diag = diag, .loaded = loaded, .options = options};
  c.form = options->form ? options->form : alb_form_by_name("alb");
  *out = (alb_conversion){0};
  alb_status status = convert(&c, output, out);
  if (status == ALB_OK) status = count_sets(&c, out);
  if (status == ALB_OK) status = keep_names(&c, out);
  if (status == ALB_OK) fill_report(&c, out);
  if (status == ALB_OK) status = count_parts(&c, out);
  alb_graph_free(&c.graph);
  alb_tensors_free(&c.tensors);
  alb_arena_free(&c.arena);
  return status;
}

void alb_conversion_free(alb_conversion *conversion) {
  alb_vec_free(&conversion->fold.changes);
  alb_vec_free(&conversion->notes);
  alb_arena_free(&conversion->arena);
}
