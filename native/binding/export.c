#include "binding.h"

#include <stdlib.h>

static struct handle *export_of(napi_env env, napi_callback_info info, struct call *call) {
  return call_read(env, info, call) ? handle_of(call->instance, env, call->argument[0], HANDLE_EXPORT) : NULL;
}

static int grants_of(napi_env env, napi_value value, struct rsm_grants *grants) {
  uint32_t *words;
  size_t count;
  return value_u32_array(env, value, &words, &count) ? rsm_grants_read(words, count, grants) : RSMERR_BAD_ADDR;
}

napi_value js_createExport(napi_env env, napi_callback_info info) {
  struct call call;
  uint64_t length;
  uint32_t flags;
  void *address;
  if (!call_read(env, info, &call) || !value_u32(env, call.argument[3], &flags) ||
      flags > (RSM_CREATE_READ_ONLY | RSM_CREATE_LOCK_OPS)) {
    return throw_arguments(env, "createExport");
  }
  if (!value_size(env, call.argument[2], &length) ||
      !value_range(env, call.argument[0], call.argument[1], length, &address)) {
    return make_number(env, RSMERR_BAD_ADDR);
  }
  struct rsm_env *rsm = instance_rsm(call.instance);
  struct rsm_export *segment;
  struct handle *handle;
  int code = rsm == NULL ? RSMERR_INSUFFICIENT_RESOURCES : rsm_export_create(rsm, address, length, flags, &segment);
  return code == RSM_SUCCESS ? handle_create(call.instance, env, HANDLE_EXPORT, segment, &handle)
                             : make_number(env, code);
}

napi_value js_publish(napi_env env, napi_callback_info info) {
  struct call call;
  uint32_t id;
  struct rsm_grants grants;
  struct handle *handle = export_of(env, info, &call);
  if (handle == NULL) {
    return make_number(env, RSMERR_BAD_SEG_HNDL);
  }
  struct handle *record = handle_of(call.instance, env, call.argument[1], HANDLE_RECORD);
  char *claim = value_path(env, call.argument[3]);
  if (record == NULL || !value_u32(env, call.argument[2], &id) || claim == NULL) {
    free(claim);
    return throw_arguments(env, "publish");
  }
  int code = grants_of(env, call.argument[4], &grants);
  if (code == RSM_SUCCESS) {
    code = rsm_export_publish(handle->exported, record->record, id, claim, &grants);
  }
  free(claim);
  return make_number(env, code);
}

napi_value js_republish(napi_env env, napi_callback_info info) {
  struct call call;
  struct rsm_grants grants;
  struct handle *handle = export_of(env, info, &call);
  int code = handle == NULL ? RSMERR_BAD_SEG_HNDL : grants_of(env, call.argument[1], &grants);
  return make_number(env, code == RSM_SUCCESS ? rsm_export_republish(handle->exported, &grants) : code);
}

napi_value js_unpublish(napi_env env, napi_callback_info info) {
  struct call call;
  struct handle *handle = export_of(env, info, &call);
  return make_number(env, handle == NULL ? RSMERR_BAD_SEG_HNDL : rsm_export_unpublish(handle->exported));
}

napi_value js_rebind(napi_env env, napi_callback_info info) {
  struct call call;
  void *address;
  struct handle *handle = export_of(env, info, &call);
  if (handle == NULL) {
    return make_number(env, RSMERR_BAD_SEG_HNDL);
  }
  if (!value_range(env, call.argument[1], call.argument[2], 0, &address)) {
    return make_number(env, RSMERR_BAD_ADDR);
  }
  return make_number(env, rsm_export_rebind(handle->exported, address));
}

napi_value js_destroyExport(napi_env env, napi_callback_info info) {
  struct call call;
  struct handle *handle = export_of(env, info, &call);
  if (handle != NULL) {
    handle_end(handle);
  }
  return NULL;
}

napi_value js_importers(napi_env env, napi_callback_info info) {
  struct call call;
  struct handle *handle = export_of(env, info, &call);
  return make_number(env, handle == NULL ? 0 : rsm_export_importers(handle->exported));
}

napi_value js_decideAccess(napi_env env, napi_callback_info info) {
  struct call call;
  struct rsm_grants grants;
  struct rsm_peer peer = {0};
  uint32_t uid, gid, node, permission, *groups;
  size_t count;
  if (!call_read(env, info, &call) || !value_u32(env, call.argument[1], &uid) ||
      !value_u32(env, call.argument[2], &gid) || !value_u32_array(env, call.argument[3], &groups, &count) ||
      count > RSM_PEER_GROUPS || !value_u32(env, call.argument[4], &node) ||
      !value_u32(env, call.argument[5], &permission)) {
    return throw_arguments(env, "decideAccess");
  }
  peer.uid = uid;
  peer.gid = gid;
  peer.group_count = count;
  for (size_t i = 0; i < count; i++) {
    peer.groups[i] = groups[i];
  }
  int code = grants_of(env, call.argument[0], &grants);
  return make_number(env, code == RSM_SUCCESS ? rsm_access_decide(&grants, &peer, node, permission) : code);
}
