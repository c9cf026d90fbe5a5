// Datatypes, as their classes and fields; which tensor type that is, is not ours to say.
#include "helper.h"

enum { listed_members = 16 };

static uint8_t byte_order(hid_t type) {
  switch (H5Tget_order(type)) {
  case H5T_ORDER_LE: return 0;
  case H5T_ORDER_BE: return 1;
  default: return 2;
  }
}

static void put_float(hid_t type) {
  size_t sign = 0, exponent = 0, exponent_size = 0, mantissa = 0, mantissa_size = 0;
  H5Tget_fields(type, &sign, &exponent, &exponent_size, &mantissa, &mantissa_size);
  put_u32((uint32_t)H5Tget_precision(type));
  put_u32((uint32_t)H5Tget_offset(type));
  put_u32((uint32_t)sign);
  put_u32((uint32_t)exponent);
  put_u32((uint32_t)exponent_size);
  put_u32((uint32_t)mantissa);
  put_u32((uint32_t)mantissa_size);
  put_u64((uint64_t)H5Tget_ebias(type));
  put_u8((uint8_t)H5Tget_norm(type));
}

/// How many members are told: all of a few, none of many.
static unsigned member_count(hid_t type) {
  int count = H5Tget_nmembers(type);
  return count < 0 || count > listed_members ? 0 : (unsigned)count;
}

static void put_member_name(hid_t type, unsigned member) {
  char *name = H5Tget_member_name(type, member);
  put_text(name != NULL ? name : "");
  H5free_memory(name);
}

static void put_compound(hid_t type, int depth) {
  unsigned count = member_count(type);
  put_u32(count);
  for (unsigned member = 0; member < count; member++) {
    put_member_name(type, member);
    put_u32((uint32_t)H5Tget_member_offset(type, member));
    hid_t inner = checked(H5Tget_member_type(type, member), "a member of a compound type");
    put_type(inner, depth + 1);
    H5Tclose(inner);
  }
}

static void put_enumeration(hid_t type, int depth) {
  hid_t base = checked(H5Tget_super(type), "the type below an enumeration");
  put_type(base, depth + 1);
  int is_small = H5Tget_size(base) <= sizeof(int64_t);
  unsigned count = is_small ? member_count(type) : 0;
  put_u32(count);
  for (unsigned member = 0; member < count; member++) {
    put_member_name(type, member);
    // Converted in place from the base's width to 64 bits.
    int64_t value = 0;
    if (H5Tget_member_value(type, member, &value) < 0 ||
        H5Tconvert(base, H5T_NATIVE_INT64, 1, &value, NULL, H5P_DEFAULT) < 0) {
      fail("a value of an enumeration");
    }
    put_u64((uint64_t)value);
  }
  H5Tclose(base);
}

void put_type(hid_t type, int depth) {
  if (depth > maximum_type_depth) fail("the type is nested too deeply");
  H5T_class_t class = H5Tget_class(type);
  put_u8((uint8_t)class);
  put_u64((uint64_t)H5Tget_size(type));
  put_u8(byte_order(type));
  switch (class) {
  case H5T_INTEGER:
    put_u8(H5Tget_sign(type) == H5T_SGN_2);
    put_u32((uint32_t)H5Tget_precision(type));
    put_u32((uint32_t)H5Tget_offset(type));
    break;
  case H5T_FLOAT: put_float(type); break;
  case H5T_STRING: put_u8(H5Tis_variable_str(type) > 0); break;
  case H5T_OPAQUE: {
    char *tag = H5Tget_tag(type);
    put_text(tag != NULL ? tag : "");
    H5free_memory(tag);
    break;
  }
  case H5T_COMPOUND: put_compound(type, depth); break;
  case H5T_ENUM: put_enumeration(type, depth); break;
  case H5T_ARRAY: {
    hid_t element = checked(H5Tget_super(type), "the type of an array's elements");
    put_type(element, depth + 1);
    H5Tclose(element);
    break;
  }
  default: break;
  }
}
