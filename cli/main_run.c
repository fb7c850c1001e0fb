/* albert-run: runs a model from an .alb file. Finds the command, opens the model, reports. */
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/args.h"
#include "cli/run.h"

enum {
#define ALB_TASK(id, name, operands, function, help) TASK_##id,
#define ALB_TASK_LATER(id, name, operands) TASK_##id,
#include "cli/run_tasks.def"
#undef ALB_TASK
#undef ALB_TASK_LATER
  TASK_COUNT
};

static const alb_command commands[] = {
#define ALB_TASK(id, name, operands, function, help) {name, operands, help},
#define ALB_TASK_LATER(id, name, operands) {name, operands, "Not in this version."},
#include "cli/run_tasks.def"
#undef ALB_TASK
#undef ALB_TASK_LATER
};

static alb_run_command *const functions[] = {
#define ALB_TASK(id, name, operands, function, help) function,
#define ALB_TASK_LATER(id, name, operands) NULL,
#include "cli/run_tasks.def"
#undef ALB_TASK
#undef ALB_TASK_LATER
};

#define BIT(id) (1u << TASK_##id)
#define HEADS (BIT(CLASSIFY) | BIT(NER) | BIT(QA))
#define VECTORS (BIT(EMBED) | BIT(HIDDEN) | HEADS)
#define AT(field) offsetof(alb_run_options, field)

static const alb_option options[] = {
    {"json", 0, ALB_OPTION_FLAG, AT(json), ALB_ALL_COMMANDS, NULL,
     "all that is known as JSON (embed: with the pooling; bench: JSON for its table)"},
    {"ids", 0, ALB_OPTION_FLAG, AT(ids), VECTORS | BIT(RERANK), NULL,
     "texts are JSON: {\"input_ids\":[...],\"token_type_ids\":[...]}"},
    {"pairs", 0, ALB_OPTION_FLAG, AT(pairs), BIT(CLASSIFY), NULL,
     "texts are JSON: {\"text\":\"...\",\"text_pair\":\"...\"}"},
    {"logits", 0, ALB_OPTION_FLAG, AT(logits), HEADS, NULL, "the head's numbers as they are; default: scores"},
    {"format", 0, ALB_OPTION_CHOICE, AT(format), VECTORS, "json|npy",
     "JSON lines or one float32 array (of heads: logits); default json"},
    {"top-k", 0, ALB_OPTION_SIZE, AT(top_k), BIT(FILL_MASK) | BIT(CLASSIFY), "N",
     "proposals for each mask, default 5; classes of a text, default all"},
    {"lengths", 0, ALB_OPTION_TEXT, AT(lengths), BIT(BENCH), "BxS|N,N..|@FILE",
     "B sequences of S tokens, or a list of lengths, or a file with a length a line, all one batch; default 1x128"},
    {"texts", 0, ALB_OPTION_TEXT, AT(bench_texts), BIT(BENCH), "FILE",
     "the tokenizer alone, on one thread, on the lines of a file; default: the model"},
    {"seconds", 0, ALB_OPTION_NUMBER, AT(seconds), BIT(BENCH), "S", "how long to measure; default 3"},
    {"threads", 0, ALB_OPTION_SIZE, AT(threads), ALB_ALL_COMMANDS, "N", "threads; default: the physical cores"},
    {"batch-tokens", 0, ALB_OPTION_SIZE, AT(batch_tokens), ALB_ALL_COMMANDS, "N",
     "tokens computed at once, which bounds memory; default 4096"},
    {"no-verify", 0, ALB_OPTION_FLAG, AT(no_verify), ALB_ALL_COMMANDS, NULL,
     "do not check the checksums of the data; default: check"},
    {"quiet", 'q', ALB_OPTION_COUNT, AT(quiet), ALB_ALL_COMMANDS, NULL, "errors only; default: notes too"},
    {"verbose", 'v', ALB_OPTION_COUNT, AT(verbose), ALB_ALL_COMMANDS, NULL, "say what was opened; default: no"},
};

static const alb_program program = {
    "albert-run",
    "runs BERT-family encoders from .alb files",
    commands,
    TASK_COUNT,
    options,
    sizeof options / sizeof *options,
    "Texts are read from standard input, one a line, when there is no TEXT or where it is \"-\".\n"
    "Exit: 0 done, 2 wrong usage, 3 malformed input, 4 not supported, 5 input/output error, 6 out of memory."};

static double now_ms(void) {
  struct timespec t;
  (void)clock_gettime(CLOCK_MONOTONIC, &t);
  return 1e3 * (double)t.tv_sec + 1e-6 * (double)t.tv_nsec;
}

static alb_status open_all(alb_diag *diag, alb_runner *r) {
  alb_error error;
  const double start = now_ms();
  if (r->options.threads > INT32_MAX) return alb_fail(diag, ALB_USAGE, "--threads: %zu", r->options.threads);
  const alb_model_options model = {
      .size = sizeof model, .no_verify = r->options.no_verify, .threads = (int)r->options.threads};
  const alb_session_options session = {
      .size = sizeof session, .threads = (int)r->options.threads, .batch_tokens = r->options.batch_tokens};
  ALB_TRY(alb_run_fail(diag, alb_model_open(r->path, &model, &r->model, &error), &error));
  ALB_TRY(alb_run_fail(diag, alb_session_new(r->model, &session, &r->session, &error), &error));
  r->load_ms = now_ms() - start;
  r->info.size = sizeof r->info;
  return alb_model_get_info(r->model, &r->info);
}

static alb_status run_command(alb_diag *diag, alb_runner *r, size_t command) {
  if (r->options.format[0] == 'n' && isatty(STDOUT_FILENO)) {
    return alb_fail(diag, ALB_USAGE, "an array is not written to a terminal");
  }
  if (command == TASK_BENCH) r->own_rss_mb = alb_run_resident_mb();
  ALB_TRY(open_all(diag, r));
  if (r->options.verbose) {
    alb_run_note(r, "%s, %u layers, hidden %u, %s, %s kernels", r->info.architecture, r->info.layers, r->info.hidden,
                 r->info.dtype, r->info.cpu);
  }
  return functions[command](diag, r);
}

static int finish(alb_diag *diag, alb_status status, const char *path) {
  if (status != ALB_OK) {
    if (path) alb_diag_prefix(diag, "%s", path);
    fprintf(stderr, "albert-run: %s\n", alb_diag_text(diag, status));
  }
  alb_diag_free(diag);
  return alb_status_exit_code(status);
}

/* Prints what --help and --version ask for. */
static int inform(alb_diag *diag, const alb_args *args) {
  if (args->help)
    alb_args_help(&program, args, stdout);
  else
    printf("albert-run %s\n", alb_version());
  return finish(diag, alb_run_flush(diag, stdout), NULL);
}

int main(int argc, char **argv) {
  alb_diag diag = {0};
  alb_args args;
  alb_runner r = {.options = {.format = "json", .lengths = "1x128", .seconds = 3}, .out = stdout};
  alb_status status = alb_args_parse(&diag, &program, argc, argv, &r.options, &args);
  if (status != ALB_OK) return finish(&diag, status, NULL);
  if (args.help || args.version) return inform(&diag, &args);
  const char *name = commands[args.command].name;
  if (!functions[args.command]) {
    return finish(&diag, alb_fail(&diag, ALB_UNSUPPORTED, "%s is not supported by this version", name), NULL);
  }
  if (args.operand_count == 0) return finish(&diag, alb_fail(&diag, ALB_USAGE, "%s needs a model file", name), NULL);
  r.path = args.operands[0];
  r.texts = args.operands + 1;
  r.text_count = args.operand_count - 1;
  status = run_command(&diag, &r, args.command);
  alb_session_free(r.session);
  alb_model_free(r.model);
  return finish(&diag, status, r.path);
}
