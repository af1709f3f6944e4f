/* connect, on this thread or on one of the pool. */
#include "binding.h"

#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* One connectAsync: alive until it has completed and its cancel function is collected. */
struct connecting {
  struct connecting *next;
  struct instance *instance;
  struct rsm_env *rsm; /* kept: it may be closed while a thread of the pool connects */
  int references;      /* on the environment's thread */
  struct rsm_connect request;
  char *socket_path;
  napi_async_work work;
  napi_deferred deferred;
  struct rsm_import *import;
  int code;
};

static bool read_u32(napi_env env, napi_value object, const char *name, uint32_t *out) {
  napi_value value;
  return napi_get_named_property(env, object, name, &value) == napi_ok && value_u32(env, value, out);
}

/* *path is to be freed. */
static bool read_request(napi_env env, napi_value object, struct rsm_connect *request, char **path) {
  napi_value value;
  uint32_t owner;
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

static napi_value wrong_request(napi_env env, const char *function) {
  bool pending = false; /* a getter's own exception */
  napi_is_exception_pending(env, &pending);
  return pending ? NULL : throw_arguments(env, function);
}

napi_value js_connect(napi_env env, napi_callback_info info) {
  struct call call;
  struct rsm_connect request;
  char *path = NULL;
  if (!call_read(env, info, &call) || !read_request(env, call.argument[0], &request, &path)) {
    free(path);
    return wrong_request(env, "connect");
  }
  struct rsm_import *import = NULL;
  struct rsm_env *rsm = instance_rsm(call.instance);
  int code = rsm == NULL ? RSMERR_INSUFFICIENT_RESOURCES : rsm_import_connect(rsm, &request, &import);
  free(path);
  return code == RSM_SUCCESS ? connection_create(call.instance, env, import) : make_number(env, code);
}

static void drop(struct connecting *connecting) {
  if (--connecting->references == 0) {
    free(connecting);
  }
}

/* All but what the cancel function may still look at: that one is collected when it pleases. */
static void finish(struct connecting *connecting) {
  if (connecting->work != NULL) {
    napi_delete_async_work(connecting->instance->env, connecting->work);
  }
  if (connecting->request.cancel_fd >= 0) {
    close(connecting->request.cancel_fd);
    connecting->request.cancel_fd = -1;
  }
  if (connecting->rsm != NULL) {
    rsm_env_drop(connecting->rsm);
  }
  instance_drop(connecting->instance);
  free(connecting->socket_path);
  drop(connecting);
}

static void ring(const struct connecting *connecting) {
  uint64_t one = 1;
  if (connecting->request.cancel_fd >= 0) {
    ssize_t done = write(connecting->request.cancel_fd, &one, sizeof one);
    (void)done; /* EAGAIN alone is possible: it is readable already */
  }
}

/* Node waits for the items of its pool when an environment ends: not for time-outs, then. */
void connects_cancel(struct instance *instance) {
  for (struct connecting *each = instance->connects; each != NULL; each = each->next) {
    ring(each);
  }
}

/* On a thread of the pool. */
static void execute(napi_env env, void *data) {
  (void)env;
  struct connecting *connecting = data;
  connecting->code = rsm_import_connect(connecting->rsm, &connecting->request, &connecting->import);
}

static void settle(napi_env env, struct connecting *connecting) {
  napi_value value, thrown;
  value = connecting->code == RSM_SUCCESS ? connection_create(connecting->instance, env, connecting->import)
                                          : make_number(env, connecting->code);
  if (value != NULL) {
    napi_resolve_deferred(env, connecting->deferred, value);
  } else if (napi_get_and_clear_last_exception(env, &thrown) == napi_ok) {
    napi_reject_deferred(env, connecting->deferred, thrown);
  }
}

static void complete(napi_env env, napi_status status, void *data) {
  (void)status; /* nobody calls napi_cancel_async_work */
  struct connecting *connecting = data;
  struct instance *instance = connecting->instance;
  struct connecting **link = &instance->connects;
  while (*link != connecting) {
    link = &(*link)->next;
  }
  *link = connecting->next;
  settle(env, connecting);
  finish(connecting);
}

static napi_value cancel(napi_env env, napi_callback_info info) {
  void *connecting;
  if (napi_get_cb_info(env, info, NULL, NULL, NULL, &connecting) == napi_ok) {
    ring(connecting);
  }
  return NULL;
}

static void cancel_gone(napi_env env, void *data, void *hint) {
  (void)env;
  (void)hint;
  drop(data);
}

/* The result object, with the cancel function holding one reference; NULL with an exception pending. */
static napi_value make_result(napi_env env, struct connecting *connecting) {
  napi_value result, promise, function, name;
  if (napi_create_function(env, "cancel", NAPI_AUTO_LENGTH, cancel, connecting, &function) != napi_ok ||
      napi_add_finalizer(env, function, connecting, cancel_gone, NULL, NULL) != napi_ok) {
    return NULL;
  }
  connecting->references++;
  if (napi_create_object(env, &result) != napi_ok ||
      napi_set_named_property(env, result, "cancel", function) != napi_ok ||
      napi_create_string_utf8(env, "rsmapi.connect", NAPI_AUTO_LENGTH, &name) != napi_ok ||
      napi_create_async_work(env, NULL, name, execute, complete, connecting, &connecting->work) != napi_ok ||
      napi_create_promise(env, &connecting->deferred, &promise) != napi_ok ||
      napi_set_named_property(env, result, "result", promise) != napi_ok) {
    return NULL;
  }
  return result;
}

napi_value js_connectAsync(napi_env env, napi_callback_info info) {
  struct call call;
  struct connecting *connecting = calloc(1, sizeof *connecting);
  if (connecting == NULL) {
    return throw_resources(env, "no memory to connect");
  }
  if (!call_read(env, info, &call) ||
      !read_request(env, call.argument[0], &connecting->request, &connecting->socket_path)) {
    free(connecting->socket_path);
    free(connecting);
    return wrong_request(env, "connectAsync");
  }
  connecting->instance = call.instance;
  instance_keep(call.instance);
  connecting->references = 1;
  connecting->request.cancel_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  connecting->rsm = instance_rsm(call.instance);
  napi_value result = NULL;
  if (connecting->rsm != NULL) {
    rsm_env_keep(connecting->rsm);
  }
  if (connecting->rsm == NULL || connecting->request.cancel_fd < 0) {
    throw_resources(env, "no descriptor or no agent thread to connect with");
  } else {
    result = make_result(env, connecting);
  }
  if (result != NULL && napi_queue_async_work(env, connecting->work) != napi_ok) {
    result = throw_resources(env, "the JavaScript runtime could not queue a connect");
  }
  if (result == NULL) {
    finish(connecting);
    return NULL;
  }
  connecting->next = call.instance->connects;
  call.instance->connects = connecting;
  return result;
}
