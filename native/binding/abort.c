/*
 * Aborted imports. The agent only wakes this thread, once until it has looked; which imports are
 * aborted is in their own state words. So no pointer to an import travels between threads.
 */
#include "binding.h"

#include "../loopback/layout.h"

void abort_wake_agent(void *hint, struct rsm_import *import) {
  (void)import;
  struct instance *instance = hint;
  pthread_mutex_lock(&instance->lock);
  if (instance->abort_wake != NULL && !instance->abort_woken) {
    instance->abort_woken = napi_call_threadsafe_function(instance->abort_wake, NULL, napi_tsfn_nonblocking) == napi_ok;
  }
  pthread_mutex_unlock(&instance->lock);
}

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

static void look(napi_env env, napi_value function, void *context, void *data) {
  (void)function;
  (void)data;
  struct instance *instance = context;
  pthread_mutex_lock(&instance->lock);
  instance->abort_woken = false;
  pthread_mutex_unlock(&instance->lock);
  /* The callback may open and end handles: nothing of the table is kept over a call of it. */
  for (uint32_t i = 0; env != NULL && instance->abort_callback != NULL && i < instance->slot_count; i++) {
    struct handle *handle = instance->slots[i].handle;
    if (handle != NULL && handle->local != NULL && !handle->told &&
        atomic_load(&handle->local->state) == RSM_WITHDRAWN) {
      tell(instance, env, handle);
    }
  }
}

static void gone(napi_env env, void *data, void *hint) {
  (void)env;
  (void)hint;
  instance_drop(data);
}

napi_threadsafe_function abort_wake_create(struct instance *instance) {
  napi_threadsafe_function wake = NULL;
  napi_value name;
  napi_env env = instance->env;
  if (napi_create_string_utf8(env, "rsmapi.abort", NAPI_AUTO_LENGTH, &name) != napi_ok ||
      napi_create_threadsafe_function(env, NULL, NULL, name, 0, 1, instance, gone, instance, look, &wake) != napi_ok) {
    return NULL;
  }
  instance_keep(instance);
  napi_unref_threadsafe_function(env, wake); /* an import keeps no process alive */
  return wake;
}

napi_value js_onAbort(napi_env env, napi_callback_info info) {
  struct call call;
  napi_valuetype type;
  napi_ref callback;
  if (!call_read(env, info, &call) || napi_typeof(env, call.argument[0], &type) != napi_ok ||
      type != napi_function || napi_create_reference(env, call.argument[0], 1, &callback) != napi_ok) {
    return throw_arguments(env, "onAbort");
  }
  if (call.instance->abort_callback != NULL) {
    napi_delete_reference(env, call.instance->abort_callback);
  }
  call.instance->abort_callback = callback;
  abort_wake_agent(call.instance, NULL); /* for what happened before */
  return NULL;
}
