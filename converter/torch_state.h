/* From what a PyTorch pickle describes to tensors of a source; for both containers. */
#ifndef ALB_CONVERTER_TORCH_STATE_H
#define ALB_CONVERTER_TORCH_STATE_H

#include "converter/source.h"
#include "converter/unpickle.h"

/* How the bytes of storages are had. */
typedef struct alb_torch_bytes {
  /* Sets storage->bytes (elements * size of its dtype, checked) and storage->loaded. Not called for a storage that is
   * loaded, nor for one that no weight looks at. */
  alb_status (*load)(alb_diag *diag, void *context, alb_pickle_storage *storage);
  void *context;
  bool big_endian;
} alb_torch_bytes;

/* Finds the state dict (the root, or what stands under "state_dict", "model_state_dict", "model" or "module" in it, or
 * its parts when it is a dict of state dicts, whose names get the part's before them) and adds its tensors to the
 * source. Values that are no tensors, and whatever stands beside the state dict, are passed over. Contiguous
 * little-endian tensors borrow the storage's bytes; others are copied to source->spill. Errors: ALB_UNSUPPORTED when
 * there is no state dict, or a tensor has elements that lie over one another; ALB_MALFORMED for a view that leaves its
 * storage; those of alb_tensors_add. */
alb_status alb_torch_add_tensors(alb_diag *diag, alb_source *source, const alb_pickle *pickle,
                                 const alb_torch_bytes *bytes);

/* Makes *out the elements of a tensor in C order: of its storage when they lie there so, else copied. name: for
 * messages. */
alb_status alb_torch_view(alb_diag *diag, alb_spill *spill, const alb_torch_bytes *bytes, alb_str name,
                          const alb_pickle_tensor *tensor, alb_span *out);

#endif
