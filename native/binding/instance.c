#include "binding.h"

#include <stdlib.h>

#include "../loopback/locks.h"

struct instance *instance_create(napi_env env) {
  struct instance *instance = calloc(1, sizeof *instance);
  if (instance == NULL) {
    return NULL;
  }
  if (pthread_mutex_init(&instance->lock, NULL) != 0) {
    free(instance);
    return NULL;
  }
  instance->env = env;
  instance->references = 1;
  return instance;
}

void instance_keep(struct instance *instance) {
  instance->references++;
}

/* On the environment's thread only. Externals and buffers may be finalized after the clean-up hook and
 * after the instance data: each holds a reference. */
void instance_drop(struct instance *instance) {
  if (--instance->references == 0) {
    pthread_mutex_destroy(&instance->lock);
    free(instance->slots);
    free(instance);
  }
}

/* Hooks run in reverse order: before this one those of buffers made later, after it that of the
 * thread-safe function, which was made first. */
static void clean_up(void *data) {
  struct instance *instance = data;
  pthread_mutex_lock(&instance->lock);
  instance->wake = NULL; /* Node closes it */
  pthread_mutex_unlock(&instance->lock);
  struct rsm_env *rsm = instance->rsm;
  instance->rsm = NULL;
  instance->closed = true;
  rsm_env_close(rsm);
  instance_drop(instance);
}

struct rsm_env *instance_rsm(struct instance *instance) {
  if (instance->rsm != NULL || instance->closed) {
    return instance->rsm;
  }
  napi_threadsafe_function wake = wake_create(instance);
  struct rsm_env *rsm = wake == NULL ? NULL : rsm_env_open(wake_for_abort, instance);
  if (rsm == NULL || napi_add_env_cleanup_hook(instance->env, clean_up, instance) != napi_ok) {
    if (rsm != NULL) {
      rsm_env_close(rsm);
    }
    if (wake != NULL) {
      napi_release_threadsafe_function(wake, napi_tsfn_abort);
    }
    return NULL;
  }
  instance_keep(instance);
  instance->rsm = rsm;
  rsm_lock_listen(rsm, wake_for_answer, instance);
  pthread_mutex_lock(&instance->lock);
  instance->wake = wake;
  pthread_mutex_unlock(&instance->lock);
  return rsm;
}

/* An open uv handle at worker.terminate() aborts the process: Node goes on only when this hook is removed. */
static void end_loop_use(napi_async_cleanup_hook_handle hook, void *data) {
  (void)hook;
  struct instance *instance = data;
  instance->ending = true;
  watches_end(instance);
  connects_cancel(instance);
  instance_loop_idle(instance);
}

bool instance_loop(struct instance *instance, uv_loop_t **loop) {
  if (instance->ending || napi_get_uv_event_loop(instance->env, loop) != napi_ok) {
    return false;
  }
  return instance->loop_hook != NULL ||
         napi_add_async_cleanup_hook(instance->env, end_loop_use, instance, &instance->loop_hook) == napi_ok;
}

void instance_loop_idle(struct instance *instance) {
  if (instance->ending && instance->watches == NULL && instance->connects == NULL) {
    napi_remove_async_cleanup_hook(instance->loop_hook);
  }
}
