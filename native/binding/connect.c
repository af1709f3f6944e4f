/* connect on the calling thread, and what both ways ask for. */
#include "binding.h"

#include <stdlib.h>

static bool read_u32(napi_env env, napi_value object, const char *name, uint32_t *out) {
  napi_value value;
  return napi_get_named_property(env, object, name, &value) == napi_ok && value_u32(env, value, out);
}

bool connect_read_request(napi_env env, napi_value object, struct rsm_connect *request,
                          char **path) {
  napi_value value;
  uint32_t owner = 0;
  *path = NULL;
  *request = (struct rsm_connect){.cancel_fd = -1};
  bool good = read_u32(env, object, "owner", &owner) && read_u32(env, object, "node", &request->node) &&
              read_u32(env, object, "id", &request->segment_id) &&
              read_u32(env, object, "permission", &request->permission) &&
              napi_get_named_property(env, object, "timeoutMs", &value) == napi_ok &&
              value_i32(env, value, &request->timeout_ms) && request->timeout_ms >= 0 &&
              napi_get_named_property(env, object, "socketPath", &value) == napi_ok &&
              (*path = value_path(env, value)) != NULL;
  request->owner = owner;
  request->socket_path = *path;
  return good;
}

napi_value connect_wrong_request(napi_env env, const char *function) {
  bool pending = false; /* a getter's own exception */
  napi_is_exception_pending(env, &pending);
  return pending ? NULL : throw_arguments(env, function);
}

napi_value js_connect(napi_env env, napi_callback_info info) {
  struct call call;
  struct rsm_connect request;
  char *path = NULL;
  if (!call_read(env, info, &call) || !connect_read_request(env, call.argument[0], &request, &path)) {
    free(path);
    return connect_wrong_request(env, "connect");
  }
  struct rsm_import *import = NULL;
  struct rsm_env *rsm = instance_rsm(call.instance);
  int code = rsm == NULL ? RSMERR_INSUFFICIENT_RESOURCES : rsm_import_connect(rsm, &request, &import);
  free(path);
  return code == RSM_SUCCESS ? connection_create(call.instance, env, import) : make_number(env, code);
}
