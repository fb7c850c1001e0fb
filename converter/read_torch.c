/* PyTorch's files since version 1.6: a zip archive NAME/data.pkl, NAME/data/KEY for each storage, NAME/byteorder. */
#include <stdio.h>

#include "converter/reader.h"
#include "converter/torch_state.h"
#include "converter/zip.h"

enum { MAX_PICKLE = 64 << 20, MAX_ROOT = 400, MAX_ENTRY_NAME = 480, MAX_BYTEORDER = 16 };

alb_probe alb_probe_torch(alb_span head) {
  return head.n >= 4 && memcmp(head.p, "PK\3\4", 4) == 0 ? ALB_PROBE_YES : ALB_PROBE_NO;
}

typedef struct torch_zip {
  alb_zip zip;
  alb_source *source;
  alb_str root; /* NAME */
} torch_zip;

/* The entry NAME/`name`, or NULL. */
static const alb_zip_entry *find_entry(const torch_zip *t, const char *folder, alb_str name) {
  char text[MAX_ENTRY_NAME];
  const int n = snprintf(text, sizeof text, "%.*s/%s%.*s", (int)t->root.n, t->root.p, folder, (int)name.n, name.p);
  return n > 0 && (size_t)n < sizeof text ? alb_zip_find(&t->zip, (alb_str){text, (size_t)n}) : NULL;
}

/* The archive's one folder with a data.pkl. */
static alb_status find_root(alb_diag *diag, torch_zip *t) {
  const alb_str end = ALB_STR("/data.pkl");
  for (size_t i = 0; i < t->zip.entries.count; i++) {
    const alb_str name = t->zip.entries.items[i].name;
    if (!alb_str_ends(name, end) || memchr(name.p, '/', name.n - end.n)) continue;
    if (t->root.n) return alb_fail(diag, ALB_DUPLICATE, "PyTorch: two files data.pkl in the archive");
    t->root = (alb_str){name.p, name.n - end.n};
  }
  if (t->root.n == 0) {
    return alb_fail(diag, ALB_UNSUPPORTED, "is a zip archive without NAME/data.pkl: not one that PyTorch wrote");
  }
  if (t->root.n > MAX_ROOT) return alb_fail(diag, ALB_LIMIT, "PyTorch: the archive's folder has a very long name");
  if (!find_entry(t, "", ALB_STR("constants.pkl"))) return ALB_OK;
  return alb_fail(diag, ALB_UNSUPPORTED, "is a TorchScript archive: save the model's state_dict instead");
}

/* The content of an entry: in the file, or inflated to the source's spill. */
static alb_status content_of(alb_diag *diag, torch_zip *t, const alb_zip_entry *e, alb_span *out) {
  uint8_t *bytes;
  if (e->method == ALB_ZIP_STORED) return alb_zip_borrow(diag, &t->zip, e, out);
  ALB_TRY(alb_spill_alloc(diag, &t->source->spill, (size_t)e->size, &bytes));
  *out = (alb_span){bytes, (size_t)e->size};
  const alb_status status = alb_zip_extract(diag, &t->zip, e, bytes);
  alb_file_release(*out);
  return status;
}

static alb_status load_storage(alb_diag *diag, void *context, alb_pickle_storage *storage) {
  torch_zip *t = context;
  const alb_zip_entry *e = find_entry(t, "data/", storage->key);
  const uint64_t size = storage->elements * alb_dtype_bytes(storage->dtype); /* elements are below 2^49 */
  if (!e) {
    return alb_fail(diag, ALB_MISSING, "storage %.*s is not in the archive", ALB_STR_ARGS(storage->key));
  }
  if (e->size != size) {
    return alb_fail(diag, ALB_MALFORMED, "storage %.*s: %llu elements of %s need %llu bytes, found %llu",
                    ALB_STR_ARGS(storage->key), (unsigned long long)storage->elements, alb_dtype_name(storage->dtype),
                    (unsigned long long)size, (unsigned long long)e->size);
  }
  ALB_TRY(content_of(diag, t, e, &storage->bytes));
  storage->loaded = true;
  return ALB_OK;
}

/* Archives without it are of little-endian machines. */
static alb_status read_byteorder(alb_diag *diag, torch_zip *t, bool *big) {
  const alb_zip_entry *e = find_entry(t, "", ALB_STR("byteorder"));
  uint8_t bytes[MAX_BYTEORDER];
  *big = false;
  if (!e) return ALB_OK;
  if (e->size > sizeof bytes) return alb_fail(diag, ALB_LIMIT, "byteorder has %llu bytes", (unsigned long long)e->size);
  ALB_TRY(alb_zip_extract(diag, &t->zip, e, bytes));
  const alb_str text = {(const char *)bytes, (size_t)e->size};
  *big = alb_str_is(text, "big");
  if (*big || alb_str_is(text, "little")) return ALB_OK;
  return alb_fail(diag, ALB_MALFORMED, "byteorder is \"%.*s\", allowed: little, big", ALB_STR_ARGS(text));
}

static alb_status add_tensors(alb_diag *diag, torch_zip *t, alb_span bytes) {
  alb_pickle pickle;
  alb_torch_bytes storages = {.load = load_storage, .context = t};
  ALB_TRY(read_byteorder(diag, t, &storages.big_endian));
  ALB_TRY(alb_unpickle(diag, bytes, &pickle));
  const alb_status status =
      pickle.size == bytes.n ? alb_torch_add_tensors(diag, t->source, &pickle, &storages)
                             : alb_fail(diag, ALB_MALFORMED, "pickle: %zu bytes follow its end", bytes.n - pickle.size);
  alb_pickle_free(&pickle);
  return status;
}

static alb_status read_archive(alb_diag *diag, torch_zip *t) {
  alb_span bytes;
  ALB_TRY(find_root(diag, t));
  const alb_zip_entry *e = find_entry(t, "", ALB_STR("data.pkl"));
  if (e->size > MAX_PICKLE) return alb_fail(diag, ALB_LIMIT, "data.pkl has more than %d bytes", MAX_PICKLE);
  ALB_TRY(content_of(diag, t, e, &bytes));
  return add_tensors(diag, t, bytes);
}

alb_status alb_read_torch(alb_diag *diag, alb_source *source, const alb_file *file) {
  torch_zip t = {.source = source};
  ALB_TRY(alb_zip_open(diag, file->bytes, &t.zip));
  const alb_status status = read_archive(diag, &t);
  alb_zip_free(&t.zip);
  return status;
}
