#include "binding.h"

#include <stdlib.h>

#include "../loopback/object.h"

/* Node may run this while the buffer is being made, when it finds it too long: see view_create. */
static void finalize(napi_env env, void *data, void *hint) {
  (void)env;
  (void)data;
  struct view *view = hint;
  view->given_back = true;
  view->give_back(view);
  if (!view->making) {
    free(view);
  }
}

napi_value view_create(napi_env env, const struct view *like, size_t bytes, struct view **out) {
  struct view *view = malloc(sizeof *view);
  if (view == NULL) {
    struct view lost = *like;
    like->give_back(&lost);
    return throw_resources(env, "no memory for a buffer");
  }
  *view = *like;
  view->making = true;
  napi_value buffer;
  napi_status status = napi_create_external_arraybuffer(env, view->address, bytes, finalize, view, &buffer);
  view->making = false;
  if (status == napi_ok) {
    *out = view;
    return buffer;
  }
  if (!view->given_back) {
    view->give_back(view);
  }
  free(view);
  bool pending = false;
  napi_is_exception_pending(env, &pending);
  if (!pending) {
    throw_resources(env, status == napi_no_external_buffers_allowed
                             ? "shared memory needs buffers on foreign memory, which this JavaScript runtime forbids"
                             : "the JavaScript runtime could not make a buffer on foreign memory");
  }
  return NULL;
}

void view_detach(napi_env env, napi_value buffer, const void *address) {
  void *shown;
  size_t bytes;
  if (value_buffer(env, buffer, &shown, &bytes) && shown == address) {
    napi_detach_arraybuffer(env, buffer); /* refused only for buffers that are not of this library */
  }
}

bool value_range(napi_env env, napi_value buffer, napi_value offset, uint64_t length, void **address) {
  void *start;
  size_t bytes;
  uint64_t skip;
  if (!value_buffer(env, buffer, &start, &bytes) || !value_size(env, offset, &skip)) {
    return false;
  }
  size_t whole = rsm_page_round(bytes);
  *address = (char *)start + skip;
  return skip <= whole && length <= whole - skip;
}
