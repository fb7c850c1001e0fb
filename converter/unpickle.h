/* Pickles as PyTorch writes them (protocol 2), recognised, not run: what comes out is a tree of tagged descriptions.
 * Names of classes and functions are taken from a short list (unpickle_torch.c); everything else is refused by name.
 * https://docs.python.org/3/library/pickletools.html says what each opcode means. */
#ifndef ALB_CONVERTER_UNPICKLE_H
#define ALB_CONVERTER_UNPICKLE_H

#include "base/arena.h"
#include "base/dtype.h"
#include "base/span.h"
#include "base/status.h"
#include "base/strmap.h"
#include "base/vec.h"
#include "graph/tensors.h"

typedef enum alb_pickle_tag {
  ALB_PICKLE_NONE,
  ALB_PICKLE_BOOL,
  ALB_PICKLE_INT,
  ALB_PICKLE_OTHER, /* a float, or an integer above 64 bits: there, but of no use */
  ALB_PICKLE_STR,
  ALB_PICKLE_TUPLE,
  ALB_PICKLE_LIST,
  ALB_PICKLE_DICT,
  ALB_PICKLE_GLOBAL,
  ALB_PICKLE_STORAGE,
  ALB_PICKLE_TENSOR
} alb_pickle_tag;

typedef struct alb_pickle_value alb_pickle_value;

typedef struct alb_pickle_item {
  const alb_pickle_value *key, *value; /* lists: key is NULL */
  struct alb_pickle_item *next;
} alb_pickle_item;

/* A storage: elements that tensors look at. One for each key. */
typedef struct alb_pickle_storage {
  alb_str key; /* digits */
  alb_dtype dtype;
  uint64_t elements;
  bool loaded;     /* set with bytes by whoever finds them */
  alb_span bytes;  /* elements * size of dtype, little-endian unless the file says otherwise */
  uint64_t copied; /* bytes of tensors that were copied out of it */
} alb_pickle_storage;

/* A tensor as a view of a storage; offset and strides in elements. Whether it lies within is not checked yet. */
typedef struct alb_pickle_tensor {
  alb_pickle_storage *storage;
  uint64_t offset;
  size_t rank;
  uint64_t dims[ALB_MAX_RANK], strides[ALB_MAX_RANK];
} alb_pickle_tensor;

/* A list or dict has its items in their order, duplicate keys included. */
struct alb_pickle_value {
  uint8_t tag;   /* alb_pickle_tag */
  uint8_t depth; /* of nesting below it */
  bool complete; /* used by another value or again: nothing is added to it any more, so that none contains itself */
  bool ordered;  /* an OrderedDict */
  union {
    int64_t integer; /* BOOL, INT */
    alb_str text;    /* STR: in the pickle */
    struct {
      alb_pickle_value **items;
      size_t count;
    } tuple;
    struct {
      alb_pickle_item *first, *last;
      size_t count;
    } many; /* LIST, DICT */
    const struct alb_pickle_global *global;
    alb_pickle_storage *storage;
    const alb_pickle_tensor *tensor;
  };
};

/* What a pickle describes. alb_pickle_free at the end. */
typedef struct alb_pickle {
  alb_arena arena;
  const alb_pickle_value *root;
  size_t size;     /* bytes up to and with STOP */
  alb_strmap keys; /* of storages; the same order */
  ALB_VEC(alb_pickle_storage *) storages;
} alb_pickle;

/* Recognises the pickle at the beginning of bytes, which must outlive *out. Time and memory are linear in it. Errors:
 * ALB_TRUNCATED, ALB_MALFORMED (stack, memo, types), ALB_LIMIT (nesting, number of values), ALB_UNSUPPORTED (another
 * protocol, opcode or name). */
alb_status alb_unpickle(alb_diag *diag, alb_span bytes, alb_pickle *out);
void alb_pickle_free(alb_pickle *pickle);

/* The value of a key that is a string; NULL when it is not there. The last one counts, as in Python. */
const alb_pickle_value *alb_pickle_get(const alb_pickle_value *dict, const char *key);

#endif
