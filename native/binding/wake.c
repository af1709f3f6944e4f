/*
 * How this thread learns of what the agent has done: aborted imports, and answers to requests for locks.
 * The agent only wakes it, once until it has looked. No pointer travels between threads.
 */
#include "binding.h"

static void wake(struct instance *instance) {
  pthread_mutex_lock(&instance->lock);
  if (instance->wake != NULL && !instance->woken) {
    instance->woken = napi_call_threadsafe_function(instance->wake, NULL, napi_tsfn_nonblocking) == napi_ok;
  }
  pthread_mutex_unlock(&instance->lock);
}

void wake_for_abort(void *hint, struct rsm_import *import) {
  (void)import;
  wake(hint);
}

void wake_for_answer(void *hint) {
  wake(hint);
}

static void look(napi_env env, napi_value function, void *context, void *data) {
  (void)function;
  (void)data;
  struct instance *instance = context;
  pthread_mutex_lock(&instance->lock);
  instance->woken = false;
  pthread_mutex_unlock(&instance->lock);
  if (env != NULL) {
    aborts_tell(instance, env);
    answers_tell(instance, env);
  }
}

static void gone(napi_env env, void *data, void *hint) {
  (void)env;
  (void)hint;
  instance_drop(data);
}

napi_threadsafe_function wake_create(struct instance *instance) {
  napi_threadsafe_function made = NULL;
  napi_value name;
  napi_env env = instance->env;
  if (napi_create_string_utf8(env, "rsmapi.agent", NAPI_AUTO_LENGTH, &name) != napi_ok ||
      napi_create_threadsafe_function(env, NULL, NULL, name, 0, 1, instance, gone, instance, look, &made) != napi_ok) {
    return NULL;
  }
  instance_keep(instance);
  napi_unref_threadsafe_function(env, made); /* an import keeps no process alive */
  return made;
}
