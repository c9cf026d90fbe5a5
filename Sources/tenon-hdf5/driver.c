// The file as libhdf5 sees it: only read, and able to tell where data lies without
// reading it. The library itself tells that chunk by chunk from the first one on, which
// takes hours where there are many.
#define _GNU_SOURCE
#include "helper.h"

#if H5_VERSION_GE(1, 14, 0)
#include <H5FDdevelop.h>
#endif
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/// An open file. The library has its own fields at the beginning.
typedef struct {
  H5FD_t library;
  int descriptor;
  haddr_t allocated, size;
} open_file_t;

/// The reads of raw data that were noted instead of made.
static struct {
  int is_noting, count;
  haddr_t address;
  hsize_t size;
} noted;

static const open_file_t *file_of(const H5FD_t *file) { return (const open_file_t *)file; }

static H5FD_t *open_file(const char *path, unsigned flags, hid_t access, haddr_t limit) {
  (void)access;
  (void)limit;
  struct stat status;
  int descriptor = flags == H5F_ACC_RDONLY ? open(path, O_RDONLY | O_CLOEXEC) : -1;
  if (descriptor < 0) return NULL;
  open_file_t *file = calloc(1, sizeof *file);
  if (file == NULL || fstat(descriptor, &status) != 0) {
    free(file);
    close(descriptor);
    return NULL;
  }
  file->descriptor = descriptor;
  file->size = (haddr_t)status.st_size;
  return &file->library;
}

static herr_t close_file(H5FD_t *file) {
  close(file_of(file)->descriptor);
  free(file);
  return 0;
}

static haddr_t allocated_size(const H5FD_t *file, H5FD_mem_t kind) {
  (void)kind;
  return file_of(file)->allocated;
}

static herr_t set_allocated_size(H5FD_t *file, H5FD_mem_t kind, haddr_t size) {
  (void)kind;
  ((open_file_t *)file)->allocated = size;
  return 0;
}

static haddr_t file_size(const H5FD_t *file, H5FD_mem_t kind) {
  (void)kind;
  return file_of(file)->size;
}

/// What lies behind the end is read as zeros, as the library's own drivers do it.
static herr_t read_bytes(H5FD_t *file, H5FD_mem_t kind, hid_t transfer, haddr_t address,
                         size_t size, void *bytes) {
  (void)transfer;
  if (noted.is_noting && kind == H5FD_MEM_DRAW) {
    noted.count++;
    noted.address = address;
    noted.size = size;
    return 0;
  }
  size_t done = 0;
  while (done < size) {
    ssize_t part = pread(file_of(file)->descriptor, (char *)bytes + done, size - done,
                         (off_t)(address + done));
    if (part < 0) return -1;
    if (part == 0) break;
    done += (size_t)part;
  }
  memset((char *)bytes + done, 0, size - done);
  return 0;
}

static herr_t write_bytes(H5FD_t *file, H5FD_mem_t kind, hid_t transfer, haddr_t address,
                          size_t size, const void *bytes) {
  (void)file, (void)kind, (void)transfer, (void)address, (void)size, (void)bytes;
  return -1;
}

static const H5FD_class_t driver = {
#ifdef H5FD_CLASS_VERSION
    .version = H5FD_CLASS_VERSION,
    .value = H5_VFD_RESERVED + 1,
#endif
    .name = "tenon",
    .maxaddr = INT64_MAX,
    .fc_degree = H5F_CLOSE_STRONG,
    .open = open_file,
    .close = close_file,
    .get_eoa = allocated_size,
    .set_eoa = set_allocated_size,
    .get_eof = file_size,
    .read = read_bytes,
    .write = write_bytes,
    .fl_map = H5FD_FLMAP_DICHOTOMY,
};

void use_driver(hid_t access) {
  hid_t identifier = checked(H5FDregister(&driver), "no driver");
  checked(H5Pset_driver(access, identifier, NULL), "no driver");
}

void note_reads(void) {
  memset(&noted, 0, sizeof noted);
  noted.is_noting = 1;
}

int noted_read(haddr_t *address, hsize_t *size) {
  noted.is_noting = 0;
  *address = noted.address;
  *size = noted.size;
  return noted.count == 1;
}
