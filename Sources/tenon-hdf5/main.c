// tenon-hdf5: tells what an HDF5 file holds, in a process of its own.
//
// One in a hundred files that are damaged at random crashes or hangs libhdf5. Here it
// can do no more than end this process: there are limits of memory and time, no
// plug-ins, and no other file is ever opened. The program that asked takes the answer
// for as hostile as the file.
#include "helper.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { version = 2 };

/// No object may lead the library to a file other than the one it was given.
static hid_t opened(const char *path) {
  H5PLset_loading_state(0);
  hid_t access = checked(H5Pcreate(H5P_FILE_ACCESS), "no property list");
  H5Pset_fclose_degree(access, H5F_CLOSE_STRONG);
  use_driver(access);
  return checked(H5Fopen(path, H5F_ACC_RDONLY, access), "the file cannot be opened");
}

static int index_file(const char *path) {
  begin_record('V');
  put_u32(version);
  end_record();
  hid_t file = opened(path);
  walk(file);
  begin_record('E');
  put_u64(record_count());
  end_record();
  if (fflush(stdout) != 0) fail("the answer cannot be written");
  // Without closing the library: everything that was asked is told.
  _exit(0);
}

int main(int count, char **arguments) {
  if (count == 3 && strcmp(arguments[1], "index") == 0) {
    set_limits();
    if (H5dont_atexit() < 0 || H5open() < 0) fail("libhdf5 cannot start");
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    return index_file(arguments[2]);
  }
  fputs("usage: tenon-hdf5 index FILE\n\n"
        "Part of tenon, which runs it; its output is described in tenon-hdf5(5).\n",
        stderr);
  return 64;
}
