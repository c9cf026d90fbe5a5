// What becomes of something that cannot be read: words, with the library's own reason.
#include "helper.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/// The innermost reason, which is the one that says what is wrong with the file.
static herr_t keep_innermost(unsigned position, const H5E_error2_t *error, void *found) {
  (void)position;
  *(const char **)found = error->desc;
  return 1;
}

/// The words of the last failure.
static char words[1024];

static void compose(const char *what) {
  const char *reason = NULL;
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, keep_innermost, &reason);
  int has_reason = reason != NULL && *reason != 0;
  snprintf(words, sizeof words, "%s%s%s", what, has_reason ? ": " : "", has_reason ? reason : "");
}

void give_up(const char *what) {
  compose(what);
  fputs(words, stderr);
  fflush(stderr);
  // Nothing that the library would do at the end is worth a crash.
  _exit(1);
}

/// Where the innermost attempt goes on when it fails.
static jmp_buf *way_back;

void fail(const char *what) {
  if (way_back == NULL) give_up(what);
  compose(what);
  longjmp(*way_back, 1);
}

const char *attempt(void (*body)(void *), void *argument) {
  jmp_buf here, *volatile outer = way_back;
  const char *failure = words;
  way_back = &here;
  if (setjmp(here) == 0) {
    body(argument);
    failure = NULL;
  }
  way_back = outer;
  return failure;
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
