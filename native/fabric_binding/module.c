#include "binding.h"

#include <stdlib.h>

#include "../fabric/link.h"

void instance_keep(struct instance *instance) {
  instance->references++;
}

/* On the environment's thread only: externals are finalized after the clean-up, each holds a reference. */
void instance_drop(struct instance *instance) {
  if (--instance->references == 0) {
    table_free(&instance->handles);
    free(instance);
  }
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
  instance->handles.first = 1u << 31;
  instance->loop = (struct loop){.end = connections_close, .hint = instance};
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
