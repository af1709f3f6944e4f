#include "binding.h"

#include <stdlib.h>

/* The id of a live handle is its generation above its slot's number, counted from 1: never 0. */
static uint32_t index_of(uint64_t id) {
  return (uint32_t)id - 1;
}

static bool slots_grow(struct instance *instance) {
  uint32_t count = instance->slot_count == 0 ? 16 : instance->slot_count * 2;
  struct handle_slot *slots = realloc(instance->slots, count * sizeof *slots);
  if (slots == NULL) {
    return false;
  }
  for (uint32_t i = instance->slot_count; i < count; i++) {
    slots[i] = (struct handle_slot){.next_free = i + 1};
  }
  instance->slots = slots;
  instance->slot_count = count;
  return true;
}

static bool slot_take(struct instance *instance, struct handle *handle) {
  if (instance->first_free == instance->slot_count && !slots_grow(instance)) {
    return false;
  }
  uint32_t index = instance->first_free;
  struct handle_slot *slot = &instance->slots[index];
  instance->first_free = slot->next_free;
  slot->handle = handle;
  handle->id = (uint64_t)++slot->generation << 32 | (index + 1);
  return true;
}

static void slot_free(struct instance *instance, uint64_t id) {
  uint32_t index = index_of(id);
  instance->slots[index].handle = NULL;
  instance->slots[index].next_free = instance->first_free;
  instance->first_free = index;
}

struct handle *handle_of(struct instance *instance, napi_env env, napi_value value, unsigned kinds) {
  void *data;
  if (napi_get_value_external(env, value, &data) != napi_ok) {
    return NULL;
  }
  uint64_t id = (uint64_t)(uintptr_t)data;
  uint32_t index = index_of(id);
  if (index >= instance->slot_count) {
    return NULL;
  }
  struct handle *handle = instance->slots[index].handle;
  return handle != NULL && handle->id == id && (handle->kind & kinds) != 0 ? handle : NULL;
}

void handle_end(struct handle *handle) {
  if (handle->ended) {
    return;
  }
  handle->ended = true;
  slot_free(handle->instance, handle->id);
  watch_end(handle);
  if (handle->kind == HANDLE_EXPORT) {
    rsm_export_destroy(handle->exported);
  } else if (handle->kind == HANDLE_IMPORT) {
    rsm_import_disconnect(handle->imported);
  } else {
    rsm_record_release(handle->record);
  }
  if (handle->events != NULL) {
    rsm_events_end(handle->events);
  }
}

/* Buffers on the import's memory may outlive it: the scratch pages under them are theirs to unmap. */
static void release(struct handle *handle) {
  handle_end(handle);
  if (handle->window != NULL) {
    handle->window->handle = NULL;
  }
  if (handle->shared != NULL) {
    shared_view_drop(handle->shared);
  }
  if (handle->control != NULL) {
    handle->control->handle = NULL;
  }
  if (handle->events != NULL) {
    rsm_events_drop(handle->events);
  }
  if (handle->kind == HANDLE_EXPORT) {
    rsm_export_release(handle->exported);
  } else if (handle->kind == HANDLE_IMPORT) {
    rsm_import_release(handle->imported);
  }
  instance_drop(handle->instance);
  free(handle);
}

static void finalize(napi_env env, void *data, void *hint) {
  (void)data;
  struct handle *handle = hint;
  if (handle->self != NULL) {
    napi_delete_reference(env, handle->self);
  }
  release(handle);
}

static struct handle *handle_make(struct instance *instance, enum handle_kind kind, void *object) {
  struct handle *handle = calloc(1, sizeof *handle);
  if (handle == NULL || !slot_take(instance, handle)) {
    free(handle);
    return NULL;
  }
  handle->instance = instance;
  instance_keep(instance);
  handle->kind = kind;
  if (kind == HANDLE_EXPORT) {
    handle->exported = object;
    handle->events = rsm_export_events(object);
  } else if (kind == HANDLE_IMPORT) {
    handle->imported = object;
    handle->events = rsm_import_events(object);
  } else {
    handle->record = object;
  }
  if (handle->events != NULL) {
    rsm_events_keep(handle->events);
  }
  return handle;
}

static void discard(enum handle_kind kind, void *object) {
  if (kind == HANDLE_EXPORT) {
    rsm_export_destroy(object);
    rsm_export_release(object);
  } else if (kind == HANDLE_IMPORT) {
    rsm_import_disconnect(object);
    rsm_import_release(object);
  } else {
    rsm_record_release(object);
  }
}

napi_value handle_create(struct instance *instance, napi_env env, enum handle_kind kind, void *object,
                         struct handle **out) {
  struct handle *handle = handle_make(instance, kind, object);
  if (handle == NULL) {
    discard(kind, object);
    return throw_resources(env, "no memory for a handle");
  }
  napi_value external;
  if (napi_create_external(env, (void *)(uintptr_t)handle->id, finalize, handle, &external) != napi_ok) {
    release(handle);
    return throw_resources(env, "the JavaScript runtime could not make a handle");
  }
  if (kind == HANDLE_IMPORT && napi_create_reference(env, external, 0, &handle->self) != napi_ok) {
    handle_end(handle); /* and released with its external */
    return throw_resources(env, "the JavaScript runtime could not make a reference");
  }
  *out = handle;
  return external;
}
