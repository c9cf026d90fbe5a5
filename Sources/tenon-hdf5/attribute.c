// Attributes: numbers and strings as such, other elements as their bytes, the rest by class.
#include "helper.h"

#include <stdlib.h>
#include <string.h>

// How the values of an attribute are told.
enum { told_by_class = 0, told_as_strings = 1, told_as_integers = 2, told_as_floats = 3,
       told_as_naturals = 4, told_as_elements = 5, told_as_too_long = 6 };

/// What is read of one attribute.
typedef struct {
  hid_t attribute, type, space;
  size_t count;
} attribute_t;

static void put_fixed_strings(attribute_t it) {
  size_t width = H5Tget_size(it.type);
  char *values = allocated(it.count, width);
  checked(H5Aread(it.attribute, it.type, values), "an attribute of strings");
  for (size_t i = 0; i < it.count; i++) {
    const char *value = values + i * width;
    put_blob(value, strnlen(value, width));
  }
  free(values);
}

static void put_variable_strings(attribute_t it) {
  char **values = allocated(it.count, sizeof *values);
  hid_t memory = checked(H5Tcopy(H5T_C_S1), "a type of strings");
  H5Tset_size(memory, H5T_VARIABLE);
  H5Tset_cset(memory, H5Tget_cset(it.type));
  checked(H5Aread(it.attribute, memory, values), "an attribute of strings");
  size_t total = 0;
  for (size_t i = 0; i < it.count; i++) {
    const char *value = values[i] != NULL ? values[i] : "";
    total += strlen(value);
    if (total > maximum_attribute_bytes) fail("an attribute is too long");
    put_text(value);
  }
  H5Dvlen_reclaim(memory, it.space, H5P_DEFAULT, values);
  free(values);
  H5Tclose(memory);
}

/// Numbers as 64 bits each, of the native type that is given.
static void put_numbers(attribute_t it, hid_t native) {
  uint64_t *values = allocated(it.count, sizeof *values);
  checked(H5Aread(it.attribute, native, values), "an attribute of numbers");
  for (size_t i = 0; i < it.count; i++) put_u64(values[i]);
  free(values);
}

/// The type and the bytes as they lie in the file.
static void put_elements(attribute_t it) {
  size_t width = H5Tget_size(it.type);
  char *values = allocated(it.count, width);
  checked(H5Aread(it.attribute, it.type, values), "an attribute");
  put_type(it.type, 0);
  put_blob(values, it.count * width);
  free(values);
}

/// Whether the elements hold no addresses of what lies elsewhere.
static int is_plain(hid_t type) {
  static const H5T_class_t others[] = {H5T_VLEN, H5T_REFERENCE, H5T_STRING};
  for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
    if (H5Tdetect_class(type, others[i]) != 0) return 0;
  }
  return 1;
}

static int way_of_telling(hid_t type, size_t count) {
  size_t size = H5Tget_size(type);
  if (size == 0) return told_by_class;
  if (count > maximum_attribute_bytes / size) return told_as_too_long;
  switch (H5Tget_class(type)) {
  case H5T_STRING: return told_as_strings;
  case H5T_INTEGER:
    if (size > sizeof(uint64_t)) return told_by_class;
    return H5Tget_sign(type) == H5T_SGN_NONE ? told_as_naturals : told_as_integers;
  case H5T_FLOAT: return size > sizeof(double) ? told_by_class : told_as_floats;
  case H5T_ENUM:
  case H5T_OPAQUE:
  case H5T_COMPOUND: return is_plain(type) ? told_as_elements : told_by_class;
  default: return told_by_class;
  }
}

static void put_values(attribute_t it) {
  int way = way_of_telling(it.type, it.count);
  put_u8((uint8_t)H5Tget_class(it.type));
  put_u8((uint8_t)way);
  put_shape(it.space);
  put_u32(way == told_by_class || way == told_as_too_long ? 0 : (uint32_t)it.count);
  switch (way) {
  case told_as_strings:
    if (H5Tis_variable_str(it.type) > 0) {
      put_variable_strings(it);
    } else {
      put_fixed_strings(it);
    }
    break;
  case told_as_integers: put_numbers(it, H5T_NATIVE_INT64); break;
  case told_as_naturals: put_numbers(it, H5T_NATIVE_UINT64); break;
  case told_as_floats: put_numbers(it, H5T_NATIVE_DOUBLE); break;
  case told_as_elements: put_elements(it); break;
  default: break;
  }
}

/// An attribute before it is opened.
typedef struct {
  hid_t object;
  const char *name;
} named_attribute_t;

static void put_named(void *argument) {
  const named_attribute_t *named = argument;
  attribute_t it = {
      .attribute = checked(H5Aopen(named->object, named->name, H5P_DEFAULT), "an attribute")};
  it.type = checked(H5Aget_type(it.attribute), "the type of an attribute");
  it.space = checked(H5Aget_space(it.attribute), "the shape of an attribute");
  hssize_t points = H5Sget_simple_extent_npoints(it.space);
  if (points < 0) fail("the shape of an attribute");
  // Too long for all ways of telling; zero bytes each are told by class.
  it.count = points > maximum_attribute_bytes ? (size_t)maximum_attribute_bytes + 1
                                              : (size_t)points;
  put_values(it);
  H5Sclose(it.space);
  H5Tclose(it.type);
  H5Aclose(it.attribute);
}

static herr_t put_attribute(hid_t object, const char *name, const H5A_info_t *info, void *count) {
  (void)info;
  put_text(name);
  size_t start = record_size();
  named_attribute_t named = {.object = object, .name = name};
  if (attempt(put_named, &named) != NULL) {
    // Of one that cannot be read it is told that it is there.
    cut_record(start);
    put_u8(UINT8_MAX);
    put_u8(told_by_class);
    put_u8(0);
    put_u32(0);
  }
  *(uint32_t *)count += 1;
  return 0;
}

void put_attributes(hid_t object) {
  size_t hole = put_hole();
  uint32_t count = 0;
  hsize_t position = 0;
  checked(H5Aiterate2(object, H5_INDEX_NAME, H5_ITER_INC, &position, put_attribute, &count),
          "the attributes");
  fill_hole(hole, count);
}
