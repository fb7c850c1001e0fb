/* A small model file that uses everything the format has; for tests. */
#ifndef ALB_TESTS_TINY_MODEL_H
#define ALB_TESTS_TINY_MODEL_H

#include "alb.pb-c.h"
#include "base/arena.h"
#include "format/writer.h"

enum { TINY_BLOBS = 6, TINY_TOKENS = 8 };

extern const alb_str tiny_tokens[TINY_TOKENS];

/* The bytes of blob `id` and its element width; borrowed, static. */
alb_span tiny_blob(size_t id, uint32_t *width);

/* A valid manifest over these blobs; lives in the arena. Tests change it at will. */
Alb__Manifest *tiny_manifest(alb_arena *arena);

/* Writes blobs, manifest and vocabulary to a writer, everything but commit. */
alb_status tiny_write(alb_diag *diag, alb_writer *writer, const Alb__Manifest *manifest, bool compress);

/* Writes a file at path, replacing it. */
alb_status tiny_file(alb_diag *diag, const char *path, const Alb__Manifest *manifest, bool compress);

/* A fresh folder below the system's temporary folder; the caller's to free and remove. */
char *tiny_folder(void);
void tiny_remove_folder(char *folder); /* with the files in it; frees the name */
char *tiny_path(alb_arena *arena, const char *folder, const char *name);

#endif
