/* ONNX to ONNX: equal constants stored once, in any graph, recognised or not.
 *
 *   initializers a, b (equal bytes)                    initializer a
 *   c = Constant(the same)                      -->    d = Add(x, a)  e = Mul(d, a)  f = Mul(e, a)
 *   d = Add(x, a)  e = Mul(d, b)  f = Mul(e, c)
 *
 * Works on the bytes of the file: whatever has no part in this is kept byte for byte. A constant keeps its name, and
 * stays, when the graph gives it as an output, when a subgraph or an annotation of quantisation names it, or when it is
 * the default of an input (from IR version 4 on; before, every initializer had to be an input, and its input goes
 * with it). Subgraphs and local functions are not changed. */
#ifndef ALB_CONVERTER_ONNX_DEDUP_H
#define ALB_CONVERTER_ONNX_DEDUP_H

#include "base/span.h"
#include "base/status.h"

/* Of the main graph: initializers and Constant nodes that hold a tensor. */
typedef struct alb_onnx_dedup_report {
  size_t constants_before, constants_after;
  uint64_t bytes_before, bytes_after; /* of the files */
} alb_onnx_dedup_report;

/* Reads the file's bytes, at any alignment, and writes out_path, whole or not at all; out_path NULL: only the report.
 * Errors: ALB_MALFORMED, ALB_TRUNCATED, ALB_DUPLICATE (two constants of one name), ALB_UNSUPPORTED (external data,
 * training), ALB_EXISTS, ALB_IO, ALB_MEMORY. */
alb_status alb_onnx_dedup_bytes(alb_diag *diag, alb_span bytes, const char *out_path, bool replace,
                                alb_onnx_dedup_report *report);
/* The same for a file. */
alb_status alb_onnx_dedup(alb_diag *diag, const char *in_path, const char *out_path, bool replace,
                          alb_onnx_dedup_report *report);

#endif
