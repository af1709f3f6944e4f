/*
 * A window as a SharedArrayBuffer. Other threads may hold it too, and it cannot be detached: it is given
 * back when its last holder drops it, on the thread of that one, and perhaps after this environment.
 */
#define _GNU_SOURCE
#include "binding.h"

#include <dlfcn.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "../loopback/object.h"

/* node_api_create_external_sharedarraybuffer of js_native_api.h: experimental, and not in every Node. */
typedef napi_status (*create_shared)(napi_env env, void *data, size_t bytes,
                                     void (*finalize)(void *data, void *hint), void *hint, napi_value *result);

struct shared_view {
  void *address;
  size_t length;
  atomic_int holders; /* the buffer, and the import while it maps there */
};

void shared_view_drop(struct shared_view *view) {
  if (atomic_fetch_sub(&view->holders, 1) == 1) {
    munmap(view->address, view->length);
    free(view);
  }
}

static void finalize(void *data, void *hint) {
  (void)data;
  shared_view_drop(hint);
}

/* Takes over the mapping in every case. */
static napi_value show(napi_env env, create_shared create, struct handle *handle, void *address, size_t bytes) {
  struct shared_view *view = malloc(sizeof *view);
  napi_value buffer;
  if (view != NULL) {
    *view = (struct shared_view){.address = address, .length = rsm_page_round(bytes), .holders = 2};
    if (create(env, address, bytes, finalize, view, &buffer) == napi_ok) {
      handle->shared = view;
      return buffer;
    }
  }
  free(view);
  rsm_import_unmap(handle->imported, true);
  munmap(address, rsm_page_round(bytes));
  return throw_resources(env, "the JavaScript runtime could not make a SharedArrayBuffer on foreign memory");
}

napi_value js_mapShared(napi_env env, napi_callback_info info) {
  struct call call;
  uint64_t offset, length;
  uint32_t permission;
  struct handle *handle = NULL;
  if (call_read(env, info, &call)) {
    handle = handle_of(call.instance, env, call.argument[0], HANDLE_IMPORT);
  }
  if (handle == NULL) {
    return make_number(env, RSMERR_BAD_SEG_HNDL);
  }
  if (!value_size(env, call.argument[1], &offset) || !value_size(env, call.argument[2], &length) ||
      length == 0 || !value_u32(env, call.argument[3], &permission)) {
    return throw_arguments(env, "mapShared");
  }
  create_shared create = (create_shared)dlsym(RTLD_DEFAULT, "node_api_create_external_sharedarraybuffer");
  if (create == NULL) {
    return make_null(env);
  }
  void *address;
  int code = rsm_import_map(handle->imported, offset, length, permission, false, NULL, &address);
  return code == RSM_SUCCESS ? show(env, create, handle, address, length) : make_number(env, code);
}
