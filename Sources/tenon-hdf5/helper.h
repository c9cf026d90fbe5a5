// The parts of tenon-hdf5: each is one source file.

#pragma once

#include <hdf5.h>
#include <stddef.h>
#include <stdint.h>

// How much a file may have before it is refused.
enum {
  maximum_rank = H5S_MAX_RANK,
  maximum_depth = 64,
  maximum_objects = 1 << 20,
  maximum_attribute_bytes = 16 << 20,
  maximum_chunks = 1 << 20,
  maximum_type_depth = 8,
};

// limits.c: what keeps a hostile file from taking the machine.

/// Limits memory, processor time and wall clock; lets no file grow.
void set_limits(void);
/// Remembers what is being read, for the words of a crash.
void set_current(const char *name);

// answer.c: the bytes of the answer. Integers are little-endian.

/// Begins a record of this kind; the ones that follow fill it.
void begin_record(char kind);
void put_u8(uint8_t value);
void put_u32(uint32_t value);
void put_u64(uint64_t value);
void put_bytes(const void *bytes, size_t count);
/// A count of 32 bits and the bytes.
void put_text(const char *text);
void put_blob(const void *bytes, size_t count);
/// The bytes of the record so far, and back to so many of them.
size_t record_size(void);
void cut_record(size_t size);
/// Leaves room for a number of 32 bits and returns its place.
size_t put_hole(void);
void fill_hole(size_t place, uint32_t value);
/// Writes the record out.
void end_record(void);
/// The records that were written.
uint64_t record_count(void);

// failure.c: the end where something cannot be read.

/// Ends the attempt that is being made, or the process with a line on standard error:
/// `what` and the library's own reason.
void fail(const char *what) __attribute__((noreturn));
/// Ends the process in the same way, whatever is being attempted.
void give_up(const char *what) __attribute__((noreturn));
/// Calls `body`; returns the words of its failure, or NULL. No call of the library may lie
/// between this and what fails, as it would be left without an end.
const char *attempt(void (*body)(void *), void *argument);
/// Fails if a call of the library returned a negative number.
hid_t checked(hid_t result, const char *what);
/// Memory that is there, or the process ends.
void *allocated(size_t count, size_t size);

// driver.c: the file as the library sees it.

/// Has files that are opened with this access be read by the helper itself.
void use_driver(hid_t access);
/// From now on reads of raw data are noted instead of made.
void note_reads(void);
/// Ends that; tells whether it was one read, and where.
int noted_read(haddr_t *address, hsize_t *size);

// seen.c: the datasets with several names that were told.

int was_seen(haddr_t address);
void note_seen(haddr_t address);

// walk.c, dataset.c, chunks.c, datatype.c, attribute.c: what is in the file.

void walk(hid_t file);
/// Writes the sizes of a dataset or an attribute; returns the rank, or -1 where it has no
/// elements by type.
int put_shape(hid_t space);
void put_dataset(hid_t dataset, const char *path, uint64_t address);
void put_chunks(hid_t dataset, hid_t list, hid_t space, int rank);

/// How a dataset is cut into chunks.
typedef struct {
  int rank;
  hsize_t sizes[maximum_rank];
  /// The chunks that there can be along each axis: now, and when it has grown.
  hsize_t counts[maximum_rank], limits[maximum_rank];
  /// Whether there is no limit.
  int can_grow[maximum_rank];
  /// The dataset's own sizes, and whether chunks that reach beyond them are not filtered.
  hsize_t shape[maximum_rank];
  int leaves_edges;
} grid_t;

void put_chunk(const grid_t *grid, const hsize_t *place, unsigned mask, haddr_t address,
               hsize_t size);
// places.c, numbers.c: all chunks, in one of two ways.
void put_chunks_by_place(hid_t dataset, const grid_t *grid, uint64_t places, uint64_t count);
void put_chunks_by_number(hid_t dataset, hid_t space, const grid_t *grid, uint64_t count);

void put_type(hid_t type, int depth);
void put_attributes(hid_t object);
