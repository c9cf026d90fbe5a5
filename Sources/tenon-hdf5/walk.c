// The walk through the groups of a file, along hard links alone.
#include "helper.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { path_room = 1 << 14 };

/// The path of what is being looked at.
static char path[path_room];
static size_t path_length;

/// The addresses of the groups that lead here: hard links can make a circle.
static haddr_t ancestors[maximum_depth];
static int depth;

static uint32_t objects;

static void walk_group(hid_t group, haddr_t address);

static void put_link(const char *how, const char *target) {
  begin_record('L');
  put_text(path);
  put_text(how);
  put_text(target);
  end_record();
}

/// A link that leads by name, perhaps out of the file: told, never followed.
static void put_named_link(hid_t group, const char *name, const H5L_info_t *info) {
  size_t size = info->u.val_size;
  if (size > path_room) fail("a link is too long");
  char *value = allocated(size + 1, 1);
  checked(H5Lget_val(group, name, value, size, H5P_DEFAULT), "a link");
  if (info->type == H5L_TYPE_SOFT) {
    put_link("soft", value);
  } else if (info->type == H5L_TYPE_EXTERNAL) {
    const char *file = "", *object = "";
    unsigned flags = 0;
    checked(H5Lunpack_elink_val(value, size, &flags, &file, &object), "an external link");
    char target[512];
    snprintf(target, sizeof target, "%s in %s", object, file);
    put_link("external", target);
  } else {
    put_link("user-defined", "");
  }
  free(value);
}

static void put_object(hid_t group, const char *name) {
  if (++objects > maximum_objects) give_up("there are too many objects");
  H5O_info_t info;
  checked(H5Oget_info_by_name2(group, name, &info, H5O_INFO_BASIC, H5P_DEFAULT), "it cannot be opened");
  hid_t object = checked(H5Oopen(group, name, H5P_DEFAULT), "it cannot be opened");
  switch (info.type) {
  case H5O_TYPE_GROUP: {
    int is_circle = 0;
    for (int i = 0; i < depth; i++) is_circle |= ancestors[i] == info.addr;
    if (is_circle) {
      put_link("hard", "a group around it");
    } else {
      walk_group(object, info.addr);
    }
    break;
  }
  case H5O_TYPE_DATASET:
    if (was_seen(info.addr)) {
      begin_record('N');
      put_text(path);
      put_u64(info.addr);
      end_record();
    } else {
      put_dataset(object, path, info.addr);
      if (info.rc > 1) note_seen(info.addr);
    }
    break;
  default:
    begin_record('T');
    put_text(path);
    end_record();
  }
  H5Oclose(object);
}

/// A link before anything is known of what it leads to.
typedef struct {
  hid_t group;
  const char *name;
  const H5L_info_t *info;
} link_t;

static void put_target(void *argument) {
  const link_t *link = argument;
  if (link->info->type == H5L_TYPE_HARD) {
    put_object(link->group, link->name);
  } else {
    put_named_link(link->group, link->name, link->info);
  }
}

/// What cannot be read is told with the reason, and the rest is read.
static void put_unreadable(const char *reason) {
  begin_record('U');
  put_text(path);
  put_text(reason);
  end_record();
}

static herr_t visit(hid_t group, const char *name, const H5L_info_t *info, void *unused) {
  (void)unused;
  size_t before = path_length, length = strlen(name);
  if (length + 2 > path_room - before) give_up("a path is too long");
  path[path_length++] = '/';
  memcpy(path + path_length, name, length + 1);
  path_length += length;
  set_current(path);
  int depth_before = depth;
  link_t link = {.group = group, .name = name, .info = info};
  const char *failure = attempt(put_target, &link);
  depth = depth_before;
  path_length = before + 1 + length;
  path[path_length] = 0;
  if (failure != NULL) put_unreadable(failure);
  path_length = before;
  path[path_length] = 0;
  return 0;
}

static void walk_group(hid_t group, haddr_t address) {
  if (depth == maximum_depth) {
    char what[64];
    snprintf(what, sizeof what, "it lies more than %d groups deep", maximum_depth);
    fail(what);
  }
  ancestors[depth++] = address;
  begin_record('G');
  put_text(path);
  put_u64(address);
  put_attributes(group);
  end_record();
  hsize_t position = 0;
  checked(H5Literate(group, H5_INDEX_NAME, H5_ITER_INC, &position, visit, NULL), "a group");
  depth--;
}

void walk(hid_t file) {
  hid_t root = checked(H5Gopen2(file, "/", H5P_DEFAULT), "the root group");
  H5O_info_t info;
  checked(H5Oget_info2(root, &info, H5O_INFO_BASIC), "the root group");
  walk_group(root, info.addr);
  H5Gclose(root);
}
