/* PyTorch's files before version 1.6: five pickles (a magic number, the protocol, what the machine was, the object, the
 * keys of its storages), then for each key the number of elements (u64) and the elements. */
#include "converter/reader.h"
#include "converter/torch_state.h"

/* The first two pickles, which are the same in every file: 0x1950a86a20f9469cfc6c and 1001. */
static const uint8_t head_bytes[] = {0x80, 2,    0x8a, 10,  0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a,
                                     0xa8, 0x50, 0x19, '.', 0x80, 2,    'M',  0xe9, 3,    '.'};
enum { MAGIC_BYTES = 15 };

alb_probe alb_probe_torch_legacy(alb_span head) {
  const bool yes = head.n >= MAGIC_BYTES && memcmp(head.p, head_bytes, MAGIC_BYTES) == 0;
  return yes ? ALB_PROBE_YES : ALB_PROBE_NO;
}

/* Takes the next pickle of the file. */
static alb_status next_pickle(alb_diag *diag, const char *what, alb_span *rest, alb_pickle *out) {
  alb_span bytes;
  const alb_status status = alb_unpickle(diag, *rest, out);
  if (status != ALB_OK) {
    alb_diag_prefix(diag, "%s", what);
    return status;
  }
  (void)alb_span_take(rest, out->size, &bytes);
  return ALB_OK;
}

/* {"protocol_version": 1001, "little_endian": True, ...} */
static alb_status check_machine(alb_diag *diag, alb_span *rest) {
  alb_pickle machine;
  ALB_TRY(next_pickle(diag, "PyTorch: machine", rest, &machine));
  const alb_pickle_value *root = machine.root;
  const alb_pickle_value *little = root->tag == ALB_PICKLE_DICT ? alb_pickle_get(root, "little_endian") : NULL;
  const bool known = little && little->tag == ALB_PICKLE_BOOL, good = known && little->integer;
  alb_pickle_free(&machine);
  if (good) return ALB_OK;
  return alb_fail(diag, known ? ALB_UNSUPPORTED : ALB_MALFORMED, "PyTorch: %s",
                  known ? "was written on a big-endian machine" : "does not say what machine wrote it");
}

/* The elements of one storage, which must be as many as the object says. */
static alb_status take_storage(alb_diag *diag, const alb_pickle *object, alb_str key, alb_span *rest) {
  const size_t index = alb_strmap_find(&object->keys, key);
  alb_span count, bytes;
  if (index == ALB_STRMAP_NONE) {
    return alb_fail(diag, ALB_MALFORMED, "storage %.*s: no tensor says what it is", ALB_STR_ARGS(key));
  }
  alb_pickle_storage *s = object->storages.items[index];
  if (s->loaded) return alb_fail(diag, ALB_DUPLICATE, "storage %.*s stands twice", ALB_STR_ARGS(key));
  if (!alb_span_take(rest, sizeof(uint64_t), &count)) {
    return alb_fail(diag, ALB_TRUNCATED, "storage %.*s: the file ends before it", ALB_STR_ARGS(key));
  }
  if (alb_load_u64(count.p) != s->elements) {
    return alb_fail(diag, ALB_MALFORMED, "storage %.*s: %llu elements, but its tensors say %llu", ALB_STR_ARGS(key),
                    (unsigned long long)alb_load_u64(count.p), (unsigned long long)s->elements);
  }
  if (!alb_span_take(rest, (size_t)(s->elements * alb_dtype_bytes(s->dtype)), &bytes)) {
    return alb_fail(diag, ALB_TRUNCATED, "storage %.*s: the file ends inside it", ALB_STR_ARGS(key));
  }
  s->bytes = bytes;
  s->loaded = true;
  return ALB_OK;
}

static alb_status take_storages(alb_diag *diag, const alb_pickle *object, const alb_pickle_value *keys, alb_span rest) {
  if (keys->tag != ALB_PICKLE_LIST) return alb_fail(diag, ALB_MALFORMED, "PyTorch: no list of storages");
  for (const alb_pickle_item *i = keys->many.first; i; i = i->next) {
    if (i->value->tag != ALB_PICKLE_STR) return alb_fail(diag, ALB_MALFORMED, "PyTorch: a storage's key is not a text");
    ALB_TRY(take_storage(diag, object, i->value->text, &rest));
  }
  if (rest.n == 0) return ALB_OK;
  return alb_fail(diag, ALB_MALFORMED, "PyTorch: %zu bytes follow the last storage", rest.n);
}

static alb_status read_object(alb_diag *diag, alb_source *source, const alb_pickle *object, alb_span rest) {
  const alb_torch_bytes bytes = {.load = NULL};
  alb_pickle keys;
  ALB_TRY(next_pickle(diag, "PyTorch: storages", &rest, &keys));
  alb_status status = take_storages(diag, object, keys.root, rest);
  if (status == ALB_OK) status = alb_torch_add_tensors(diag, source, object, &bytes);
  alb_pickle_free(&keys);
  return status;
}

alb_status alb_read_torch_legacy(alb_diag *diag, alb_source *source, const alb_file *file) {
  alb_span rest = file->bytes, head;
  alb_pickle object;
  if (!alb_span_take(&rest, sizeof head_bytes, &head)) return alb_fail(diag, ALB_TRUNCATED, "PyTorch: the file is cut");
  if (memcmp(head.p, head_bytes, sizeof head_bytes) != 0) {
    return alb_fail(diag, ALB_UNSUPPORTED, "PyTorch: another protocol than 1001");
  }
  ALB_TRY(check_machine(diag, &rest));
  ALB_TRY(next_pickle(diag, "PyTorch: object", &rest, &object));
  const alb_status status = read_object(diag, source, &object, rest);
  alb_pickle_free(&object);
  return status;
}
