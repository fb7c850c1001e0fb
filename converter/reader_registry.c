/* Which reader takes a file, told by content; and names for the forms that none takes. */
#include <strings.h>

#include "converter/reader.h"

enum { PROBED = 4096 };

static const alb_source_reader readers[] = {
#define ALB_READER(id) {#id, alb_probe_##id, alb_read_##id},
#include "converter/readers.def"
#undef ALB_READER
};

/* What other files start with. Texts may stand behind white space and in either case. */
static const struct {
  alb_str magic;
  bool text;
  alb_status status;
  const char *what;
} known[] = {
#define MAGIC(literal) {literal, sizeof(literal) - 1}, false
#define TEXT(literal) {literal, sizeof(literal) - 1}, true
    {TEXT("version https://git-lfs"), ALB_MALFORMED,
     "is a Git LFS pointer: the weights themselves were not downloaded"},
    {TEXT("<!doctype"), ALB_MALFORMED, "looks like a web page: the download failed"},
    {TEXT("<html"), ALB_MALFORMED, "looks like a web page: the download failed"},
    {TEXT("<?xml"), ALB_MALFORMED, "looks like XML, not a checkpoint"},
    {TEXT("{\"error"), ALB_MALFORMED, "looks like a server's error message: the download failed"},
    {TEXT("{"), ALB_MALFORMED, "looks like JSON, but neither safetensors nor the index of shards"},
    {MAGIC("\x89"
           "ALB\r\n\x1a\n"),
     ALB_UNSUPPORTED, "an .alb file as a source is not supported yet"},
    {MAGIC("PK\x05\x06"), ALB_MALFORMED, "looks like an empty zip archive"},
    {MAGIC("\x89HDF\r\n\x1a\n"), ALB_UNSUPPORTED, "looks like HDF5 (Keras): not supported"},
    {MAGIC("\x1f\x8b"), ALB_UNSUPPORTED, "looks like gzip: decompress it first"},
    {MAGIC("BZh"), ALB_UNSUPPORTED, "looks like bzip2: decompress it first"},
    {MAGIC("\xfd"
           "7zXZ"),
     ALB_UNSUPPORTED, "looks like xz: decompress it first"},
    {MAGIC("\x28\xb5\x2f\xfd"), ALB_UNSUPPORTED, "looks like zstd: decompress it first"},
    {MAGIC("7z\xbc\xaf\x27\x1c"), ALB_UNSUPPORTED, "looks like 7z: unpack it first"},
    {MAGIC("\x93NUMPY"), ALB_UNSUPPORTED, "looks like a NumPy array: not supported"},
    {MAGIC("\x08\x01\x12"), ALB_UNSUPPORTED,
     "looks like a TensorFlow SavedModel: give the checkpoint inside it, variables/variables"},
    {MAGIC("\x08"), ALB_UNSUPPORTED, "looks like a protobuf that is no ONNX model: not supported"},
    {MAGIC("\x80"), ALB_UNSUPPORTED, "looks like a Python pickle, but not one that PyTorch wrote"},
#undef MAGIC
#undef TEXT
};

/* Forms that are told at another place than the beginning. */
static const alb_str tar_magic = {"ustar", 5};
enum { TAR_OFFSET = 257, SMALLEST = 10 };

static bool is_space(uint8_t c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static alb_span without_space(alb_span head) {
  while (head.n && is_space(*head.p)) head = (alb_span){head.p + 1, head.n - 1};
  return head;
}

static bool begins(alb_span head, alb_str magic, bool text) {
  if (text) head = without_space(head);
  if (head.n < magic.n) return false;
  return text ? strncasecmp((const char *)head.p, magic.p, magic.n) == 0 : memcmp(head.p, magic.p, magic.n) == 0;
}

/* Says what a file looks like that no reader takes; ALB_OK when it looks like nothing known. */
static alb_status name_form(alb_diag *diag, alb_span head) {
  for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
    if (begins(head, known[i].magic, known[i].text)) return alb_fail(diag, known[i].status, "%s", known[i].what);
  }
  if (head.n > TAR_OFFSET && begins((alb_span){head.p + TAR_OFFSET, head.n - TAR_OFFSET}, tar_magic, false)) {
    return alb_fail(diag, ALB_UNSUPPORTED, "looks like a tar archive: unpack it first");
  }
  return ALB_OK;
}

static const alb_source_reader *find_reader(alb_span file, alb_probe probe) {
  for (size_t i = 0; i < sizeof readers / sizeof readers[0]; i++) {
    if (readers[i].probe(file) == probe) return &readers[i];
  }
  return NULL;
}

bool alb_looks_like_json(alb_span bytes) {
  const alb_span head = {bytes.p, bytes.n < PROBED ? bytes.n : PROBED};
  return !find_reader(bytes, ALB_PROBE_YES) && begins(head, ALB_STR("{"), true);
}

alb_status alb_reader_dispatch(alb_diag *diag, alb_source *source, const alb_file *file) {
  const alb_span head = {file->bytes.p, file->bytes.n < PROBED ? file->bytes.n : PROBED};
  if (head.n == 0) return alb_fail(diag, ALB_TRUNCATED, "file is empty");
  const alb_source_reader *reader = find_reader(file->bytes, ALB_PROBE_YES);
  if (!reader) {
    ALB_TRY(name_form(diag, head));
    reader = find_reader(file->bytes, ALB_PROBE_MAYBE);
  }
  if (reader) source->form = reader->name;
  if (reader) return reader->read(diag, source, file);
  if (head.n >= SMALLEST)
    return alb_fail(diag, ALB_MALFORMED,
                    "not a checkpoint of a known form (safetensors, PyTorch, TensorFlow, GGUF, ONNX)");
  return alb_fail(diag, ALB_TRUNCATED, "file has %zu bytes, a checkpoint needs at least %d", head.n, SMALLEST);
}
