// What keeps a hostile file from taking the machine: limits that the kernel watches,
// and a few words on standard error when one of them ends the process.
#define _GNU_SOURCE
#include "helper.h"

#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

enum {
  memory_gibibytes = 1,
  processor_seconds = 7,
  wall_seconds = 8,
  open_files = 32,
};

/// The object that is being read; copied, so that a crash finds it whatever happened.
static char current[512] = "the start of the file";

static char alternate_stack[1 << 16];

void set_current(const char *name) {
  strncpy(current, name, sizeof current - 1);
  current[sizeof current - 1] = 0;
}

static void write_text(const char *text) {
  // There is nobody to tell where this fails.
  if (write(STDERR_FILENO, text, strlen(text)) < 0) return;
}

/// Tells where it happened, then ends as the signal would have it.
static void tell(int signal_number) {
  write_text(current);
  signal(signal_number, SIG_DFL);
  raise(signal_number);
}

static void limit(int resource, rlim_t value) {
  struct rlimit limits = {value, value};
  struct rlimit present;
  if (getrlimit(resource, &present) == 0 && present.rlim_max < value) {
    limits.rlim_cur = limits.rlim_max = present.rlim_max;
  }
  setrlimit(resource, &limits);
}

void set_limits(void) {
  // Nobody is left to answer when the program that asked is gone.
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  limit(RLIMIT_AS, (rlim_t)memory_gibibytes << 30);
  // The signal comes at the soft limit, the end one second later.
  struct rlimit processor = {processor_seconds, processor_seconds + 1};
  setrlimit(RLIMIT_CPU, &processor);
  limit(RLIMIT_FSIZE, 0);
  limit(RLIMIT_NOFILE, open_files);
  limit(RLIMIT_CORE, 0);

  stack_t stack = {.ss_sp = alternate_stack, .ss_size = sizeof alternate_stack};
  sigaltstack(&stack, NULL);
  static const int signals[] = {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL, SIGALRM, SIGXCPU};
  for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
    struct sigaction action = {.sa_handler = tell};
    action.sa_flags = SA_ONSTACK | (int)SA_RESETHAND | (int)SA_NODEFER;
    sigaction(signals[i], &action, NULL);
  }
  alarm(wall_seconds);
}
