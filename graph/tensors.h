/* Tensors as views of blobs. Sharing is: two tensors name the same blob.
 *
 * A blob is unique bytes. It is either bytes of a mapped source file, or a recipe that makes its
 * bytes from other blobs when they are asked for; nothing is copied or computed before that. */
#ifndef ALB_GRAPH_TENSORS_H
#define ALB_GRAPH_TENSORS_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/dtype.h"
#include "base/hash.h"
#include "base/span.h"
#include "base/spill.h"
#include "base/status.h"
#include "base/strmap.h"
#include "base/vec.h"

enum { ALB_MAX_RANK = 8 };
#define ALB_MAX_DIM ((uint64_t)1 << 48)
#define ALB_NO_BLOB UINT32_MAX

/* How a blob's bytes come to be. Inputs are ids of earlier blobs. */
typedef enum alb_blob_kind {
#define ALB_BLOB_KIND(id, name) ALB_BLOB_##id,
#include "graph/blob_kind.def"
#undef ALB_BLOB_KIND
  ALB_BLOB_KIND_COUNT
} alb_blob_kind;

typedef struct alb_blob {
  alb_blob_kind kind;
  alb_dtype dtype;
  uint64_t elements;      /* of int4 to int6 without those that fill the rows' last groups */
  uint64_t rows, columns; /* TRANSPOSE, QUANT, SCALE, WIDE, RESIDUAL: the shape of inputs[0]; COPY: rows = number of the
                             copy; PART: rows = the first element */
  alb_dtype of;           /* SCALE: the type of QUANT's elements; NONE: int8 */
  alb_span bytes;         /* kind BYTES */
  const uint32_t *inputs; /* other kinds; in the table's arena */
  size_t input_count;
  bool hashed;
  alb_hash128 hash; /* of the bytes, when hashed */
} alb_blob;

typedef struct alb_tensor {
  alb_str name; /* in the table's arena */
  alb_dtype dtype;
  size_t rank;
  uint64_t dims[ALB_MAX_RANK];
  uint32_t blob;
  uint32_t scale_blob; /* int8: f32 scale of each row; int4 to int6: f16 scale of each group; else ALB_NO_BLOB */
} alb_tensor;

/* Start with {0}; alb_tensors_free at the end. Borrows the mapped files, which must outlive it. */
typedef struct alb_tensors {
  alb_arena arena;
  ALB_VEC(alb_blob) blobs;
  ALB_VEC(alb_tensor) tensors;
  alb_strmap names;
  alb_spill made; /* bytes of blobs that no file holds */
  bool mapped;    /* source blobs lie in mapped files, whose pages may be given back after use */
} alb_tensors;

/* Number of elements of a shape; every dimension and every partial product is checked
 * (ALB_LIMIT, ALB_OVERFLOW). Rank 0 has one element. */
alb_status alb_shape_elements(alb_diag *diag, size_t rank, const uint64_t *dims, uint64_t *elements);

/* Adds a tensor over source bytes as a blob of its own. Errors: ALB_DUPLICATE for a name seen
 * before, ALB_SHAPE when the bytes are not elements * dtype size, ALB_LIMIT, ALB_MEMORY. */
alb_status alb_tensors_add(alb_diag *diag, alb_tensors *table, alb_str name, alb_dtype dtype, size_t rank,
                           const uint64_t *dims, alb_span bytes, uint32_t *id);
/* Adds a tensor over a blob that is there; dtype is the blob's. The name may be used already when
 * it is made by a pass: then a suffix makes it unique. */
alb_status alb_tensors_view(alb_diag *diag, alb_tensors *table, alb_str name, size_t rank, const uint64_t *dims,
                            uint32_t blob, uint32_t *id);
/* Adds source bytes as a blob without a tensor, to make recipes of: elements * dtype size bytes (ALB_SHAPE). */
alb_status alb_tensors_blob(alb_diag *diag, alb_tensors *table, alb_dtype dtype, uint64_t elements, alb_span bytes,
                            uint32_t *blob);
/* Adds a blob of f32 whose values the caller writes before anything else looks at it. They live as long as the table.
 */
alb_status alb_tensors_made(alb_diag *diag, alb_tensors *table, uint64_t elements, float **values, uint32_t *blob);
/* Adds blobs of int4, int5 or int6 and of its scales for a matrix whose codes and scales the caller writes, as
 * base/intn.h has them. */
alb_status alb_tensors_made_intn(alb_diag *diag, alb_tensors *table, alb_dtype dtype, uint64_t rows, uint64_t columns,
                                 uint8_t **codes, uint16_t **scales, uint32_t *blob, uint32_t *scale_blob);
/* Adds a recipe. An equal recipe (kind, dtype, inputs, shape) that is there already is returned. */
alb_status alb_tensors_recipe(alb_diag *diag, alb_tensors *table, const alb_blob *recipe, uint32_t *blob);

/* The same without looking for an equal one, in constant time: for readers, which may have very many. */
alb_status alb_tensors_new_recipe(alb_diag *diag, alb_tensors *table, const alb_blob *recipe, uint32_t *blob);
/* The transpose of a rows x columns blob; that of a transpose is what was transposed. */
alb_status alb_blob_transposed(alb_diag *diag, alb_tensors *table, uint32_t blob, uint64_t rows, uint64_t columns,
                               uint32_t *out);

/* The parts of a RESIDUAL: a base and two factors. */
typedef struct alb_residual {
  uint32_t base, base_scale; /* base_scale: ALB_NO_BLOB unless the base is quantised */
  uint32_t left, right;      /* [rows, rank] and [rank, columns], of one float type */
} alb_residual;

bool alb_blob_is_residual(const alb_tensors *table, uint32_t blob);
alb_residual alb_blob_residual(const alb_tensors *table, uint32_t blob); /* of a RESIDUAL */
/* The blob that is stored for this one: the base of a RESIDUAL, else the blob itself. */
uint32_t alb_blob_base(const alb_tensors *table, uint32_t blob);
/* The element type that a tensor is stored as: that of the base, where its blob is a RESIDUAL. */
alb_dtype alb_tensor_stored(const alb_tensors *table, uint32_t tensor);
/* The recipe of a RESIDUAL of rows x columns, to be added; `inputs` is room for its inputs. */
alb_blob alb_residual_recipe(const alb_residual *parts, uint64_t rows, uint64_t columns, uint32_t inputs[4]);

/* The id of the tensor of that name, or ALB_NO_TENSOR. */
uint32_t alb_tensors_find(const alb_tensors *table, alb_str name);
uint64_t alb_blob_bytes(const alb_tensors *table,
                        uint32_t blob); /* elements * dtype size; int4 to int6: of the groups */

/* Makes a blob's bytes in out (alb_blob_bytes long). Recipes run here, at most 8 deep. */
alb_status alb_blob_materialize(alb_diag *diag, const alb_tensors *table, uint32_t blob, void *out);
/* The hash of a blob's bytes; computed once, then remembered. */
alb_status alb_blob_hash(alb_diag *diag, alb_tensors *table, uint32_t blob, alb_hash128 *hash);
/* Makes a blob's elements as f32. Quantised blobs are refused. */
alb_status alb_blob_f32(alb_diag *diag, const alb_tensors *table, uint32_t blob, float *out);

/* Makes *to (empty before) a table with the same ids over the same source bytes, known hashes
 * included. Values that were made stay with `from`. */
alb_status alb_tensors_clone(alb_diag *diag, const alb_tensors *from, alb_tensors *to);

void alb_tensors_free(alb_tensors *table);

#endif
