// Datasets: type, shape, and where the bytes lie.
#include "helper.h"

#include <stdlib.h>

// How the bytes of a dataset are held.
enum { held_in_header = 0, held_in_one_piece = 1, held_in_chunks = 2, held_elsewhere = 3 };

int put_shape(hid_t space) {
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
