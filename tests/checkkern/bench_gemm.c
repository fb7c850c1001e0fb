/* Times of the matrix products at the shapes of real encoders: those of the table GEMM_SHAPES. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "checkkern.h"

#ifndef GEMM_SHAPES
#define GEMM_SHAPES "gemm_shapes.def"
#endif

static const struct {
  size_t m, n, k;
  alb_activation activation;
} shapes[] = {
#include GEMM_SHAPES
};

static void describe(size_t i, char out[40]) {
  (void)snprintf(out, 40, "%zux%zux%zu %s", shapes[i].m, shapes[i].n, shapes[i].k,
                 shapes[i].activation ? alb_activation_name(shapes[i].activation) : "");
}

static void *filled(size_t bytes) {
  void *p = aligned_alloc(ALB_KERNEL_ALIGN, (bytes + ALB_KERNEL_ALIGN - 1) / ALB_KERNEL_ALIGN * ALB_KERNEL_ALIGN);
  if (!p) exit(2);
  memset(p, 0, bytes);
  return p;
}

static float *random_array(check *c, size_t n) {
  float *p = filled(n * sizeof *p);
  random_floats(c, p, n, 0.1f);
  return p;
}

/* Weights, once or (--cold) so often that none is in a cache when its turn comes, as in a whole model. */
enum { COLD_BYTES = 96 << 20 };

typedef struct job {
  const alb_kernels *kernels;
  alb_gemm_f32 f32;
  alb_gemm_s8 s8;
  alb_gemm_intn intn;
  void (*run_intn)(const alb_gemm_intn *);
  char *weights; /* [copies][bytes] */
  size_t bytes, copies, turn;
} job;

static void make_copies(check *c, job *j, void *weights, size_t bytes) {
  j->bytes = bytes;
  j->copies = c->cold ? COLD_BYTES / bytes + 1 : 1;
  j->weights = filled(bytes * j->copies);
  for (size_t i = 0; i < j->copies; i++) memcpy(j->weights + i * bytes, weights, bytes);
  free(weights);
}

static const void *next_weights(job *j) {
  j->turn = (j->turn + 1) % j->copies;
  return j->weights + j->turn * j->bytes;
}

static void run_f32(void *context) {
  job *j = context;
  j->f32.packed = next_weights(j);
  j->kernels->gemm_f32(&j->f32);
}

static void run_s8(void *context) {
  job *j = context;
  j->s8.packed = next_weights(j);
  j->kernels->gemm_s8(&j->s8);
}

static void run_intn(void *context) {
  job *j = context;
  j->intn.packed = next_weights(j);
  j->run_intn(&j->intn);
}

void bench_gemm_f32(check *c) {
  for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
    const size_t m = shapes[i].m, n = shapes[i].n, k = shapes[i].k, elements = (n + 15) / 16 * 16 * k;
    float *a = random_array(c, m * k), *bias = random_array(c, n), *out = random_array(c, m * n);
    job j = {.kernels = c->test,
             .f32 = {.a = a,
                     .bias = bias,
                     .c = out,
                     .lda = k,
                     .ldc = n,
                     .m = m,
                     .n = n,
                     .k = k,
                     .n1 = n,
                     .activation = shapes[i].activation}};
    make_copies(c, &j, random_array(c, elements), elements * sizeof *a);
    char name[40];
    describe(i, name);
    report_rate(c, name, least_seconds(run_f32, &j), 2.0 * (double)(m * n * k), 0);
    free(a), free(j.weights), free(bias), free(out);
  }
}

void bench_gemm_s8(check *c) {
  for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
    const size_t m = shapes[i].m, n = shapes[i].n, k = shapes[i].k, stride = alb_s8_stride(k);
    const size_t bytes = (n + 15) / 16 * alb_s8_panel_bytes(k);
    uint8_t *a = filled(m * stride);
    int8_t *packed = filled(bytes);
    random_u8(c, a, m * stride);
    random_s8(c, packed, n * stride);
    float *ranges = random_array(c, 2 * m * alb_s8_groups(k)), *w_scales = random_array(c, n),
          *out = random_array(c, m * n);
    job j = {.kernels = c->test,
             .s8 = {.a = a,
                    .a_range = (const alb_range *)(const void *)ranges,
                    .w_scale = w_scales,
                    .bias = w_scales,
                    .c = out,
                    .lda = stride,
                    .ldc = n,
                    .m = m,
                    .n = n,
                    .k = k,
                    .n1 = n,
                    .activation = shapes[i].activation}};
    make_copies(c, &j, packed, bytes);
    char name[40];
    describe(i, name);
    report_rate(c, name, least_seconds(run_s8, &j), 2.0 * (double)(m * n * k), 0);
    free(a), free(j.weights), free(ranges), free(w_scales), free(out);
  }
}

static void bench_intn(check *c, unsigned bits, void (*run)(const alb_gemm_intn *)) {
  for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
    const size_t m = shapes[i].m, n = shapes[i].n, k = shapes[i].k, stride = alb_s8_stride(k);
    const size_t bytes = (n + 15) / 16 * alb_intn_panel_bytes(bits, k);
    uint8_t *a = filled(m * stride);
    random_u8(c, a, m * stride);
    float *ranges = random_array(c, 2 * m * alb_s8_groups(k)), *bias = random_array(c, n),
          *out = random_array(c, m * n);
    job j = {.kernels = c->test,
             .run_intn = run,
             .intn = {.a = a,
                      .a_range = (const alb_range *)(const void *)ranges,
                      .bias = bias,
                      .c = out,
                      .lda = stride,
                      .ldc = n,
                      .m = m,
                      .n = n,
                      .k = k,
                      .n1 = n,
                      .activation = shapes[i].activation}};
    make_copies(c, &j, filled(bytes), bytes);
    char name[40];
    describe(i, name);
    report_rate(c, name, least_seconds(run_intn, &j), 2.0 * (double)(m * n * k), 0);
    free(a), free(j.weights), free(ranges), free(bias), free(out);
  }
}

void bench_gemm_s4(check *c) {
  bench_intn(c, 4, c->test->gemm_s4);
}

void bench_gemm_s6(check *c) {
  bench_intn(c, 6, c->test->gemm_s6);
}
