/* Aborted imports. Which ones are is in their own state words. */
#include "binding.h"

#include "../loopback/layout.h"

static void tell(struct instance *instance, napi_env env, struct handle *handle) {
  napi_handle_scope scope;
  if (napi_open_handle_scope(env, &scope) != napi_ok) {
    return;
  }
  napi_value external;
  if (napi_get_reference_value(env, handle->self, &external) == napi_ok && external != NULL) {
    handle->told = true;
    call_back(env, instance->abort_callback, 1, &external);
  }
  napi_close_handle_scope(env, scope);
}

void aborts_tell(struct instance *instance, napi_env env) {
  /* The callback may open and end handles: nothing of the table is kept over a call of it. */
  for (uint32_t i = 0; instance->abort_callback != NULL && i < instance->handles.count; i++) {
    struct handle *handle = instance->handles.slots[i].object;
    if (handle != NULL && handle->local != NULL && !handle->told &&
        atomic_load(&handle->local->state) == RSM_WITHDRAWN) {
      tell(instance, env, handle);
    }
  }
}

napi_value js_onAbort(napi_env env, napi_callback_info info) {
  struct call call;
  if (!call_read(env, info, &call) || !value_callback(env, call.argument[0], &call.instance->abort_callback)) {
    return throw_arguments(env, "onAbort");
  }
  wake_for_abort(call.instance, NULL); /* for what happened before */
  return NULL;
}
