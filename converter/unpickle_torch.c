/* The names that a pickle of weights may use, and what calling them stands for. This list is all that there is. */
#include "converter/unpickle_machine.h"

enum { KEY_DIGITS = 20, TENSOR_COST = 6, STORAGE_COST = 4 };

typedef alb_status (*reduction)(alb_pickle_machine *m, const alb_pickle_value *args, alb_pickle_value **out);

/* A class or function: called by REDUCE, or the type of a storage. */
struct alb_pickle_global {
  const char *module, *name;
  reduction call;  /* NULL: must not be called */
  alb_dtype dtype; /* of storages */
};

static bool all_int(const alb_pickle_value *tuple) {
  for (size_t i = 0; i < tuple->tuple.count; i++) {
    if (tuple->tuple.items[i]->tag != ALB_PICKLE_INT) return false;
  }
  return true;
}

/* OrderedDict() */
static alb_status make_dict(alb_pickle_machine *m, const alb_pickle_value *args, alb_pickle_value **out) {
  if (args->tuple.count) return alb_pickle_wrong(m, ALB_UNSUPPORTED, "an OrderedDict of arguments");
  ALB_TRY(alb_pickle_new(m, ALB_PICKLE_DICT, out));
  (*out)->ordered = true;
  return ALB_OK;
}

/* Size((2, 3)): the tuple. */
static alb_status make_size(alb_pickle_machine *m, const alb_pickle_value *args, alb_pickle_value **out) {
  if (args->tuple.count != 1 || args->tuple.items[0]->tag != ALB_PICKLE_TUPLE || !all_int(args->tuple.items[0])) {
    return alb_pickle_wrong(m, ALB_MALFORMED, "a torch.Size of something else than a tuple of numbers");
  }
  *out = args->tuple.items[0];
  return ALB_OK;
}

/* A parameter of a tensor: the tensor. */
static alb_status make_parameter(alb_pickle_machine *m, const alb_pickle_value *args, alb_pickle_value **out) {
  if (args->tuple.count == 0 || args->tuple.count > 3 || args->tuple.items[0]->tag != ALB_PICKLE_TENSOR) {
    return alb_pickle_wrong(m, ALB_MALFORMED, "a parameter of something else than a tensor");
  }
  *out = args->tuple.items[0];
  return ALB_OK;
}

static alb_status fill_view(alb_pickle_machine *m, const alb_pickle_value *const *arg, alb_pickle_tensor *t) {
  const alb_pickle_value *dims = arg[2], *strides = arg[3];
  if (arg[1]->tag != ALB_PICKLE_INT || dims->tag != ALB_PICKLE_TUPLE || strides->tag != ALB_PICKLE_TUPLE ||
      !all_int(dims) || !all_int(strides)) {
    return alb_pickle_wrong(m, ALB_MALFORMED, "a tensor's offset, sizes and strides are not numbers");
  }
  if (dims->tuple.count != strides->tuple.count) {
    return alb_pickle_wrong(m, ALB_MALFORMED, "a tensor has not as many strides as sizes");
  }
  if (dims->tuple.count > ALB_MAX_RANK) return alb_pickle_wrong(m, ALB_LIMIT, "a tensor of rank above 8");
  bool negative = arg[1]->integer < 0;
  t->offset = (uint64_t)arg[1]->integer;
  t->rank = dims->tuple.count;
  for (size_t i = 0; i < t->rank; i++) {
    negative = negative || dims->tuple.items[i]->integer < 0 || strides->tuple.items[i]->integer < 0;
    t->dims[i] = (uint64_t)dims->tuple.items[i]->integer;
    t->strides[i] = (uint64_t)strides->tuple.items[i]->integer;
  }
  return negative ? alb_pickle_wrong(m, ALB_MALFORMED, "a tensor's offset, size or stride is negative") : ALB_OK;
}

/* _rebuild_tensor_v2(storage, offset, size, stride, requires_grad, hooks[, metadata]) and the older one of four.
 * Metadata would say that the numbers stand for their negatives or conjugates. */
static alb_status make_tensor(alb_pickle_machine *m, const alb_pickle_value *args, alb_pickle_value **out) {
  const alb_pickle_value *const *arg = (const alb_pickle_value *const *)args->tuple.items;
  const size_t n = args->tuple.count;
  if ((n != 4 && n != 6 && n != 7) || arg[0]->tag != ALB_PICKLE_STORAGE) {
    return alb_pickle_wrong(m, ALB_MALFORMED, "a tensor of something else than a storage, offset, sizes and strides");
  }
  const bool plain = n < 7 || arg[6]->tag == ALB_PICKLE_NONE || (arg[6]->tag == ALB_PICKLE_DICT && !arg[6]->many.count);
  if (!plain) return alb_pickle_wrong(m, ALB_UNSUPPORTED, "a tensor with metadata");
  ALB_TRY(alb_pickle_charge(m, TENSOR_COST));
  ALB_TRY(alb_pickle_new(m, ALB_PICKLE_TENSOR, out));
  alb_pickle_tensor *t = ALB_NEW(&m->pickle->arena, alb_pickle_tensor);
  if (!t) return alb_fail_memory(m->diag, sizeof *t, "a tensor");
  t->storage = arg[0]->storage;
  (*out)->tensor = t;
  return fill_view(m, arg, t);
}

static const struct alb_pickle_global globals[] = {
    {"collections", "OrderedDict", make_dict, ALB_DTYPE_NONE},
    {"torch._utils", "_rebuild_tensor_v2", make_tensor, ALB_DTYPE_NONE},
    {"torch._utils", "_rebuild_tensor", make_tensor, ALB_DTYPE_NONE},
    {"torch._utils", "_rebuild_parameter", make_parameter, ALB_DTYPE_NONE},
    {"torch.nn.parameter", "Parameter", make_parameter, ALB_DTYPE_NONE},
    {"torch", "Size", make_size, ALB_DTYPE_NONE},
    {"torch", "FloatStorage", NULL, ALB_F32},
    {"torch", "DoubleStorage", NULL, ALB_F64},
    {"torch", "HalfStorage", NULL, ALB_F16},
    {"torch", "BFloat16Storage", NULL, ALB_BF16},
    {"torch", "LongStorage", NULL, ALB_I64},
    {"torch", "IntStorage", NULL, ALB_I32},
    {"torch", "ShortStorage", NULL, ALB_I16},
    {"torch", "CharStorage", NULL, ALB_I8},
    {"torch", "ByteStorage", NULL, ALB_U8},
    {"torch", "BoolStorage", NULL, ALB_BOOL},
};

alb_status alb_pickle_global(alb_pickle_machine *m, alb_str module, alb_str name, alb_pickle_value **out) {
  for (size_t i = 0; i < sizeof globals / sizeof globals[0]; i++) {
    if (!alb_str_is(module, globals[i].module) || !alb_str_is(name, globals[i].name)) continue;
    ALB_TRY(alb_pickle_new(m, ALB_PICKLE_GLOBAL, out));
    (*out)->global = &globals[i];
    return ALB_OK;
  }
  return alb_fail(m->diag, ALB_UNSUPPORTED,
                  "pickle: names %.*s.%.*s, which weights do not need: only state dicts are read, and nothing in a "
                  "pickle is ever run (offset %zu)",
                  ALB_STR_ARGS(module), ALB_STR_ARGS(name), m->offset);
}

alb_status alb_pickle_reduce(alb_pickle_machine *m, const alb_pickle_value *callable, const alb_pickle_value *args,
                             alb_pickle_value **out) {
  if (callable->global->call) return callable->global->call(m, args, out);
  return alb_pickle_wrong(m, ALB_MALFORMED, "a type of storage is called");
}

/* The storage of a key: one, whoever refers to it. */
static alb_status intern(alb_pickle_machine *m, const alb_pickle_storage *seen, alb_pickle_storage **out) {
  size_t index;
  bool inserted;
  if (!alb_strmap_add(&m->pickle->keys, seen->key, &index, &inserted)) return alb_fail_memory(m->diag, 64, "a storage");
  if (!inserted) {
    *out = m->pickle->storages.items[index];
    if ((*out)->dtype == seen->dtype && (*out)->elements == seen->elements) return ALB_OK;
    return alb_fail(m->diag, ALB_MALFORMED, "pickle: storage %.*s is described twice, in two ways (offset %zu)",
                    ALB_STR_ARGS(seen->key), m->offset);
  }
  ALB_TRY(alb_pickle_charge(m, STORAGE_COST));
  *out = ALB_NEW(&m->pickle->arena, alb_pickle_storage);
  if (!*out || !alb_vec_push(&m->pickle->storages, *out)) return alb_fail_memory(m->diag, sizeof **out, "a storage");
  **out = *seen;
  return ALB_OK;
}

static bool is_key(alb_str key) {
  if (key.n == 0 || key.n > KEY_DIGITS) return false;
  for (size_t i = 0; i < key.n; i++) {
    if (key.p[i] < '0' || key.p[i] > '9') return false;
  }
  return true;
}

/* A sixth part is that of a storage which views another, written before version 0.4. */
alb_status alb_pickle_persistent(alb_pickle_machine *m, const alb_pickle_value *id, alb_pickle_value **out) {
  const alb_pickle_value *const *part = (const alb_pickle_value *const *)id->tuple.items;
  const size_t n = id->tag == ALB_PICKLE_TUPLE ? id->tuple.count : 0;
  if ((n != 5 && n != 6) || part[0]->tag != ALB_PICKLE_STR || !alb_str_is(part[0]->text, "storage") ||
      part[1]->tag != ALB_PICKLE_GLOBAL || part[1]->global->dtype == ALB_DTYPE_NONE || part[2]->tag != ALB_PICKLE_STR ||
      part[3]->tag != ALB_PICKLE_STR || part[4]->tag != ALB_PICKLE_INT) {
    return alb_pickle_wrong(m, ALB_MALFORMED, "is not a storage's type, key, device and number of elements");
  }
  if (!is_key(part[2]->text)) return alb_pickle_wrong(m, ALB_MALFORMED, "a storage's key is not a number");
  if (part[4]->integer < 0 || (uint64_t)part[4]->integer > ALB_MAX_DIM) {
    return alb_pickle_wrong(m, ALB_MALFORMED, "a storage's number of elements is not from 0 to 2^48");
  }
  if (n == 6 && part[5]->tag != ALB_PICKLE_NONE) {
    return alb_pickle_wrong(m, ALB_UNSUPPORTED, "a storage that views another");
  }
  const alb_pickle_storage seen = {
      .key = part[2]->text, .dtype = part[1]->global->dtype, .elements = (uint64_t)part[4]->integer};
  ALB_TRY(alb_pickle_new(m, ALB_PICKLE_STORAGE, out));
  return intern(m, &seen, &(*out)->storage);
}
