/*
 * The glue between JavaScript and native/fabric: src/native/fabric.ts says what each function does, the headers
 * of native/fabric how. Nothing here decides anything.
 */
#ifndef RSM_FABRIC_BINDING_H
#define RSM_FABRIC_BINDING_H

#include <node_api.h>
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "../fabric/initiator.h"
#include "../fabric/target.h"
#include "../glue/loop.h"
#include "../glue/table.h"
#include "../glue/values.h"
#include "../loopback/codes.h"

struct connection;
struct target;

/* ---- handles (handles.c) ---- */

enum handle_kind { HANDLE_TARGET = 1, HANDLE_ENDPOINT = 2, HANDLE_REMOTE = 4 };

/* What an external stands for. */
struct handle {
  struct instance *instance;
  enum handle_kind kind;
  uint64_t id; /* of the instance's table */
  bool ended;
  union {
    struct target *target;
    struct connection *connection;
    struct remote *remote;
  };
  napi_ref self; /* weak */
};

/* The external, or NULL with an exception pending; then the object is still the caller's. */
napi_value handle_create(struct instance *instance, napi_env env, enum handle_kind kind, void *object,
                         struct handle **out);
struct handle *handle_of(struct instance *instance, napi_env env, napi_value value, unsigned kinds);
/* Its id means nothing from now on, and what it stands for has ended. More than once is harmless. */
void handle_end(struct handle *handle);

/* ---- the instance: one per JavaScript environment (module.c) ---- */

struct instance {
  napi_env env;
  int references;
  struct table handles;
  struct loop loop;
  struct connection *connections; /* open, or closing */
  napi_ref end_callback, lock_callback;
};

void instance_keep(struct instance *instance);
void instance_drop(struct instance *instance);

/* ---- endpoints on the event loop (connection.c) ---- */

/* An endpoint as JavaScript has it. */
struct connection {
  struct connection *next;
  struct instance *instance;
  int references;        /* of its handles on the loop, and of remotes */
  struct handle *handle; /* NULL once that has ended */
  struct rsm_endpoint *endpoint; /* NULL once closed */
  int set;                       /* epoll set of the endpoint's descriptor, which may go at any time */
  uv_poll_t poll;
  uv_prepare_t prepare;
  uv_timer_t timer;
  int open_handles; /* of the three */
  bool touched;     /* since it was armed */
  bool told;        /* of its end */
  unsigned round;   /* of telling */
  unsigned alive;   /* transfers under way and watches that keep the process alive */
  napi_async_context context;
};

/* Takes over the endpoint in every case. The external, or NULL with an exception pending. */
napi_value connection_create(struct instance *instance, napi_env env, struct rsm_endpoint *endpoint);
void connection_close(struct connection *connection);
void connection_drop(struct connection *connection);
void connections_close(void *instance);
void connection_alive(struct connection *connection, int more);
/* { code, reason } */
napi_value make_refusal(napi_env env, int code, const char *reason);
bool read_address(napi_env env, napi_value object, struct rsm_address *address);
napi_value make_address(napi_env env, const struct rsm_address *address);
bool read_ticket(napi_env env, napi_value value, uint8_t *ticket);

/* ---- remotes (remote.c) ---- */

struct remote {
  struct connection *connection; /* kept */
  napi_ref endpoint;             /* its external, which is not collected before this one */
  struct rsm_remote *remote;
  struct handle *handle;
  bool told;         /* of its end */
  unsigned round;    /* of the connection, when its events were told last */
  napi_ref callback; /* of its watch; NULL: none */
  bool alive;        /* the watch keeps the process alive */
};

/* The remote of a call's first argument, whose endpoint is to be armed again. */
struct remote *remote_of(napi_env env, napi_callback_info info, struct call *call);
void remote_close(struct remote *remote);

/* Tells what the last progress has brought: transfers, ends, events. From the event loop (tell.c). */
void connection_tell(struct connection *connection);
/* Tells answers to requests for locks (locks.c). */
void locks_tell(struct connection *connection);
/* Resolves the promises of transfers that have ended (transfers.c). */
void connection_settle(struct connection *connection);

/* ---- targets (target.c) ---- */
void target_close(struct target *target);

/* ---- the functions of fabric.ts ---- */

#define JS_FUNCTIONS(X)                                                                                       \
  X(library) X(provider) X(openTarget) X(closeTarget) X(admit) X(grant) X(revoke) X(endImporter)              \
  X(connect) X(connectAsync) X(closeEndpoint) X(onEnd) X(openRemote) X(closeRemote) X(abortRemote) X(isWhole) \
  X(put) X(get) X(putAsync) X(getAsync) X(check) X(atomic)                                                    \
  X(post) X(take) X(wait) X(eventDescriptor) X(watch)                                                         \
  X(requestLock) X(cancelLock) X(releaseLock) X(waitLock) X(onLockAnswer)

#define JS_DECLARE(name) napi_value js_##name(napi_env env, napi_callback_info info);
JS_FUNCTIONS(JS_DECLARE)
#undef JS_DECLARE

#endif
