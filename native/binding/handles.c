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
  if (handle == NULL || (handle->id = table_add(&instance->handles, handle)) == 0) {
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
