#include "binding.h"

#include <stdlib.h>

/* The id of a live handle is its generation above its slot's number, counted from 1: never 0. */
static uint32_t slot_of(uint64_t id) {
  return (uint32_t)id - 1;
}

static bool slots_grow(struct instance *instance) {
  uint32_t count = instance->slot_count == 0 ? 16 : instance->slot_count * 2;
  struct handle **handles = realloc(instance->handles, count * sizeof *handles);
  if (handles == NULL) {
    return false;
  }
  instance->handles = handles;
  uint32_t *generations = realloc(instance->generations, count * sizeof *generations);
  if (generations == NULL) {
    return false;
  }
  instance->generations = generations;
  for (uint32_t i = instance->slot_count; i < count; i++) {
    handles[i] = NULL;
    generations[i] = 0;
  }
  instance->slot_count = count;
  return true;
}

static bool slot_take(struct instance *instance, struct handle *handle) {
  uint32_t slot = 0;
  while (slot < instance->slot_count && instance->handles[slot] != NULL) {
    slot++;
  }
  if (slot == instance->slot_count && !slots_grow(instance)) {
    return false;
  }
  instance->handles[slot] = handle;
  handle->id = (uint64_t)++instance->generations[slot] << 32 | (slot + 1);
  return true;
}

struct handle *handle_of(struct instance *instance, napi_env env, napi_value value, unsigned kinds) {
  void *data;
  if (napi_get_value_external(env, value, &data) != napi_ok) {
    return NULL;
  }
  uint64_t id = (uint64_t)(uintptr_t)data;
  uint32_t slot = slot_of(id);
  struct handle *handle = slot < instance->slot_count ? instance->handles[slot] : NULL;
  return handle != NULL && handle->id == id && (handle->kind & kinds) != 0 ? handle : NULL;
}

void handle_end(struct handle *handle) {
  if (handle->ended) {
    return;
  }
  handle->ended = true;
  handle->instance->handles[slot_of(handle->id)] = NULL;
  if (handle->kind == HANDLE_TARGET) {
    target_close(handle->target);
  } else if (handle->kind == HANDLE_ENDPOINT) {
    connection_close(handle->connection);
  } else {
    remote_close(handle->remote);
  }
}

static void finalize(napi_env env, void *data, void *hint) {
  (void)data;
  struct handle *handle = hint;
  handle_end(handle);
  if (handle->self != NULL) {
    napi_delete_reference(env, handle->self);
  }
  instance_drop(handle->instance);
  free(handle);
}

napi_value handle_create(struct instance *instance, napi_env env, enum handle_kind kind, void *object,
                         struct handle **out) {
  napi_value external;
  struct handle *handle = calloc(1, sizeof *handle);
  if (handle == NULL || !slot_take(instance, handle)) {
    free(handle);
    return throw_resources(env, "no memory for a handle");
  }
  handle->instance = instance;
  handle->kind = kind;
  handle->target = object;
  if (napi_create_external(env, (void *)(uintptr_t)handle->id, finalize, handle, &external) != napi_ok) {
    instance->handles[slot_of(handle->id)] = NULL;
    free(handle);
    return throw_resources(env, "the JavaScript runtime could not make a handle");
  }
  instance_keep(instance);
  if (napi_create_reference(env, external, 0, &handle->self) != napi_ok) {
    handle->ended = true; /* the object is the caller's */
    instance->handles[slot_of(handle->id)] = NULL;
    return throw_resources(env, "the JavaScript runtime could not make a reference");
  }
  *out = handle;
  return external;
}
