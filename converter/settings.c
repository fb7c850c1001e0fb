/* The parts of a package that are neither graph nor weights. */
#include "converter/settings.h"

#include <stdlib.h>

#define TEXT(text) ((char *)(uintptr_t)(text))

static alb_status no_memory(alb_diag *diag) {
  return alb_fail_memory(diag, 0, "settings");
}

static alb_status fill_embedding(alb_diag *diag, alb_arena *arena, const alb_sentence *sentence, alb_package *package) {
  Alb__Embedding *m = package->embedding = ALB_NEW(arena, Alb__Embedding);
  if (!m) return no_memory(diag);
  alb__embedding__init(m);
  m->pooling = TEXT(alb_pooling_name(sentence->pooling));
  m->normalize = sentence->normalize;
  m->stated = sentence->stated;
  m->default_prompt = TEXT(sentence->default_prompt);
  m->prompts = ALB_NEW_ARRAY(arena, Alb__Prompt *, sentence->prompt_count);
  if (!m->prompts) return no_memory(diag);
  for (; m->n_prompts < sentence->prompt_count; m->n_prompts++) {
    Alb__Prompt *prompt = m->prompts[m->n_prompts] = ALB_NEW(arena, Alb__Prompt);
    if (!prompt) return no_memory(diag);
    alb__prompt__init(prompt);
    prompt->name = TEXT(sentence->prompts[m->n_prompts].name);
    prompt->text = TEXT(sentence->prompts[m->n_prompts].text);
  }
  return ALB_OK;
}

static alb_status fill_file(alb_diag *diag, alb_arena *arena, const alb_source_file *file, Alb__SourceFile **out) {
  Alb__SourceFile *m = *out = ALB_NEW(arena, Alb__SourceFile);
  if (!m) return no_memory(diag);
  alb__source_file__init(m);
  m->name = alb_arena_strdup(arena, alb_str_of(file->name));
  m->size = file->file.bytes.n;
  m->xxh128.len = sizeof file->hash.bytes;
  m->xxh128.data = alb_arena_alloc(arena, m->xxh128.len);
  if (!m->name || !m->xxh128.data) return no_memory(diag);
  memcpy(m->xxh128.data, file->hash.bytes, m->xxh128.len);
  return ALB_OK;
}

static int by_name(const void *a, const void *b) {
  const Alb__SourceFile *const *x = a, *const *y = b;
  return strcmp((*x)->name, (*y)->name);
}

/* " --keep-first 2", or nothing for 0 and where there is no memory. */
static const char *count_text(alb_arena *arena, const char *option, size_t n) {
  const char *text = n ? alb_arena_printf(arena, "%s %zu", option, n) : NULL;
  return text ? text : "";
}

/* What a fold was trained with. */
static const char *heal_text(alb_arena *arena, const alb_train_options *heal) {
  if (!heal) return "";
  const char *text = alb_arena_printf(arena, " --text xxh128:%s%s%s --lr %g --seed %llu --%s %.6g", heal->texts_hash,
                                      heal->eval ? " --eval xxh128:" : "", heal->eval ? heal->eval_hash : "",
                                      heal->rate, (unsigned long long)heal->seed, heal->steps ? "steps" : "minutes",
                                      heal->steps ? (double)heal->steps : heal->seconds / 60);
  return text ? text : "";
}

/* The options that change the bytes, spelled in one way only. */
static char *options_text(alb_arena *arena, const alb_convert_options *o, const alb_package *package) {
  const alb_group_options *groups = &o->passes.groups;
  const alb_pass_options follow = {.dtype = alb_dtype_by_name(alb_str_of(package->dtype))};
  const bool apart = strcmp(package->tables, alb_dtype_name(alb_table_dtype(&follow))) != 0;
  return alb_arena_printf(
      arena, "%s--share %s%s%s%s%s%s%s%s%s%s%s%s --dtype %s%s%s --task %s%s", o->heal ? "heal " : "", package->share,
      groups->spec ? " --groups " : "", groups->spec ? groups->spec : "",
      count_text(arena, " --keep-first", groups->keep_first), count_text(arena, " --keep-last", groups->keep_last),
      o->plain_mean ? " --fold-method mean" : "", count_text(arena, " --residual", o->passes.residual),
      o->calib ? " --calib xxh128:" : "", o->calib ? o->calib_hash : "", heal_text(arena, o->heal),
      o->passes.share_norms ? " --share-norms" : "", count_text(arena, " --embedding-size", o->passes.embedding_size),
      package->dtype, apart ? " --embeddings " : "", apart ? package->tables : "", o->task ? o->task : "auto",
      o->compress ? " --compress" : "");
}

static char *fold_text(alb_arena *arena, const alb_convert_options *options, const alb_fold_report *fold) {
  const bool near = fold->rounded || fold->low_rank_delta > 0;
  const char *text =
      !alb_fold_loses(fold)
          ? (!near            ? "lossless"
             : fold->low_rank ? "rounding-equal: matrices that were one but for rounding and factors made one"
                              : "rounding-equal: layers that were one but for rounding made one")
      : !fold->lossy  ? "lossy: table of words replaced by a product"
      : fold->aligned ? "lossy: matrices of aligned layers replaced by their mean"
                      : "lossy: matrices replaced by their mean";
  const bool both = fold->lossy && fold->embedding_size, measured = alb_fold_loses(fold) && options->measured;
  const char *factors = fold->residuals ? alb_arena_printf(arena, " and factors of rank %zu", fold->residual) : "";
  if (!factors) return NULL;
  return alb_arena_printf(arena, "%s%s%s%s%s", text, factors, both ? ", table of words by a product" : "",
                          measured ? "; " : "", measured ? options->measured : "");
}

static alb_status fill_provenance(alb_diag *diag, alb_arena *arena, const alb_loaded *loaded,
                                  const alb_convert_options *options, const alb_fold_report *fold,
                                  alb_package *package) {
  Alb__Provenance *m = package->provenance = ALB_NEW(arena, Alb__Provenance);
  if (!m) return no_memory(diag);
  alb__provenance__init(m);
  m->tool = TEXT("albert-convert " ALB_VERSION_TEXT);
  m->options = options_text(arena, options, package);
  const Alb__Provenance *before = loaded->alb ? alb_reader_manifest(loaded->alb)->provenance : NULL;
  m->fold = fold_text(arena, options, fold);
  if (before && !alb_fold_loses(fold)) m->fold = before->fold; /* what was lost stays lost */
  m->files = ALB_NEW_ARRAY(arena, Alb__SourceFile *, loaded->source.files.count);
  if (!m->fold || !m->options || !m->files) return no_memory(diag);
  for (; m->n_files < loaded->source.files.count; m->n_files++) {
    ALB_TRY(fill_file(diag, arena, &loaded->source.files.items[m->n_files], &m->files[m->n_files]));
  }
  if (m->n_files) qsort(m->files, m->n_files, sizeof *m->files, by_name);
  return ALB_OK;
}

alb_status alb_settings_fill(alb_diag *diag, alb_arena *arena, alb_loaded *loaded, const alb_convert_options *options,
                             const alb_fold_report *fold, alb_package *package) {
  package->tokenizer = loaded->vocab.tokenizer;
  package->tokens = loaded->vocab.tokens;
  package->token_count = loaded->vocab.tokenizer ? loaded->vocab.count : 0;
  ALB_TRY(fill_embedding(diag, arena, &loaded->sentence, package));
  package->labels = loaded->classes.labels;
  package->label_count = loaded->classes.count;
  package->class_score = loaded->classes.class_score;
  package->rank_score = loaded->classes.rank_score;
  return fill_provenance(diag, arena, loaded, options, fold, package);
}
