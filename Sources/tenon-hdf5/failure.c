// The end where something cannot be read: one line, with the library's own reason.
#include "helper.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/// The innermost reason, which is the one that says what is wrong with the file.
static herr_t keep_innermost(unsigned position, const H5E_error2_t *error, void *found) {
  (void)position;
  *(const char **)found = error->desc;
  return 1;
}

void fail(const char *what) {
  const char *reason = NULL;
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, keep_innermost, &reason);
  fputs(what, stderr);
  if (reason != NULL && *reason != 0) fprintf(stderr, ": %s", reason);
  fflush(stderr);
  // Nothing that the library would do at the end is worth a crash.
  _exit(1);
}

hid_t checked(hid_t result, const char *what) {
  if (result < 0) fail(what);
  return result;
}

void *allocated(size_t count, size_t size) {
  void *memory = calloc(count > 0 ? count : 1, size > 0 ? size : 1);
  if (memory == NULL) fail("no memory");
  return memory;
}
