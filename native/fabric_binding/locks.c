/* Requests for locks, and their answers: blocking, or on the event loop. */
#include "binding.h"

napi_value js_requestLock(napi_env env, napi_callback_info info) {
  struct call call;
  uint64_t offset;
  uint32_t ticket;
  bool at_once;
  struct remote *remote = remote_of(env, info, &call);
  if (remote == NULL) {
    return make_number(env, RSMERR_BAD_SEG_HNDL);
  }
  if (!value_size(env, call.argument[1], &offset) || !value_u32(env, call.argument[2], &ticket) ||
      !value_bool(env, call.argument[3], &at_once)) {
    return throw_arguments(env, "requestLock");
  }
  return make_number(env, rsm_remote_lock(remote->remote, offset, ticket, at_once));
}

napi_value js_cancelLock(napi_env env, napi_callback_info info) {
  struct call call;
  uint32_t ticket;
  struct remote *remote = remote_of(env, info, &call);
  if (remote == NULL) {
    return NULL;
  }
  if (!value_u32(env, call.argument[1], &ticket)) {
    return throw_arguments(env, "cancelLock");
  }
  rsm_remote_cancel_lock(remote->remote, ticket);
  return NULL;
}

napi_value js_releaseLock(napi_env env, napi_callback_info info) {
  struct call call;
  uint64_t offset;
  struct remote *remote = remote_of(env, info, &call);
  if (remote == NULL) {
    return NULL;
  }
  if (!value_size(env, call.argument[1], &offset)) {
    return throw_arguments(env, "releaseLock");
  }
  rsm_remote_unlock(remote->remote, offset, false);
  return NULL;
}

static napi_value make_answer(napi_env env, const struct rsm_answer *answer) {
  return answer->code == RSM_SUCCESS ? make_bool(env, answer->owner_died) : make_number(env, answer->code);
}

napi_value js_waitLock(napi_env env, napi_callback_info info) {
  struct call call;
  uint32_t ticket;
  int64_t timeout_ms;
  struct remote *remote = remote_of(env, info, &call);
  if (remote == NULL) {
    return make_number(env, RSMERR_BAD_SEG_HNDL);
  }
  if (!value_u32(env, call.argument[1], &ticket) || !value_integer(env, call.argument[2], &timeout_ms) ||
      timeout_ms < -1) {
    return throw_arguments(env, "waitLock");
  }
  struct rsm_answer answer = rsm_remote_wait_lock(remote->remote, ticket, timeout_ms, env_is_ending, env);
  return make_answer(env, &answer);
}

void locks_tell(struct connection *connection) {
  struct instance *instance = connection->instance;
  struct rsm_answer answer;
  napi_handle_scope scope;
  while (connection->endpoint != NULL && instance->lock_callback != NULL &&
         rsm_endpoint_take_lock(connection->endpoint, &answer) &&
         napi_open_handle_scope(instance->env, &scope) == napi_ok) {
    napi_value arguments[] = {make_number(instance->env, answer.ticket), make_answer(instance->env, &answer)};
    call_back(instance->env, instance->lock_callback, 2, arguments);
    napi_close_handle_scope(instance->env, scope);
  }
}

napi_value js_onLockAnswer(napi_env env, napi_callback_info info) {
  struct call call;
  if (!call_read(env, info, &call) || !value_callback(env, call.argument[0], &call.instance->lock_callback)) {
    return throw_arguments(env, "onLockAnswer");
  }
  return NULL;
}
