/*
 * Connecting: on this thread, or on one of libuv's pool. Not napi_async_work: Node waits for that before it runs any
 * clean-up hook, so a connect to a silent peer would hold up worker.terminate() until its time-out.
 */
#include "binding.h"

#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct attempt {
  struct rsm_address address;
  uint8_t ticket[RSM_TICKET_BYTES];
  int timeout_ms;
  int cancel_fd;
  int code;
  char reason[256];
  struct rsm_endpoint *endpoint;
};

/* Alive until it is done and its cancel function is collected. */
struct connecting {
  struct connecting *next;
  uv_work_t work;
  struct instance *instance;
  int references; /* on the environment's thread */
  struct attempt attempt;
  napi_async_context context;
  napi_deferred deferred;
};

/* ---- values ---- */

static bool read_text(napi_env env, napi_value object, const char *name, char *out, size_t size) {
  napi_value value;
  size_t length;
  return napi_get_named_property(env, object, name, &value) == napi_ok &&
         napi_get_value_string_utf8(env, value, out, size, &length) == napi_ok && length > 0 && length + 1 < size;
}

bool read_address(napi_env env, napi_value object, struct rsm_address *address) {
  napi_value value;
  uint32_t port;
  *address = (struct rsm_address){.port = 0};
  bool good = read_text(env, object, "provider", address->provider, sizeof address->provider) &&
              read_text(env, object, "host", address->host, sizeof address->host) &&
              napi_get_named_property(env, object, "port", &value) == napi_ok && value_u32(env, value, &port) &&
              port <= UINT16_MAX;
  address->port = good ? (uint16_t)port : 0;
  return good;
}

napi_value make_address(napi_env env, const struct rsm_address *address) {
  napi_value result, provider, host;
  bool made = napi_create_object(env, &result) == napi_ok &&
              napi_create_string_utf8(env, address->provider, NAPI_AUTO_LENGTH, &provider) == napi_ok &&
              napi_create_string_utf8(env, address->host, NAPI_AUTO_LENGTH, &host) == napi_ok &&
              napi_set_named_property(env, result, "provider", provider) == napi_ok &&
              napi_set_named_property(env, result, "host", host) == napi_ok &&
              set_number(env, result, "port", address->port);
  return made ? result : NULL;
}

bool read_ticket(napi_env env, napi_value value, uint8_t *ticket) {
  bool is_one;
  napi_typedarray_type type;
  size_t length;
  void *data;
  bool good = napi_is_typedarray(env, value, &is_one) == napi_ok && is_one &&
              napi_get_typedarray_info(env, value, &type, &length, &data, NULL, NULL) == napi_ok &&
              type == napi_uint8_array && length == RSM_TICKET_BYTES;
  if (good) {
    memcpy(ticket, data, RSM_TICKET_BYTES);
  }
  return good;
}

static bool read_attempt(napi_env env, const struct call *call, struct attempt *attempt) {
  *attempt = (struct attempt){.cancel_fd = -1, .code = RSMERR_INTERRUPTED};
  return read_address(env, call->argument[0], &attempt->address) &&
         read_ticket(env, call->argument[1], attempt->ticket) &&
         value_i32(env, call->argument[2], &attempt->timeout_ms) && attempt->timeout_ms >= 0;
}

static void try_once(struct attempt *attempt) {
  attempt->endpoint = rsm_endpoint_connect(&attempt->address, attempt->ticket, attempt->timeout_ms, attempt->cancel_fd,
                                           &attempt->code, attempt->reason, sizeof attempt->reason);
}

static napi_value make_answer(struct instance *instance, napi_env env, const struct attempt *attempt) {
  return attempt->endpoint == NULL ? make_refusal(env, attempt->code, attempt->reason)
                                   : connection_create(instance, env, attempt->endpoint);
}

/* ---- blocking ---- */

napi_value js_connect(napi_env env, napi_callback_info info) {
  struct call call;
  struct attempt attempt;
  if (!call_read(env, info, &call) || !read_attempt(env, &call, &attempt)) {
    return throw_arguments(env, "connect");
  }
  try_once(&attempt);
  return make_answer(call.instance, env, &attempt);
}

napi_value js_closeEndpoint(napi_env env, napi_callback_info info) {
  struct call call;
  struct handle *handle =
      call_read(env, info, &call) ? handle_of(call.instance, env, call.argument[0], HANDLE_ENDPOINT) : NULL;
  if (handle != NULL) {
    handle_end(handle);
  }
  return NULL;
}

/* ---- on the pool ---- */

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
  if (connecting->attempt.cancel_fd >= 0) {
    close(connecting->attempt.cancel_fd);
    connecting->attempt.cancel_fd = -1;
  }
  instance_drop(connecting->instance);
  drop(connecting);
}

static void ring(const struct connecting *connecting) {
  uint64_t one = 1;
  if (connecting->attempt.cancel_fd >= 0) {
    ssize_t done = write(connecting->attempt.cancel_fd, &one, sizeof one);
    (void)done; /* EAGAIN alone is possible: it is readable already */
  }
}

void connects_cancel(struct instance *instance) {
  for (struct connecting *each = instance->connects; each != NULL; each = each->next) {
    ring(each);
    uv_cancel((uv_req_t *)&each->work); /* when the pool has not come to it */
  }
}

static void execute(uv_work_t *work) {
  struct connecting *connecting = work->data;
  try_once(&connecting->attempt);
}

static void settle(napi_env env, struct connecting *connecting) {
  napi_value thrown, value = make_answer(connecting->instance, env, &connecting->attempt);
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
  } else if (connecting->attempt.endpoint != NULL) {
    rsm_endpoint_close(connecting->attempt.endpoint);
  }
  instance_keep(instance);
  finish(connecting);
  instance_loop_idle(instance);
  instance_drop(instance);
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

static napi_value begin(napi_env env, struct connecting *connecting) {
  struct instance *instance = connecting->instance;
  uv_loop_t *loop;
  connecting->attempt.cancel_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (connecting->attempt.cancel_fd < 0 || !instance_loop(instance, &loop)) {
    return NULL;
  }
  connecting->work.data = connecting;
  napi_value result = make_result(env, connecting);
  if (result == NULL || uv_queue_work(loop, &connecting->work, execute, done) != 0) {
    return NULL;
  }
  connecting->next = instance->connects;
  instance->connects = connecting;
  return result;
}

napi_value js_connectAsync(napi_env env, napi_callback_info info) {
  struct call call;
  struct attempt attempt;
  if (!call_read(env, info, &call) || !read_attempt(env, &call, &attempt)) {
    return throw_arguments(env, "connectAsync");
  }
  struct connecting *connecting = calloc(1, sizeof *connecting);
  if (connecting == NULL) {
    return throw_resources(env, "no memory to connect");
  }
  connecting->attempt = attempt;
  connecting->references = 1;
  connecting->instance = call.instance;
  instance_keep(call.instance);
  napi_value result = begin(env, connecting);
  if (result == NULL) {
    finish(connecting);
    return throw_resources(env, "the JavaScript runtime could not queue a connect");
  }
  return result;
}
