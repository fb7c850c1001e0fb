/* Tests of cli/args. */
#include "cli/args.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

typedef struct fields {
  bool json, verify;
  unsigned verbose;
  size_t threads;
  uint64_t budget;
  double atol;
  const char *out, *dtype;
} fields;

static const alb_command commands[] = {{NULL, "IN -o OUT", "Converts."}, {"look", "IN", "Looks."}};
static const alb_option options[] = {
    {"json", 0, ALB_OPTION_FLAG, offsetof(fields, json), 3, NULL, "JSON; default: text"},
    {"no-verify", 0, ALB_OPTION_NO, offsetof(fields, verify), 3, NULL, "trust"},
    {"verbose", 'v', ALB_OPTION_COUNT, offsetof(fields, verbose), 3, NULL, "more"},
    {"threads", 't', ALB_OPTION_SIZE, offsetof(fields, threads), 3, "N", "threads; default 1"},
    {"budget", 0, ALB_OPTION_BYTES, offsetof(fields, budget), 1, "SIZE", "size"},
    {"atol", 0, ALB_OPTION_NUMBER, offsetof(fields, atol), 2, "X", "tolerance"},
    {"output", 'o', ALB_OPTION_TEXT, offsetof(fields, out), 1, "OUT", "the output"},
    {"dtype", 0, ALB_OPTION_CHOICE, offsetof(fields, dtype), 1, "f32|f16", "type"},
};
static const alb_program program = {"prog", "does things", commands, 2, options, sizeof options / sizeof *options,
                                    "Bye."};

/* Parses a line of words divided by spaces; the words live in `words`. */
static char words[256];
static char *argv[32];

static alb_status parse(const char *line, fields *out, alb_args *args) {
  int argc = 0;
  *out = (fields){.verify = true};
  (void)snprintf(words, sizeof words, "prog %s", line);
  for (char *word = strtok(words, " "); word; word = strtok(NULL, " ")) argv[argc++] = word;
  argv[argc] = NULL;
  return alb_args_parse(NULL, &program, argc, argv, out, args);
}

static void test_forms(void **state) {
  (void)state;
  fields f;
  alb_args args;
  assert_int_equal(parse("a -o x --dtype=f16 --json -vvt3 --no-verify --budget 2M -- -b", &f, &args), ALB_OK);
  assert_true(args.command == 0 && f.json && !f.verify && f.verbose == 2 && f.threads == 3 && f.budget == 2 << 20);
  assert_string_equal(f.out, "x");
  assert_string_equal(f.dtype, "f16");
  assert_int_equal(args.operand_count, 2);
  assert_string_equal(args.operands[0], "a");
  assert_string_equal(args.operands[1], "-b");
  assert_int_equal(parse("look - --atol .5 b -t 7", &f, &args), ALB_OK);
  assert_true(args.command == 1 && f.atol > 0.49 && f.atol < 0.51 && f.threads == 7 && args.operand_count == 2);
  assert_string_equal(args.operands[0], "-");
}

static void test_refusals(void **state) {
  (void)state;
  static const char *const bad[] = {"--nope",
                                    "-x",
                                    "a --threads",
                                    "a --threads 0",
                                    "a --threads -1",
                                    "a -t 1x",
                                    "a --threads 99999999999999999999",
                                    "a --json=1",
                                    "look a -o x",
                                    "a --dtype f",
                                    "a --dtype f16|f32",
                                    "a --dtype=",
                                    "look --atol nan a",
                                    "look --atol 1e999 a",
                                    "a --budget 1T",
                                    "a --budget 99999999999G",
                                    "a --budget 1MM",
                                    "a --verb"};
  fields f;
  alb_args args;
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) assert_int_equal(parse(bad[i], &f, &args), ALB_USAGE);
}

static void test_help(void **state) {
  (void)state;
  fields f;
  alb_args args;
  char *text = NULL;
  size_t n = 0;
  assert_int_equal(parse("look --help", &f, &args), ALB_OK);
  assert_true(args.help && args.command == 1);
  FILE *out = open_memstream(&text, &n);
  alb_args_help(&program, &args, out);
  assert_int_equal(fclose(out), 0);
  assert_non_null(strstr(text, "prog look IN"));
  assert_non_null(strstr(text, "--atol X"));
  assert_null(strstr(text, "--budget"));
  free(text);
  assert_int_equal(parse("--version", &f, &args), ALB_OK);
  assert_true(args.version && !args.help);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_forms), cmocka_unit_test(test_refusals),
                                     cmocka_unit_test(test_help)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
