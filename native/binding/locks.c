/* Locks: requests of this thread's segments, and their answers on its event loop or blocking it. */
#include "binding.h"

#include "../loopback/locks.h"

static bool place_of(struct call *call, napi_env env, struct rsm_lock_place *place) {
  struct handle *handle = handle_of(call->instance, env, call->argument[0], HANDLE_SEGMENT);
  if (handle == NULL) {
    return false;
  }
  *place = (struct rsm_lock_place){0};
  if (handle->kind == HANDLE_EXPORT) {
    place->exported = handle->exported;
  } else {
    place->imported = handle->imported;
  }
  return true;
}

static uint32_t owner_of(const struct rsm_lock_place *place) {
  return place->exported != NULL ? rsm_export_lock_owner(place->exported) : rsm_import_lock_owner(place->imported);
}

/* A word that there is, in a segment with lock operations: what else core has let through is a mistake. */
static bool is_word(napi_env env, napi_value offset, struct rsm_lock_place *place) {
  return value_size(env, offset, &place->offset) && owner_of(place) != 0 && rsm_lock_is_place(place);
}

napi_value js_lockOwner(napi_env env, napi_callback_info info) {
  struct call call;
  struct rsm_lock_place place;
  bool found = call_read(env, info, &call) && place_of(&call, env, &place);
  return make_number(env, found ? owner_of(&place) : 0);
}

napi_value js_requestLock(napi_env env, napi_callback_info info) {
  struct call call;
  struct rsm_lock_place place;
  uint32_t ticket;
  bool at_once;
  if (!call_read(env, info, &call) || !value_u32(env, call.argument[2], &ticket) ||
      !value_bool(env, call.argument[3], &at_once)) {
    return throw_arguments(env, "requestLock");
  }
  if (!place_of(&call, env, &place)) {
    return make_number(env, RSMERR_BAD_SEG_HNDL);
  }
  if (!is_word(env, call.argument[1], &place)) {
    return throw_arguments(env, "requestLock");
  }
  return make_number(env, rsm_lock_request(&place, ticket, at_once));
}

napi_value js_releaseLock(napi_env env, napi_callback_info info) {
  struct call call;
  struct rsm_lock_place place;
  if (!call_read(env, info, &call) || !place_of(&call, env, &place)) {
    return NULL;
  }
  if (!is_word(env, call.argument[1], &place)) {
    return throw_arguments(env, "releaseLock");
  }
  rsm_lock_release(&place, false);
  return NULL;
}

napi_value js_cancelLock(napi_env env, napi_callback_info info) {
  struct call call;
  uint32_t ticket;
  if (!call_read(env, info, &call) || !value_u32(env, call.argument[0], &ticket)) {
    return throw_arguments(env, "cancelLock");
  }
  if (call.instance->rsm != NULL) {
    rsm_lock_cancel(call.instance->rsm, ticket);
  }
  return NULL;
}

static napi_value make_answer(napi_env env, const struct rsm_lock_answer *answer) {
  return answer->code == RSM_SUCCESS ? make_bool(env, answer->owner_died) : make_number(env, answer->code);
}

napi_value js_waitLock(napi_env env, napi_callback_info info) {
  struct call call;
  uint32_t ticket;
  int64_t timeout_ms;
  if (!call_read(env, info, &call) || !value_u32(env, call.argument[0], &ticket) ||
      !value_integer(env, call.argument[1], &timeout_ms) || timeout_ms < -1) {
    return throw_arguments(env, "waitLock");
  }
  struct rsm_env *rsm = instance_rsm(call.instance);
  if (rsm == NULL) {
    return make_number(env, RSMERR_INSUFFICIENT_RESOURCES);
  }
  struct rsm_lock_answer answer = rsm_lock_wait(rsm, ticket, timeout_ms, env_is_ending, env);
  return make_answer(env, &answer);
}

static void tell(struct instance *instance, napi_env env, const struct rsm_lock_answer *answer) {
  napi_handle_scope scope;
  if (napi_open_handle_scope(env, &scope) != napi_ok) {
    return;
  }
  napi_value arguments[] = {make_number(env, answer->ticket), make_answer(env, answer)};
  call_back(env, instance->answer_callback, 2, arguments);
  napi_close_handle_scope(env, scope);
}

void answers_tell(struct instance *instance, napi_env env) {
  struct rsm_lock_answer answer;
  while (instance->answer_callback != NULL && instance->rsm != NULL &&
         rsm_lock_take_answer(instance->rsm, &answer)) {
    tell(instance, env, &answer);
  }
}

napi_value js_onLockAnswer(napi_env env, napi_callback_info info) {
  struct call call;
  if (!call_read(env, info, &call) || !value_callback(env, call.argument[0], &call.instance->answer_callback)) {
    return throw_arguments(env, "onLockAnswer");
  }
  wake_for_answer(call.instance); /* for what happened before */
  return NULL;
}

napi_value js_awaitLocks(napi_env env, napi_callback_info info) {
  struct call call;
  bool alive;
  if (!call_read(env, info, &call) || !value_bool(env, call.argument[0], &alive)) {
    return throw_arguments(env, "awaitLocks");
  }
  if (call.instance->wake != NULL) { /* only the agent's use of it needs the lock */
    (alive ? napi_ref_threadsafe_function : napi_unref_threadsafe_function)(env, call.instance->wake);
  }
  return NULL;
}
