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

static create_shared find_create(void) {
  return (create_shared)dlsym(RTLD_DEFAULT, "node_api_create_external_sharedarraybuffer");
}

napi_value shared_view_create(napi_env env, void *address, size_t bytes, struct shared_view **out) {
  struct shared_view *view = malloc(sizeof *view);
  napi_value buffer;
  if (view == NULL) {
    return throw_resources(env, "no memory for a buffer");
  }
  *view = (struct shared_view){.address = address, .length = rsm_page_round(bytes), .holders = 2};
  if (find_create()(env, address, bytes, finalize, view, &buffer) != napi_ok) {
    free(view);
    return throw_resources(env, "the JavaScript runtime could not make a SharedArrayBuffer on foreign memory");
  }
  *out = view;
  return buffer;
}

napi_value js_canShare(napi_env env, napi_callback_info info) {
  (void)info;
  return make_bool(env, find_create() != NULL);
}
