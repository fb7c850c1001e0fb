/* The manifest message of a package. */
#ifndef ALB_CONVERTER_MANIFEST_H
#define ALB_CONVERTER_MANIFEST_H

#include "converter/package.h"

/* How tensors and blobs are numbered in the file; borrowed. */
typedef struct alb_numbers {
  const uint32_t *tensor, *blob; /* by id in the tensor table */
  const uint32_t *tensors;       /* [tensor_count]: id in the tensor table, by number in the file */
  size_t tensor_count;
} alb_numbers;

/* Builds the message in `arena`; it borrows texts and messages of the package. */
alb_status alb_manifest_build(alb_diag *diag, alb_arena *arena, const alb_package *package, const alb_numbers *numbers,
                              Alb__Manifest **out);

#endif
