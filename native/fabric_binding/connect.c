/* Connecting: on this thread, or on one of libuv's pool. */
#include "binding.h"

#include <stdlib.h>
#include <string.h>

#include "../glue/work.h"

struct attempt {
  struct rsm_address address;
  uint8_t ticket[RSM_TICKET_BYTES];
  int timeout_ms;
  int code;
  char reason[256];
  struct rsm_endpoint *endpoint;
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
  *attempt = (struct attempt){.code = RSMERR_INTERRUPTED};
  return read_address(env, call->argument[0], &attempt->address) &&
         read_ticket(env, call->argument[1], attempt->ticket) &&
         value_i32(env, call->argument[2], &attempt->timeout_ms) && attempt->timeout_ms >= 0;
}

static void try_once(struct attempt *attempt, int cancel_fd) {
  attempt->endpoint = rsm_endpoint_connect(&attempt->address, attempt->ticket, attempt->timeout_ms, cancel_fd,
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
  try_once(&attempt, -1);
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

struct connecting {
  struct work work;
  struct instance *instance;
  struct attempt attempt;
};

static void execute(struct work *work) {
  try_once(&((struct connecting *)work)->attempt, work->cancel_fd);
}

static napi_value answer(struct work *work, napi_env env) {
  struct connecting *connecting = (struct connecting *)work;
  return make_answer(connecting->instance, env, &connecting->attempt);
}

static void discard(struct work *work) {
  struct rsm_endpoint *endpoint = ((struct connecting *)work)->attempt.endpoint;
  if (endpoint != NULL) {
    rsm_endpoint_close(endpoint);
  }
}

static void release(struct work *work) {
  instance_drop(((struct connecting *)work)->instance);
}

napi_value js_connectAsync(napi_env env, napi_callback_info info) {
  static const struct work_kind kind = {"rsmapi.connect", execute, answer, discard, release};
  struct call call;
  struct attempt attempt;
  napi_value result;
  if (!call_read(env, info, &call) || !read_attempt(env, &call, &attempt)) {
    return throw_arguments(env, "connectAsync");
  }
  struct connecting *connecting = calloc(1, sizeof *connecting);
  if (connecting == NULL) {
    return throw_resources(env, "no memory to connect");
  }
  connecting->work.kind = &kind;
  connecting->attempt = attempt;
  connecting->instance = call.instance;
  instance_keep(call.instance);
  int code = work_begin(&connecting->work, &call.instance->loop, env, &result);
  if (code == RSM_SUCCESS) {
    return result;
  }
  return code > 0 ? make_refusal(env, code, "no descriptor to connect with") : NULL;
}
