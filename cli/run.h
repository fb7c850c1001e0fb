/* What the commands of albert-run share: options, the open model, and how they write. */
#ifndef ALB_CLI_RUN_H
#define ALB_CLI_RUN_H

#include "albert.h"
#include "base/status.h"
#include "cli/json_out.h"
#include "cli/run_ids.h"
#include "cli/run_input.h"

typedef struct alb_run_options {
  bool json, ids, pairs, logits, no_verify;
  unsigned quiet, verbose;
  const char *format; /* "json" or "npy" */
  const char *lengths;
  const char *bench_texts;             /* NULL: bench measures the model */
  size_t threads, batch_tokens, top_k; /* top_k 0: what the command takes by itself */
  double seconds;
} alb_run_options;

/* One command on one model. */
typedef struct alb_runner {
  alb_run_options options;
  const char *path; /* of the model */
  char **texts;     /* the operands after the model, borrowed */
  size_t text_count;
  const char *query; /* rerank: stands before every text; else NULL */
  alb_model *model;
  alb_model_info info;
  alb_session *session;
  double load_ms;    /* what opening took */
  double own_rss_mb; /* bench: resident memory before it */
  FILE *out;         /* standard output */
} alb_runner;

typedef alb_status alb_run_command(alb_diag *diag, alb_runner *runner);

#define ALB_TASK(id, name, operands, function, help) alb_run_command function;
#define ALB_TASK_LATER(id, name, operands)
#include "cli/run_tasks.def"
#undef ALB_TASK
#undef ALB_TASK_LATER

/* The next batch of texts or --ids lines as packed sequences; ids->lengths.count is 0 at the end.
 * Messages name the line. */
alb_status alb_run_sequences(alb_diag *diag, alb_runner *runner, alb_input *input, alb_ids *ids);

/* Room for rows * width floats in *values, which is freed and made anew when it is too small. */
alb_status alb_run_room(alb_diag *diag, size_t rows, size_t width, float **values, size_t *capacity);

/* Width of an output; ALB_UNSUPPORTED when the model does not have it. */
alb_status alb_run_width(alb_diag *diag, const alb_runner *runner, const char *output, size_t *width);

/* The same with a message that names the head in words. */
alb_status alb_run_head(alb_diag *diag, const alb_runner *runner, const char *output, const char *words, size_t *width);

/* ALB_UNSUPPORTED when there is no tokenizer and no --ids. */
alb_status alb_run_need_texts(alb_diag *diag, const alb_runner *runner);

/* Does the command give logits, and not what they mean? */
bool alb_run_wants_logits(const alb_runner *runner);

/* Writes the logits of a head for all texts, a row for each text or for each token. (run_vectors.c) */
alb_status alb_run_logits(alb_diag *diag, alb_runner *runner, const char *output, bool by_token);

/* bench --texts: the tokenizer alone. (run_bench_texts.c) */
alb_status alb_run_bench_texts(alb_diag *diag, alb_runner *runner);

/* Resident memory now, from the kernel's page counts; 0 where it does not say. (run_bench.c) */
double alb_run_resident_mb(void);

/* What scores are sorted by: NaN stands last. */
float alb_run_order(float score);

/* "truncated":true in an object of a reply to a text that was cut; nothing else has the member. */
void alb_run_put_truncated(alb_json *json, bool truncated);

/* Records what the library reports. */
alb_status alb_run_fail(alb_diag *diag, alb_status status, const alb_error *error);

/* Sends what was written so far; a full disk or a closed pipe is an error: ALB_IO. */
alb_status alb_run_flush(alb_diag *diag, FILE *out);

/* A line on standard error, unless -q was given. */
void alb_run_note(const alb_runner *runner, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
