/* Memory of this process as exports hold it, for the tests of memory. */
#ifndef RSM_MEMORY_RIG_H
#define RSM_MEMORY_RIG_H

#include <sys/mman.h>

#include "../loopback/codes.h"
#include "../loopback/memory.h"
#include "leftovers.h"

static inline char *allocate(size_t length) {
  void *address;
  CHECK_EQ(rsm_memory_allocate(length, 0, &address), RSM_SUCCESS);
  return address;
}

/* A fresh allocation whose page i begins with i + 1. */
static inline char *numbered(size_t pages) {
  char *memory = allocate(pages * PAGE);
  for (size_t i = 0; i < pages; i++) memory[i * PAGE] = (char)(i + 1);
  return memory;
}

static inline void check_numbers(const char *memory, size_t pages) {
  for (size_t i = 0; i < pages; i++) CHECK_EQ(memory[i * PAGE], (char)(i + 1));
}

static inline struct rsm_object *hold(char *address, size_t length, bool read_only) {
  struct rsm_object *object;
  CHECK_EQ(rsm_memory_check(address, length, read_only), RSM_SUCCESS);
  CHECK_EQ(rsm_memory_hold(address, length, read_only, &object), RSM_SUCCESS);
  CHECK_EQ(object->length, length);
  return object;
}

static inline void cannot_hold(char *address, size_t length, bool read_only, int code) {
  struct rsm_object *object;
  CHECK_EQ(rsm_memory_check(address, length, read_only), code);
  CHECK_EQ(rsm_memory_hold(address, length, read_only, &object), code);
}

static inline void let_go(char *address, size_t length, struct rsm_object *object) {
  rsm_memory_let_go(address, length);
  rsm_object_drop(object);
}

/* What an importer reads at the start of page i. */
static inline int peer_reads(const struct rsm_object *object, size_t page) {
  void *address;
  CHECK_EQ(rsm_object_map(object, page * PAGE, PAGE, RSM_PERM_READ, &address), RSM_SUCCESS);
  int value = *(char *)address;
  CHECK(munmap(address, PAGE) == 0);
  return value;
}

#endif
