/* The process and the runtime directory: locks and records. */
#define _GNU_SOURCE
#include "binding.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../loopback/record.h"

napi_value js_isMainThread(napi_env env, napi_callback_info info) {
  (void)info;
  return make_bool(env, syscall(SYS_gettid) == getpid()); /* gettid() came with glibc 2.30 */
}

/* umask(2) tells it only by changing it, for all threads. */
napi_value js_umask(napi_env env, napi_callback_info info) {
  (void)info;
  FILE *status = fopen("/proc/self/status", "re");
  if (status == NULL) {
    return throw_system(env, errno, "open", "/proc/self/status");
  }
  char line[128];
  unsigned mask;
  bool found = false;
  while (!found && fgets(line, sizeof line, status) != NULL) {
    found = sscanf(line, "Umask: %o", &mask) == 1;
  }
  fclose(status);
  return found ? make_number(env, mask) : throw_system(env, ENOTSUP, "read", "/proc/self/status");
}

napi_value js_lockFile(napi_env env, napi_callback_info info) {
  struct call call;
  int32_t fd, timeout_ms;
  bool exclusive;
  if (!call_read(env, info, &call) || !value_i32(env, call.argument[0], &fd) ||
      !value_bool(env, call.argument[1], &exclusive) || !value_i32(env, call.argument[2], &timeout_ms) ||
      timeout_ms < 0) {
    return throw_arguments(env, "lockFile");
  }
  int error = rsm_lock_file(fd, exclusive, timeout_ms);
  if (error != 0 && error != -EAGAIN) {
    return throw_system(env, -error, "fcntl", NULL);
  }
  return make_bool(env, error == 0);
}

napi_value js_unlockFile(napi_env env, napi_callback_info info) {
  struct call call;
  int32_t fd;
  if (!call_read(env, info, &call) || !value_i32(env, call.argument[0], &fd)) {
    return throw_arguments(env, "unlockFile");
  }
  int error = rsm_unlock_file(fd);
  return error == 0 ? NULL : throw_system(env, -error, "fcntl", NULL);
}

napi_value js_isLocked(napi_env env, napi_callback_info info) {
  struct call call;
  int32_t fd;
  if (!call_read(env, info, &call) || !value_i32(env, call.argument[0], &fd)) {
    return throw_arguments(env, "isLocked");
  }
  int locked = rsm_file_is_locked(fd);
  return locked < 0 ? throw_system(env, -locked, "fcntl", NULL) : make_bool(env, locked != 0);
}

napi_value js_holdDirectory(napi_env env, napi_callback_info info) {
  struct call call;
  int32_t fd;
  if (!call_read(env, info, &call) || !value_i32(env, call.argument[0], &fd)) {
    return throw_arguments(env, "holdDirectory");
  }
  int error = rsm_hold_directory(fd);
  if (error != 0 && error != -EWOULDBLOCK) {
    return throw_system(env, -error, "flock", NULL);
  }
  return make_bool(env, error == 0);
}

static napi_value open_record(napi_env env, struct call *call, const struct rsm_place *place) {
  struct rsm_env *rsm = instance_rsm(call->instance);
  if (rsm == NULL) {
    return throw_resources(env, "no thread or no descriptors are left for the agent (ulimit -u, ulimit -n)");
  }
  struct rsm_record *record;
  struct handle *handle;
  int error = 0;
  if (rsm_record_open(rsm, place, &record, &error) != RSM_SUCCESS) {
    return throw_system(env, error == 0 ? ENOMEM : error, "open", place->directory);
  }
  return handle_create(call->instance, env, HANDLE_RECORD, record, &handle);
}

napi_value js_openRecord(napi_env env, napi_callback_info info) {
  struct call call;
  struct rsm_place place;
  int64_t gateway;
  if (!call_read(env, info, &call) || !value_u32(env, call.argument[2], &place.node) ||
      !value_integer(env, call.argument[3], &gateway) || gateway < -1 || gateway > UINT32_MAX) {
    return throw_arguments(env, "openRecord");
  }
  char *directory = value_path(env, call.argument[0]);
  char *name = value_path(env, call.argument[1]);
  place.directory = directory;
  place.name = name;
  place.gateway = (uid_t)gateway;
  napi_value result = directory != NULL && name != NULL ? open_record(env, &call, &place)
                                                        : throw_arguments(env, "openRecord");
  free(directory);
  free(name);
  return result;
}

static void part_give_back(struct view *view) {
  rsm_record_part_release(view->record);
}

napi_value js_recordPart(napi_env env, napi_callback_info info) {
  struct call call;
  uint32_t part;
  if (!call_read(env, info, &call) || !value_u32(env, call.argument[1], &part)) {
    return throw_arguments(env, "recordPart");
  }
  struct handle *handle = handle_of(call.instance, env, call.argument[0], HANDLE_RECORD);
  if (handle == NULL) {
    return throw_arguments(env, "recordPart");
  }
  struct view like = {.give_back = part_give_back, .record = handle->record}, *view;
  like.address = rsm_record_part(handle->record, part, &like.length);
  return like.address == NULL ? make_null(env) : view_create(env, &like, like.length, &view);
}

napi_value js_show(napi_env env, napi_callback_info info) {
  struct call call;
  if (!call_read(env, info, &call)) {
    return throw_arguments(env, "show");
  }
  struct handle *segment = handle_of(call.instance, env, call.argument[0], HANDLE_SEGMENT);
  struct handle *record = handle_of(call.instance, env, call.argument[1], HANDLE_RECORD);
  if (record == NULL) {
    return throw_arguments(env, "show");
  }
  uint32_t number = 0;
  int code = RSMERR_BAD_SEG_HNDL;
  if (segment != NULL) {
    code = segment->kind == HANDLE_EXPORT ? rsm_export_show(segment->exported, record->record, &number)
                                          : rsm_import_show(segment->imported, record->record, &number);
  }
  return make_number(env, code == RSM_SUCCESS ? (double)number : -1);
}

/* What `words` of showRemote has. */
#define REMOTE_WORDS 8

napi_value js_showRemote(napi_env env, napi_callback_info info) {
  struct call call;
  uint32_t *words = NULL, number;
  size_t count = 0;
  int64_t length;
  if (!call_read(env, info, &call) || !value_integer(env, call.argument[2], &length) || length < 0 ||
      !value_u32_array(env, call.argument[1], &words, &count) || count != REMOTE_WORDS) {
    return throw_arguments(env, "showRemote");
  }
  struct handle *record = handle_of(call.instance, env, call.argument[0], HANDLE_RECORD);
  if (record == NULL) {
    return throw_arguments(env, "showRemote");
  }
  struct rsm_remote_shown remote = {.node = words[0], .id = words[1], .permission = words[2], .owner_uid = words[3],
                                    .owner_pid = words[4], .on_behalf = words[5], .importer_node = words[6],
                                    .importer_uid = words[7], .length = (uint64_t)length};
  int code = rsm_remote_show(record->record, &remote, &number);
  return make_number(env, code == RSM_SUCCESS ? (double)number : -1);
}

napi_value js_hideRemote(napi_env env, napi_callback_info info) {
  struct call call;
  uint32_t number;
  if (!call_read(env, info, &call) || !value_u32(env, call.argument[1], &number)) {
    return throw_arguments(env, "hideRemote");
  }
  struct handle *record = handle_of(call.instance, env, call.argument[0], HANDLE_RECORD);
  if (record != NULL) {
    rsm_remote_hide(record->record, number);
  }
  return NULL;
}

napi_value js_closeRecord(napi_env env, napi_callback_info info) {
  struct call call;
  struct handle *handle = NULL;
  if (call_read(env, info, &call)) {
    handle = handle_of(call.instance, env, call.argument[0], HANDLE_RECORD);
  }
  if (handle != NULL) {
    handle_end(handle);
  }
  return NULL;
}
