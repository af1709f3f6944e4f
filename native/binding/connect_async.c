/*
 * connect on a thread of libuv's pool. Not napi_async_work: Node waits for that before it runs any
 * clean-up hook, so a connect to a silent peer would hold up worker.terminate() until its time-out.
 */
#include "binding.h"

#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* One attempt: alive until it is done and its cancel function is collected. */
struct connecting {
  struct connecting *next;
  uv_work_t work;
  struct instance *instance;
  struct rsm_env *rsm; /* kept: it may be closed while a thread of the pool connects */
  int references;      /* on the environment's thread */
  struct connect_request request;
  napi_async_context context;
  napi_deferred deferred;
  struct rsm_import *import;
  int code;
};

static void drop(struct connecting *connecting) {
  if (--connecting->references == 0) {
    free(connecting);
  }
}

/* All but what the cancel function may still look at: that one is collected when it pleases. */
static void finish(struct connecting *connecting) {
  if (connecting->context != NULL) {
    napi_async_destroy(connecting->instance->env, connecting->context);
  }
  if (connecting->request.connect.cancel_fd >= 0) {
    close(connecting->request.connect.cancel_fd);
    connecting->request.connect.cancel_fd = -1;
  }
  if (connecting->rsm != NULL) {
    rsm_env_drop(connecting->rsm);
  }
  instance_drop(connecting->instance);
  free(connecting->request.path);
  drop(connecting);
}

static void ring(const struct connecting *connecting) {
  uint64_t one = 1;
  if (connecting->request.connect.cancel_fd >= 0) {
    ssize_t done = write(connecting->request.connect.cancel_fd, &one, sizeof one);
    (void)done; /* EAGAIN alone is possible: it is readable already */
  }
}

void connects_cancel(struct instance *instance) {
  for (struct connecting *each = instance->connects; each != NULL; each = each->next) {
    ring(each);
    uv_cancel((uv_req_t *)&each->work); /* when the pool has not come to it */
  }
}

/* On a thread of the pool. */
static void execute(uv_work_t *work) {
  struct connecting *connecting = work->data;
  connecting->code = rsm_import_connect(connecting->rsm, &connecting->request.connect, &connecting->import);
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

/* The callback scope runs the microtasks: whoever awaits the promise goes on. */
static void settle_in_scope(napi_env env, struct connecting *connecting) {
  napi_handle_scope handles;
  napi_callback_scope callback;
  if (napi_open_handle_scope(env, &handles) == napi_ok) {
    if (napi_open_callback_scope(env, NULL, connecting->context, &callback) == napi_ok) {
      settle(env, connecting);
      napi_close_callback_scope(env, callback);
    }
    napi_close_handle_scope(env, handles);
  }
}

static void done(uv_work_t *work, int status) {
  (void)status; /* UV_ECANCELED at the end of the environment */
  struct connecting *connecting = work->data;
  struct instance *instance = connecting->instance;
  struct connecting **link = &instance->connects;
  while (*link != connecting) {
    link = &(*link)->next;
  }
  *link = connecting->next;
  if (!instance->ending) {
    settle_in_scope(instance->env, connecting);
  } else if (connecting->import != NULL) {
    rsm_import_disconnect(connecting->import);
    rsm_import_release(connecting->import);
  }
  finish(connecting);
  instance_loop_idle(instance);
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

/* The result object, with the cancel function holding one reference; NULL: the runtime refuses. */
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
      napi_async_init(env, NULL, name, &connecting->context) != napi_ok ||
      napi_create_promise(env, &connecting->deferred, &promise) != napi_ok ||
      napi_set_named_property(env, result, "result", promise) != napi_ok) {
    return NULL;
  }
  return result;
}

/* Success: work is under way. Else an RSMERR code, or -1 with an exception, and the caller finishes it. */
static int begin(napi_env env, struct connecting *connecting, napi_value *result) {
  struct instance *instance = connecting->instance;
  uv_loop_t *loop;
  struct rsm_env *rsm = instance_rsm(instance);
  connecting->request.connect.cancel_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (rsm == NULL || connecting->request.connect.cancel_fd < 0 || !instance_loop(instance, &loop)) {
    return RSMERR_INSUFFICIENT_RESOURCES;
  }
  rsm_env_keep(rsm);
  connecting->rsm = rsm;
  connecting->work.data = connecting;
  connecting->code = RSMERR_INTERRUPTED;
  *result = make_result(env, connecting);
  if (*result == NULL || uv_queue_work(loop, &connecting->work, execute, done) != 0) {
    throw_resources(env, "the JavaScript runtime could not queue a connect");
    return -1;
  }
  connecting->next = instance->connects;
  instance->connects = connecting;
  return RSM_SUCCESS;
}

napi_value js_connectAsync(napi_env env, napi_callback_info info) {
  struct call call;
  napi_value result;
  struct connecting *connecting = calloc(1, sizeof *connecting);
  if (connecting == NULL) {
    return throw_resources(env, "no memory to connect");
  }
  if (!call_read(env, info, &call) ||
      !connect_read_request(env, call.argument[0], &connecting->request)) {
    free(connecting->request.path);
    free(connecting);
    return connect_wrong_request(env, "connectAsync");
  }
  connecting->references = 1;
  connecting->instance = call.instance;
  instance_keep(call.instance);
  int code = begin(env, connecting, &result);
  if (code == RSM_SUCCESS) {
    return result;
  }
  finish(connecting);
  return code > 0 ? make_number(env, code) : NULL;
}
