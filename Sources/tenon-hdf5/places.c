// The chunks of a dataset of which most are there: every place is looked at.
#include "helper.h"

#include <stdlib.h>

/// Room for a chunk that is asked for, although the driver reads none of it.
static void *room_for(hsize_t size) {
  static void *room;
  static hsize_t room_size;
  if (size > room_size) {
    free(room);
    room = allocated(1, size);
    room_size = size;
  }
  return room;
}

/// Tells the chunk at a place, if there is one.
static int put_chunk_at(hid_t dataset, const grid_t *grid, const hsize_t *place) {
  hsize_t stored = 0;
  checked(H5Dget_chunk_storage_size(dataset, place, &stored), "the size of a chunk");
  if (stored == 0) return 0;
  void *room = room_for(stored);
  uint32_t mask = 0;
  note_reads();
  herr_t result = H5Dread_chunk(dataset, H5P_DEFAULT, place, &mask, room);
  haddr_t address = HADDR_UNDEF;
  hsize_t size = 0;
  int is_one = noted_read(&address, &size);
  checked(result, "a chunk");
  if (!is_one || size != stored) fail("the place of a chunk");
  // These addresses count from the start of the file, user block or not.
  put_chunk(grid, place, mask, address, size);
  return 1;
}

/// Goes on to the next place, the last axis first.
static void advance(const grid_t *grid, hsize_t *place) {
  for (int axis = grid->rank - 1; axis >= 0; axis--) {
    place[axis] += grid->sizes[axis];
    if (place[axis] / grid->sizes[axis] < grid->counts[axis]) return;
    place[axis] = 0;
  }
}

void put_chunks_by_place(hid_t dataset, const grid_t *grid, uint64_t places, uint64_t count) {
  hsize_t place[maximum_rank] = {0};
  uint64_t found = 0;
  for (uint64_t i = 0; i < places && found < count; i++) {
    found += (uint64_t)put_chunk_at(dataset, grid, place);
    advance(grid, place);
  }
  if (found != count) fail("the chunks are not as many as were counted");
}
