/* Memory objects, and what a peer receives of them, for the tests of objects. */
#ifndef RSM_OBJECT_RIG_H
#define RSM_OBJECT_RIG_H

#include <sys/mman.h>

#include "../loopback/codes.h"
#include "../loopback/object.h"
#include "leftovers.h"

static inline struct rsm_object *make_object(uint64_t length) {
  struct rsm_object *object;
  CHECK_EQ(rsm_object_create(length, 0, &object), RSM_SUCCESS);
  return object;
}

static inline char *map_whole(const struct rsm_object *object, uint32_t permission) {
  void *address;
  CHECK_EQ(rsm_object_map(object, 0, object->length, permission, &address), RSM_SUCCESS);
  return address;
}

static inline struct rsm_object *receive(const struct rsm_object *object, uint32_t permission) {
  int fd = rsm_object_descriptor(object, permission);
  CHECK(fd >= 0);
  struct rsm_object *received;
  CHECK_EQ(rsm_object_of_descriptor(fd, object->length, permission, &received), RSM_SUCCESS);
  return received;
}

#endif
