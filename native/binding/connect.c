/* connect on the calling thread, and what both ways ask for. */
#include "binding.h"

#include <stdlib.h>

static bool read_groups(napi_env env, napi_value object, struct connect_request *request) {
  napi_value value;
  uint32_t *groups;
  size_t count;
  if (napi_get_named_property(env, object, "groups", &value) != napi_ok ||
      !value_u32_array(env, value, &groups, &count) || count > RSM_FRAME_GROUPS) {
    return false;
  }
  for (size_t i = 0; i < count; i++) {
    request->groups[i] = groups[i];
  }
  request->behalf.groups = request->groups;
  request->behalf.group_count = (uint32_t)count;
  return true;
}

static bool read_behalf(napi_env env, napi_value object, struct connect_request *request) {
  napi_value value;
  napi_valuetype type;
  if (napi_get_named_property(env, object, "onBehalf", &value) != napi_ok ||
      napi_typeof(env, value, &type) != napi_ok) {
    return false;
  }
  if (type == napi_undefined) {
    return true;
  }
  request->connect.behalf = &request->behalf;
  return member_u32(env, value, "uid", &request->behalf.uid) && member_u32(env, value, "gid", &request->behalf.gid) &&
         read_groups(env, value, request);
}

bool connect_read_request(napi_env env, napi_value object, struct connect_request *request) {
  napi_value value;
  struct rsm_connect *connect = &request->connect;
  *request = (struct connect_request){.connect.cancel_fd = -1};
  bool good = member_u32(env, object, "owner", &connect->owner) && member_u32(env, object, "node", &connect->node) &&
              member_u32(env, object, "id", &connect->segment_id) &&
              member_u32(env, object, "permission", &connect->permission) &&
              napi_get_named_property(env, object, "timeoutMs", &value) == napi_ok &&
              value_i32(env, value, &connect->timeout_ms) && connect->timeout_ms >= 0 &&
              read_behalf(env, object, request) &&
              napi_get_named_property(env, object, "socketPath", &value) == napi_ok &&
              (request->path = value_path(env, value)) != NULL;
  connect->socket_path = request->path;
  return good;
}

napi_value connect_wrong_request(napi_env env, const char *function) {
  bool pending = false; /* a getter's own exception */
  napi_is_exception_pending(env, &pending);
  return pending ? NULL : throw_arguments(env, function);
}

napi_value js_connect(napi_env env, napi_callback_info info) {
  struct call call;
  struct connect_request request;
  if (!call_read(env, info, &call)) {
    return throw_arguments(env, "connect");
  }
  if (!connect_read_request(env, call.argument[0], &request)) {
    free(request.path);
    return connect_wrong_request(env, "connect");
  }
  struct rsm_import *import = NULL;
  struct rsm_env *rsm = instance_rsm(call.instance);
  int code = rsm == NULL ? RSMERR_INSUFFICIENT_RESOURCES : rsm_import_connect(rsm, &request.connect, &import);
  free(request.path);
  return code == RSM_SUCCESS ? connection_create(call.instance, env, import) : make_number(env, code);
}
