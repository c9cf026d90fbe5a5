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

/// How the dataset is cut now, and how it can be when it has grown.
static grid_t grid_of(hid_t list, hid_t space, int rank) {
  grid_t grid = {.rank = rank};
  hsize_t limits[maximum_rank];
  unsigned options = 0;
  if (H5Pget_chunk(list, maximum_rank, grid.sizes) != rank) fail("the shape of the chunks");
  if (H5Sget_simple_extent_dims(space, grid.shape, limits) != rank) fail("the limits of the shape");
  checked(H5Pget_chunk_opts(list, &options), "the options of the chunks");
  grid.leaves_edges = (options & H5D_CHUNK_DONT_FILTER_PARTIAL_CHUNKS) != 0;
  for (int axis = 0; axis < rank; axis++) {
    hsize_t size = grid.sizes[axis];
    if (size == 0) fail("the shape of the chunks");
    grid.counts[axis] = grid.shape[axis] == 0 ? 0 : (grid.shape[axis] - 1) / size + 1;
    grid.can_grow[axis] = limits[axis] == H5S_UNLIMITED;
    grid.limits[axis] = limits[axis] == 0 ? 1 : (limits[axis] - 1) / size + 1;
  }
  return grid;
}

/// The places that there are for chunks, or a number that is larger than all that matter.
static uint64_t place_count(const grid_t *grid) {
  uint64_t count = 1;
  for (int axis = 0; axis < grid->rank; axis++) {
    if (grid->counts[axis] == 0) return 0;
    if (count > UINT32_MAX / grid->counts[axis]) return UINT64_MAX;
    count *= grid->counts[axis];
  }
  return count;
}

/// Whether a chunk reaches beyond the data.
static int is_at_edge(const grid_t *grid, const hsize_t *place) {
  for (int axis = 0; axis < grid->rank; axis++) {
    hsize_t rest = grid->shape[axis] > place[axis] ? grid->shape[axis] - place[axis] : 0;
    if (grid->sizes[axis] > rest) return 1;
  }
  return 0;
}

void put_chunk(const grid_t *grid, const hsize_t *place, unsigned mask, haddr_t address,
               hsize_t size) {
  for (int axis = 0; axis < grid->rank; axis++) put_u64(place[axis]);
  // The layout alone tells that no filter was applied; the mask of the chunk is empty.
  put_u32(grid->leaves_edges && is_at_edge(grid, place) ? UINT32_MAX : mask);
  put_u64(address);
  put_u64(size);
}

void put_chunks(hid_t dataset, hid_t list, hid_t space, int rank) {
  grid_t grid = grid_of(list, space, rank);
  for (int axis = 0; axis < rank; axis++) put_u64(grid.sizes[axis]);
  put_filters(list);
  hsize_t count = 0;
  checked(H5Dget_num_chunks(dataset, space, &count), "the number of chunks");
  if (count > maximum_chunks) fail("there are too many chunks");
  put_u64(count);
  // By number the library counts through half of the chunks for each of them; to look
  // at a place takes as long as some steps of that.
  enum { steps = 16 };
  uint64_t places = place_count(&grid);
  if (count * count / 2 > steps * (places < UINT64_MAX / steps ? places : UINT64_MAX / steps)) {
    put_chunks_by_place(dataset, &grid, places, count);
  } else {
    put_chunks_by_number(dataset, space, &grid, count);
  }
}
