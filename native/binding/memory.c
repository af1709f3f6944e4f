#include "binding.h"

#include <stdlib.h>

#include "../loopback/memory.h"

napi_value js_pageSize(napi_env env, napi_callback_info info) {
  (void)info;
  return make_number(env, (double)rsm_page_size());
}

static void forget(struct view *view) {
  rsm_memory_forget(view->address);
}

static napi_value allocation(napi_env env, void *address, size_t bytes) {
  struct view *view;
  return view_create(env, &(struct view){.address = address, .give_back = forget}, bytes, &view);
}

napi_value js_allocate(napi_env env, napi_callback_info info) {
  struct call call;
  uint64_t bytes;
  uint32_t flags;
  if (!call_read(env, info, &call) || !value_size(env, call.argument[0], &bytes) || bytes == 0 ||
      !value_u32(env, call.argument[1], &flags) || flags > (RSM_MEMORY_HUGE | RSM_MEMORY_LOCK)) {
    return throw_arguments(env, "allocate");
  }
  void *address;
  int code = rsm_memory_allocate(bytes, flags, &address);
  return code == RSM_SUCCESS ? allocation(env, address, bytes) : make_number(env, code);
}

napi_value js_mapFile(napi_env env, napi_callback_info info) {
  struct call call;
  uint64_t offset;
  int64_t length;
  if (!call_read(env, info, &call) || !value_size(env, call.argument[1], &offset) ||
      !value_integer(env, call.argument[2], &length) || length < -1) {
    return throw_arguments(env, "mapFile");
  }
  char *path = value_path(env, call.argument[0]);
  if (path == NULL) {
    return throw_arguments(env, "mapFile");
  }
  void *address;
  size_t bytes;
  int error = 0;
  int code = rsm_memory_map_file(path, offset, length < 0 ? UINT64_MAX : (uint64_t)length, &address, &bytes, &error);
  free(path);
  return code == RSM_SUCCESS ? allocation(env, address, bytes) : make_failure(env, code, error);
}

napi_value js_attachSystemV(napi_env env, napi_callback_info info) {
  struct call call;
  int32_t shmid;
  if (!call_read(env, info, &call) || !value_i32(env, call.argument[0], &shmid)) {
    return throw_arguments(env, "attachSystemV");
  }
  void *address;
  size_t bytes;
  int error = 0;
  int code = rsm_memory_attach_sysv(shmid, &address, &bytes, &error);
  return code == RSM_SUCCESS ? allocation(env, address, bytes) : make_failure(env, code, error);
}

napi_value js_release(napi_env env, napi_callback_info info) {
  struct call call;
  void *address;
  size_t bytes;
  if (!call_read(env, info, &call) || !value_buffer(env, call.argument[0], &address, &bytes)) {
    return make_number(env, RSMERR_BAD_ADDR);
  }
  int code = rsm_memory_release(address);
  if (code == RSM_SUCCESS) {
    view_detach(env, call.argument[0], address);
  }
  return make_number(env, code);
}

napi_value js_checkMemory(napi_env env, napi_callback_info info) {
  struct call call;
  uint64_t length;
  bool read_only;
  void *address;
  if (!call_read(env, info, &call) || !value_bool(env, call.argument[3], &read_only)) {
    return throw_arguments(env, "checkMemory");
  }
  if (!value_size(env, call.argument[2], &length) ||
      !value_range(env, call.argument[0], call.argument[1], length, &address)) {
    return make_number(env, RSMERR_BAD_ADDR);
  }
  return make_number(env, rsm_memory_check(address, length, read_only));
}
