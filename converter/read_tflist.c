/* TensorFlow's list of checkpoints, a text file "checkpoint": which of a folder's checkpoints is the newest.
 *   model_checkpoint_path: "model.ckpt-100"
 * Its paths are of the machine that wrote them: only the last part counts, as a name inside the folder. */
#include "converter/reader.h"
#include "converter/tf_table.h"

enum { MAX_NAME = 240 };

static const alb_str key = {"model_checkpoint_path", 21};

static alb_str skip_space(alb_str text) {
  while (text.n && memchr(" \t\r\n", *text.p, 4)) text = (alb_str){text.p + 1, text.n - 1};
  return text;
}

alb_probe alb_probe_tflist(alb_span file) {
  const alb_str head = {(const char *)file.p, file.n < 4096 ? file.n : 4096};
  return alb_str_starts(skip_space(head), key) ? ALB_PROBE_YES : ALB_PROBE_NO;
}

/* The text between the quotes behind the key, without what stands before its last slash. */
static alb_status take_name(alb_diag *diag, alb_span file, alb_str *name) {
  alb_str text = skip_space((alb_str){(const char *)file.p, file.n});
  text = skip_space((alb_str){text.p + key.n, text.n - key.n});
  if (text.n && *text.p == ':') text = skip_space((alb_str){text.p + 1, text.n - 1});
  const char *end = text.n > 1 && *text.p == '"' ? memchr(text.p + 1, '"', text.n - 1) : NULL;
  if (!end) return alb_fail(diag, ALB_MALFORMED, "TensorFlow's list of checkpoints: no path in quotes");
  *name = (alb_str){text.p + 1, (size_t)(end - text.p) - 1};
  if (memchr(name->p, '\\', name->n) || memchr(name->p, 0, name->n)) {
    return alb_fail(diag, ALB_MALFORMED, "TensorFlow's list of checkpoints: a path with a backslash or NUL");
  }
  const char *slash = memrchr(name->p, '/', name->n);
  if (slash) *name = (alb_str){slash + 1, name->n - (size_t)(slash - name->p) - 1};
  const bool plain = name->n && name->n <= MAX_NAME && !alb_str_is(*name, ".") && !alb_str_is(*name, "..");
  return plain ? ALB_OK : alb_fail(diag, ALB_MALFORMED, "TensorFlow's list of checkpoints: no file's name");
}

alb_status alb_read_tflist(alb_diag *diag, alb_source *source, const alb_file *file) {
  alb_str name = {NULL, 0};
  size_t index;
  ALB_TRY(take_name(diag, file->bytes, &name));
  const char *index_name = alb_arena_printf(&source->arena, "%.*s.index", (int)name.n, name.p);
  if (!index_name) return alb_fail_memory(diag, name.n, "a file name");
  ALB_TRY(alb_source_map(diag, source, index_name, &index));
  if (!alb_tf_table_ends(source->files.items[index].file.bytes)) { /* so that no list leads to a list */
    return alb_fail(diag, ALB_MALFORMED, "%s: is not a TensorFlow checkpoint's index", index_name);
  }
  return alb_source_weights(diag, source, index_name);
}
