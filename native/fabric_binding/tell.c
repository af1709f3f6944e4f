/* What JavaScript is told of an endpoint: transfers, ends and events. */
#include "binding.h"

static void tell_end(struct instance *instance, napi_ref self) {
  napi_handle_scope scope;
  napi_value external;
  if (instance->end_callback == NULL || napi_open_handle_scope(instance->env, &scope) != napi_ok) {
    return;
  }
  if (napi_get_reference_value(instance->env, self, &external) == napi_ok && external != NULL) {
    call_back(instance->env, instance->end_callback, 1, &external);
  }
  napi_close_handle_scope(instance->env, scope);
}

/* One that is to be told of: callbacks may close any of them, so nothing is kept over a call. */
static void find(struct rsm_remote *candidate, void *hint) {
  struct remote **found = hint;
  struct remote *remote = rsm_remote_hint(candidate);
  bool ended = !remote->told && !rsm_remote_is_whole(candidate);
  bool event = remote->callback != NULL && remote->round != remote->connection->round &&
               rsm_remote_has_event(candidate);
  if (*found == NULL && (ended || event)) {
    *found = remote;
  }
}

static void tell_remote(struct instance *instance, struct remote *remote) {
  remote->round = remote->connection->round;
  if (!remote->told && !rsm_remote_is_whole(remote->remote)) {
    remote->told = true;
    tell_end(instance, remote->handle->self);
  } else {
    call_back(instance->env, remote->callback, 0, NULL);
  }
}

static void tell_remotes(struct connection *connection) {
  struct remote *remote;
  do {
    remote = NULL;
    rsm_endpoint_each(connection->endpoint, find, &remote);
    if (remote != NULL) {
      tell_remote(connection->instance, remote);
    }
  } while (remote != NULL && connection->endpoint != NULL);
}

static void settle(napi_env env, void *connection) {
  (void)env;
  connection_settle(connection);
}

void connection_tell(struct connection *connection) {
  connection->references++;
  connection->round++;
  in_callback_scope(connection->instance->env, connection->context, settle, connection);
  locks_tell(connection);
  /* Segments first: whoever hears of the endpoint's end closes it, and then there are none any more. */
  if (connection->endpoint != NULL) {
    tell_remotes(connection);
  }
  if (connection->endpoint != NULL && rsm_endpoint_is_broken(connection->endpoint) && !connection->told) {
    connection->told = true;
    tell_end(connection->instance, connection->handle->self);
  }
  connection_drop(connection);
}

napi_value js_onEnd(napi_env env, napi_callback_info info) {
  struct call call;
  if (!call_read(env, info, &call) || !value_callback(env, call.argument[0], &call.instance->end_callback)) {
    return throw_arguments(env, "onEnd");
  }
  return NULL;
}
