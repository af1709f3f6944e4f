/*
 * Work that blocks, on a thread of libuv's pool: JavaScript has a promise of its answer, and a function that cancels
 * it. Not napi_async_work: Node waits for that before it runs any clean-up hook, so a connect to a silent peer would
 * hold up worker.terminate() until its time-out.
 */
#ifndef RSM_WORK_H
#define RSM_WORK_H

#include <node_api.h>
#include <uv.h>

#include "loop.h"

struct work;

struct work_kind {
  const char *name;
  void (*execute)(struct work *work); /* on a thread of the pool; not at all if the environment ends before */
  /* Takes over what execute brought. NULL: with an exception pending. */
  napi_value (*answer)(struct work *work, napi_env env);
  void (*discard)(struct work *work); /* what execute brought: nobody is left to have it */
  void (*release)(struct work *work); /* the rest of what it holds, but for itself */
};

/* The first member of what the kind is about. */
struct work {
  const struct work_kind *kind;
  int cancel_fd; /* readable when it is to end */
  struct loop *loop;
  napi_env env;
  struct work *next;
  uv_work_t request;
  int references; /* its own, and its cancel function's: that one is collected when it pleases */
  napi_async_context context;
  napi_deferred deferred;
};

/*
 * Begins one that comes from calloc and has its kind, and owns it in every case: *result is { result, cancel }.
 * RSMERR_INSUFFICIENT_RESOURCES: no descriptor, or the environment is ending; -1: an exception is pending.
 */
int work_begin(struct work *work, struct loop *loop, napi_env env, napi_value *result);
void works_cancel(struct loop *loop);

#endif
