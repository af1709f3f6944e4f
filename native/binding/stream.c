/* The socket of the gateway, and who is at its other end. */
#include "binding.h"

#include <stdlib.h>
#include <string.h>

#include "../loopback/record.h"
#include "../loopback/wait.h"

napi_value js_dial(napi_env env, napi_callback_info info) {
  struct call call;
  int32_t timeout_ms;
  if (!call_read(env, info, &call) || !value_i32(env, call.argument[1], &timeout_ms) || timeout_ms < 0) {
    return throw_arguments(env, "dial");
  }
  char *path = value_path(env, call.argument[0]);
  if (path == NULL) {
    return throw_arguments(env, "dial");
  }
  int fd = rsm_stream_connect(path, rsm_deadline_ns(timeout_ms));
  free(path);
  return make_number(env, fd);
}

static bool set_groups(napi_env env, napi_value object, const struct rsm_peer *peer) {
  napi_value buffer, groups;
  void *words;
  size_t bytes = peer->group_count * sizeof(uint32_t);
  if (napi_create_arraybuffer(env, bytes, &words, &buffer) != napi_ok) {
    return false;
  }
  if (bytes > 0) {
    memcpy(words, peer->groups, bytes);
  }
  return napi_create_typedarray(env, napi_uint32_array, peer->group_count, buffer, 0, &groups) == napi_ok &&
         napi_set_named_property(env, object, "groups", groups) == napi_ok;
}

napi_value js_peerOf(napi_env env, napi_callback_info info) {
  struct call call;
  struct rsm_peer peer;
  int32_t fd;
  napi_value result;
  if (!call_read(env, info, &call) || !value_i32(env, call.argument[0], &fd)) {
    return throw_arguments(env, "peerOf");
  }
  if (rsm_peer_of_socket(fd, &peer) != 0) {
    return make_null(env);
  }
  bool made = napi_create_object(env, &result) == napi_ok && set_number(env, result, "uid", peer.uid) &&
              set_number(env, result, "gid", peer.gid) && set_number(env, result, "pid", peer.pid) &&
              set_groups(env, result, &peer);
  return made ? result : NULL;
}
