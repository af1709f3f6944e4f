#include "binding.h"

#include <stdlib.h>

struct handle *handle_of(struct instance *instance, napi_env env, napi_value value, unsigned kinds) {
  struct handle *handle = table_find(&instance->handles, env, value);
  return handle != NULL && (handle->kind & kinds) != 0 ? handle : NULL;
}

void handle_end(struct handle *handle) {
  if (handle->ended) {
    return;
  }
  handle->ended = true;
  table_remove(&handle->instance->handles, handle->id);
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
  if (handle == NULL || (handle->id = table_add(&instance->handles, handle)) == 0) {
    free(handle);
    return throw_resources(env, "no memory for a handle");
  }
  handle->instance = instance;
  handle->kind = kind;
  handle->target = object;
  if (napi_create_external(env, (void *)(uintptr_t)handle->id, finalize, handle, &external) != napi_ok) {
    table_remove(&instance->handles, handle->id);
    free(handle);
    return throw_resources(env, "the JavaScript runtime could not make a handle");
  }
  instance_keep(instance);
  if (napi_create_reference(env, external, 0, &handle->self) != napi_ok) {
    handle->ended = true; /* the object is the caller's */
    table_remove(&instance->handles, handle->id);
    return throw_resources(env, "the JavaScript runtime could not make a reference");
  }
  *out = handle;
  return external;
}
