/* What the index of a TensorFlow checkpoint (a "tensor bundle") says: which tensors lie where. The messages are
 * those of tensorflow/core/protobuf/tensor_bundle.proto and tensorflow/core/framework/{tensor_shape,tensor_slice,
 * types,versions}.proto. */
#ifndef ALB_CONVERTER_TF_BUNDLE_H
#define ALB_CONVERTER_TF_BUNDLE_H

#include "graph/tensors.h"

#define ALB_TF_WHOLE UINT64_MAX /* length of an extent: all of the dimension */

/* A part of one dimension. */
typedef struct alb_tf_extent {
  uint64_t start, length;
} alb_tf_extent;

typedef struct alb_tf_entry {
  alb_str key;           /* in the bundle's arena */
  alb_dtype dtype;       /* ALB_DTYPE_NONE: of a type that is not read */
  uint32_t type;         /* tensorflow.DataType */
  uint32_t shard;        /* below bundle.shards */
  uint64_t offset, size; /* in the shard; offset + size does not overflow */
  uint32_t crc;          /* masked CRC32C of the bytes */
  uint8_t rank;          /* of the shape; 0 for types that are not read */
  uint64_t dims[ALB_MAX_RANK];
  size_t first_extent; /* in bundle.extents: slice_count times one for each dimension */
  size_t slice_count;  /* partitioned: the bytes are those of entries of their own */
} alb_tf_entry;

/* Start with {0}; alb_tf_bundle_free at the end. */
typedef struct alb_tf_bundle {
  alb_arena arena;
  uint32_t shards;
  ALB_VEC(alb_tf_entry) entries; /* by rising key */
  ALB_VEC(alb_tf_extent) extents;
  alb_strmap by_key; /* the same numbers as `entries` */
} alb_tf_bundle;

/* Reads an index file. Sizes fit shapes and types, shards are numbers of the header, and no two entries overlap;
 * whether the data files are long enough is for the caller to see. Errors as alb_tf_table_walk, and
 * ALB_VERSION, ALB_UNSUPPORTED (big-endian data, the first format of before TensorFlow 0.12), ALB_SHAPE. */
alb_status alb_tf_bundle_read(alb_diag *diag, alb_span file, alb_tf_bundle *out);

/* The entry of that key, or NULL. */
const alb_tf_entry *alb_tf_bundle_find(const alb_tf_bundle *bundle, alb_str key);

/* The keys of slices begin with a zero byte, those of tensors never do. */
static inline bool alb_tf_is_slice(const alb_tf_entry *entry) {
  return entry->key.n && entry->key.p[0] == '\0';
}

void alb_tf_bundle_free(alb_tf_bundle *bundle);

#endif
