/* connect on a thread of libuv's pool. */
#include "binding.h"

#include <stdlib.h>

#include "../glue/work.h"

struct connecting {
  struct work work;
  struct instance *instance;
  struct rsm_env *rsm; /* kept: it may be closed while a thread of the pool connects */
  struct connect_request request;
  struct rsm_import *import;
  int code;
};

static void execute(struct work *work) {
  struct connecting *connecting = (struct connecting *)work;
  connecting->request.connect.cancel_fd = work->cancel_fd;
  connecting->code = rsm_import_connect(connecting->rsm, &connecting->request.connect, &connecting->import);
}

static napi_value answer(struct work *work, napi_env env) {
  struct connecting *connecting = (struct connecting *)work;
  return connecting->code == RSM_SUCCESS ? connection_create(connecting->instance, env, connecting->import)
                                         : make_number(env, connecting->code);
}

static void discard(struct work *work) {
  struct rsm_import *import = ((struct connecting *)work)->import;
  if (import != NULL) {
    rsm_import_disconnect(import);
    rsm_import_release(import);
  }
}

static void release(struct work *work) {
  struct connecting *connecting = (struct connecting *)work;
  rsm_env_drop(connecting->rsm);
  instance_drop(connecting->instance);
  free(connecting->request.path);
}

static napi_value begin(napi_env env, struct connecting *connecting, struct instance *instance, struct rsm_env *rsm) {
  static const struct work_kind kind = {"rsmapi.connect", execute, answer, discard, release};
  napi_value result;
  connecting->work.kind = &kind;
  connecting->code = RSMERR_INTERRUPTED;
  connecting->instance = instance;
  instance_keep(instance);
  connecting->rsm = rsm;
  rsm_env_keep(rsm);
  int code = work_begin(&connecting->work, &instance->loop, env, &result);
  if (code == RSM_SUCCESS) {
    return result;
  }
  return code > 0 ? make_number(env, code) : NULL;
}

napi_value js_connectAsync(napi_env env, napi_callback_info info) {
  struct call call;
  struct connecting *connecting = calloc(1, sizeof *connecting);
  if (connecting == NULL) {
    return throw_resources(env, "no memory to connect");
  }
  bool good = call_read(env, info, &call) && connect_read_request(env, call.argument[0], &connecting->request);
  struct rsm_env *rsm = good ? instance_rsm(call.instance) : NULL;
  if (rsm != NULL) {
    return begin(env, connecting, call.instance, rsm);
  }
  free(connecting->request.path);
  free(connecting);
  return good ? make_number(env, RSMERR_INSUFFICIENT_RESOURCES) : connect_wrong_request(env, "connectAsync");
}
