/* Fields of tokenizer.json's objects, with messages that name them. */
#include "converter/vocab_build.h"

static alb_status wrong(alb_vocab_build *b, alb_field_list o, const char *key, const char *expected) {
  return alb_fail(b->diag, json_object_get(o.object, key) ? ALB_MALFORMED : ALB_MISSING, "%s: %s: \"%s\" is not %s",
                  b->file, o.where, key, expected);
}

/* Whether a word stands in a list of words separated by spaces. */
static bool listed(const char *list, const char *word) {
  const size_t n = strlen(word);
  for (const char *at = list; (at = strstr(at, word)) != NULL && n; at += n) {
    if ((at == list || at[-1] == ' ') && (at[n] == ' ' || at[n] == 0)) return true;
  }
  return false;
}

alb_status alb_field_known(alb_vocab_build *b, alb_field_list o, const char *known) {
  const char *key;
  json_t *value;
  json_object_foreach(o.object, key, value) {
    if (strcmp(key, "type") != 0 && !listed(known, key))
      return alb_fail(b->diag, ALB_UNSUPPORTED, "%s: %s: unknown option \"%.64s\"", b->file, o.where, key);
  }
  return ALB_OK;
}

alb_status alb_field_bool(alb_vocab_build *b, alb_field_list o, const char *key, bool *out) {
  const json_t *value = json_object_get(o.object, key);
  if (!json_is_boolean(value)) return wrong(b, o, key, "true or false");
  *out = json_is_true(value);
  return ALB_OK;
}

alb_status alb_field_text(alb_vocab_build *b, alb_field_list o, const char *key, char **out) {
  const json_t *value = json_object_get(o.object, key);
  if (!json_is_string(value)) return wrong(b, o, key, "a string");
  if (strlen(json_string_value(value)) != json_string_length(value))
    return alb_fail(b->diag, ALB_UNSUPPORTED, "%s: %s: \"%s\" has a NUL character", b->file, o.where, key);
  return alb_vocab_text(b, json_string_value(value), out);
}

alb_status alb_field_size(alb_vocab_build *b, alb_field_list o, const char *key, uint64_t limit, uint64_t *out) {
  const json_t *value = json_object_get(o.object, key);
  if (!json_is_integer(value) || json_integer_value(value) < 0) return wrong(b, o, key, "a number from 0");
  *out = (uint64_t)json_integer_value(value);
  if (*out > limit)
    return alb_fail(b->diag, ALB_LIMIT, "%s: %s: \"%s\" is %llu", b->file, o.where, key, (unsigned long long)*out);
  return ALB_OK;
}

alb_status alb_field_array(alb_vocab_build *b, alb_field_list o, const char *key, json_t **out) {
  *out = json_object_get(o.object, key);
  return json_is_array(*out) ? ALB_OK : wrong(b, o, key, "a list");
}

alb_status alb_field_object(alb_vocab_build *b, alb_field_list o, const char *key, json_t **out) {
  *out = json_object_get(o.object, key);
  return json_is_object(*out) ? ALB_OK : wrong(b, o, key, "an object");
}
