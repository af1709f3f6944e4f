#include "loop.h"

#include "work.h"

/* Node goes on only when this hook is removed. */
static void go_on_if_empty(struct loop *loop) {
  if (loop->ending && loop->users == 0) {
    napi_remove_async_cleanup_hook(loop->hook);
  }
}

static void end(napi_async_cleanup_hook_handle hook, void *data) {
  (void)hook;
  struct loop *loop = data;
  loop->ending = true;
  loop->end(loop->hint);
  works_cancel(loop);
  go_on_if_empty(loop);
}

bool loop_open(struct loop *loop, napi_env env, uv_loop_t **out) {
  if (loop->ending || napi_get_uv_event_loop(env, out) != napi_ok) {
    return false;
  }
  return loop->hook != NULL || napi_add_async_cleanup_hook(env, end, loop, &loop->hook) == napi_ok;
}

void loop_enter(struct loop *loop) {
  loop->users++;
}

void loop_leave(struct loop *loop) {
  loop->users--;
  go_on_if_empty(loop);
}
