/* Targets: the gateway's. */
#include "binding.h"

#include <stdlib.h>

#include "../fabric/library.h"

struct target {
  struct instance *instance;
  struct rsm_target *target; /* NULL once closed */
  struct handle *handle;
  napi_ref told;
  napi_threadsafe_function wake;
};

static void wake(void *hint) {
  struct target *target = hint;
  napi_call_threadsafe_function(target->wake, NULL, napi_tsfn_nonblocking);
}

static void tell(struct target *target, const struct rsm_target_event *event) {
  static const char *const names[] = {"", "connected", "released", "ended", "refused", "cheated"};
  napi_env env = target->instance->env;
  napi_handle_scope scope;
  napi_value arguments[4];
  if (napi_open_handle_scope(env, &scope) != napi_ok) {
    return;
  }
  arguments[1] = make_number(env, event->importer);
  arguments[2] = make_number(env, event->segment);
  if (napi_create_string_utf8(env, names[event->kind], NAPI_AUTO_LENGTH, &arguments[0]) == napi_ok &&
      napi_create_string_utf8(env, event->from, NAPI_AUTO_LENGTH, &arguments[3]) == napi_ok) {
    call_back(env, target->told, 4, arguments);
  }
  napi_close_handle_scope(env, scope);
}

/* A callback may close the target. */
static void hear(napi_env env, napi_value function, void *context, void *data) {
  (void)function;
  (void)data;
  struct target *target = context;
  struct rsm_target_event event;
  while (env != NULL && target->target != NULL && rsm_target_take_event(target->target, &event)) {
    tell(target, &event);
  }
}

static void gone(napi_env env, void *data, void *hint) {
  (void)env;
  (void)hint;
  struct target *target = data;
  instance_drop(target->instance);
  free(target);
}

/* Before Node ends the thread-safe function, which was made before this hook. */
static void clean_up(void *data) {
  struct target *target = data;
  if (target->target != NULL) {
    rsm_target_close(target->target);
    target->target = NULL;
  }
}

void target_close(struct target *target) {
  if (target->target == NULL) {
    return;
  }
  napi_remove_env_cleanup_hook(target->instance->env, clean_up, target);
  rsm_target_close(target->target);
  target->target = NULL;
  napi_delete_reference(target->instance->env, target->told);
  napi_release_threadsafe_function(target->wake, napi_tsfn_abort);
}

static struct target *create(struct instance *instance, napi_env env, napi_value callback) {
  napi_value name;
  struct target *target = calloc(1, sizeof *target);
  if (target == NULL) {
    return NULL;
  }
  target->instance = instance;
  if (!value_callback(env, callback, &target->told)) {
    free(target);
    return NULL;
  }
  if (napi_create_string_utf8(env, "rsmapi.target", NAPI_AUTO_LENGTH, &name) != napi_ok ||
      napi_create_threadsafe_function(env, NULL, NULL, name, 0, 1, target, gone, target, hear, &target->wake) !=
          napi_ok) {
    napi_delete_reference(env, target->told);
    free(target);
    return NULL;
  }
  instance_keep(instance);
  return target;
}

static napi_value make_opened(napi_env env, struct target *target) {
  napi_value result;
  napi_value external = handle_create(target->instance, env, HANDLE_TARGET, target, &target->handle);
  napi_value address = external == NULL ? NULL : make_address(env, rsm_target_address(target->target));
  if (address == NULL || napi_create_object(env, &result) != napi_ok ||
      napi_set_named_property(env, result, "target", external) != napi_ok ||
      napi_set_named_property(env, result, "address", address) != napi_ok) {
    return NULL;
  }
  return result;
}

napi_value js_openTarget(napi_env env, napi_callback_info info) {
  struct call call;
  struct rsm_address address;
  char reason[256];
  napi_valuetype type;
  if (!call_read(env, info, &call) || !read_address(env, call.argument[0], &address) ||
      napi_typeof(env, call.argument[1], &type) != napi_ok || type != napi_function) {
    return throw_arguments(env, "openTarget");
  }
  struct target *target = create(call.instance, env, call.argument[1]);
  if (target == NULL) {
    return throw_resources(env, "the JavaScript runtime could not make a target");
  }
  target->target = rsm_target_open(&address, wake, target, reason, sizeof reason);
  if (target->target == NULL) {
    napi_delete_reference(env, target->told);
    napi_release_threadsafe_function(target->wake, napi_tsfn_abort);
    return make_refusal(env, rsm_library() != NULL ? RSMERR_REMOTE_NODE_UNREACHABLE : RSMERR_CTLR_NOT_PRESENT, reason);
  }
  napi_value result = napi_add_env_cleanup_hook(env, clean_up, target) == napi_ok ? make_opened(env, target) : NULL;
  if (result == NULL) {
    target_close(target);
  }
  return result;
}

static struct target *target_of(napi_env env, napi_callback_info info, struct call *call) {
  struct handle *handle =
      call_read(env, info, call) ? handle_of(call->instance, env, call->argument[0], HANDLE_TARGET) : NULL;
  return handle == NULL || handle->target->target == NULL ? NULL : handle->target;
}

napi_value js_closeTarget(napi_env env, napi_callback_info info) {
  struct call call;
  struct target *target = target_of(env, info, &call);
  if (target != NULL) {
    handle_end(target->handle);
  }
  return NULL;
}

napi_value js_admit(napi_env env, napi_callback_info info) {
  struct call call;
  uint8_t ticket[RSM_TICKET_BYTES];
  uint32_t importer;
  int64_t expires_ms;
  napi_value result;
  struct target *target = target_of(env, info, &call);
  if (target == NULL) {
    return make_number(env, RSMERR_BAD_SEG_HNDL);
  }
  if (!read_ticket(env, call.argument[1], ticket) || !value_integer(env, call.argument[2], &expires_ms) ||
      expires_ms < 0) {
    return throw_arguments(env, "admit");
  }
  int code = rsm_target_admit(target->target, ticket, expires_ms, &importer);
  if (code != RSM_SUCCESS) {
    return make_number(env, code);
  }
  bool made = napi_create_object(env, &result) == napi_ok && set_number(env, result, "importer", importer);
  return made ? result : NULL;
}

static const struct rsm_port *port_of(napi_env env, napi_value value) {
  static const napi_type_tag tag = RSM_PORT_TAG;
  bool is_port;
  void *data;
  bool found = napi_check_object_type_tag(env, value, &tag, &is_port) == napi_ok && is_port &&
               napi_get_value_external(env, value, &data) == napi_ok;
  const struct rsm_port *port = found ? data : NULL;
  return port != NULL && port->calls->version == RSM_PORT_VERSION ? port : NULL;
}

static bool set_key(napi_env env, napi_value object, const char *name, const struct rsm_region_key *region) {
  napi_value pair, key, base;
  return napi_create_object(env, &pair) == napi_ok && napi_create_bigint_uint64(env, region->key, &key) == napi_ok &&
         napi_create_bigint_uint64(env, region->base, &base) == napi_ok &&
         napi_set_named_property(env, pair, "key", key) == napi_ok &&
         napi_set_named_property(env, pair, "base", base) == napi_ok &&
         napi_set_named_property(env, object, name, pair) == napi_ok;
}

static napi_value make_grant(napi_env env, const struct rsm_grant *grant) {
  napi_value result;
  bool made = napi_create_object(env, &result) == napi_ok && set_number(env, result, "segment", grant->segment) &&
              set_key(env, result, "data", &grant->data) && set_key(env, result, "control", &grant->control) &&
              set_number(env, result, "lengthBytes", (double)grant->length) &&
              set_number(env, result, "permission", grant->permission) &&
              set_number(env, result, "lockOwner", grant->lock_owner);
  return made ? result : NULL;
}

napi_value js_grant(napi_env env, napi_callback_info info) {
  struct call call;
  uint32_t importer, permission;
  struct rsm_grant grant;
  struct target *target = target_of(env, info, &call);
  if (target == NULL) {
    return make_number(env, RSMERR_BAD_SEG_HNDL);
  }
  const struct rsm_port *port = port_of(env, call.argument[2]);
  if (!value_u32(env, call.argument[1], &importer) || port == NULL || !value_u32(env, call.argument[3], &permission)) {
    return throw_arguments(env, "grant");
  }
  int code = rsm_target_grant(target->target, importer, port, permission, &grant);
  return code == RSM_SUCCESS ? make_grant(env, &grant) : make_number(env, code);
}

napi_value js_revoke(napi_env env, napi_callback_info info) {
  struct call call;
  uint32_t importer, segment;
  struct target *target = target_of(env, info, &call);
  if (target == NULL) {
    return NULL;
  }
  if (!value_u32(env, call.argument[1], &importer) || !value_u32(env, call.argument[2], &segment)) {
    return throw_arguments(env, "revoke");
  }
  rsm_target_revoke(target->target, importer, segment);
  return NULL;
}

napi_value js_endImporter(napi_env env, napi_callback_info info) {
  struct call call;
  uint32_t importer;
  struct target *target = target_of(env, info, &call);
  if (target == NULL) {
    return NULL;
  }
  if (!value_u32(env, call.argument[1], &importer)) {
    return throw_arguments(env, "endImporter");
  }
  rsm_target_end_importer(target->target, importer);
  return NULL;
}
