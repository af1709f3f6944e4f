/*
 * The registry behind memory.h: allocations by address, each a list of regions that covers it without
 * holes. Everything here is called with the registry locked.
 */
#ifndef RSM_MEMORY_REGIONS_H
#define RSM_MEMORY_REGIONS_H

#include "object.h"

struct rsm_region {
  struct rsm_region *next; /* by address */
  char *address;
  size_t length;
  struct rsm_object *object; /* one reference */
  uint64_t offset;           /* of the region in its object */
  unsigned exports;
  bool lent; /* an import is mapped over it */
};

struct rsm_allocation {
  char *address;
  size_t length;
  unsigned flags;             /* RSM_MEMORY_* of allocate */
  bool forgotten;             /* nobody shows it any more; goes with its last busy region */
  struct rsm_region *regions; /* NULL: released, only the address range is left */
};

void rsm_registry_lock(void);
void rsm_registry_unlock(void);
/* Locks by itself. Adds a mapped allocation that is one region on object, whose reference it takes when
 * it succeeds. INSUFFICIENT_MEM. */
int rsm_registry_add(void *address, size_t length, unsigned flags, struct rsm_object *object);
/* The allocation that contains the whole range, or NULL. */
struct rsm_allocation *rsm_registry_find(const void *address, size_t length);
/* Unmaps and frees it. */
void rsm_registry_destroy(struct rsm_allocation *allocation);

bool rsm_allocation_is_busy(const struct rsm_allocation *allocation); /* exported or lent in part */
void rsm_allocation_drop_regions(struct rsm_allocation *allocation);

bool rsm_region_is_idle(const struct rsm_region *region);
/* The first region that reaches beyond address. */
struct rsm_region *rsm_region_at(const struct rsm_allocation *allocation, const void *address);
/* The region that is exactly this range, or NULL. */
struct rsm_region *rsm_region_exactly(const void *address, size_t length);
/* Joins idle neighbours that are neighbours in one object, too. */
void rsm_regions_join(struct rsm_allocation *allocation);
/* Puts region borders at both ends of the range; its first region, or NULL when out of memory. What
 * was split and not used is joined again by the next look. */
struct rsm_region *rsm_regions_carve(struct rsm_allocation *allocation, char *address, size_t length);
/* Makes the regions from first over length one region on object (taking its reference), and wipes what
 * they leave behind in their old objects. */
void rsm_regions_replace(struct rsm_region *first, size_t length, struct rsm_object *object);

#endif
