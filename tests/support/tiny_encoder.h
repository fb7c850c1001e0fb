/* Small encoders with made-up weights: the .alb file, and what it computes, in plain f64 C. */
#ifndef ALB_TESTS_TINY_ENCODER_H
#define ALB_TESTS_TINY_ENCODER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "alb.pb-c.h"
#include "base/arena.h"
#include "base/dtype.h"
#include "base/status.h"
#include "base/vec.h"
#include "base/vocabulary.h"

typedef struct enc_options {
  uint32_t layers, hidden, embedding, heads, intermediate, vocab, positions, offset, types;
  alb_dtype dtype;  /* of matrices and tables */
  alb_dtype tables; /* of tables; default: as dtype */
  bool shared;      /* one parameter set for all layers */
  bool fused;       /* merged qkv, add_norm, embed_norm, activation in the product */
  alb_activation activation;
  alb_pooling pooling;
  bool normalize, compress;
} enc_options;

typedef struct enc_tensor {
  size_t rows, columns; /* a vector has rows 0 */
  double *values;       /* as the file's bytes say */
} enc_tensor;

typedef struct enc_blob {
  void *bytes;
  size_t n;
  uint32_t width;
} enc_blob;

/* Start with enc_make; enc_free at the end. Tests may change the manifest before enc_write. */
typedef struct enc {
  alb_arena arena;
  enc_options options;
  Alb__Manifest *manifest;
  ALB_VEC(enc_tensor) tensors;
  ALB_VEC(enc_blob) blobs;
  uint32_t seed;
} enc;

extern const enc_options enc_small; /* 2 layers, hidden 24, embedding 16, f32, unfused */

void enc_make(enc *e, const enc_options *options);
alb_status enc_write(enc *e, alb_diag *diag, const char *path);
void enc_free(enc *e);

/* One sequence through the model: hidden[n][hidden]; then the heads on it. */
void enc_hidden(const enc *e, size_t n, const int32_t *ids, const int32_t *types, double *hidden);
void enc_embed(const enc *e, size_t n, const double *hidden, double *out);
void enc_mlm(const enc *e, const double *row, double *logits);

/* Ids and lengths that look random: n lengths of 1 .. longest. */
uint32_t enc_random(uint32_t *seed, uint32_t below);

#endif
