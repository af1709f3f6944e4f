#include "table.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

/* An id is the generation above the slot's number. */
static uint32_t index_of(const struct table *table, uint64_t id) {
  return (uint32_t)id - table->first;
}

static uint64_t id_of(const struct table *table, uint32_t index) {
  return (uint64_t)table->slots[index].generation << 32 | (table->first + index);
}

static bool grow(struct table *table) {
  uint32_t count = table->count == 0 ? 16 : table->count * 2;
  struct table_slot *slots = realloc(table->slots, count * sizeof *slots);
  if (slots == NULL) {
    return false;
  }
  for (uint32_t i = table->count; i < count; i++) {
    slots[i] = (struct table_slot){.next_free = i + 1};
  }
  table->slots = slots;
  table->count = count;
  return true;
}

uint64_t table_add(struct table *table, void *object) {
  if (table->first_free == table->count && !grow(table)) {
    return 0;
  }
  uint32_t index = table->first_free;
  struct table_slot *slot = &table->slots[index];
  table->first_free = slot->next_free;
  slot->object = object;
  slot->generation++;
  return id_of(table, index);
}

void *table_find(const struct table *table, napi_env env, napi_value external) {
  void *data;
  if (napi_get_value_external(env, external, &data) != napi_ok) {
    return NULL;
  }
  uint64_t id = (uint64_t)(uintptr_t)data;
  uint32_t index = index_of(table, id);
  return index < table->count && id_of(table, index) == id ? table->slots[index].object : NULL;
}

void table_remove(struct table *table, uint64_t id) {
  uint32_t index = index_of(table, id);
  table->slots[index].object = NULL;
  table->slots[index].next_free = table->first_free;
  table->first_free = index;
}

void table_free(struct table *table) {
  free(table->slots);
}
