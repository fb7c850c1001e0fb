/* Status codes shared by the runtime library and the converter. */
#ifndef ALBERT_STATUS_H
#define ALBERT_STATUS_H

/* Marks what the shared library exports. */
#if defined(__GNUC__)
#define ALB_API __attribute__((visibility("default")))
#else
#define ALB_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

typedef enum alb_status {
#define ALB_STATUS(name, value, text) ALB_##name = (value),
#include "albert_status.def"
#undef ALB_STATUS
} alb_status;

/* The name ("MALFORMED") and a short text ("malformed input") of a status; never NULL. */
ALB_API const char *alb_status_name(alb_status status);
ALB_API const char *alb_status_text(alb_status status);

/* The exit code (0..6) that the programs give for a status. */
ALB_API int alb_status_exit_code(alb_status status);

#ifdef __cplusplus
}
#endif
#endif
