/* Models made of a source to be looked at only: each is written to a folder under $TMPDIR, run by the runtime on texts,
 * and goes again. */
#ifndef ALB_CLI_PROBE_H
#define ALB_CLI_PROBE_H

#include "cli/embed_figures.h"
#include "cli/source_texts.h"
#include "converter/convert.h"

/* Everything before the folder is the caller's, and borrowed. */
typedef struct alb_probe {
  alb_diag *diag;
  alb_loaded *loaded;
  const alb_source_texts *texts;
  size_t threads; /* as --threads */
  char folder[512];
  size_t width;     /* of an embedding, once a model was run */
  float *reference; /* [texts, width]: of the source with nothing shared and nothing narrowed */
} alb_probe;

/* What a conversion made. */
typedef struct alb_probe_made {
  uint64_t bytes, blocks; /* of the file; of the layers' blocks among them */
  bool quantised, lossy;
  size_t layers;
} alb_probe_made;

/* Makes the folder; alb_probe_close also after a failure. */
alb_status alb_probe_open(alb_probe *probe);
void alb_probe_close(alb_probe *probe);

/* Writes folder/name.alb; the golden outputs, which are not looked at, are left out. */
alb_status alb_probe_make(const alb_probe *probe, const char *name, alb_convert_options options, alb_probe_made *out);
/* The same without writing or measuring anything: bytes only. */
alb_status alb_probe_count(const alb_probe *probe, alb_convert_options options, alb_probe_made *out);
/* Makes and runs the reference. */
alb_status alb_probe_reference(alb_probe *probe, const char *task, alb_probe_made *out);
/* Compares what a model made here gives of the first `count` texts with the reference. The model goes. */
alb_status alb_probe_compare(alb_probe *probe, const char *name, size_t count, alb_embed_figures *out);

#endif
