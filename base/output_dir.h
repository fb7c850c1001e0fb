/* Writing a folder so that it is there whole or not at all. */
#ifndef ALB_BASE_OUTPUT_DIR_H
#define ALB_BASE_OUTPUT_DIR_H

#include <stdbool.h>

#include "base/span.h"
#include "base/status.h"

/* A folder that is being filled beside its place: see alb_output_dir_commit. */
typedef struct alb_output_dir {
  int fd;                 /* of the temporary folder, locked */
  char *path, *temp_path; /* owned; temp_path is NULL once the folder is in its place */
  bool replace;
} alb_output_dir;

/* Whether a folder may be written at `path` (a "/" at its end is no matter): nothing there, an empty folder, or,
 * with `replace`, a folder whose every entry may_go says may be lost (NULL: none). Else ALB_EXISTS. */
alb_status alb_output_dir_check(alb_diag *diag, const char *path, bool replace, bool (*may_go)(const char *name));

/* Starts a folder; the same check first. Nothing is visible at `path` before commit. */
alb_status alb_output_dir_open(alb_diag *diag, const char *path, bool replace, bool (*may_go)(const char *name),
                               alb_output_dir *out);
/* Makes a folder in it. */
alb_status alb_output_dir_folder(alb_diag *diag, alb_output_dir *out, const char *name);
/* The path of a file in it, to be written there; the caller frees it. NULL: out of memory. */
char *alb_output_dir_path(const alb_output_dir *out, const char *name);
/* Writes a whole small file in it. */
alb_status alb_output_dir_file(alb_diag *diag, alb_output_dir *out, const char *name, alb_span bytes);
/* Syncs, puts the folder in its place at once (an old one is exchanged and then removed), syncs the folder around
 * it. After success or failure `out` is spent. */
alb_status alb_output_dir_commit(alb_diag *diag, alb_output_dir *out);
/* Drops the folder; nothing is left. Harmless after commit and after a failed open. */
void alb_output_dir_abort(alb_output_dir *out);

#endif
