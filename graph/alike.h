/* Which blobs can have equal bytes, so that only those are made and hashed. */
#ifndef ALB_GRAPH_ALIKE_H
#define ALB_GRAPH_ALIKE_H

#include "graph/tensors.h"

/* Is a blob source bytes, or those transposed, cut, joined, or all of it, as readers make them (a few deep, whatever
 * the file)? */
bool alb_blob_has_content(const alb_tensors *tensors, const alb_blob *blob);

/* Hashes the blobs with content that agree with another one in dtype, number of elements and some of the elements. Of
 * two blobs with content that are not both hashed afterwards the bytes differ. */
alb_status alb_tensors_hash_alike(alb_diag *diag, alb_tensors *tensors);

#endif
