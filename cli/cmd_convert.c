/* albert-convert SOURCE -o OUTPUT: the options to a conversion, and its report. */
#include <libgen.h>
#include <stdlib.h>

#include "base/file.h"
#include "cli/convert_dedup.h"
#include "cli/convert_page.h"
#include "cli/heal.h"
#include "cli/inspect.h"
#include "cli/json_out.h"
#include "cli/source_texts.h"
#include "converter/writer.h"

/* Tokens of --calib that are used: more change little and take longer. */
enum { CALIB_TOKENS = 1 << 15 };

/* ---- options ---- */

static alb_status read_choices(alb_diag *diag, const alb_convert_cli *cli, alb_convert_options *out) {
  const bool named = cli->share && !alb_auto_asked(cli);
  ALB_TRY(alb_auto_check(diag, cli));
  out->passes.mode = named ? alb_share_by_name(alb_str_of(cli->share)) : ALB_SHARE_EXACT;
  const alb_share_facts *mode = alb_share_info(out->passes.mode);
  if (cli->residual && !mode->attention && !mode->ffn) {
    return alb_fail(diag, ALB_USAGE, "--residual is for --share all, attention or ffn, not for %s",
                    cli->share ? cli->share : "exact");
  }
  if (cli->dtype) out->passes.dtype = alb_dtype_by_name(alb_str_of(cli->dtype));
  if (cli->embeddings) out->passes.tables = alb_dtype_by_name(alb_str_of(cli->embeddings));
  return ALB_OK; /* other words are refused by the table of options */
}

static alb_status read_onnx(alb_diag *diag, const alb_convert_cli *cli, alb_onnx_options *out) {
  if (cli->opset && (cli->opset < 17 || cli->opset > 21)) {
    return alb_fail(diag, ALB_USAGE, "--opset %zu: expected 17 to 21", cli->opset);
  }
  out->opset = (unsigned)cli->opset;
  out->functions = cli->onnx_functions;
  out->integer = cli->onnx_int8 && strcmp(cli->onnx_int8, "integer") == 0;
  out->external_above = cli->onnx_external;
  return ALB_OK;
}

static alb_status read_options(alb_diag *diag, const alb_convert_cli *cli, alb_convert_options *out) {
  ALB_TRY(read_choices(diag, cli, out));
  ALB_TRY(read_onnx(diag, cli, &out->onnx));
  out->passes.groups = (alb_group_options){cli->groups, cli->keep_first, cli->keep_last};
  out->passes.embedding_size = cli->embedding_size;
  out->passes.residual = cli->residual;
  out->plain_mean = cli->fold_method && strcmp(cli->fold_method, "mean") == 0;
  out->passes.share_norms = cli->share_norms;
  out->passes.measure = !cli->quiet || cli->json;
  out->task = cli->task;
  out->require_lossless = cli->require_lossless;
  out->compress = cli->compress;
  out->replace = cli->force;
  out->dry_run = cli->dry_run;
  return ALB_OK;
}

/* Options that are about ONNX files mean nothing elsewhere. */
static alb_status check_onnx_options(alb_diag *diag, const alb_convert_cli *cli, const alb_form *form) {
  const char *given = cli->opset            ? "--opset"
                      : cli->onnx_functions ? "--onnx-functions"
                      : cli->onnx_int8      ? "--onnx-int8"
                      : cli->onnx_external  ? "--onnx-external"
                                            : NULL;
  if (!given || strcmp(form->name, "onnx") == 0) return ALB_OK;
  return alb_fail(diag, ALB_USAGE, "%s is for ONNX files (OUTPUT.onnx), not for a %s", given, form->what);
}

/* Sizes are counted as .alb files have them. */
static alb_status check_auto_form(alb_diag *diag, const alb_convert_cli *cli, const alb_form *form) {
  if (!alb_auto_asked(cli) || form->own) return ALB_OK;
  return alb_fail(diag, ALB_USAGE, "--share auto is for .alb files, not for a %s", form->what);
}

/* Whether the output is the source or the folder that the source's file lies in. */
static bool is_source(const char *source, const char *output) {
  char *copy = strdup(source);
  const bool same =
      alb_path_same(source, output) || (copy && alb_path_is_dir(output) && alb_path_same(dirname(copy), output));
  free(copy);
  return same;
}

/* Everything that can be refused before any work; finds the form. */
static alb_status check_output(alb_diag *diag, const char *source, const alb_convert_cli *cli,
                               alb_convert_options *options) {
  options->form = alb_form_for(cli->output);
  ALB_TRY(check_onnx_options(diag, cli, options->form));
  ALB_TRY(check_auto_form(diag, cli, options->form));
  if (cli->dry_run || !alb_path_exists(cli->output)) return ALB_OK;
  if (is_source(source, cli->output)) return alb_fail(diag, ALB_USAGE, "is the source itself");
  return alb_form_check(diag, options->form, cli->output, cli->force);
}

/* ---- report ---- */

static void print_sharing(const alb_conversion *c) {
  fprintf(stderr, "  layers    %zu, --share %s: %zu set%s of attention matrices, %zu of FFN matrices", c->layers,
          c->share, c->attention_sets, c->attention_sets == 1 ? "" : "s", c->ffn_sets);
  const bool apart = c->sets > c->attention_sets && c->sets > c->ffn_sets;
  fprintf(stderr, apart ? ", %zu of biases and norms\n" : "\n", c->sets);
}

static void print_product(const alb_conversion *c) {
  fprintf(stderr, "the table of words is one of width %zu and a projection\n", c->fold.embedding_size);
}

static void print_fidelity(const alb_conversion *c) {
  fprintf(stderr, "  %-9s ", alb_fidelity_name(c->fidelity));
  if (c->fidelity == ALB_LOSSLESS) fprintf(stderr, "every weight is the source's, bit for bit\n");
  if (c->fidelity == ALB_ROUNDING_EQUAL) {
    fprintf(stderr, "layers that differ by rounding only%s are one\n", c->fold.low_rank ? " and by factors" : "");
  }
  const bool apart = strcmp(c->dtype, c->tables) != 0;
  if (c->fidelity == ALB_ROUNDED) {
    fprintf(stderr, "weights are rounded to %s%s%s%s\n", c->dtype, c->fold.refitted ? " (fitted to texts)" : "",
            apart ? ", embedding tables to " : "", apart ? c->tables : "");
  }
  if (c->fidelity == ALB_FOLDED && !c->fold.lossy) print_product(c);
  if (c->fold.lossy) {
    fprintf(stderr, "layers that differ were %sfolded into their mean", c->fold.aligned ? "aligned and " : "");
    if (c->fold.residuals) fprintf(stderr, " and factors of rank %zu", c->fold.residual);
    fprintf(stderr, "%s\n", c->fold.refitted ? ", and what is per layer adjusted to texts" : "");
  }
  if (c->fold.lossy && c->fold.embedding_size) {
    fprintf(stderr, "  LOSSY     ");
    print_product(c);
  }
}

/* What was shared although its bytes differed. */
static void print_related(const alb_fold_report *fold) {
  if (fold->permuted) {
    fprintf(stderr,
            "  permuted  %zu FFN block%s: an earlier one's neurons in another order; its order is used (equal but for "
            "the order of sums)\n",
            fold->permuted, fold->permuted == 1 ? "" : "s");
  }
  if (fold->rounded) {
    fprintf(stderr, "  rounding  %zu block%s equal to an earlier one up to rounding, no number further than %.3g\n",
            fold->rounded, fold->rounded == 1 ? "" : "s", fold->max_delta);
  }
  if (fold->low_rank) {
    fprintf(
        stderr,
        "  low rank  %zu matri%s of an earlier layer and factors of rank %zu at most, no number further than %.3g\n",
        fold->low_rank, fold->low_rank == 1 ? "x is that" : "ces are those", fold->low_rank_most, fold->low_rank_delta);
  }
}

/* The warning that nobody is to miss. */
static void print_warning(const alb_conversion *c, const alb_measured *measured, bool healed) {
  if (c->fidelity != ALB_FOLDED) return;
  if (c->fold.lossy) {
    fprintf(stderr, "WARNING: this fold is LOSSY. The layers differ; their matrices moved by %.0f %% of their size\n",
            100 * alb_fold_moved(&c->fold));
    fprintf(stderr, "WARNING: (root of mean square). The model loses quality, often all of it.\n");
  } else {
    fprintf(stderr,
            "WARNING: this is LOSSY: a table of width %zu cannot hold what words mean. The model loses quality.\n",
            c->fold.embedding_size);
  }
  if (measured->texts) {
    fprintf(stderr, "WARNING: Measured: mean cosine %.4f with the source's embeddings, on %zu texts.\n",
            measured->model.mean, measured->texts);
  } else if (!healed) {
    fprintf(stderr, "WARNING: Not measured: --text FILE measures it, --min-fidelity X refuses below X.\n");
  }
  fprintf(stderr, "WARNING: --require-lossless refuses this.\n");
}

static void print_changes(const alb_fold_report *fold) {
  for (size_t i = 0; i < fold->changes.count; i++) {
    const alb_fold_change *change = &fold->changes.items[i];
    fprintf(stderr, "  folded    %-28s moved by %5.1f %%\n", change->parameter, 100 * alb_fold_change_moved(change));
  }
}

static void print_unused(const alb_binding *binding) {
  if (!binding->unused_count) return;
  fprintf(stderr, "  not used ");
  for (size_t i = 0; i < binding->unused_count; i++) {
    fprintf(stderr, "%s %.*s", i ? "," : "", ALB_STR_ARGS(binding->unused[i]));
  }
  fprintf(stderr, "\n");
}

static void print_notes(const alb_conversion *c) {
  for (size_t i = 0; i < c->notes.count; i++) fprintf(stderr, "  note      %s\n", c->notes.items[i]);
}

static void print_report(const alb_convert_report *report) {
  const alb_convert_cli *cli = report->cli;
  const alb_loaded *loaded = report->loaded;
  const alb_conversion *c = report->conversion;
  const alb_measured *measured = report->measured;
  char a[32], b[32], p[32];
  fprintf(stderr, "%s: %s, %zu layers, hidden %u, %s\n", report->source, c->architecture, c->layers,
          loaded->spec.config.hidden, c->task);
  fprintf(stderr, "  source    %15s bytes in %zu tensors\n", alb_grouped(c->source_bytes, a), c->source_tensors);
  fprintf(stderr, "  %-9s %15s bytes (%.1f %%), %s numbers as %s in %zu blobs%s\n",
          cli->dry_run ? "would be" : "output", alb_grouped(c->size, b),
          100.0 * (double)c->size / (double)(c->source_bytes ? c->source_bytes : 1), alb_grouped(c->parameters, p),
          c->dtype, c->blobs, cli->compress && !cli->dry_run ? ", deflated" : "");
  print_sharing(c);
  print_fidelity(c);
  print_related(&c->fold);
  alb_auto_print(report->chosen, stderr);
  if (c->fidelity == ALB_FOLDED && !measured->texts && !cli->healing) fprintf(stderr, "  measured  not measured\n");
  alb_measured_print(measured, stderr);
  if (cli->healing) alb_heal_print(&c->heal);
  print_notes(c);
  if (loaded->note) fprintf(stderr, "  note      %s\n", loaded->note);
  if (cli->verbose) print_changes(&c->fold);
  print_unused(&loaded->binding);
}

static void json_changes(alb_json *json, const alb_fold_report *fold) {
  alb_json_key(json, "folded");
  alb_json_open(json, '[');
  for (size_t i = 0; i < fold->changes.count; i++) {
    const alb_fold_change *change = &fold->changes.items[i];
    alb_json_open(json, '{');
    alb_json_key(json, "parameter");
    alb_json_text(json, alb_str_of(change->parameter));
    alb_json_key(json, "moved");
    alb_json_double(json, alb_fold_change_moved(change), 6);
    alb_json_close(json, '}');
  }
  alb_json_close(json, ']');
}

static void json_texts(alb_json *json, const alb_convert_cli *cli, const char *source, const alb_conversion *c) {
  const struct {
    const char *key, *text;
  } texts[] = {{"source", source},
               {"output", cli->output},
               {"form", c->form},
               {"architecture", c->architecture},
               {"task", c->task},
               {"dtype", c->dtype},
               {"embeddings", c->tables},
               {"share", c->share},
               {"fidelity", alb_fidelity_name(c->fidelity)}};
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    alb_json_key(json, texts[i].key);
    alb_json_text(json, alb_str_of(texts[i].text));
  }
}

static void json_numbers(alb_json *json, const alb_conversion *c) {
  const struct {
    const char *key;
    uint64_t value;
  } numbers[] = {{"source_bytes", c->source_bytes},
                 {"bytes", c->size},
                 {"blob_bytes", c->blob_bytes},
                 {"parameters", c->parameters},
                 {"tensors", c->tensors},
                 {"blobs", c->blobs},
                 {"layers", c->layers},
                 {"parameter_sets", c->sets},
                 {"attention_sets", c->attention_sets},
                 {"ffn_sets", c->ffn_sets},
                 {"embedding_size", c->fold.embedding_size},
                 {"permuted_blocks", c->fold.permuted},
                 {"rounding_equal_blocks", c->fold.rounded},
                 {"low_rank_matrices", c->fold.low_rank},
                 {"low_rank", c->fold.low_rank_most},
                 {"residual_matrices", c->fold.residuals},
                 {"residual", c->fold.residual}};
  for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
    alb_json_key(json, numbers[i].key);
    alb_json_int(json, (int64_t)numbers[i].value);
  }
}

static void print_json(FILE *out, void *context) {
  const alb_convert_report *report = context;
  const alb_loaded *loaded = report->loaded;
  const alb_conversion *c = report->conversion;
  alb_json json = {.file = out};
  alb_json_open(&json, '{');
  json_texts(&json, report->cli, report->source, c);
  json_numbers(&json, c);
  alb_json_key(&json, "lossless");
  alb_json_bool(&json, c->fidelity == ALB_LOSSLESS);
  alb_json_key(&json, "moved");
  alb_json_double(&json, alb_fold_moved(&c->fold), 6);
  alb_json_key(&json, "max_delta");
  alb_json_double(&json, alb_fold_max_delta(&c->fold), 9);
  json_changes(&json, &c->fold);
  alb_convert_chart_json(&json, report);
  alb_auto_json(report->chosen, &json);
  alb_measured_json(report->measured, &json);
  if (report->cli->healing) alb_heal_json(&json, &c->heal);
  alb_json_key(&json, "notes");
  alb_json_open(&json, '[');
  if (loaded->note) alb_json_text(&json, alb_str_of(loaded->note));
  for (size_t i = 0; i < c->notes.count; i++) alb_json_text(&json, alb_str_of(c->notes.items[i]));
  alb_json_close(&json, ']');
  alb_json_key(&json, "unused");
  alb_json_open(&json, '[');
  for (size_t i = 0; i < loaded->binding.unused_count; i++) alb_json_text(&json, loaded->binding.unused[i]);
  alb_json_close(&json, ']');
  alb_json_close(&json, '}');
  alb_json_line(&json);
}

/* ---- the command ---- */

static void print_graph(void *context, const alb_pass *pass, size_t changes, const alb_graph *graph) {
  const char *wanted = context;
  if (strcmp(wanted, "all") != 0 && strcmp(wanted, pass->name) != 0) return;
  fprintf(stderr, "; after %s: %zu changes\n", pass->name, changes);
  alb_graph_print(graph, stderr);
}

/* A graph that is not recognised still goes from ONNX to ONNX. */
static alb_status write_unrecognised(alb_diag *diag, const alb_convert_cli *cli, const char *source,
                                     const alb_loaded *loaded, const char **file) {
  char *reason = strdup(alb_diag_text(diag, ALB_UNSUPPORTED));
  alb_diag_free(diag);
  *diag = (alb_diag){0};
  const alb_status status = reason ? alb_convert_dedup(diag, cli, source, reason, loaded->source.onnx_bytes)
                                   : alb_fail_memory(diag, 0, "a message");
  free(reason);
  if (status == ALB_IO || status == ALB_EXISTS) *file = cli->output;
  return status;
}

static alb_status read_calib(alb_diag *diag, const alb_convert_cli *cli, const alb_loaded *loaded,
                             alb_source_texts *texts, alb_convert_options *options, const char **file) {
  const char *source = *file;
  if (!cli->calib) return ALB_OK;
  texts->half = cli->text && alb_path_same(cli->text, cli->calib) ? ALB_FIRST_HALF : ALB_WHOLE_TEXT;
  if (loaded->vocab.tokenizer) *file = cli->calib;
  ALB_TRY(alb_source_texts_read(diag, loaded, cli->calib, CALIB_TOKENS, texts));
  options->calib = &texts->sequences;
  options->calib_hash = texts->hash;
  *file = source;
  return ALB_OK;
}

static alb_status check_fidelity_options(alb_diag *diag, const alb_convert_cli *cli) {
  if (cli->min_fidelity > 1) return alb_fail(diag, ALB_USAGE, "--min-fidelity %g: expected 0 to 1", cli->min_fidelity);
  if (cli->min_fidelity < 0 || cli->text) return ALB_OK;
  return alb_fail(diag, ALB_USAGE, "--min-fidelity needs texts to measure on: --text FILE");
}

/* The report in all the forms that were asked for. */
static alb_status tell(alb_diag *diag, const alb_convert_report *report, alb_page_place *place, const char **file) {
  const alb_convert_cli *cli = report->cli;
  if (cli->json) print_json(stdout, (void *)(uintptr_t)report);
  if (!cli->json && !cli->quiet) print_report(report);
  if (!cli->quiet) print_warning(report->conversion, report->measured, cli->healing);
  if (!cli->report) return ALB_OK;
  *file = cli->report;
  return alb_convert_page(diag, report, print_json, place);
}

static alb_status convert_loaded(alb_diag *diag, const alb_convert_options *options, alb_loaded *loaded,
                                 alb_convert_report *report, alb_page_place *place, const char **file) {
  alb_conversion conversion;
  alb_layer_signature layers;
  alb_arena arena = {0};
  alb_status status = ALB_OK;
  if (report->cli->report) {
    status = alb_inspect_layers(diag, loaded, &arena, &layers, NULL);
    report->layers = &layers;
  }
  if (status == ALB_OK) {
    status = alb_convert(diag, loaded, report->cli->output, options, &conversion);
    report->conversion = &conversion;
    if (status == ALB_OK) alb_auto_written(report->chosen, conversion.size);
    if (status == ALB_IO || status == ALB_EXISTS) *file = report->cli->output;
    if (status == ALB_OK) status = tell(diag, report, place, file);
    alb_conversion_free(&conversion);
  }
  alb_arena_free(&arena);
  return status;
}

static alb_status convert(alb_diag *diag, const alb_convert_cli *cli, const char *source, alb_convert_options *options,
                          alb_loaded *loaded, alb_page_place *place, const char **file) {
  alb_source_texts texts = {0};
  alb_measured measured = {0};
  alb_heal heal = {0};
  alb_auto chosen = {0};
  alb_convert_report report = {cli, source, loaded, NULL, &measured, &chosen, NULL};
  alb_status status = alb_model_load(diag, source, loaded);
  if (status == ALB_UNSUPPORTED && alb_dedup_applies(cli, loaded, alb_form_for(cli->output))) {
    return write_unrecognised(diag, cli, source, loaded, file);
  }
  if (status == ALB_OK) status = read_calib(diag, cli, loaded, &texts, options, file);
  if (status == ALB_OK && alb_auto_asked(cli)) status = alb_auto_choose(diag, cli, loaded, options, &chosen, file);
  if (status == ALB_OK && cli->text && !cli->healing) {
    status = alb_measure(diag, cli, loaded, options, &measured, file);
  }
  if (measured.texts) options->measured = measured.line;
  if (status == ALB_OK && cli->healing) status = alb_heal_begin(diag, cli, loaded, &heal, options, file);
  if (status == ALB_OK) status = convert_loaded(diag, options, loaded, &report, place, file);
  alb_heal_end(&heal, status == ALB_OK);
  alb_source_texts_free(&texts);
  alb_auto_free(&chosen);
  return status;
}

alb_status alb_cmd_convert(alb_diag *diag, const alb_convert_cli *cli, const alb_args *args, const char **file) {
  alb_convert_options options = {0};
  alb_pass_observer observer = {print_graph, (void *)(uintptr_t)cli->print_after};
  alb_loaded loaded = {0};
  alb_page_place place = {0};
  if (args->operand_count != 1)
    return alb_fail(diag, ALB_USAGE, "expected one SOURCE, got %zu (see --help)", args->operand_count);
  if (!cli->output) return alb_fail(diag, ALB_USAGE, "no output was named: -o OUTPUT");
  ALB_TRY(check_fidelity_options(diag, cli));
  ALB_TRY(read_options(diag, cli, &options));
  if (cli->print_after && strcmp(cli->print_after, "all") != 0 && !alb_pass_by_name(alb_str_of(cli->print_after))) {
    return alb_fail(diag, ALB_USAGE, "--print-after: there is no pass \"%s\"", cli->print_after);
  }
  if (cli->print_after) options.observer = &observer;
  *file = cli->output;
  ALB_TRY(check_output(diag, args->operands[0], cli, &options));
  const char *const names[] = {args->operands[0], cli->output, cli->text, cli->calib, cli->eval};
  ALB_TRY(alb_report_place(diag, cli, names, sizeof names / sizeof *names, &place, file));
  *file = args->operands[0];
  const alb_status status = convert(diag, cli, args->operands[0], &options, &loaded, &place, file);
  alb_model_unload(&loaded);
  alb_page_place_close(&place);
  return status;
}
