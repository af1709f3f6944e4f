#define _GNU_SOURCE
#include "memory.h"

#include <string.h>
#include <sys/mman.h>

#include "codes.h"
#include "memory_regions.h"
#include "room.h"

int rsm_memory_allocate(size_t length, unsigned flags, void **address) {
  if (length == 0) return RSMERR_BAD_LENGTH;
  length = rsm_page_round(length);
  if (length == 0) return RSMERR_INSUFFICIENT_MEM;
  if (!rsm_room_for_mappings(1)) return RSMERR_INSUFFICIENT_RESOURCES;
  struct rsm_object *object;
  void *mapped;
  int code = rsm_object_create(length, flags, &object);
  if (code != RSM_SUCCESS) return code;
  length = object->length;
  code = rsm_object_map(object, 0, length, RSM_PERM_RDWR, &mapped);
  if (code == RSM_SUCCESS) {
    if (flags & RSM_MEMORY_LOCK && mlock(mapped, length) != 0) code = RSMERR_INSUFFICIENT_MEM;
    else code = rsm_registry_add(mapped, length, flags, object);
    if (code == RSM_SUCCESS) {
      *address = mapped;
      return RSM_SUCCESS;
    }
    munmap(mapped, length);
  }
  rsm_object_drop(object);
  return code;
}

int rsm_memory_release(void *address) {
  rsm_registry_lock();
  struct rsm_allocation *allocation = rsm_registry_find(address, 0);
  int code = RSM_SUCCESS;
  if (allocation == NULL || allocation->address != address || allocation->regions == NULL ||
      allocation->forgotten) {
    code = RSMERR_BAD_ADDR;
  } else if (rsm_allocation_is_busy(allocation)) {
    code = RSMERR_INSUFFICIENT_RESOURCES;
  } else {
    code = rsm_scratch_over(address, allocation->length, false);
    if (code == RSM_SUCCESS) rsm_allocation_drop_regions(allocation);
  }
  rsm_registry_unlock();
  return code;
}

void rsm_memory_forget(void *address) {
  rsm_registry_lock();
  struct rsm_allocation *allocation = rsm_registry_find(address, 0);
  if (allocation != NULL && allocation->address == address) {
    allocation->forgotten = true;
    if (!rsm_allocation_is_busy(allocation)) rsm_registry_destroy(allocation);
  }
  rsm_registry_unlock();
}

static void destroy_if_forgotten(const void *address) {
  struct rsm_allocation *allocation = rsm_registry_find(address, 0);
  if (allocation->forgotten && !rsm_allocation_is_busy(allocation)) rsm_registry_destroy(allocation);
}

/* The allocation whose live memory is at the range, its idle regions joined. */
static struct rsm_allocation *find_live(void *address, size_t length) {
  size_t page = rsm_page_size();
  if (length == 0 || ((uintptr_t)address | length) % page != 0) return NULL;
  struct rsm_allocation *allocation = rsm_registry_find(address, length);
  if (allocation == NULL || allocation->regions == NULL || allocation->forgotten) return NULL;
  rsm_regions_join(allocation);
  return allocation;
}

static bool is_granular(const struct rsm_allocation *allocation, void *address, size_t length) {
  size_t start = (size_t)((char *)address - allocation->address);
  return (start | length) % allocation->regions->object->granule == 0;
}

/* May the range be exported? *shared is the region that is exported as this range already, or NULL. */
static int examine(void *address, size_t length, bool read_only, struct rsm_allocation **found,
                   struct rsm_region **shared) {
  struct rsm_allocation *allocation = find_live(address, length);
  if (allocation == NULL) return RSMERR_BAD_ADDR;
  *found = allocation;
  *shared = NULL;
  const char *end = (char *)address + length;
  struct rsm_region *region = rsm_region_at(allocation, address);
  for (; region != NULL && region->address < end; region = region->next) {
    if (region->lent) return RSMERR_BAD_ADDR;
    if (region->exports == 0) continue;
    if (region->address != address || region->length != length) return RSMERR_INSUFFICIENT_RESOURCES;
    if (region->object->read_only != read_only) return RSMERR_INSUFFICIENT_RESOURCES;
    *shared = region;
    return RSM_SUCCESS;
  }
  if (read_only && allocation->regions->object->kind == RSM_OBJECT_SYSV) return RSMERR_INSUFFICIENT_RESOURCES;
  return is_granular(allocation, address, length) ? RSM_SUCCESS : RSMERR_INSUFFICIENT_RESOURCES;
}

/* A fresh sealed object with the bytes at address, mapped there in place of what was. */
static int copy_to_fresh(unsigned flags, void *address, size_t length, bool read_only,
                         struct rsm_object **fresh) {
  struct rsm_object *object;
  void *copy;
  int code = rsm_object_create(length, flags, &object);
  if (code != RSM_SUCCESS) return code;
  code = rsm_object_map(object, 0, length, RSM_PERM_RDWR, &copy);
  if (code == RSM_SUCCESS) {
    memcpy(copy, address, length);
    code = rsm_object_seal(object, read_only);
    if (code == RSM_SUCCESS) code = rsm_mapping_move(copy, length, address);
    else munmap(copy, length);
  }
  if (code != RSM_SUCCESS) {
    rsm_object_drop(object);
    return code;
  }
  /* The pages it replaces were locked, so there is room under the limit. */
  if (flags & RSM_MEMORY_LOCK) (void)mlock(address, length);
  *fresh = object;
  return RSM_SUCCESS;
}

/* Gives the idle regions from first over length an object that holds nothing else. */
static int isolate(unsigned flags, struct rsm_region *first, size_t length, bool read_only) {
  struct rsm_object *fresh, *old = first->object;
  int code = old->kind == RSM_OBJECT_SYSV
                 ? rsm_object_of_sysv(old->shmid, old->exporter, old->memory_offset + first->offset, length, &fresh)
                 : copy_to_fresh(flags, first->address, length, read_only, &fresh);
  if (code == RSM_SUCCESS) rsm_regions_replace(first, length, fresh);
  return code;
}

static bool is_alone(const struct rsm_region *region, size_t length) {
  return region->length == length && region->offset == 0 && region->object->length == length;
}

int rsm_memory_hold(void *address, size_t length, bool read_only, struct rsm_object **object) {
  struct rsm_allocation *allocation;
  struct rsm_region *region;
  rsm_registry_lock();
  int code = examine(address, length, read_only, &allocation, &region);
  if (code == RSM_SUCCESS && region == NULL) {
    region = rsm_regions_carve(allocation, address, length);
    if (region == NULL) {
      code = RSMERR_INSUFFICIENT_MEM;
    } else if (!is_alone(region, length) || region->object->exposed ||
               rsm_object_seal(region->object, read_only) != RSM_SUCCESS) {
      code = isolate(allocation->flags, region, length, read_only);
    }
  }
  if (code == RSM_SUCCESS) {
    region->exports++;
    *object = rsm_object_keep(region->object);
  }
  rsm_registry_unlock();
  return code;
}

int rsm_memory_check(void *address, size_t length, bool read_only) {
  struct rsm_allocation *allocation;
  struct rsm_region *shared;
  rsm_registry_lock();
  int code = examine(address, length, read_only, &allocation, &shared);
  rsm_registry_unlock();
  return code;
}

void rsm_memory_let_go(void *address, size_t length) {
  rsm_registry_lock();
  struct rsm_region *region = rsm_region_exactly(address, length);
  if (region != NULL && region->exports > 0) {
    region->exports--;
    destroy_if_forgotten(address);
  }
  rsm_registry_unlock();
}

int rsm_memory_move(void *address, size_t length, struct rsm_object **fresh) {
  int code = RSMERR_BAD_ADDR;
  rsm_registry_lock();
  struct rsm_region *region = rsm_region_exactly(address, length);
  if (region != NULL && region->exports > 0) {
    struct rsm_object *old = region->object;
    unsigned flags = rsm_registry_find(address, length)->flags;
    code = RSMERR_MAP_FAILED;
    if (old->kind == RSM_OBJECT_MEMFD) code = copy_to_fresh(flags, address, length, old->read_only, fresh);
    if (code == RSM_SUCCESS) {
      region->object = rsm_object_keep(*fresh);
      rsm_object_drop(old);
    }
  }
  rsm_registry_unlock();
  return code;
}

int rsm_memory_lend(void *address, size_t length) {
  int code = RSMERR_BAD_ADDR;
  rsm_registry_lock();
  struct rsm_allocation *allocation = find_live(address, length);
  const char *end = (char *)address + length;
  struct rsm_region *region = allocation == NULL ? NULL : rsm_region_at(allocation, address);
  bool lendable = region != NULL && region->object->kind == RSM_OBJECT_MEMFD &&
                  is_granular(allocation, address, length);
  for (; lendable && region != NULL && region->address < end; region = region->next) {
    lendable = rsm_region_is_idle(region);
  }
  if (lendable) {
    region = rsm_regions_carve(allocation, address, length);
    code = region == NULL ? RSMERR_INSUFFICIENT_MEM : RSM_SUCCESS;
    /* It must be possible to map it for writing again. */
    if (region != NULL && (region->length != length || region->object->read_only)) {
      code = isolate(allocation->flags, region, length, false);
    }
    if (code == RSM_SUCCESS) region->lent = true;
  }
  rsm_registry_unlock();
  return code;
}

static int map_zeroed(const struct rsm_region *region, unsigned flags) {
  void *fresh;
  int code = rsm_object_map(region->object, region->offset, region->length, RSM_PERM_RDWR, &fresh);
  if (code != RSM_SUCCESS) return code;
  memset(fresh, 0, region->length);
  code = rsm_mapping_move(fresh, region->length, region->address);
  if (code == RSM_SUCCESS && flags & RSM_MEMORY_LOCK) (void)mlock(region->address, region->length);
  return code;
}

static void end_loan(void *address, size_t length, bool mapped) {
  rsm_registry_lock();
  struct rsm_region *region = rsm_region_exactly(address, length);
  if (region != NULL && region->lent) {
    struct rsm_allocation *allocation = rsm_registry_find(address, length);
    bool ended = !mapped || allocation->forgotten || map_zeroed(region, allocation->flags) == RSM_SUCCESS;
    if (ended) {
      region->lent = false;
      destroy_if_forgotten(address);
    }
  }
  rsm_registry_unlock();
}

void rsm_memory_take_back(void *address, size_t length) {
  end_loan(address, length, true);
}

void rsm_memory_unlend(void *address, size_t length) {
  end_loan(address, length, false);
}
