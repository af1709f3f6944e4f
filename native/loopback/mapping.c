/* The one mapping of an import. Its lock is held across remaps, which may be large; never rsm_lock. */
#include "codes.h"
#include "memory.h"
#include "room.h"
#include "state.h"

static void lock(struct rsm_import *segment) {
  pthread_mutex_lock(&segment->mapping_lock);
}

static void unlock(struct rsm_import *segment) {
  pthread_mutex_unlock(&segment->mapping_lock);
}

/* Read-only System V memory could only be mapped so that a stray store of JavaScript faults. */
static bool would_fault(const struct rsm_object *object, uint32_t permission, bool internal) {
  return object->kind == RSM_OBJECT_SYSV && !(permission & RSM_PERM_WRITE) && !internal;
}

static int map_fixed(struct rsm_import *segment, uint64_t offset, uint64_t length, uint32_t permission,
                     void *fixed) {
  size_t whole = rsm_page_round(length);
  int code = rsm_memory_lend(fixed, whole);
  if (code != RSM_SUCCESS) return code;
  code = rsm_object_map_over(segment->object, offset, length, permission, fixed);
  if (code != RSM_SUCCESS) rsm_memory_unlend(fixed, whole);
  return code;
}

int rsm_import_map(struct rsm_import *segment, uint64_t offset, uint64_t length, uint32_t permission,
                   bool internal, void *fixed, void **address) {
  int code;
  lock(segment);
  if (segment->object == NULL) {
    code = RSMERR_CONN_ABORTED;
  } else if (segment->mapped != NULL) {
    code = RSMERR_MAP_FAILED;
  } else if (would_fault(segment->object, permission, internal)) {
    code = RSMERR_MAP_FAILED;
  } else if (!rsm_room_for_mappings(1)) {
    code = RSMERR_INSUFFICIENT_RESOURCES;
  } else if ((code = rsm_scratch_reserve(length)) != RSM_SUCCESS) {
    /* what could not be taken off later is not put there */
  } else if (fixed != NULL) {
    code = map_fixed(segment, offset, length, permission, fixed);
    *address = fixed;
  } else {
    code = rsm_object_map(segment->object, offset, length, permission, address);
  }
  if (code == RSM_SUCCESS) {
    segment->mapped = *address;
    segment->map_offset = offset;
    segment->map_length = length;
    segment->map_permission = permission;
    segment->map_internal = internal;
    segment->map_fixed = fixed != NULL;
    rsm_show_mapping(segment);
  }
  unlock(segment);
  return code;
}

/* With the lock, mapped. Without room for one more mapping it stays as it is until the caller's munmap. */
static int take_off(struct rsm_import *segment, bool touched) {
  void *address = segment->mapped;
  segment->mapped = NULL;
  if (!segment->map_fixed) return rsm_scratch_over(address, segment->map_length, touched);
  rsm_memory_take_back(address, rsm_page_round(segment->map_length));
  return RSM_SUCCESS;
}

void rsm_import_unmap(struct rsm_import *segment, bool touched) {
  lock(segment);
  if (segment->mapped != NULL) (void)take_off(segment, touched);
  rsm_show_mapping(segment);
  unlock(segment);
}

int rsm_mapping_exchange(struct rsm_import *segment, struct rsm_object *fresh, uint32_t epoch) {
  int code = RSM_SUCCESS;
  lock(segment);
  if (segment->object == NULL) {
    code = RSMERR_CONN_ABORTED;
  } else if (segment->mapped != NULL && would_fault(fresh, segment->map_permission, segment->map_internal)) {
    code = RSMERR_MAP_FAILED; /* this importer is aborted, never the rebind (design 3.4) */
  } else if (segment->mapped != NULL) {
    code = rsm_object_map_over(fresh, segment->map_offset, segment->map_length, segment->map_permission,
                               segment->mapped);
  }
  struct rsm_object *unused = fresh;
  if (code == RSM_SUCCESS) {
    unused = segment->object;
    segment->object = fresh;
    segment->epoch = epoch;
  }
  unlock(segment);
  rsm_object_drop(unused);
  return code;
}

/* NULL: it is not in a window through which the segment's own words are seen. With the lock. */
static const _Atomic uint32_t *word_at(const struct rsm_import *segment, uint64_t offset) {
  bool seen = segment->mapped != NULL && segment->map_permission == RSM_PERM_RDWR && offset >= segment->map_offset &&
              offset + sizeof(uint32_t) <= segment->map_offset + segment->map_length;
  return seen ? (const _Atomic uint32_t *)((const char *)segment->mapped + (offset - segment->map_offset)) : NULL;
}

bool rsm_mapping_has_lock(struct rsm_import *segment, uint64_t offset, uint32_t *epoch) {
  lock(segment);
  const _Atomic uint32_t *word = word_at(segment, offset);
  bool may = word == NULL || (atomic_load(word) & RSM_LOCK_OWNER) == segment->lock_owner;
  *epoch = segment->epoch;
  unlock(segment);
  return may;
}

int rsm_mapping_lose(struct rsm_import *segment, bool unmap) {
  int code = RSM_SUCCESS;
  lock(segment);
  struct rsm_object *object = segment->object;
  segment->object = NULL;
  if (segment->mapped != NULL) {
    if (unmap) code = take_off(segment, true);
    else if (object != NULL) code = rsm_scratch_over(segment->mapped, segment->map_length, true);
  }
  unlock(segment);
  if (object != NULL) rsm_object_drop(object);
  return code;
}
