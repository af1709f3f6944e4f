/*
 * What externals stand for. An external holds a number, slot and generation in its environment's table, and no pointer:
 * one of somebody else, or one that has ended, is found out by look-up.
 */
#ifndef RSM_TABLE_H
#define RSM_TABLE_H

#include <node_api.h>
#include <stdint.h>

struct table_slot {
  void *object; /* NULL: free */
  uint32_t generation;
  uint32_t next_free;
};

struct table {
  uint32_t first; /* number of the first slot, above 0: another one in each addon, whose externals differ by that */
  struct table_slot *slots;
  uint32_t count, first_free;
};

/* Its id from now on: never 0, but for want of memory. */
uint64_t table_add(struct table *table, void *object);
/* What an external with such an id stands for. NULL: nothing, nothing any more, or it is no external. */
void *table_find(const struct table *table, napi_env env, napi_value external);
void table_remove(struct table *table, uint64_t id);
void table_free(struct table *table);

#endif
