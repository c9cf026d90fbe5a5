// The chunks of a dataset of which few are there: each is asked for by its number.
#include "helper.h"

/// What the library leaves out of the addresses of chunks: the user block, before 1.14.
static haddr_t base_address(hid_t dataset) {
  if (H5_VERSION_GE(1, 14, 0)) return 0;
  hid_t file = checked(H5Iget_file_id(dataset), "the file");
  hid_t list = checked(H5Fget_create_plist(file), "the properties of the file");
  hsize_t size = 0;
  checked(H5Pget_userblock(list, &size), "the user block");
  H5Pclose(list);
  H5Fclose(file);
  return size;
}

/// The axis that an extensible array has in front, where that is not the first; else 0.
static int misplaced_axis(hid_t dataset, const grid_t *grid) {
  H5D_chunk_index_t index = H5D_CHUNK_IDX_BTREE;
  checked(H5Dget_chunk_index_type(dataset, &index), "the index of the chunks");
  int growing = 0;
  if (index != H5D_CHUNK_IDX_EARRAY) return growing;
  for (int axis = 0; axis < grid->rank; axis++) {
    if (grid->can_grow[axis]) growing = axis;
  }
  return growing;
}

/// Puts right where a chunk begins: an extensible array has the axis that grows in front,
/// but the library counts the places as if it were where it is.
static void correct(const grid_t *grid, int growing, hsize_t *place) {
  if (growing == 0) return;
  // The number of the chunk in the array, which the library counted through.
  hsize_t number = 0;
  for (int axis = growing; axis < grid->rank; axis++) {
    if (axis > growing) number *= grid->limits[axis];
    number += place[axis] / grid->sizes[axis];
  }
  for (int axis = grid->rank - 1; axis >= 0; axis--) {
    if (axis == growing) continue;
    place[axis] = number % grid->limits[axis] * grid->sizes[axis];
    number /= grid->limits[axis];
  }
  place[growing] = number * grid->sizes[growing];
}

void put_chunks_by_number(hid_t dataset, hid_t space, const grid_t *grid, uint64_t count) {
  haddr_t base = base_address(dataset);
  int growing = misplaced_axis(dataset, grid);
  for (hsize_t chunk = 0; chunk < count; chunk++) {
    hsize_t place[maximum_rank], size = 0;
    unsigned mask = 0;
    haddr_t address = HADDR_UNDEF;
    checked(H5Dget_chunk_info(dataset, space, chunk, place, &mask, &address, &size), "a chunk");
    correct(grid, growing, place);
    put_chunk(grid, place, mask, base + address, size);
  }
}
