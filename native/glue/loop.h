/* What an environment has on its event loop. It must be off it before the environment goes: an open handle of libuv at
 * worker.terminate() aborts the process. */
#ifndef RSM_LOOP_H
#define RSM_LOOP_H

#include <node_api.h>
#include <stdbool.h>
#include <uv.h>

struct work;

/* One per environment, used on its thread only. */
struct loop {
  void (*end)(void *hint); /* closes all that is on it, but for works; what is closed leaves */
  void *hint;
  napi_async_cleanup_hook_handle hook;
  unsigned users;
  struct work *works; /* under way (work.c) */
  bool ending;        /* nothing new on it, and no JavaScript */
};

/* For whoever wants to enter. False when the environment is ending. */
bool loop_open(struct loop *loop, napi_env env, uv_loop_t **out);
void loop_enter(struct loop *loop);
/* The last thing that is done with an environment's functions. */
void loop_leave(struct loop *loop);

#endif
