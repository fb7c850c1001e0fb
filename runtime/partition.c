/* Cutting a batch into parts of whole sequences, by the work that they take. */
#include "runtime/partition.h"

#include <string.h>

enum {
  LEAST_TOKENS = 64, /* fewer in a part: weights are read more often than their products take */
  MOST_THREADS = 64, /* of the simulated ones; more hardly differ */
};

static double sequence_cost(const alb_cost *cost, const size_t *starts, size_t i) {
  const double n = (double)(starts[i + 1] - starts[i]);
  return n * (cost->token + n * cost->pair);
}

static double range_cost(const alb_cost *cost, const size_t *starts, size_t first, size_t end) {
  double sum = 0;
  for (size_t i = first; i < end; i++) sum += sequence_cost(cost, starts, i);
  return sum;
}

/* The end of a part that begins at `first` and is to cost about `target`. */
static size_t part_end(const alb_cost *cost, const size_t *starts, size_t sequences, size_t first, size_t most,
                       double target, double *sum) {
  size_t end = first + 1;
  *sum = sequence_cost(cost, starts, first);
  for (; end < sequences; end++) {
    const double next = sequence_cost(cost, starts, end);
    if (starts[end + 1] - starts[first] > most) break;
    if (starts[end] - starts[first] >= LEAST_TOKENS && *sum + next / 2 > target) break;
    *sum += next;
  }
  return end;
}

size_t alb_partition(const alb_cost *cost, const size_t *starts, size_t sequences, size_t threads, size_t most,
                     size_t *parts) {
  double left = range_cost(cost, starts, 0, sequences), sum;
  size_t count = 0;
  for (size_t first = 0; first < sequences; left -= sum) {
    parts[count++] = first;
    first = part_end(cost, starts, sequences, first, most, left / (2.0 * (double)threads), &sum);
  }
  parts[count] = sequences;
  return count;
}

double alb_partition_balance(const alb_cost *cost, const size_t *starts, const size_t *parts, size_t count,
                             size_t threads) {
  double busy[MOST_THREADS] = {0}, total = 0, last = 0;
  if (threads > MOST_THREADS) threads = MOST_THREADS;
  for (size_t i = 0; i < count; i++) {
    size_t idle = 0;
    for (size_t t = 1; t < threads; t++) idle = busy[t] < busy[idle] ? t : idle;
    const double work = range_cost(cost, starts, parts[i], parts[i + 1]);
    busy[idle] += work;
    total += work;
    if (busy[idle] > last) last = busy[idle];
  }
  return last > 0 ? total / (last * (double)threads) : 1;
}
