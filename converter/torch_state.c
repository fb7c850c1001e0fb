/* Which tensors of a PyTorch file are the weights. */
#include "converter/torch_state.h"

#include <stdio.h>

#include "base/utf8.h"

enum { MAX_NAME = 4096, MAX_WRAPPERS = 4, MAX_PARTS = 256, LISTED_KEYS = 8 };

/* What trainers call the state dict that they save beside their own state; tried in this order. */
static const char *const wrappers[] = {"state_dict", "model_state_dict", "model", "module"};

typedef struct adding {
  alb_diag *diag;
  alb_source *source;
  const alb_torch_bytes *bytes;
} adding;

static bool has_tensor(const alb_pickle_value *dict) {
  for (const alb_pickle_item *i = dict->many.first; i; i = i->next) {
    if (i->value->tag == ALB_PICKLE_TENSOR) return true;
  }
  return false;
}

/* The state dict behind the wrappers that a dict has, or NULL: {"state_dict": {"model": {...}}}. */
static const alb_pickle_value *unwrap(const alb_pickle_value *dict) {
  for (int level = 0; level < MAX_WRAPPERS; level++) {
    const alb_pickle_value *next = NULL;
    for (size_t i = 0; i < sizeof wrappers / sizeof wrappers[0]; i++) {
      const alb_pickle_value *inner = alb_pickle_get(dict, wrappers[i]);
      if (!inner || inner->tag != ALB_PICKLE_DICT) continue;
      if (has_tensor(inner)) return inner;
      next = next ? next : inner;
    }
    if (!next) return NULL;
    dict = next;
  }
  return NULL;
}

static bool is_name(alb_str name) {
  return name.n && name.n <= MAX_NAME && !memchr(name.p, 0, name.n) && alb_utf8_valid(name);
}

static alb_status add_tensor(adding *a, const char *part, alb_str name, const alb_pickle_tensor *t) {
  uint32_t id;
  alb_span bytes;
  if (!is_name(name)) {
    return alb_fail(a->diag, ALB_MALFORMED, "tensor \"%.*s\": a name must have 1 to 4096 bytes of UTF-8 and no NUL",
                    ALB_STR_ARGS(name));
  }
  if (part) {
    const char *joined = alb_arena_printf(&a->source->arena, "%s.%.*s", part, (int)name.n, name.p);
    if (!joined) return alb_fail_memory(a->diag, name.n, "a name");
    name = alb_str_of(joined);
  }
  ALB_TRY(alb_torch_view(a->diag, &a->source->spill, a->bytes, name, t, &bytes));
  return alb_tensors_add(a->diag, &a->source->tensors, name, t->storage->dtype, t->rank, t->dims, bytes, &id);
}

static alb_status add_dict(adding *a, const char *part, const alb_pickle_value *dict) {
  for (const alb_pickle_item *i = dict->many.first; i; i = i->next) {
    if (i->value->tag != ALB_PICKLE_TENSOR) continue;
    if (i->key->tag != ALB_PICKLE_STR) return alb_fail(a->diag, ALB_MALFORMED, "a tensor's name is not a text");
    ALB_TRY(add_tensor(a, part, i->key->text, i->value->tensor));
  }
  return ALB_OK;
}

/* {"nli": {"net.0.weight": ...}, ...}: a state dict of each part. One under two names would let a small file make many
 * tensors. */
static alb_status add_parts(adding *a, const alb_pickle_value *root, size_t *found) {
  const alb_pickle_value *dicts[MAX_PARTS];
  size_t count = 0;
  *found = 0;
  for (const alb_pickle_item *i = root->many.first; i; i = i->next) {
    if (i->key->tag != ALB_PICKLE_STR || i->value->tag != ALB_PICKLE_DICT) continue;
    if (count == MAX_PARTS) return alb_fail(a->diag, ALB_LIMIT, "holds more than %d dicts", MAX_PARTS);
    for (size_t k = 0; k < count; k++) {
      if (dicts[k] != i->value || !i->value->many.count) continue;
      return alb_fail(a->diag, ALB_DUPLICATE, "one dict stands under two names, the second is \"%.*s\"",
                      ALB_STR_ARGS(i->key->text));
    }
    dicts[count++] = i->value;
    if (!has_tensor(i->value)) continue;
    if (!is_name(i->key->text)) return alb_fail(a->diag, ALB_MALFORMED, "a state dict's name is not a text");
    const char *part = alb_arena_strdup(&a->source->arena, i->key->text);
    if (!part) return alb_fail_memory(a->diag, i->key->text.n, "a name");
    ALB_TRY(add_dict(a, part, i->value));
    ++*found;
  }
  return ALB_OK;
}

/* "a, b, c ..." of a dict's keys, for people. */
static void list_keys(const alb_pickle_value *dict, char *text, size_t room) {
  size_t n = 0, keys = 0;
  text[0] = '\0';
  for (const alb_pickle_item *i = dict->many.first; i && keys < LISTED_KEYS && n < room; i = i->next) {
    if (i->key->tag != ALB_PICKLE_STR) continue;
    const int wrote = snprintf(text + n, room - n, "%s%.*s", keys++ ? ", " : "", ALB_STR_ARGS(i->key->text));
    n += wrote > 0 ? (size_t)wrote : 0;
  }
}

alb_status alb_torch_add_tensors(alb_diag *diag, alb_source *source, const alb_pickle *pickle,
                                 const alb_torch_bytes *bytes) {
  adding a = {diag, source, bytes};
  const alb_pickle_value *root = pickle->root;
  size_t parts = 0;
  char keys[512];
  if (root->tag != ALB_PICKLE_DICT) {
    return alb_fail(diag, ALB_UNSUPPORTED, "holds something else than a state dict (a dict of tensors)");
  }
  const alb_pickle_value *wrapped = unwrap(root);
  if (wrapped || has_tensor(root)) return add_dict(&a, NULL, wrapped ? wrapped : root);
  ALB_TRY(add_parts(&a, root, &parts));
  if (parts) return ALB_OK;
  list_keys(root, keys, sizeof keys);
  return alb_fail(diag, ALB_UNSUPPORTED, "holds no state dict (a dict of tensors): its keys are %s",
                  keys[0] ? keys : "no texts");
}
