// The chunks of a dataset: which filters they went through, and where each lies.
#include "helper.h"

static void put_filters(hid_t list) {
  int count = H5Pget_nfilters(list);
  if (count < 0) fail("the filters");
  put_u8((uint8_t)count);
  for (int position = 0; position < count; position++) {
    enum { listed_values = 16 };
    unsigned flags = 0, values[listed_values] = {0};
    size_t value_count = listed_values;
    char name[64] = "";
    H5Z_filter_t filter = H5Pget_filter2(list, (unsigned)position, &flags, &value_count, values,
                                         sizeof name, name, NULL);
    if (filter < 0) fail("a filter");
    if (value_count > listed_values) value_count = listed_values;
    name[sizeof name - 1] = 0;
    put_u32((uint32_t)filter);
    put_text(name);
    put_u32((uint32_t)value_count);
    for (size_t i = 0; i < value_count; i++) put_u32(values[i]);
  }
}

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

/// The grid of chunks as an extensible array sees it.
typedef struct {
  int rank;
  /// The axis that can grow, or 0 where nothing has to be put right.
  int growing;
  hsize_t sizes[maximum_rank];
  /// The chunks that there can be along each of the other axes.
  hsize_t counts[maximum_rank];
} grid_t;

/// An extensible array has the axis that grows in front, but the library counts the
/// chunks' places as if it were where it is; so they are wrong unless that is in front.
static grid_t grid_of(hid_t dataset, hid_t list, hid_t space, int rank) {
  grid_t grid = {.rank = rank};
  if (H5Pget_chunk(list, maximum_rank, grid.sizes) != rank) fail("the shape of the chunks");
  H5D_chunk_index_t index = H5D_CHUNK_IDX_BTREE;
  checked(H5Dget_chunk_index_type(dataset, &index), "the index of the chunks");
  if (index != H5D_CHUNK_IDX_EARRAY) return grid;
  hsize_t limits[maximum_rank];
  if (H5Sget_simple_extent_dims(space, NULL, limits) != rank) fail("the limits of the shape");
  for (int axis = 0; axis < rank; axis++) {
    if (grid.sizes[axis] == 0) fail("the shape of the chunks");
    if (limits[axis] == H5S_UNLIMITED) grid.growing = axis;
    grid.counts[axis] = limits[axis] == 0 ? 1 : (limits[axis] - 1) / grid.sizes[axis] + 1;
  }
  return grid;
}

/// Puts right where a chunk begins.
static void correct(const grid_t *grid, hsize_t *place) {
  if (grid->growing == 0) return;
  // The number of the chunk in the array, which the library counted through.
  hsize_t number = 0;
  for (int axis = grid->growing; axis < grid->rank; axis++) {
    if (axis > grid->growing) number *= grid->counts[axis];
    number += place[axis] / grid->sizes[axis];
  }
  for (int axis = grid->rank - 1; axis >= 0; axis--) {
    if (axis == grid->growing) continue;
    place[axis] = number % grid->counts[axis] * grid->sizes[axis];
    number /= grid->counts[axis];
  }
  place[grid->growing] = number * grid->sizes[grid->growing];
}

void put_chunks(hid_t dataset, hid_t list, hid_t space, int rank) {
  grid_t grid = grid_of(dataset, list, space, rank);
  for (int axis = 0; axis < rank; axis++) put_u64(grid.sizes[axis]);
  put_filters(list);
  hsize_t count = 0;
  checked(H5Dget_num_chunks(dataset, space, &count), "the number of chunks");
  if (count > maximum_chunks) fail("there are too many chunks");
  put_u64(count);
  haddr_t base = base_address(dataset);
  for (hsize_t chunk = 0; chunk < count; chunk++) {
    hsize_t place[maximum_rank], size = 0;
    unsigned mask = 0;
    haddr_t address = HADDR_UNDEF;
    checked(H5Dget_chunk_info(dataset, space, chunk, place, &mask, &address, &size), "a chunk");
    correct(&grid, place);
    for (int axis = 0; axis < rank; axis++) put_u64(place[axis]);
    put_u32(mask);
    put_u64(base + address);
    put_u64(size);
  }
}
