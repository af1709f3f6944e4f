#include "work.h"

#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "../loopback/codes.h"
#include "values.h"

static void drop(struct work *work) {
  if (--work->references == 0) {
    free(work);
  }
}

/* All but what the cancel function may still look at. */
static void finish(struct work *work) {
  if (work->context != NULL) {
    napi_async_destroy(work->env, work->context);
  }
  if (work->cancel_fd >= 0) {
    close(work->cancel_fd);
    work->cancel_fd = -1;
  }
}

static void release(struct work *work) {
  work->kind->release(work);
  drop(work);
}

static void ring(const struct work *work) {
  uint64_t one = 1;
  if (work->cancel_fd >= 0) {
    ssize_t done = write(work->cancel_fd, &one, sizeof one);
    (void)done; /* EAGAIN alone is possible: it is readable already */
  }
}

void works_cancel(struct loop *loop) {
  for (struct work *each = loop->works; each != NULL; each = each->next) {
    ring(each);
    uv_cancel((uv_req_t *)&each->request); /* when the pool has not come to it */
  }
}

static void execute(uv_work_t *request) {
  struct work *work = request->data;
  work->kind->execute(work);
}

static void settle(napi_env env, void *hint) {
  struct work *work = hint;
  napi_value thrown, value = work->kind->answer(work, env);
  if (value != NULL) {
    napi_resolve_deferred(env, work->deferred, value);
  } else if (napi_get_and_clear_last_exception(env, &thrown) == napi_ok) {
    napi_reject_deferred(env, work->deferred, thrown);
  }
}

static void done(uv_work_t *request, int status) {
  (void)status; /* UV_ECANCELED at the end of the environment */
  struct work *work = request->data;
  struct loop *loop = work->loop;
  struct work **link = &loop->works;
  while (*link != work) {
    link = &(*link)->next;
  }
  *link = work->next;
  if (loop->ending) {
    work->kind->discard(work);
  } else {
    in_callback_scope(work->env, work->context, settle, work);
  }
  finish(work);
  loop_leave(loop);
  release(work);
}

static napi_value cancel(napi_env env, napi_callback_info info) {
  void *work;
  if (napi_get_cb_info(env, info, NULL, NULL, NULL, &work) == napi_ok) {
    ring(work);
  }
  return NULL;
}

static void cancel_gone(napi_env env, void *data, void *hint) {
  (void)env;
  (void)hint;
  drop(data);
}

/* NULL: the runtime refuses. */
static napi_value make_result(struct work *work, napi_env env) {
  napi_value result, promise, function, name;
  if (napi_create_function(env, "cancel", NAPI_AUTO_LENGTH, cancel, work, &function) != napi_ok ||
      napi_add_finalizer(env, function, work, cancel_gone, NULL, NULL) != napi_ok) {
    return NULL;
  }
  work->references++;
  if (napi_create_object(env, &result) != napi_ok ||
      napi_set_named_property(env, result, "cancel", function) != napi_ok ||
      napi_create_string_utf8(env, work->kind->name, NAPI_AUTO_LENGTH, &name) != napi_ok ||
      napi_async_init(env, NULL, name, &work->context) != napi_ok ||
      napi_create_promise(env, &work->deferred, &promise) != napi_ok ||
      napi_set_named_property(env, result, "result", promise) != napi_ok) {
    return NULL;
  }
  return result;
}

static int begin(struct work *work, napi_value *result) {
  uv_loop_t *loop;
  work->cancel_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (work->cancel_fd < 0 || !loop_open(work->loop, work->env, &loop)) {
    return RSMERR_INSUFFICIENT_RESOURCES;
  }
  work->request.data = work;
  *result = make_result(work, work->env);
  if (*result == NULL || uv_queue_work(loop, &work->request, execute, done) != 0) {
    throw_resources(work->env, "the JavaScript runtime could not queue work");
    return -1;
  }
  work->next = work->loop->works;
  work->loop->works = work;
  loop_enter(work->loop);
  return RSM_SUCCESS;
}

int work_begin(struct work *work, struct loop *loop, napi_env env, napi_value *result) {
  work->loop = loop;
  work->env = env;
  work->references = 1;
  int code = begin(work, result);
  if (code != RSM_SUCCESS) {
    finish(work);
    release(work);
  }
  return code;
}
