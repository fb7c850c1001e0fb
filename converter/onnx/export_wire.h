/* The parts of an ONNX file as bytes, in the order in which they stand: head, nodes, initializers, ports,
 * tail. Nodes, initializers and ports are the graph, whose size the head says. */
#ifndef ALB_CONVERTER_ONNX_EXPORT_WIRE_H
#define ALB_CONVERTER_ONNX_EXPORT_WIRE_H

#include "converter/onnx/export.h"
#include "converter/onnx/proto_out.h"

/* Each appends to p, whose `failed` says whether memory was to be had. */
void alb_export_wire_head(const alb_export *model, uint64_t graph, alb_proto *p);
void alb_export_wire_nodes(const alb_export *model, alb_proto *p);
void alb_export_wire_ports(const alb_export *model, alb_proto *p);
void alb_export_wire_tail(const alb_export *model, alb_proto *p);

/* An initializer up to its `bytes` bytes, which follow; or, with a location, all of it: the bytes are at
 * the offset of that file. */
void alb_export_wire_initializer(const alb_initializer *item, uint64_t bytes, const char *location, uint64_t offset,
                                 alb_proto *p);

#endif
