/* The least that uses libalbert: its version, and an error with its message. */
#include <albert.h>
#include <stdio.h>

int main(void) {
  alb_error error = {""};
  alb_model *model = NULL;
  const alb_status status = alb_model_open("/nonexistent.alb", NULL, &model, &error);
  printf("libalbert %s: %s: %s\n", alb_version(), alb_status_name(status), error.text);
  return status == ALB_IO ? 0 : 1;
}
