/* Sums of products in f64 with AVX2. */
#if defined(__x86_64__)
#include "graph/products_vec.h"

const alb_products alb_products_avx2 = ALB_PRODUCTS;
#else
typedef int nothing;
#endif
