/* Oniguruma's regular expressions (Ruby syntax, as in tokenizer.json) in PCRE2's words: what the two read alike is
 * copied, what has another spelling is translated, everything else is refused by name. */
#include <ctype.h>

#include "converter/regex_words.h"
#include "converter/vocab_build.h"

#define WORD ALB_REGEX_WORD
#define SPACE ALB_REGEX_SPACE

/* An escape's letter: what it is outside of brackets and inside; NULL: refused there. */
static const struct {
  char letter;
  const char *outside, *inside;
} escapes[] = {
    {'t', "\\t", "\\t"},
    {'n', "\\n", "\\n"},
    {'r', "\\r", "\\r"},
    {'f', "\\f", "\\f"},
    {'a', "\\a", "\\a"},
    {'e', "\\e", "\\e"},
    {'v', "\\x0b", "\\x0b"},
    {'d', "\\p{Nd}", "\\p{Nd}"},
    {'D', "\\P{Nd}", "\\P{Nd}"},
    {'s', SPACE, SPACE},
    {'S', "\\P{White_Space}", "\\P{White_Space}"},
    {'w', "[" WORD "]", WORD},
    {'W', "[^" WORD "]", NULL},
    {'h', "[0-9a-fA-F]", "0-9a-fA-F"},
    {'H', "[^0-9a-fA-F]", NULL},
    {'b', "(?:(?<=[" WORD "])(?![" WORD "])|(?<![" WORD "])(?=[" WORD "]))", "\\x08"},
    {'B', "(?:(?<=[" WORD "])(?=[" WORD "])|(?<![" WORD "])(?![" WORD "]))", NULL},
    {'A', "\\A", NULL},
    {'z', "\\z", NULL},
    {'Z', "\\Z", NULL},
};

/* Groups: how they begin, and how PCRE2 says it. */
static const struct {
  const char *from, *to;
} groups[] = {
    {"(?:", "(?:"}, {"(?=", "(?="},   {"(?!", "(?!"},   {"(?<=", "(?<="},   {"(?<!", "(?<!"},
    {"(?>", "(?>"}, {"(?i:", "(?i:"}, {"(?m:", "(?s:"}, {"(?im:", "(?is:"}, {"(?mi:", "(?is:"},
};

static const char *const categories[] = {"L",  "Lu", "Ll", "Lt", "Lm", "Lo", "M",  "Mn", "Mc", "Me", "N",  "Nd",
                                         "Nl", "No", "P",  "Pc", "Pd", "Ps", "Pe", "Pi", "Pf", "Po", "S",  "Sm",
                                         "Sc", "Sk", "So", "Z",  "Zs", "Zl", "Zp", "C",  "Cc", "Cf", "Co", "Cn"};
static const char *const scripts[] = {"Han",      "Hiragana", "Katakana", "Hangul", "Latin",     "Greek",
                                      "Cyrillic", "Arabic",   "Hebrew",   "Thai",   "Devanagari"};

typedef struct translation {
  alb_vocab_build *b;
  const char *pattern, *at;
  ALB_VEC(char) out;
} translation;

static alb_status refuse(translation *t, const char *what) {
  return alb_fail(t->b->diag, ALB_UNSUPPORTED, "%s: regular expression: %s (at byte %zu of \"%.64s\")", t->b->file,
                  what, (size_t)(t->at - t->pattern), t->pattern);
}

static alb_status put(translation *t, const char *text, size_t n) {
  if (!alb_vec_reserve(&t->out, n + 1)) return alb_fail_memory(t->b->diag, n, "a regular expression");
  memcpy(t->out.items + t->out.count, text, n);
  t->out.count += n;
  return ALB_OK;
}

static alb_status copy(translation *t, size_t n) {
  ALB_TRY(put(t, t->at, n));
  t->at += n;
  return ALB_OK;
}

static bool named(const char *const *names, size_t count, const char *name, size_t n) {
  for (size_t i = 0; i < count; i++) {
    if (strlen(names[i]) == n && memcmp(names[i], name, n) == 0) return true;
  }
  return false;
}

/* \p{Name}, \p{^Name}, \P{Name} */
static alb_status property(translation *t) {
  const char *name = t->at + 3, *end = strchr(t->at, '}');
  if (t->at[2] != '{' || !end) return refuse(t, "a property without braces");
  const bool not = *name == '^';
  name += not ;
  const size_t n = (size_t)(end - name);
  const bool script = named(scripts, sizeof scripts / sizeof *scripts, name, n);
  if (!script && !named(categories, sizeof categories / sizeof *categories, name, n))
    return refuse(t, "a property that is not known");
  ALB_TRY(put(t, (t->at[1] == 'P') != not ? "\\P{" : "\\p{", 3));
  if (script) ALB_TRY(put(t, "sc:", 3));
  ALB_TRY(put(t, name, n + 1));
  t->at = end + 1;
  return ALB_OK;
}

/* \xHH, \x{H...}, \uHHHH */
static alb_status code(translation *t) {
  const bool braces = t->at[1] == 'x' && t->at[2] == '{';
  const char *digits = t->at + 2 + braces;
  size_t n = 0;
  while (n < 8 && isxdigit((unsigned char)digits[n])) n++;
  if (braces ? n == 0 || digits[n] != '}' : t->at[1] == 'u' ? n < 4 : n < 2) return refuse(t, "a character code");
  if (!braces) n = t->at[1] == 'u' ? 4 : 2;
  ALB_TRY(put(t, "\\x{", 3));
  ALB_TRY(put(t, digits, n));
  t->at = digits + n + braces;
  return put(t, "}", 1);
}

static alb_status escape(translation *t, bool inside) {
  const char letter = t->at[1];
  if (!letter) return refuse(t, "a backslash at the end");
  if (letter == 'p' || letter == 'P') return property(t);
  if (letter == 'x' || letter == 'u') return code(t);
  if (!isalnum((unsigned char)letter)) return (letter & 0x80) ? refuse(t, "an escaped character") : copy(t, 2);
  for (size_t i = 0; i < sizeof escapes / sizeof *escapes; i++) {
    const char *to = inside ? escapes[i].inside : escapes[i].outside;
    if (escapes[i].letter != letter || !to) continue;
    t->at += 2;
    return put(t, to, strlen(to));
  }
  return refuse(t, "an escape");
}

static alb_status set(translation *t) {
  ALB_TRY(copy(t, t->at[1] == '^' ? 2 : 1));
  if (*t->at == ']') return refuse(t, "an empty set");
  while (*t->at != ']') {
    if (!*t->at) return refuse(t, "a set without its end");
    if (*t->at == '[') return refuse(t, "a set within a set");
    if (t->at[0] == '&' && t->at[1] == '&') return refuse(t, "an intersection of sets");
    ALB_TRY(*t->at == '\\' ? escape(t, true) : copy(t, 1));
  }
  return copy(t, 1);
}

static alb_status group(translation *t) {
  if (t->at[1] == '*') return refuse(t, "a verb");
  if (t->at[1] != '?') return copy(t, 1);
  for (size_t i = 0; i < sizeof groups / sizeof *groups; i++) {
    const size_t n = strlen(groups[i].from);
    if (strncmp(t->at, groups[i].from, n) != 0) continue;
    t->at += n;
    return put(t, groups[i].to, strlen(groups[i].to));
  }
  return refuse(t, "a kind of group");
}

/* {n}, {n,}, {n,m}, {,m}; anything else is a brace. */
static alb_status interval(translation *t) {
  const char *p = t->at + 1;
  const char *low = p;
  while (isdigit((unsigned char)*p)) p++;
  const bool has_low = p > low, comma = *p == ',';
  const char *high = comma ? ++p : p;
  while (isdigit((unsigned char)*p)) p++;
  if (*p != '}' || (!has_low && p == high)) return refuse(t, "a brace");
  if (p[1] == '+' || (!comma && p[1] == '?')) return refuse(t, "a repetition of a repetition");
  ALB_TRY(put(t, has_low ? "{" : "{0", has_low ? 1 : 2));
  t->at++;
  return copy(t, (size_t)(p + 1 - t->at));
}

static alb_status translate(translation *t) {
  while (*t->at) {
    switch (*t->at) {
      case '\\':
        ALB_TRY(escape(t, false));
        break;
      case '[':
        ALB_TRY(set(t));
        break;
      case '(':
        ALB_TRY(group(t));
        break;
      case '{':
        ALB_TRY(interval(t));
        break;
      default:
        ALB_TRY(copy(t, 1));
    }
  }
  return put(t, "", 1);
}

alb_status alb_vocab_translate_regex(alb_vocab_build *b, const char *pattern, char **out) {
  translation t = {.b = b, .pattern = pattern, .at = pattern};
  alb_status status = translate(&t);
  if (status == ALB_OK) status = alb_vocab_text(b, t.out.items, out);
  alb_vec_free(&t.out);
  return status;
}
