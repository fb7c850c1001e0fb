/* Command lines: one table of options gives the parser and the help. */
#include "cli/args.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define ALB_NO_COMMAND SIZE_MAX

typedef struct parser {
  alb_diag *diag;
  const alb_program *program;
  int argc, next; /* argv[next] is read next */
  char **argv;
  char *fields; /* the options struct */
  alb_args *out;
} parser;

static bool takes_value(const alb_option *option) {
  return option->kind >= ALB_OPTION_SIZE;
}

static bool parse_unsigned(const char *text, char **end, unsigned long long *out) {
  if (*text < '0' || *text > '9') return false;
  errno = 0;
  *out = strtoull(text, end, 10);
  return errno == 0;
}

static bool parse_size(const char *text, size_t *out) {
  char *end;
  unsigned long long n;
  if (!parse_unsigned(text, &end, &n) || *end || n == 0 || n > SIZE_MAX) return false;
  *out = (size_t)n;
  return true;
}

static bool parse_bytes(const char *text, uint64_t *out) {
  static const char units[] = "KMG";
  char *end;
  unsigned long long n;
  if (!parse_unsigned(text, &end, &n)) return false;
  const char *unit = *end ? strchr(units, *end) : NULL;
  const int shift = unit ? 10 * (int)(unit - units + 1) : 0;
  if (end[unit != NULL] || n > UINT64_MAX >> shift) return false;
  *out = (uint64_t)n << shift;
  return true;
}

/* The programs never call setlocale, so strtod reads "1e-5" in every locale. */
static bool parse_number(const char *text, double *out) {
  char *end;
  if ((*text < '0' || *text > '9') && *text != '.') return false;
  *out = strtod(text, &end);
  return *end == '\0' && isfinite(*out);
}

static bool is_choice(const char *words, const char *text) {
  const size_t n = strlen(text);
  for (const char *word = words; word; word = strchr(word, '|')) {
    word += *word == '|';
    if (n && strncmp(word, text, n) == 0 && (word[n] == '|' || word[n] == '\0')) return true;
  }
  return false;
}

static bool store(const alb_option *option, char *fields, const char *value) {
  void *field = fields + option->offset;
  switch (option->kind) {
    case ALB_OPTION_FLAG:
      *(bool *)field = true;
      return true;
    case ALB_OPTION_NO:
      *(bool *)field = false;
      return true;
    case ALB_OPTION_COUNT:
      ++*(unsigned *)field;
      return true;
    case ALB_OPTION_SIZE:
      return parse_size(value, field);
    case ALB_OPTION_BYTES:
      return parse_bytes(value, field);
    case ALB_OPTION_NUMBER:
      return parse_number(value, field);
    case ALB_OPTION_TEXT:
      *(const char **)field = value;
      return true;
    case ALB_OPTION_CHOICE:
      *(const char **)field = value;
      return is_choice(option->value, value);
  }
  return false;
}

static const char *expected(const alb_option *option) {
  switch (option->kind) {
    case ALB_OPTION_SIZE:
      return "a whole number of at least 1";
    case ALB_OPTION_BYTES:
      return "a number of bytes such as 10M";
    case ALB_OPTION_NUMBER:
      return "a number";
    default:
      return option->value;
  }
}

static const alb_option *find_option(const alb_program *program, const char *name, size_t n) {
  for (size_t i = 0; i < program->option_count; i++) {
    const alb_option *option = &program->options[i];
    if (strlen(option->name) == n && memcmp(option->name, name, n) == 0) return option;
  }
  return NULL;
}

static const alb_option *find_letter(const alb_program *program, char letter) {
  for (size_t i = 0; i < program->option_count; i++) {
    if (program->options[i].letter == letter) return &program->options[i];
  }
  return NULL;
}

static alb_status set_option(parser *p, const alb_option *option, const char *value) {
  if (takes_value(option) && !value) {
    if (p->next >= p->argc) return alb_fail(p->diag, ALB_USAGE, "option --%s needs a value", option->name);
    value = p->argv[p->next++];
  }
  if (!(option->commands >> p->out->command & 1)) {
    const char *command = p->program->commands[p->out->command].name;
    return alb_fail(p->diag, ALB_USAGE, "option --%s does not go with %s", option->name, command ? command : "this");
  }
  if (store(option, p->fields, value)) return ALB_OK;
  return alb_fail(p->diag, ALB_USAGE, "option --%s: expected %s, found \"%s\"", option->name, expected(option), value);
}

static alb_status parse_long(parser *p, const char *text) {
  const char *equals = strchr(text, '=');
  const size_t n = equals ? (size_t)(equals - text) : strlen(text);
  const alb_option *option = find_option(p->program, text, n);
  if (!option) return alb_fail(p->diag, ALB_USAGE, "unknown option --%.*s (see --help)", (int)n, text);
  if (equals && !takes_value(option)) {
    return alb_fail(p->diag, ALB_USAGE, "option --%s takes no value", option->name);
  }
  return set_option(p, option, equals ? equals + 1 : NULL);
}

/* One or more letters after a dash; a letter that takes a value takes the rest, if any. */
static alb_status parse_letters(parser *p, const char *letters) {
  for (; *letters; letters++) {
    const alb_option *option = find_letter(p->program, *letters);
    if (!option) return alb_fail(p->diag, ALB_USAGE, "unknown option -%c (see --help)", *letters);
    const bool rest = takes_value(option) && letters[1];
    ALB_TRY(set_option(p, option, rest ? letters + 1 : NULL));
    if (rest) break;
  }
  return ALB_OK;
}

static bool is_meta(const char *arg, const char *name, const char *letter) {
  return strcmp(arg, name) == 0 || (letter && strcmp(arg, letter) == 0);
}

static void add_operand(parser *p, char *operand) {
  p->out->operands[p->out->operand_count++] = operand; /* never ahead of argv[next] */
}

static alb_status parse_all(parser *p) {
  while (p->next < p->argc) {
    char *arg = p->argv[p->next++];
    if (strcmp(arg, "--") == 0) break;
    if (is_meta(arg, "--help", "-h")) {
      p->out->help = true;
    } else if (is_meta(arg, "--version", NULL)) {
      p->out->version = true;
    } else if (strncmp(arg, "--", 2) == 0) {
      ALB_TRY(parse_long(p, arg + 2));
    } else if (arg[0] == '-' && arg[1]) {
      ALB_TRY(parse_letters(p, arg + 1));
    } else {
      add_operand(p, arg);
    }
  }
  while (p->next < p->argc) add_operand(p, p->argv[p->next++]);
  return ALB_OK;
}

static size_t find_command(const alb_program *program, const char *word) {
  size_t unnamed = ALB_NO_COMMAND;
  for (size_t i = 0; i < program->command_count; i++) {
    const char *name = program->commands[i].name;
    if (!name) unnamed = i;
    if (name && word && strcmp(name, word) == 0) return i;
  }
  return unnamed;
}

alb_status alb_args_parse(alb_diag *diag, const alb_program *program, int argc, char **argv, void *options,
                          alb_args *out) {
  const char *word = argc > 1 ? argv[1] : NULL;
  *out = (alb_args){.command = find_command(program, word), .operands = argv};
  const bool named = word && out->command != ALB_NO_COMMAND && program->commands[out->command].name;
  if (word && (is_meta(word, "--help", "-h") || is_meta(word, "--version", NULL))) {
    out->command = ALB_NO_COMMAND;
    out->help = word[2] != 'v';
    out->version = !out->help;
    return ALB_OK;
  }
  if (out->command == ALB_NO_COMMAND) {
    if (!word) return alb_fail(diag, ALB_USAGE, "no command given (see --help)");
    return alb_fail(diag, ALB_USAGE, "unknown command \"%s\" (see --help)", word);
  }
  parser p = {diag, program, argc, named ? 2 : 1, argv, options, out};
  return parse_all(&p);
}

static void print_option(const alb_option *option, FILE *out) {
  char left[96];
  const char letter[] = {'-', option->letter, ',', ' ', '\0'};
  const int n = snprintf(left, sizeof left, "%s--%s%s%s", option->letter ? letter : "    ", option->name,
                         option->value ? " " : "", option->value ? option->value : "");
  if (n > 26)
    fprintf(out, "  %s\n  %-26s", left, "");
  else
    fprintf(out, "  %-26s", left);
  fprintf(out, "  %s\n", option->help);
}

static void print_command(const alb_program *program, const alb_command *command, FILE *out) {
  fprintf(out, "  %s %s%s%s\n      %s\n", program->name, command->name ? command->name : "", command->name ? " " : "",
          command->synopsis, command->help);
}

void alb_args_help(const alb_program *program, const alb_args *args, FILE *out) {
  const bool all = args->command == ALB_NO_COMMAND;
  fprintf(out, "%s: %s\n\nUsage:\n", program->name, program->about);
  for (size_t i = 0; i < program->command_count; i++) {
    if (all || i == args->command) print_command(program, &program->commands[i], out);
  }
  fprintf(out, "\nOptions:\n");
  for (size_t i = 0; i < program->option_count; i++) {
    if (all || program->options[i].commands >> args->command & 1) print_option(&program->options[i], out);
  }
  fprintf(out, "  -h, --help                  this text\n      --version               the version\n");
  if (program->footer) fprintf(out, "\n%s\n", program->footer);
}
