/*
 * The glue between JavaScript and native/loopback: src/native/index.ts says what each function does,
 * the headers of native/loopback how. Nothing here decides anything.
 *
 * Everything of an environment (the main thread or a worker) is used on its thread only, but for the
 * little that the agent touches, which the instance's lock guards.
 */
#ifndef RSM_BINDING_H
#define RSM_BINDING_H

#include <node_api.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "../loopback/codes.h"
#include "../loopback/layout.h"
#include "../loopback/process.h"
#include "../glue/loop.h"
#include "../glue/table.h"
#include "../glue/values.h"

struct watch;
struct shared_view;

/* ---- handles (handles.c) ---- */

enum handle_kind { HANDLE_RECORD = 1, HANDLE_EXPORT = 2, HANDLE_IMPORT = 4 };
#define HANDLE_SEGMENT (HANDLE_EXPORT | HANDLE_IMPORT)

/* What an external stands for. */
struct handle {
  struct instance *instance;
  enum handle_kind kind;
  uint64_t id; /* of the instance's table */
  bool ended;
  union {
    struct rsm_record *record;
    struct rsm_export *exported;
    struct rsm_import *imported;
  };
  struct rsm_events *events; /* of a segment; kept until the external is collected */
  struct watch *watch;
  /* Imports: */
  struct view *window, *control; /* while their buffers live */
  struct shared_view *shared;    /* while it maps there */
  const struct rsm_local_page *local;
  napi_ref self; /* weak */
  bool told;     /* of its abort */
};

/* The external, or NULL with an exception pending and the native object ended and released. */
napi_value handle_create(struct instance *instance, napi_env env, enum handle_kind kind, void *object,
                         struct handle **out);
/* NULL unless value is a live handle of one of these kinds. */
struct handle *handle_of(struct instance *instance, napi_env env, napi_value value, unsigned kinds);
/* Ends the native object; its id means nothing from now on. More than once is harmless. */
void handle_end(struct handle *handle);

/* ---- buffers on native memory (views.c) ---- */

/* The memory behind an external buffer, given back when the last buffer on it is gone. */
struct view {
  void *address;
  size_t length;
  void (*give_back)(struct view *view);
  struct handle *handle; /* of the import it shows; NULL when that is gone, or for other memory */
  struct rsm_record *record; /* whose pages it shows; NULL for other memory */
  struct rsm_import *import; /* kept: whose control pages it shows; NULL for other memory */
  bool making, given_back;
};

/* A buffer of exactly `bytes` bytes. NULL: an exception is pending and the memory was given back. */
napi_value view_create(napi_env env, const struct view *view, size_t bytes, struct view **out);
/* Detaches the buffer if it shows this memory; the memory goes with the last buffer on it. */
void view_detach(napi_env env, napi_value buffer, const void *address);

/* The address of [offset, offset+length) in a buffer, up to the end of its last page. */
bool value_range(napi_env env, napi_value buffer, napi_value offset, uint64_t length, void **address);

/* ---- SharedArrayBuffers on windows (shared.c) ---- */

/* The import maps there no more. On any thread. */
void shared_view_drop(struct shared_view *view);

/* ---- the instance: one per JavaScript environment (instance.c) ---- */

struct instance {
  napi_env env;
  int references;
  struct rsm_env *rsm; /* opened on first need */
  bool closed;         /* by the clean-up hook: no other one is opened */
  struct table handles;
  struct loop loop;
  struct watch *watches; /* open, or closing */
  napi_ref abort_callback, answer_callback;

  pthread_mutex_t lock; /* guards what the agent uses too */
  napi_threadsafe_function wake; /* NULL before rsm is open and after the clean-up */
  bool woken;
};

struct instance *instance_create(napi_env env);
void instance_keep(struct instance *instance);
void instance_drop(struct instance *instance);
struct rsm_env *instance_rsm(struct instance *instance); /* NULL: there is none to be had */

/* ---- between the files ---- */

napi_threadsafe_function wake_create(struct instance *instance);
/* Has this thread look, soon: the callbacks of rsm_env_open and rsm_lock_listen. On any thread. */
void wake_for_abort(void *instance, struct rsm_import *import);
void wake_for_answer(void *instance);
/* What it looks at. */
void aborts_tell(struct instance *instance, napi_env env);
void answers_tell(struct instance *instance, napi_env env);
/* A ConnectRequest of index.ts. It points into itself; its path is to be freed, whatever the answer was. */
struct connect_request {
  struct rsm_connect connect;
  struct rsm_behalf behalf;
  uint32_t groups[RSM_FRAME_GROUPS];
  char *path;
};
bool connect_read_request(napi_env env, napi_value object, struct connect_request *request);
napi_value connect_wrong_request(napi_env env, const char *function); /* throws, unless a getter has */
void watch_end(struct handle *handle);
void watches_end(void *instance);
/* The Connection of index.ts; takes over the import in every case. */
napi_value connection_create(struct instance *instance, napi_env env, struct rsm_import *import);

/* ---- the functions of index.ts ---- */

#define JS_FUNCTIONS(X)                                                                              \
  X(pageSize) X(isMainThread) X(umask)                                                               \
  X(allocate) X(mapFile) X(attachSystemV) X(release) X(checkMemory)                                  \
  X(lockFile) X(unlockFile) X(isLocked) X(holdDirectory)                                             \
  X(openRecord) X(recordPart) X(closeRecord) X(show) X(showRemote) X(hideRemote)                     \
  X(createExport) X(publish) X(republish) X(unpublish) X(rebind) X(destroyExport) X(importers)       \
  X(decideAccess) X(connect) X(connectAsync) X(map) X(mapShared) X(unmap) X(disconnect) X(onAbort)   \
  X(post) X(take) X(wait) X(eventDescriptor) X(watch) X(poll) X(portOf)                              \
  X(lockOwner) X(requestLock) X(cancelLock) X(releaseLock) X(waitLock) X(onLockAnswer) X(awaitLocks) \
  X(dial) X(peerOf) X(nothing)

#define JS_DECLARE(name) napi_value js_##name(napi_env env, napi_callback_info info);
JS_FUNCTIONS(JS_DECLARE)
#undef JS_DECLARE

#endif
