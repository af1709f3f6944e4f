#include "binding.h"

#include <errno.h>
#include <stdlib.h>

#include "../loopback/wait.h"

static struct rsm_events *events_of(napi_env env, napi_callback_info info, struct call *call) {
  if (!call_read(env, info, call)) {
    return NULL;
  }
  struct handle *handle = handle_of(call->instance, env, call->argument[0], HANDLE_SEGMENT);
  return handle == NULL ? NULL : handle->events;
}

napi_value js_post(napi_env env, napi_callback_info info) {
  struct call call;
  bool no_accumulate;
  struct rsm_events *events = events_of(env, info, &call);
  if (events == NULL) {
    return NULL;
  }
  if (!value_bool(env, call.argument[1], &no_accumulate)) {
    return throw_arguments(env, "post");
  }
  rsm_events_post(events, no_accumulate);
  return NULL;
}

napi_value js_take(napi_env env, napi_callback_info info) {
  struct call call;
  struct rsm_events *events = events_of(env, info, &call);
  return make_bool(env, events != NULL && rsm_events_take(events) == 1);
}

napi_value js_wait(napi_env env, napi_callback_info info) {
  struct call call;
  int64_t timeout_ms;
  struct rsm_events *events = events_of(env, info, &call);
  if (events == NULL) {
    return make_number(env, RSMERR_BAD_SEG_HNDL);
  }
  if (!value_integer(env, call.argument[1], &timeout_ms) || timeout_ms < -1) {
    return throw_arguments(env, "wait");
  }
  return make_number(env, rsm_events_wait(events, timeout_ms, env_is_ending, env));
}

napi_value js_eventDescriptor(napi_env env, napi_callback_info info) {
  struct call call;
  struct rsm_events *events = events_of(env, info, &call);
  return make_number(env, events == NULL ? -1 : rsm_events_descriptor(events));
}

enum { POLL_FEW = 32, POLL_WORDS = 3 };

static int poll_words(napi_env env, int32_t *words, size_t count, int64_t timeout_ms, uint32_t rounds) {
  int64_t deadline_ns = rsm_deadline_ns(timeout_ms);
  int napped = rsm_nap(rounds, deadline_ns, env_is_ending, env);
  if (napped < 0) {
    return napped;
  }
  struct pollfd few[POLL_FEW];
  struct pollfd *entries = count <= POLL_FEW ? few : calloc(count, sizeof *entries);
  if (entries == NULL) {
    return -ENOMEM;
  }
  for (size_t i = 0; i < count; i++) {
    entries[i] = (struct pollfd){.fd = words[i * POLL_WORDS], .events = (short)words[i * POLL_WORDS + 1]};
  }
  int ready = rsm_poll(entries, count, deadline_ns, env_is_ending, env);
  for (size_t i = 0; i < count && ready >= 0; i++) {
    words[i * POLL_WORDS + 2] = entries[i].revents;
  }
  if (entries != few) {
    free(entries);
  }
  return ready;
}

napi_value js_poll(napi_env env, napi_callback_info info) {
  struct call call;
  int32_t *words;
  size_t length;
  uint64_t count;
  int64_t timeout_ms;
  uint32_t rounds;
  if (!call_read(env, info, &call) || !value_i32_array(env, call.argument[0], &words, &length) ||
      !value_size(env, call.argument[1], &count) || count > length / POLL_WORDS ||
      !value_integer(env, call.argument[2], &timeout_ms) || !value_u32(env, call.argument[3], &rounds)) {
    return throw_arguments(env, "poll");
  }
  return make_number(env, poll_words(env, words, count, timeout_ms, rounds));
}

napi_value js_nothing(napi_env env, napi_callback_info info) {
  (void)env;
  (void)info;
  return NULL;
}
