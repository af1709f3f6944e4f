#include "binding.h"

#include <stdlib.h>

#include "../fabric/link.h"

void instance_keep(struct instance *instance) {
  instance->references++;
}

/* On the environment's thread only: externals are finalized after the clean-up, each holds a reference. */
void instance_drop(struct instance *instance) {
  if (--instance->references == 0) {
    free(instance->handles);
    free(instance->generations);
    free(instance);
  }
}

/* An open uv handle at worker.terminate() aborts the process: Node goes on only when this hook is removed. */
static void end_loop_use(napi_async_cleanup_hook_handle hook, void *data) {
  (void)hook;
  struct instance *instance = data;
  instance->ending = true;
  connections_close(instance);
  connects_cancel(instance);
  instance_loop_idle(instance);
}

bool instance_loop(struct instance *instance, uv_loop_t **loop) {
  if (instance->ending || napi_get_uv_event_loop(instance->env, loop) != napi_ok) {
    return false;
  }
  return instance->loop_hook != NULL ||
         napi_add_async_cleanup_hook(instance->env, end_loop_use, instance, &instance->loop_hook) == napi_ok;
}

void instance_loop_idle(struct instance *instance) {
  if (instance->ending && instance->connections == NULL && instance->connects == NULL) {
    napi_remove_async_cleanup_hook(instance->loop_hook);
  }
}

static bool set_text(napi_env env, napi_value object, const char *name, const char *text) {
  napi_value value;
  return napi_create_string_utf8(env, text, NAPI_AUTO_LENGTH, &value) == napi_ok &&
         napi_set_named_property(env, object, name, value) == napi_ok;
}

napi_value make_refusal(napi_env env, int code, const char *reason) {
  napi_value result;
  bool made = napi_create_object(env, &result) == napi_ok && set_number(env, result, "code", code) &&
              set_text(env, result, "reason", reason);
  return made ? result : NULL;
}

napi_value js_library(napi_env env, napi_callback_info info) {
  (void)info;
  char version[16];
  napi_value result;
  const struct rsm_library *library = rsm_library();
  if (library != NULL) {
    snprintf(version, sizeof version, "%u.%u", FI_MAJOR(library->version()), FI_MINOR(library->version()));
  }
  bool made = napi_create_object(env, &result) == napi_ok &&
              (library == NULL ? set_text(env, result, "reason", rsm_library_reason())
                               : set_text(env, result, "version", version));
  return made ? result : NULL;
}

napi_value js_provider(napi_env env, napi_callback_info info) {
  struct call call;
  napi_value result;
  size_t length;
  char name[RSM_PROVIDER_BYTES], reason[256];
  char *wanted = call_read(env, info, &call) ? value_text(env, call.argument[0], &length) : NULL;
  if (wanted == NULL) {
    return throw_arguments(env, "provider");
  }
  bool found = rsm_provider_choose(wanted, name, reason, sizeof reason);
  free(wanted);
  if (!found) {
    return make_refusal(env, RSMERR_CTLR_NOT_PRESENT, reason);
  }
  return napi_create_string_utf8(env, name, NAPI_AUTO_LENGTH, &result) == napi_ok ? result : NULL;
}

static void finalize(napi_env env, void *data, void *hint) {
  (void)env;
  (void)hint;
  instance_drop(data);
}

NAPI_MODULE_INIT() {
  struct instance *instance = calloc(1, sizeof *instance);
  if (instance == NULL) {
    return throw_resources(env, "no memory for the fabric of rsmapi");
  }
  instance->env = env;
  instance->references = 1;
  if (napi_set_instance_data(env, instance, finalize, NULL) != napi_ok) {
    instance_drop(instance);
    return NULL;
  }
#define JS_PROPERTY(function)                                                                              \
  {.utf8name = #function, .method = js_##function, .attributes = napi_enumerable, .data = instance},
  const napi_property_descriptor functions[] = {JS_FUNCTIONS(JS_PROPERTY)};
  if (napi_define_properties(env, exports, sizeof functions / sizeof functions[0], functions) != napi_ok) {
    return NULL;
  }
  return exports;
}
