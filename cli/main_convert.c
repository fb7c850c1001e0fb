/* albert-convert: its commands and options, and the one place where a failure becomes a line and an
 * exit code. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/parallel.h"
#include "cli/convert_cli.h"

enum { CONVERT, HEAL, INSPECT, VALIDATE, COMMAND_COUNT };
enum { C = 1u << CONVERT, H = 1u << HEAL, I = 1u << INSPECT, V = 1u << VALIDATE };

static const alb_command commands[COMMAND_COUNT] = {
    [CONVERT] = {NULL, "SOURCE -o OUTPUT", "Convert a checkpoint into one compact file, or into another form."},
    [HEAL] = {"heal", "SOURCE -o OUTPUT --text FILE", "Fold a checkpoint, and train the fold to compute what it did."},
    [INSPECT] = {"inspect", "FILE-OR-DIR", "Say what a checkpoint or an .alb file holds, and what sharing would save."},
    [VALIDATE] = {"validate", "[SOURCE] MODEL", "Prove a file against its source, or against its golden outputs."},
};

static alb_convert_command *const run[COMMAND_COUNT] = {alb_cmd_convert, alb_cmd_heal, alb_cmd_inspect,
                                                        alb_cmd_validate};

#define FIELD(name) offsetof(alb_convert_cli, name)

static const alb_option options[] = {
    {"output", 'o', ALB_OPTION_TEXT, FIELD(output), C | H, "FILE",
     "x.alb, x.onnx, x.gguf, or a Hugging Face folder x/; appears whole or not at all"},
    {"share", 0, ALB_OPTION_CHOICE, FIELD(share), C | H, "none|exact|related|all|attention|ffn|auto",
     "layers that use one parameter set; default exact (lossless); heal: all; auto: see --budget"},
    {"groups", 0, ALB_OPTION_TEXT, FIELD(groups), C | H, "SPEC",
     "share within groups: 2, or 0-5,6-11; default one group"},
    {"keep-first", 0, ALB_OPTION_SIZE, FIELD(keep_first), C | H, "N",
     "the first N layers keep sets of their own; default 0"},
    {"keep-last", 0, ALB_OPTION_SIZE, FIELD(keep_last), C | H, "N", "so do the last N layers; default 0"},
    {"fold-method", 0, ALB_OPTION_CHOICE, FIELD(fold_method), C | H, "aligned|mean",
     "layers that differ: aligned to each other before their mean is taken, or as they are; default aligned"},
    {"residual", 0, ALB_OPTION_SIZE, FIELD(residual), C, "R",
     "with a lossy fold, each layer keeps factors of rank R of what it lost; default: none"},
    {"calib", 0, ALB_OPTION_TEXT, FIELD(calib), C | H, "FILE",
     "texts, one a line, to adjust the numbers to; never used for reported figures; default none"},
    {"budget", 0, ALB_OPTION_BYTES, FIELD(budget), C, "SIZE",
     "--share auto: bytes that the file may take; sharing and number types are chosen by what they cost on --text; "
     "default: as few as --min-fidelity lets it have"},
    {"align", 0, ALB_OPTION_FLAG, FIELD(align), I, NULL,
     "also say what layers have in common once aligned, beside random matrices (slow); default off"},
    {"share-norms", 0, ALB_OPTION_FLAG, FIELD(share_norms), C | H, NULL,
     "fold LayerNorms and biases too; default: they stay per layer"},
    {"dtype", 0, ALB_OPTION_CHOICE, FIELD(dtype), C | H, "f32|f16|bf16|int8|int6|int5|int4",
     "of matrices and tables (heal trains for int4 in the end); default: f16 or bf16 if the source is, else f32"},
    {"embeddings", 0, ALB_OPTION_CHOICE, FIELD(embeddings), C | H, "f32|f16|bf16|int8|int6|int5|int4",
     "of the embedding tables (int8 to int4: of words, others int8 or f16); default: as --dtype, int8 with int6 to "
     "int4"},
    {"embedding-size", 0, ALB_OPTION_SIZE, FIELD(embedding_size), C | H, "E",
     "make the table of words one of width E and a projection (lossy); default: as it is"},
    {"task", 0, ALB_OPTION_CHOICE, FIELD(task), C | H, "auto|embed|classify|ner|qa|fill-mask|rerank",
     "heads to keep; default auto: all"},
    {"opset", 0, ALB_OPTION_SIZE, FIELD(opset), C, "N", "ONNX output: version of the operators, 17 to 21; default 17"},
    {"onnx-functions", 0, ALB_OPTION_FLAG, FIELD(onnx_functions), C, NULL,
     "ONNX output: the layer once, as a local function; default: inlined"},
    {"onnx-int8", 0, ALB_OPTION_CHOICE, FIELD(onnx_int8), C, "dequantize|integer",
     "ONNX output: how int8 weights are multiplied; default dequantize"},
    {"onnx-external", 0, ALB_OPTION_BYTES, FIELD(onnx_external), C, "SIZE",
     "ONNX output: larger models have their weights beside them; default 2G, the form's limit"},
    {"require-lossless", 0, ALB_OPTION_FLAG, FIELD(require_lossless), C, NULL,
     "refuse to change weights (exit 1, nothing written); default off"},
    {"compress", 0, ALB_OPTION_FLAG, FIELD(compress), C | H, NULL,
     "deflate the blobs of an .alb file, for shipping; default off"},
    {"force", 'f', ALB_OPTION_FLAG, FIELD(force), C | H | V, NULL, "replace an existing output; default: refuse it"},
    {"dry-run", 0, ALB_OPTION_FLAG, FIELD(dry_run), C, NULL, "do everything but write; default off"},
    {"print-after", 0, ALB_OPTION_TEXT, FIELD(print_after), C, "PASS",
     "print the graph after a pass, or after \"all\""},
    {"text", 0, ALB_OPTION_TEXT, FIELD(text), C | V | H, "FILE",
     "texts, one a line: convert measures on every second; default: not measured; validate: built-in token ids; "
     "heal: learns from all"},
    {"min-fidelity", 0, ALB_OPTION_NUMBER, FIELD(min_fidelity), C, "X",
     "refuse when the mean cosine on --text is below X, 0 to 1 (exit 1, nothing written); --share auto: the smallest "
     "file that is not; default: none"},
    {"atol", 0, ALB_OPTION_NUMBER, FIELD(atol), V, "X",
     "largest absolute difference allowed; default: by dtype, relative to the largest magnitude"},
    {"report", 0, ALB_OPTION_TEXT, FIELD(report), C | V | H, "OUT.html",
     "write the report as a page that stands alone, too; - is standard output; default none"},
    {"eval", 0, ALB_OPTION_TEXT, FIELD(eval), H, "FILE",
     "texts, one a line, to measure with, never to learn from; default: one in twenty of --text"},
    {"minutes", 0, ALB_OPTION_NUMBER, FIELD(minutes), H, "M", "how long to train; default 30"},
    {"steps", 0, ALB_OPTION_SIZE, FIELD(steps), H, "N",
     "how many batches to train; the same bytes come again; default: by --minutes"},
    {"lr", 0, ALB_OPTION_NUMBER, FIELD(lr), H, "X", "highest learning rate; default 0.002"},
    {"seed", 0, ALB_OPTION_SIZE, FIELD(seed), H, "S", "order of the texts; default 1"},
    {"resume", 0, ALB_OPTION_FLAG, FIELD(resume), H, NULL,
     "go on from OUTPUT.heal, where a training left it; default: refuse to drop it"},
    {"save-steps", 0, ALB_OPTION_SIZE, FIELD(save_steps), H, "N",
     "batches between two writings of OUTPUT.heal; default: every two minutes"},
    {"json", 0, ALB_OPTION_FLAG, FIELD(json), C | I | V | H, NULL,
     "the report as JSON on standard output; default text"},
    {"threads", 0, ALB_OPTION_SIZE, FIELD(threads), C | V | H, "N",
     "default: the physical cores; never changes the result"},
    {"quiet", 'q', ALB_OPTION_FLAG, FIELD(quiet), C | I | V | H, NULL, "no messages but errors; default off"},
    {"verbose", 'v', ALB_OPTION_COUNT, FIELD(verbose), C | I | V | H, NULL, "more messages; default off"},
    {"no-progress", 0, ALB_OPTION_FLAG, FIELD(no_progress), C | I | V | H, NULL,
     "no progress on a terminal; default: shown"},
};

static const alb_program program = {
    .name = "albert-convert",
    .about = "Shrink a BERT or ALBERT checkpoint into one compact file, and prove it.",
    .commands = commands,
    .command_count = COMMAND_COUNT,
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .footer =
        "Exit codes: 0 done, 1 above tolerance, below fidelity or not lossless, 2 usage, 3 malformed input,\n"
        "4 not supported, 5 input/output error, 6 out of memory. Manual: albert-convert(1).",
};

/* A full disk or a closed pipe shows when the last bytes leave. */
static alb_status flush_output(alb_diag *diag) {
  if (fflush(stdout) == 0 && !ferror(stdout)) return ALB_OK;
  return alb_fail(diag, ALB_IO, "standard output cannot be written");
}

static alb_status run_command(alb_diag *diag, int argc, char **argv, const char **file) {
  alb_convert_cli cli = {.atol = -1, .min_fidelity = -1};
  alb_args args;
  ALB_TRY(alb_args_parse(diag, &program, argc, argv, &cli, &args));
  if (args.help) {
    alb_args_help(&program, &args, stdout);
  } else if (args.version) {
    printf("albert-convert %s\n", ALB_VERSION_TEXT);
  } else {
    alb_parallel_limit(cli.threads);
    ALB_TRY(run[args.command](diag, &cli, &args, file));
  }
  *file = NULL;
  return flush_output(diag);
}

static void report(const alb_diag *diag, alb_status status, const char *file) {
  alb_diag line = {0}; /* cleans the file's name for a terminal */
  (void)alb_fail(&line, status, "albert-convert: %s%s%s", file ? file : "", file ? ": " : "",
                 alb_diag_text(diag, status));
  fprintf(stderr, "%s\n", alb_diag_text(&line, status));
  alb_diag_free(&line);
}

int main(int argc, char **argv) {
  alb_diag diag = {0};
  const char *file = NULL;
  (void)signal(SIGPIPE, SIG_IGN);
  (void)signal(SIGXFSZ, SIG_IGN);
  const alb_status status = run_command(&diag, argc, argv, &file);
  if (status != ALB_OK) report(&diag, status, file);
  alb_diag_free(&diag);
  return alb_status_exit_code(status);
}
