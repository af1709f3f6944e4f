/* Segments of other nodes: opening and closing, messages, events. */
#include "binding.h"

#include <stdlib.h>
#include <string.h>

static bool read_member(napi_env env, napi_value object, const char *name, napi_value *value) {
  return napi_get_named_property(env, object, name, value) == napi_ok;
}

static bool read_u64(napi_env env, napi_value value, uint64_t *out) {
  bool lossless;
  return napi_get_value_bigint_uint64(env, value, out, &lossless) == napi_ok && lossless;
}

static bool read_key(napi_env env, napi_value object, const char *name, struct rsm_region_key *out) {
  napi_value region, key, base;
  return read_member(env, object, name, &region) && read_member(env, region, "key", &key) &&
         read_member(env, region, "base", &base) && read_u64(env, key, &out->key) && read_u64(env, base, &out->base);
}

static bool read_grant(napi_env env, napi_value object, struct rsm_grant *grant) {
  napi_value length;
  return member_u32(env, object, "segment", &grant->segment) &&
         member_u32(env, object, "permission", &grant->permission) &&
         member_u32(env, object, "lockOwner", &grant->lock_owner) && read_member(env, object, "lengthBytes", &length) &&
         value_size(env, length, &grant->length) && read_key(env, object, "data", &grant->data) &&
         read_key(env, object, "control", &grant->control);
}

struct remote *remote_of(napi_env env, napi_callback_info info, struct call *call) {
  struct handle *handle =
      call_read(env, info, call) ? handle_of(call->instance, env, call->argument[0], HANDLE_REMOTE) : NULL;
  if (handle == NULL) {
    return NULL;
  }
  handle->remote->connection->touched = true;
  return handle->remote;
}

napi_value js_openRemote(napi_env env, napi_callback_info info) {
  struct call call;
  struct rsm_grant grant;
  if (!call_read(env, info, &call)) {
    return NULL;
  }
  struct handle *endpoint = handle_of(call.instance, env, call.argument[0], HANDLE_ENDPOINT);
  if (endpoint == NULL || endpoint->connection->endpoint == NULL) {
    return make_number(env, RSMERR_CONN_ABORTED);
  }
  if (!read_grant(env, call.argument[1], &grant)) {
    return throw_arguments(env, "openRemote");
  }
  if (rsm_endpoint_is_broken(endpoint->connection->endpoint)) {
    return make_number(env, RSMERR_CONN_ABORTED);
  }
  struct remote *remote = calloc(1, sizeof *remote);
  struct rsm_remote *opened = remote == NULL ? NULL : rsm_remote_open(endpoint->connection->endpoint, &grant);
  if (opened == NULL) {
    free(remote);
    return make_number(env, RSMERR_INSUFFICIENT_MEM);
  }
  *remote = (struct remote){.connection = endpoint->connection, .remote = opened};
  rsm_remote_set_hint(opened, remote);
  remote->connection->references++;
  napi_value external = handle_create(call.instance, env, HANDLE_REMOTE, remote, &remote->handle);
  if (external == NULL || napi_create_reference(env, call.argument[0], 1, &remote->endpoint) != napi_ok) {
    if (external == NULL) remote_close(remote);
    else handle_end(remote->handle);
    return NULL;
  }
  return external;
}

static void watch_end(struct remote *remote) {
  if (remote->callback == NULL) {
    return;
  }
  napi_delete_reference(remote->connection->instance->env, remote->callback);
  remote->callback = NULL;
  if (remote->alive) {
    connection_alive(remote->connection, -1);
  }
  remote->alive = false;
}

void remote_close(struct remote *remote) {
  struct connection *connection = remote->connection;
  watch_end(remote);
  rsm_remote_close(remote->remote);
  connection->touched = true; /* transfers that have ended with it */
  if (remote->endpoint != NULL) {
    napi_delete_reference(connection->instance->env, remote->endpoint);
  }
  free(remote);
  connection_drop(connection);
}

napi_value js_closeRemote(napi_env env, napi_callback_info info) {
  struct call call;
  struct remote *remote = remote_of(env, info, &call);
  if (remote != NULL) {
    handle_end(remote->handle);
  }
  return NULL;
}

napi_value js_abortRemote(napi_env env, napi_callback_info info) {
  struct call call;
  struct remote *remote = remote_of(env, info, &call);
  if (remote != NULL) {
    rsm_remote_withdraw(remote->remote);
  }
  return NULL;
}

napi_value js_isWhole(napi_env env, napi_callback_info info) {
  struct call call;
  struct remote *remote = remote_of(env, info, &call);
  return make_bool(env, remote != NULL && rsm_remote_is_whole(remote->remote));
}

/* ---- atomics ---- */

static bool read_operation(napi_env env, napi_value value, enum rsm_atomic *operation) {
  static const char *const names[] = {"add", "and", "or", "xor", "exchange", "compareExchange"};
  char text[16];
  size_t length;
  if (napi_get_value_string_utf8(env, value, text, sizeof text, &length) != napi_ok) {
    return false;
  }
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    if (strcmp(text, names[i]) == 0) {
      *operation = (enum rsm_atomic)i;
      return true;
    }
  }
  return false;
}

napi_value js_atomic(napi_env env, napi_callback_info info) {
  struct call call;
  enum rsm_atomic operation;
  uint32_t width;
  uint64_t offset, operand, comparand, old = 0;
  napi_value result;
  struct remote *remote = remote_of(env, info, &call);
  if (remote == NULL) {
    return make_number(env, RSMERR_BAD_SEG_HNDL);
  }
  if (!read_operation(env, call.argument[1], &operation) || !value_u32(env, call.argument[2], &width) ||
      (width != 4 && width != 8) || !value_size(env, call.argument[3], &offset) ||
      !read_u64(env, call.argument[4], &operand) || !read_u64(env, call.argument[5], &comparand)) {
    return throw_arguments(env, "atomic");
  }
  int code = rsm_remote_atomic(remote->remote, operation, (uint8_t)width, offset, operand, comparand, &old);
  if (code != RSM_SUCCESS) {
    return make_number(env, code);
  }
  return napi_create_bigint_uint64(env, old, &result) == napi_ok ? result : NULL;
}

/* ---- events ---- */

napi_value js_post(napi_env env, napi_callback_info info) {
  struct call call;
  bool no_accumulate;
  struct remote *remote = remote_of(env, info, &call);
  if (remote == NULL) {
    return make_number(env, RSMERR_BAD_SEG_HNDL);
  }
  if (!value_bool(env, call.argument[1], &no_accumulate)) {
    return throw_arguments(env, "post");
  }
  return make_number(env, rsm_remote_post(remote->remote, no_accumulate));
}

napi_value js_take(napi_env env, napi_callback_info info) {
  struct call call;
  struct remote *remote = remote_of(env, info, &call);
  return make_bool(env, remote != NULL && rsm_remote_take(remote->remote));
}

napi_value js_wait(napi_env env, napi_callback_info info) {
  struct call call;
  int64_t timeout_ms;
  struct remote *remote = remote_of(env, info, &call);
  if (remote == NULL) {
    return make_number(env, RSMERR_BAD_SEG_HNDL);
  }
  if (!value_integer(env, call.argument[1], &timeout_ms) || timeout_ms < -1) {
    return throw_arguments(env, "wait");
  }
  return make_number(env, rsm_remote_wait(remote->remote, timeout_ms, env_is_ending, env));
}

napi_value js_eventDescriptor(napi_env env, napi_callback_info info) {
  struct call call;
  struct remote *remote = remote_of(env, info, &call);
  return make_number(env, remote == NULL ? -1 : rsm_remote_descriptor(remote->remote));
}

napi_value js_watch(napi_env env, napi_callback_info info) {
  struct call call;
  napi_valuetype type;
  bool alive;
  struct remote *remote = remote_of(env, info, &call);
  if (remote == NULL) {
    return make_number(env, RSMERR_BAD_SEG_HNDL);
  }
  if (napi_typeof(env, call.argument[1], &type) != napi_ok || (type != napi_function && type != napi_null) ||
      !value_bool(env, call.argument[2], &alive)) {
    return throw_arguments(env, "watch");
  }
  if (type == napi_null) {
    watch_end(remote);
    return make_number(env, RSM_SUCCESS);
  }
  if (!value_callback(env, call.argument[1], &remote->callback)) {
    return make_number(env, RSMERR_INSUFFICIENT_RESOURCES);
  }
  if (alive != remote->alive) {
    connection_alive(remote->connection, alive ? 1 : -1);
  }
  remote->alive = alive;
  return make_number(env, RSM_SUCCESS);
}
