/* How wide vectors may be in code that is compiled once for each width. */
#ifndef ALB_BASE_WIDE_H
#define ALB_BASE_WIDE_H

/* Each can do what those before it can. The flags that code of a width is compiled with stand in cmake/isa.cmake. */
typedef enum alb_wide { ALB_WIDE_NONE, ALB_WIDE_AVX2, ALB_WIDE_AVX512, ALB_WIDE_COUNT } alb_wide;

/* The widest that this processor and operating system have. Cheap. */
alb_wide alb_wide_best(void);

#endif
