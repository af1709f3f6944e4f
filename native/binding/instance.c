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
  instance->handles.first = 1;
  instance->loop = (struct loop){.end = watches_end, .hint = instance};
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
    table_free(&instance->handles);
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
