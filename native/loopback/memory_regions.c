#define _GNU_SOURCE
#include "memory_regions.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/shm.h>

#include "codes.h"

static struct {
  pthread_mutex_t mutex;
  struct rsm_allocation **at; /* by address */
  size_t count, room;
} registry = {PTHREAD_MUTEX_INITIALIZER, NULL, 0, 0};

void rsm_registry_lock(void) {
  pthread_mutex_lock(&registry.mutex);
}

void rsm_registry_unlock(void) {
  pthread_mutex_unlock(&registry.mutex);
}

/* How many allocations start at or before address. */
static size_t count_up_to(const char *address) {
  size_t low = 0, high = registry.count;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (registry.at[middle]->address <= address) low = middle + 1;
    else high = middle;
  }
  return low;
}

static bool make_room(void) {
  if (registry.count < registry.room) return true;
  size_t room = registry.room == 0 ? 64 : registry.room * 2;
  struct rsm_allocation **at = realloc(registry.at, room * sizeof *at);
  if (at == NULL) return false;
  registry.at = at;
  registry.room = room;
  return true;
}

int rsm_registry_add(void *address, size_t length, unsigned flags, struct rsm_object *object) {
  struct rsm_allocation *allocation = calloc(1, sizeof *allocation);
  struct rsm_region *region = calloc(1, sizeof *region);
  rsm_registry_lock();
  bool added = allocation != NULL && region != NULL && make_room();
  if (added) {
    *region = (struct rsm_region){.address = address, .length = length, .object = object};
    *allocation = (struct rsm_allocation){address, length, flags, false, region};
    size_t index = count_up_to(address);
    memmove(registry.at + index + 1, registry.at + index, (registry.count - index) * sizeof *registry.at);
    registry.at[index] = allocation;
    registry.count++;
  }
  rsm_registry_unlock();
  if (added) return RSM_SUCCESS;
  free(allocation);
  free(region);
  return RSMERR_INSUFFICIENT_MEM;
}

struct rsm_allocation *rsm_registry_find(const void *address, size_t length) {
  size_t index = count_up_to(address);
  if (index == 0) return NULL;
  struct rsm_allocation *allocation = registry.at[index - 1];
  size_t start = (size_t)((const char *)address - allocation->address);
  return start < allocation->length && length <= allocation->length - start ? allocation : NULL;
}

void rsm_registry_destroy(struct rsm_allocation *allocation) {
  size_t index = count_up_to(allocation->address) - 1;
  registry.count--;
  memmove(registry.at + index, registry.at + index + 1, (registry.count - index) * sizeof *registry.at);
  bool is_sysv = allocation->regions != NULL && allocation->regions->object->kind == RSM_OBJECT_SYSV;
  rsm_allocation_drop_regions(allocation);
  /* shmdt knows the attached size, which is more than was told when the segment has huge pages. */
  if (is_sysv) shmdt(allocation->address);
  else munmap(allocation->address, allocation->length);
  free(allocation);
}

bool rsm_region_is_idle(const struct rsm_region *region) {
  return region->exports == 0 && !region->lent;
}

bool rsm_allocation_is_busy(const struct rsm_allocation *allocation) {
  for (const struct rsm_region *region = allocation->regions; region != NULL; region = region->next) {
    if (!rsm_region_is_idle(region)) return true;
  }
  return false;
}

void rsm_allocation_drop_regions(struct rsm_allocation *allocation) {
  while (allocation->regions != NULL) {
    struct rsm_region *region = allocation->regions;
    allocation->regions = region->next;
    rsm_object_drop(region->object);
    free(region);
  }
}

struct rsm_region *rsm_region_at(const struct rsm_allocation *allocation, const void *address) {
  struct rsm_region *region = allocation->regions;
  while (region != NULL && region->address + region->length <= (const char *)address) region = region->next;
  return region;
}

struct rsm_region *rsm_region_exactly(const void *address, size_t length) {
  struct rsm_allocation *allocation = rsm_registry_find(address, length);
  struct rsm_region *region = allocation == NULL ? NULL : rsm_region_at(allocation, address);
  return region != NULL && region->address == address && region->length == length ? region : NULL;
}

static void join_next(struct rsm_region *region) {
  struct rsm_region *next = region->next;
  region->length += next->length;
  region->next = next->next;
  rsm_object_drop(next->object);
  free(next);
}

void rsm_regions_join(struct rsm_allocation *allocation) {
  struct rsm_region *region = allocation->regions;
  while (region != NULL && region->next != NULL) {
    struct rsm_region *next = region->next;
    if (rsm_region_is_idle(region) && rsm_region_is_idle(next) && region->object == next->object &&
        region->offset + region->length == next->offset) {
      join_next(region);
    } else {
      region = next;
    }
  }
}

static bool split(struct rsm_allocation *allocation, char *address) {
  struct rsm_region *region = rsm_region_at(allocation, address);
  if (region == NULL || region->address == address) return true;
  struct rsm_region *rest = malloc(sizeof *rest);
  if (rest == NULL) return false;
  size_t length = (size_t)(address - region->address);
  *rest = *region;
  rest->address += length;
  rest->length -= length;
  rest->offset += length;
  rsm_object_keep(rest->object);
  region->length = length;
  region->next = rest;
  return true;
}

struct rsm_region *rsm_regions_carve(struct rsm_allocation *allocation, char *address, size_t length) {
  if (!split(allocation, address) || !split(allocation, address + length)) return NULL;
  return rsm_region_at(allocation, address);
}

void rsm_regions_replace(struct rsm_region *first, size_t length, struct rsm_object *object) {
  const char *end = first->address + length;
  for (struct rsm_region *region = first; region != NULL && region->address < end; region = region->next) {
    rsm_object_punch_range(region->object, region->offset, region->length);
  }
  while (first->length < length) join_next(first);
  rsm_object_drop(first->object);
  first->object = object;
  first->offset = 0;
}
