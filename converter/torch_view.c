/* The elements of a tensor that PyTorch stored as a view of a storage: offset, sizes, strides. */
#include "converter/torch_state.h"

/* Of a storage, in all tensors that are no plain part of it; and bytes that are always allowed. */
enum { MAX_COPIES = 4, SMALL_BYTES = 1 << 16 };

static alb_status wrong(alb_diag *diag, alb_str name, alb_status status, const char *what) {
  return alb_fail(diag, status, "tensor \"%.*s\": %s", ALB_STR_ARGS(name), what);
}

/* The dimensions with more than one element, the smallest stride first. */
static size_t sorted_dims(const alb_pickle_tensor *t, size_t order[ALB_MAX_RANK]) {
  size_t n = 0;
  for (size_t i = 0; i < t->rank; i++) {
    if (t->dims[i] == 1) continue;
    size_t at = n++;
    for (; at > 0 && t->strides[order[at - 1]] > t->strides[i]; at--) order[at] = order[at - 1];
    order[at] = i;
  }
  return n;
}

/* Every element within the storage, and no two of them the same: each stride steps over all that lies within it. */
static alb_status check_view(alb_diag *diag, alb_str name, const alb_pickle_tensor *t) {
  size_t order[ALB_MAX_RANK];
  uint64_t reach = 0; /* from the first element to the last */
  const size_t n = sorted_dims(t, order);
  for (size_t i = 0; i < n; i++) {
    const uint64_t stride = t->strides[order[i]];
    uint64_t step;
    if (stride <= reach) return wrong(diag, name, ALB_UNSUPPORTED, "its elements lie over one another (expanded)");
    if (__builtin_mul_overflow(stride, t->dims[order[i]] - 1, &step) || __builtin_add_overflow(reach, step, &reach)) {
      return wrong(diag, name, ALB_OVERFLOW, "its strides overflow");
    }
  }
  if (t->offset < t->storage->elements && reach < t->storage->elements - t->offset) return ALB_OK;
  return alb_fail(diag, ALB_MALFORMED, "tensor \"%.*s\": leaves its storage of %llu elements", ALB_STR_ARGS(name),
                  (unsigned long long)t->storage->elements);
}

static bool is_contiguous(const alb_pickle_tensor *t) {
  uint64_t expected = 1;
  for (size_t i = t->rank; i-- > 0;) {
    if (t->dims[i] == 1) continue;
    if (t->strides[i] != expected) return false;
    expected *= t->dims[i]; /* within the storage: checked */
  }
  return true;
}

static void copy_element(uint8_t *to, const uint8_t *from, size_t width, bool swap) {
  for (size_t i = 0; i < width; i++) to[i] = from[swap ? width - 1 - i : i];
}

/* Copies the elements in C order. */
static void copy_strided(const alb_pickle_tensor *t, uint64_t elements, size_t width, bool swap, uint8_t *out) {
  uint64_t index[ALB_MAX_RANK] = {0}, at = t->offset;
  for (uint64_t k = 0; k < elements; k++) {
    copy_element(out + k * width, t->storage->bytes.p + at * width, width, swap);
    for (size_t d = t->rank; d-- > 0;) {
      at += t->strides[d];
      if (++index[d] < t->dims[d]) break;
      at -= t->strides[d] * t->dims[d];
      index[d] = 0;
    }
  }
}

alb_status alb_torch_view(alb_diag *diag, alb_spill *spill, const alb_torch_bytes *bytes, alb_str name,
                          const alb_pickle_tensor *tensor, alb_span *out) {
  alb_pickle_storage *storage = tensor->storage;
  const size_t width = alb_dtype_bytes(storage->dtype);
  uint64_t elements;
  uint8_t *copy;
  *out = (alb_span){(const uint8_t *)"", 0};
  ALB_TRY(alb_shape_elements(diag, tensor->rank, tensor->dims, &elements));
  if (elements == 0) return ALB_OK;
  ALB_TRY(check_view(diag, name, tensor));
  if (!storage->loaded) {
    if (!bytes->load) return wrong(diag, name, ALB_MISSING, "its storage is not in the file");
    ALB_TRY(bytes->load(diag, bytes->context, storage));
  }
  const size_t size = (size_t)(elements * width); /* at most the storage's */
  if (is_contiguous(tensor) && (!bytes->big_endian || width == 1)) {
    *out = (alb_span){storage->bytes.p + tensor->offset * width, size};
    return ALB_OK;
  }
  storage->copied += size;
  if (storage->copied > SMALL_BYTES && (storage->copied - SMALL_BYTES) / MAX_COPIES > storage->bytes.n) {
    return wrong(diag, name, ALB_LIMIT, "too many transposed or strided tensors look at its storage");
  }
  ALB_TRY(alb_spill_alloc(diag, spill, size, &copy));
  copy_strided(tensor, elements, width, bytes->big_endian, copy);
  *out = (alb_span){copy, size};
  alb_file_release(*out);
  alb_file_release(storage->bytes);
  return ALB_OK;
}
