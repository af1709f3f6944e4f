/* Events on the event loop: uv_poll on the segment's descriptor. */
#include "binding.h"

#include <stdlib.h>

struct watch {
  struct watch *next;
  uv_poll_t poll;
  struct instance *instance;
  struct rsm_events *events; /* kept: the descriptor must outlive the poll handle */
  struct handle *handle;     /* NULL once it is closing */
  napi_ref callback;
};

static void closed(uv_handle_t *poll) {
  struct watch *watch = poll->data;
  struct instance *instance = watch->instance;
  struct watch **link = &instance->watches;
  while (*link != watch) {
    link = &(*link)->next;
  }
  *link = watch->next;
  rsm_events_drop(watch->events);
  free(watch);
  loop_leave(&instance->loop);
  instance_drop(instance);
}

void watch_end(struct handle *handle) {
  struct watch *watch = handle->watch;
  if (watch == NULL) {
    return;
  }
  handle->watch = NULL;
  watch->handle = NULL;
  if (watch->callback != NULL) {
    napi_delete_reference(watch->instance->env, watch->callback);
  }
  uv_close((uv_handle_t *)&watch->poll, closed);
}

void watches_end(void *hint) {
  struct instance *instance = hint;
  for (struct watch *watch = instance->watches; watch != NULL; watch = watch->next) {
    if (watch->handle != NULL) {
      watch_end(watch->handle);
    }
  }
}

static void ready(uv_poll_t *poll, int status, int events) {
  (void)status; /* an error of the descriptor is for whoever takes next */
  (void)events;
  struct watch *watch = poll->data;
  if (watch->callback != NULL) {
    call_back(watch->instance->env, watch->callback, 0, NULL);
  }
}

static struct watch *watch_open(struct handle *handle) {
  struct instance *instance = handle->instance;
  uv_loop_t *loop;
  int descriptor = rsm_events_descriptor(handle->events);
  if (descriptor < 0 || !loop_open(&instance->loop, instance->env, &loop)) {
    return NULL;
  }
  struct watch *watch = calloc(1, sizeof *watch);
  if (watch == NULL || uv_poll_init(loop, &watch->poll, descriptor) != 0) {
    free(watch);
    return NULL;
  }
  watch->poll.data = watch;
  watch->instance = instance;
  instance_keep(instance);
  watch->events = handle->events;
  rsm_events_keep(watch->events);
  watch->handle = handle;
  watch->next = instance->watches;
  instance->watches = watch;
  loop_enter(&instance->loop);
  handle->watch = watch;
  return watch;
}

static int watch_set(napi_env env, struct handle *handle, napi_value function, bool alive) {
  napi_ref callback;
  struct watch *watch = handle->watch != NULL ? handle->watch : watch_open(handle);
  if (watch == NULL || napi_create_reference(env, function, 1, &callback) != napi_ok) {
    return RSMERR_INSUFFICIENT_RESOURCES;
  }
  if (watch->callback != NULL) {
    napi_delete_reference(env, watch->callback);
  }
  watch->callback = callback;
  if (uv_poll_start(&watch->poll, UV_READABLE, ready) != 0) {
    watch_end(handle);
    return RSMERR_INSUFFICIENT_RESOURCES;
  }
  if (alive) {
    uv_ref((uv_handle_t *)&watch->poll);
  } else {
    uv_unref((uv_handle_t *)&watch->poll);
  }
  return RSM_SUCCESS;
}

napi_value js_watch(napi_env env, napi_callback_info info) {
  struct call call;
  napi_valuetype type;
  bool alive;
  if (!call_read(env, info, &call) || napi_typeof(env, call.argument[1], &type) != napi_ok ||
      (type != napi_function && type != napi_null) || !value_bool(env, call.argument[2], &alive)) {
    return throw_arguments(env, "watch");
  }
  struct handle *handle = handle_of(call.instance, env, call.argument[0], HANDLE_SEGMENT);
  if (handle == NULL) {
    return make_number(env, RSMERR_BAD_SEG_HNDL);
  }
  if (type == napi_null) {
    watch_end(handle);
    return make_number(env, RSM_SUCCESS);
  }
  return make_number(env, watch_set(env, handle, call.argument[1], alive));
}
