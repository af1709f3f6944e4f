#include "binding.h"

#include <sys/mman.h>

#include "../loopback/layout.h"
#include "../loopback/object.h"

static void control_give_back(struct view *view) {
  if (view->handle != NULL) {
    handle_end(view->handle); /* the agent writes there until then */
    view->handle->control = NULL;
  }
  rsm_import_let_go(view->import);
}

static bool describe(napi_env env, struct rsm_import *import, napi_value external, napi_value control,
                     napi_value *out) {
  return napi_create_object(env, out) == napi_ok &&
         napi_set_named_property(env, *out, "handle", external) == napi_ok &&
         napi_set_named_property(env, *out, "control", control) == napi_ok &&
         set_number(env, *out, "byteLength", (double)rsm_import_length(import)) &&
         set_number(env, *out, "uid", rsm_import_owner_uid(import)) &&
         set_number(env, *out, "pid", rsm_import_owner_pid(import));
}

napi_value connection_create(struct instance *instance, napi_env env, struct rsm_import *import) {
  struct handle *handle;
  struct view *view;
  napi_value result;
  napi_value external = handle_create(instance, env, HANDLE_IMPORT, import, &handle);
  if (external == NULL) {
    return NULL;
  }
  struct view like = {.address = rsm_import_control(import), .give_back = control_give_back, .handle = handle,
                      .import = import};
  rsm_import_keep(import);
  napi_value control = view_create(env, &like, RSM_CONTROL_BYTES, &view);
  if (control == NULL) {
    return NULL; /* the handle has ended with it */
  }
  handle->control = view;
  handle->local = like.address;
  if (!describe(env, import, external, control, &result)) {
    handle_end(handle);
    return NULL;
  }
  if (atomic_load(&handle->local->state) == RSM_WITHDRAWN) {
    wake_for_abort(instance, import); /* it was aborted before it could be found in the table */
  }
  return result;
}

static struct handle *import_of(napi_env env, napi_callback_info info, struct call *call) {
  return call_read(env, info, call) ? handle_of(call->instance, env, call->argument[0], HANDLE_IMPORT) : NULL;
}

/* munmap only here, when no buffer shows the window any more: design, pitfall 1. */
static void window_give_back(struct view *view) {
  if (view->handle != NULL) {
    if (!view->handle->ended) {
      rsm_import_unmap(view->handle->imported, false);
    }
    view->handle->window = NULL;
  }
  munmap(view->address, view->length);
}

struct window_request {
  uint64_t offset, length;
  uint32_t permission;
  bool internal;
  void *fixed;
};

static napi_value map(napi_env env, struct handle *handle, const struct window_request *request, napi_value fixed) {
  void *address;
  int code = rsm_import_map(handle->imported, request->offset, request->length, request->permission,
                            request->internal, request->fixed, &address);
  if (code != RSM_SUCCESS || request->fixed != NULL) {
    return code == RSM_SUCCESS ? fixed : make_number(env, code);
  }
  struct view like = {.address = address, .length = rsm_page_round(request->length),
                      .give_back = window_give_back, .handle = handle};
  struct view *view;
  napi_value buffer = view_create(env, &like, request->length, &view);
  if (buffer != NULL) {
    handle->window = view;
  }
  return buffer;
}

napi_value js_map(napi_env env, napi_callback_info info) {
  struct call call;
  struct window_request request = {0};
  napi_valuetype fixed_type;
  struct handle *handle = import_of(env, info, &call);
  if (handle == NULL) {
    return make_number(env, RSMERR_BAD_SEG_HNDL);
  }
  if (!value_size(env, call.argument[1], &request.offset) || !value_size(env, call.argument[2], &request.length) ||
      request.length == 0 || !value_u32(env, call.argument[3], &request.permission) ||
      !value_bool(env, call.argument[4], &request.internal) ||
      napi_typeof(env, call.argument[5], &fixed_type) != napi_ok) {
    return throw_arguments(env, "map");
  }
  if (fixed_type != napi_null &&
      !value_range(env, call.argument[5], call.argument[6], request.length, &request.fixed)) {
    return make_number(env, RSMERR_BAD_ADDR);
  }
  return map(env, handle, &request, call.argument[5]);
}

/* The scratch pages under the window now belong to its buffers alone. */
static void part_from_window(napi_env env, struct handle *handle, napi_value buffer) {
  if (handle->window != NULL) {
    const void *address = handle->window->address;
    handle->window->handle = NULL;
    handle->window = NULL;
    view_detach(env, buffer, address);
  }
  if (handle->shared != NULL) {
    shared_view_drop(handle->shared);
    handle->shared = NULL;
  }
}

napi_value js_unmap(napi_env env, napi_callback_info info) {
  struct call call;
  struct handle *handle = import_of(env, info, &call);
  if (handle != NULL) {
    rsm_import_unmap(handle->imported, handle->shared != NULL);
    part_from_window(env, handle, call.argument[1]);
  }
  return NULL;
}

napi_value js_disconnect(napi_env env, napi_callback_info info) {
  struct call call;
  struct handle *handle = import_of(env, info, &call);
  if (handle != NULL) {
    handle_end(handle);
    part_from_window(env, handle, call.argument[1]);
  }
  return NULL;
}
