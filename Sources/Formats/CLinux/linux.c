#define _GNU_SOURCE
#include "CLinux.h"

#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

ssize_t linux_copy_file_range(int from, int64_t *from_offset, int to, int64_t *to_offset,
                              size_t count) {
  return copy_file_range(from, from_offset, to, to_offset, count, 0);
}

int linux_start_writeback(int file, int64_t offset, int64_t count) {
  return sync_file_range(file, offset, count, SYNC_FILE_RANGE_WRITE);
}

int linux_reserve(int file, int64_t count) { return fallocate(file, 0, 0, count); }

int linux_rename_new(const char *from, const char *to) {
  return renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE);
}

int linux_rename_exchange(const char *from, const char *to) {
  return renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_EXCHANGE);
}

int linux_memory_file(const char *name) { return memfd_create(name, MFD_CLOEXEC); }

int linux_pipe(int ends[2]) { return pipe2(ends, O_CLOEXEC); }

void linux_return_memory(int size) { mallopt(M_MMAP_THRESHOLD, size); }
