/* put, get and check, blocking and as promises. */
#include "binding.h"

#include <stdlib.h>

/* A transfer that goes on by itself, and what must stay until it has ended. */
struct pending {
  struct rsm_transfer transfer;
  napi_deferred deferred;
  napi_ref view, remote;
};

/* The address of [at, at+length) in a view. */
static bool read_range(napi_env env, napi_value view, napi_value at, napi_value length, void **address,
                       uint64_t *count) {
  bool is_typed = false, is_data = false;
  void *data = NULL;
  size_t bytes = 0;
  uint64_t skip;
  napi_typedarray_type type;
  if (napi_is_typedarray(env, view, &is_typed) != napi_ok || napi_is_dataview(env, view, &is_data) != napi_ok) {
    return false;
  }
  if (is_typed) {
    static const uint8_t widths[] = {1, 1, 1, 2, 2, 4, 4, 4, 8, 8, 8};
    if (napi_get_typedarray_info(env, view, &type, &bytes, &data, NULL, NULL) != napi_ok ||
        (size_t)type >= sizeof widths) {
      return false;
    }
    bytes *= widths[type];
  } else if (!is_data || napi_get_dataview_info(env, view, &bytes, &data, NULL, NULL) != napi_ok) {
    return false;
  }
  if (!value_size(env, at, &skip) || !value_size(env, length, count) || skip > bytes || *count > bytes - skip) {
    return false;
  }
  *address = (char *)data + skip;
  return true;
}

static napi_value run(napi_env env, napi_callback_info info, enum rsm_direction direction, const char *name) {
  struct call call;
  struct remote *remote = remote_of(env, info, &call);
  uint64_t offset, length;
  void *local;
  bool checked;
  if (remote == NULL) {
    return make_number(env, RSMERR_BAD_SEG_HNDL);
  }
  if (!value_size(env, call.argument[1], &offset) ||
      !read_range(env, call.argument[2], call.argument[3], call.argument[4], &local, &length) ||
      !value_bool(env, call.argument[5], &checked)) {
    return throw_arguments(env, name);
  }
  return make_number(env, rsm_transfer_run(remote->remote, direction, offset, local, length, checked));
}

napi_value js_put(napi_env env, napi_callback_info info) {
  return run(env, info, RSM_PUT, "put");
}

napi_value js_get(napi_env env, napi_callback_info info) {
  return run(env, info, RSM_GET, "get");
}

napi_value js_check(napi_env env, napi_callback_info info) {
  struct call call;
  struct remote *remote = remote_of(env, info, &call);
  return make_number(env, remote == NULL ? RSMERR_BAD_SEG_HNDL
                                         : rsm_transfer_run(remote->remote, RSM_CHECK, 0, NULL, 0, true));
}

static void forget(napi_env env, struct pending *pending) {
  if (pending->view != NULL) {
    napi_delete_reference(env, pending->view);
  }
  if (pending->remote != NULL) {
    napi_delete_reference(env, pending->remote);
  }
  free(pending);
}

void connection_settle(struct connection *connection) {
  struct rsm_transfer *transfer;
  napi_env env = connection->instance->env;
  while (connection->endpoint != NULL && (transfer = rsm_endpoint_take_finished(connection->endpoint)) != NULL) {
    struct pending *pending = (struct pending *)transfer;
    if (!connection->instance->loop.ending) {
      napi_resolve_deferred(env, pending->deferred, make_number(env, transfer->code));
    }
    forget(env, pending);
    connection_alive(connection, -1);
  }
}

static napi_value make_settled(napi_env env, int code) {
  napi_deferred deferred;
  napi_value promise;
  if (napi_create_promise(env, &deferred, &promise) != napi_ok) {
    return NULL;
  }
  napi_resolve_deferred(env, deferred, make_number(env, code));
  return promise;
}

static napi_value begin(napi_env env, napi_callback_info info, enum rsm_direction direction, const char *name) {
  struct call call;
  struct remote *remote = remote_of(env, info, &call);
  uint64_t offset, length;
  void *local;
  napi_value promise;
  if (remote == NULL || remote->connection->endpoint == NULL) {
    return make_settled(env, remote == NULL ? RSMERR_BAD_SEG_HNDL : RSMERR_CONN_ABORTED);
  }
  if (!value_size(env, call.argument[1], &offset) ||
      !read_range(env, call.argument[2], call.argument[3], call.argument[4], &local, &length)) {
    return throw_arguments(env, name);
  }
  struct pending *pending = calloc(1, sizeof *pending);
  if (pending == NULL) {
    return throw_resources(env, "no memory for a transfer");
  }
  pending->transfer = (struct rsm_transfer){.remote = remote->remote, .direction = direction, .checked = true,
                                            .local = local, .offset = offset, .length = length};
  if (napi_create_reference(env, call.argument[0], 1, &pending->remote) != napi_ok ||
      napi_create_reference(env, call.argument[2], 1, &pending->view) != napi_ok ||
      napi_create_promise(env, &pending->deferred, &promise) != napi_ok) {
    forget(env, pending);
    return throw_resources(env, "the JavaScript runtime could not keep a transfer");
  }
  connection_alive(remote->connection, 1);
  rsm_transfer_begin(&pending->transfer);
  return promise;
}

napi_value js_putAsync(napi_env env, napi_callback_info info) {
  return begin(env, info, RSM_PUT, "putAsync");
}

napi_value js_getAsync(napi_env env, napi_callback_info info) {
  return begin(env, info, RSM_GET, "getAsync");
}
