/* Fuzz target: JSON, strictly, and config.json. What is taken is within the bounds that the graph relies on. */
#include "converter/config.h"
#include "converter/json_strict.h"
#include "tests/fuzz/fuzz.h"

static void check(const alb_source_config *c) {
  const alb_encoder_config *e = &c->encoder;
  const bool sizes = e->hidden && e->embedding && e->heads && e->intermediate && e->vocab && e->max_positions &&
                     e->type_vocab && e->mlm_width;
  if (!sizes || e->hidden % e->heads || e->pad_id >= e->vocab || !(e->layer_norm_eps > 0)) abort();
  if (e->layers == 0 || e->layers > 1024 || e->layers != c->stated_layers * c->inner_layers) abort();
  if (c->groups == 0 || c->groups > c->stated_layers) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
  uint8_t *copy = fuzz_copy(data, n);
  json_t *json = NULL;
  alb_diag diag = {0};
  alb_source_config config;
  alb_status status = alb_json_load(&diag, (alb_span){copy, n}, &json);
  if (status == ALB_OK) {
    status = alb_config_read(&diag, json, &config);
    if (status == ALB_OK) check(&config);
  }
  if (status != ALB_OK && !diag.text) abort(); /* every refusal says why */
  json_decref(json);
  alb_diag_free(&diag);
  free(copy);
  return 0;
}
