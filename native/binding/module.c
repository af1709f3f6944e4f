#include "binding.h"

static void finalize(napi_env env, void *data, void *hint) {
  (void)env;
  (void)hint;
  instance_drop(data);
}

NAPI_MODULE_INIT() {
  struct instance *instance = instance_create(env);
  if (instance == NULL) {
    return throw_resources(env, "no memory for the native part of rsmapi");
  }
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
