/* The reader's verdict on files from standard input: u32 size, bytes; a line each: the status's name
 * and the message. For tests that compare it with another reader. */
#include <stdio.h>
#include <stdlib.h>

#include "format/reader.h"

static void judge(alb_span bytes) {
  alb_diag diag = {0};
  alb_reader *reader = NULL;
  const alb_status status = alb_reader_open_bytes(&diag, bytes, NULL, &reader);
  printf("%s %s\n", alb_status_name(status), alb_diag_text(&diag, status));
  (void)fflush(stdout);
  alb_reader_close(reader);
  alb_diag_free(&diag);
}

int main(void) {
  uint8_t head[4];
  while (fread(head, 1, sizeof head, stdin) == sizeof head) {
    const size_t n = alb_load_u32(head);
    uint8_t *bytes = malloc(n ? n : 1);
    if (!bytes || fread(bytes, 1, n, stdin) != n) {
      free(bytes);
      return 1;
    }
    judge((alb_span){bytes, n});
    free(bytes);
  }
  return 0;
}
