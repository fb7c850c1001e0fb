/* Sums of products in f64 with AVX-512. */
#if defined(__x86_64__)
#define ALB_PRODUCT_TILE 4
#include "graph/products_vec.h"

const alb_products alb_products_avx512 = ALB_PRODUCTS;
#else
typedef int nothing;
#endif
