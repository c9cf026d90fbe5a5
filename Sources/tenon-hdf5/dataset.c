// Datasets: type, shape, and where the bytes lie.
#include "helper.h"

#include <stdlib.h>

// How the bytes of a dataset are held.
enum { held_in_header = 0, held_in_one_piece = 1, held_in_chunks = 2, held_elsewhere = 3 };

/// The sizes of a dataset; returns the rank, or -1 where it has no elements by type.
static int put_shape(hid_t space) {
  if (H5Sget_simple_extent_type(space) == H5S_NULL) {
    put_u8(UINT8_MAX);
    return -1;
  }
  hsize_t sizes[maximum_rank];
  int rank = H5Sget_simple_extent_ndims(space);
  if (rank < 0 || rank > maximum_rank) fail("the number of axes");
  if (H5Sget_simple_extent_dims(space, sizes, NULL) != rank) fail("the shape");
  put_u8((uint8_t)rank);
  for (int axis = 0; axis < rank; axis++) put_u64(sizes[axis]);
  return rank;
}

/// The bytes that stand where nothing was written.
static void put_fill_value(hid_t list, hid_t type) {
  H5D_fill_value_t state = H5D_FILL_VALUE_UNDEFINED;
  size_t size = H5Tget_size(type);
  if (H5Pfill_value_defined(list, &state) < 0 || state != H5D_FILL_VALUE_USER_DEFINED ||
      size == 0 || size > 64) {
    put_blob(NULL, 0);
    return;
  }
  void *value = allocated(1, size);
  checked(H5Pget_fill_value(list, type, value), "the fill value");
  put_blob(value, size);
  free(value);
}

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
static haddr_t chunk_base(hid_t dataset) {
  if (H5_VERSION_GE(1, 14, 0)) return 0;
  hid_t file = checked(H5Iget_file_id(dataset), "the file");
  hid_t list = checked(H5Fget_create_plist(file), "the properties of the file");
  hsize_t size = 0;
  checked(H5Pget_userblock(list, &size), "the user block");
  H5Pclose(list);
  H5Fclose(file);
  return size;
}

static void put_chunks(hid_t dataset, hid_t list, hid_t space, int rank) {
  hsize_t sizes[maximum_rank];
  if (H5Pget_chunk(list, maximum_rank, sizes) != rank) fail("the shape of the chunks");
  for (int axis = 0; axis < rank; axis++) put_u64(sizes[axis]);
  put_filters(list);
  hsize_t count = 0;
  checked(H5Dget_num_chunks(dataset, space, &count), "the number of chunks");
  if (count > maximum_chunks) fail("there are too many chunks");
  put_u64(count);
  haddr_t base = chunk_base(dataset);
  for (hsize_t chunk = 0; chunk < count; chunk++) {
    hsize_t place[maximum_rank], size = 0;
    unsigned mask = 0;
    haddr_t address = HADDR_UNDEF;
    checked(H5Dget_chunk_info(dataset, space, chunk, place, &mask, &address, &size), "a chunk");
    for (int axis = 0; axis < rank; axis++) put_u64(place[axis]);
    put_u32(mask);
    put_u64(base + address);
    put_u64(size);
  }
}

/// Data in the object's own header, which holds less than 64 KiB.
static void put_compact(hid_t dataset, hid_t type) {
  hsize_t size = H5Dget_storage_size(dataset);
  hssize_t count = 0;
  hid_t space = checked(H5Dget_space(dataset), "the shape");
  count = H5Sget_simple_extent_npoints(space);
  H5Sclose(space);
  size_t width = H5Tget_size(type);
  if (count < 0 || size > UINT16_MAX || width == 0 || (hsize_t)count > size / width ||
      H5Tdetect_class(type, H5T_VLEN) != 0 || H5Tis_variable_str(type) != 0 ||
      H5Tdetect_class(type, H5T_REFERENCE) != 0) {
    put_blob(NULL, 0);
    return;
  }
  void *bytes = allocated((size_t)count, width);
  checked(H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, bytes), "the data in the header");
  put_blob(bytes, (size_t)count * width);
  free(bytes);
}

static void put_storage(hid_t dataset, hid_t list, hid_t type, hid_t space, int rank) {
  H5D_layout_t layout = H5Pget_layout(list);
  int is_elsewhere = layout == H5D_VIRTUAL || H5Pget_external_count(list) > 0 || rank < 0;
  put_fill_value(list, type);
  if (is_elsewhere) {
    put_u8(held_elsewhere);
    put_text(layout == H5D_VIRTUAL ? "a virtual dataset"
             : rank < 0            ? "a dataset without elements"
                                   : "external storage");
  } else if (layout == H5D_COMPACT) {
    put_u8(held_in_header);
    put_compact(dataset, type);
  } else if (layout == H5D_CONTIGUOUS) {
    put_u8(held_in_one_piece);
    // All bits are set where nothing was allocated.
    put_u64(H5Dget_offset(dataset));
    put_u64(H5Dget_storage_size(dataset));
  } else if (layout == H5D_CHUNKED) {
    put_u8(held_in_chunks);
    put_chunks(dataset, list, space, rank);
  } else {
    fail("the layout of the data");
  }
}

void put_dataset(hid_t dataset, const char *path, uint64_t address) {
  hid_t type = checked(H5Dget_type(dataset), "the type");
  hid_t space = checked(H5Dget_space(dataset), "the shape");
  hid_t list = checked(H5Dget_create_plist(dataset), "the properties");
  begin_record('D');
  put_text(path);
  put_u64(address);
  put_type(type, 0);
  int rank = put_shape(space);
  put_storage(dataset, list, type, space, rank);
  put_attributes(dataset);
  end_record();
  H5Pclose(list);
  H5Sclose(space);
  H5Tclose(type);
}
