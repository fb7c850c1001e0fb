/* Figures of a conversion that its report, its JSON and its page share. */
#include <math.h>

#include "cli/convert_page.h"
#include "cli/inspect.h"

double alb_fold_change_moved(const alb_fold_change *change) {
  return sqrt(change->moved / (change->energy > 0 ? change->energy : 1));
}

double alb_fold_moved(const alb_fold_report *fold) {
  double moved = 0, energy = 0;
  for (size_t i = 0; i < fold->changes.count; i++) {
    moved += fold->changes.items[i].moved;
    energy += fold->changes.items[i].energy;
  }
  return energy > 0 ? sqrt(moved / energy) : 0;
}

double alb_fold_max_delta(const alb_fold_report *fold) {
  return fmax(fold->max_delta, fold->low_rank_delta);
}

static void json_parts(alb_json *json, const alb_conversion *c) {
  alb_json_key(json, "parts");
  alb_json_open(json, '{');
  for (int p = 0; p < ALB_MODEL_PARTS; p++) {
    alb_json_key(json, alb_model_part_name((alb_model_part)p));
    alb_json_open(json, '{');
    alb_json_key(json, "source_bytes");
    alb_json_int(json, (int64_t)c->parts_before[p]);
    alb_json_key(json, "bytes");
    if (c->parts_known)
      alb_json_int(json, (int64_t)c->parts[p]);
    else
      alb_json_null(json);
    alb_json_close(json, '}');
  }
  alb_json_close(json, '}');
}

static void json_map(alb_json *json, const char *key, const uint32_t *map, size_t layers) {
  alb_json_key(json, key);
  alb_json_open(json, '[');
  for (size_t l = 0; map && l < layers; l++) alb_json_int(json, map[l]);
  alb_json_close(json, ']');
}

static void json_similarity(alb_json *json, const alb_layer_signature *layers) {
  if (!layers) return;
  alb_json_key(json, "similarity");
  alb_json_open(json, '{');
  alb_json_key(json, "attention");
  alb_inspect_cosines_json(json, &layers->attention, layers->layers);
  alb_json_key(json, "ffn");
  alb_inspect_cosines_json(json, &layers->ffn, layers->layers);
  alb_json_close(json, '}');
}

void alb_convert_chart_json(alb_json *json, const alb_convert_report *report) {
  const alb_conversion *c = report->conversion;
  json_parts(json, c);
  json_map(json, "attention_set_of_layer", c->attention_map, c->layers);
  json_map(json, "ffn_set_of_layer", c->ffn_map, c->layers);
  json_similarity(json, report->layers);
}
