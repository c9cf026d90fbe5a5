// System calls of Linux that the Glibc module does not show, because they need
// _GNU_SOURCE. Plain pass-through; errors come in errno.

#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/// copy_file_range(2): copies inside the kernel and advances both offsets.
ssize_t linux_copy_file_range(int from, int64_t *from_offset, int to, int64_t *to_offset,
                              size_t count);

/// sync_file_range(2) with SYNC_FILE_RANGE_WRITE: starts writing, does not wait.
int linux_start_writeback(int file, int64_t offset, int64_t count);

/// fallocate(2): makes the file `count` bytes long and reserves its space.
int linux_reserve(int file, int64_t count);

/// renameat2(2) with RENAME_NOREPLACE: fails with EEXIST instead of replacing.
int linux_rename_new(const char *from, const char *to);

/// renameat2(2) with RENAME_EXCHANGE: swaps the two in one step.
int linux_rename_exchange(const char *from, const char *to);

/// memfd_create(2): a file that lies in memory alone; -1 with errno set on failure.
int linux_memory_file(const char *name);

/// pipe2(2) with O_CLOEXEC: no child gets the ends by chance.
int linux_pipe(int ends[2]);

/// mallopt(3) with M_MMAP_THRESHOLD: memory of `size` bytes and more goes back to the system
/// when it is freed, however much was freed before.
void linux_return_memory(int size);
