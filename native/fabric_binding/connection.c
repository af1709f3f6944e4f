/*
 * Endpoints on the event loop. A poll handle wakes it when something has come; before it sleeps, a prepare handle
 * arms every endpoint that was touched since, and tells what that brought. A timer is for deadlines only.
 */
#include "binding.h"

#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "../loopback/wait.h"

#define NS_PER_MS 1000000
/* What is told may touch the endpoint again, and so on: not for ever before others have their turn. */
#define TELL_ROUNDS 8

void connection_drop(struct connection *connection) {
  if (--connection->references == 0) {
    struct instance *instance = connection->instance;
    free(connection);
    instance_drop(instance);
  }
}

static void closed(uv_handle_t *handle) {
  struct connection *connection = handle->data;
  struct instance *instance = connection->instance;
  if (--connection->open_handles > 0) {
    return;
  }
  struct connection **link = &instance->connections;
  while (*link != connection) {
    link = &(*link)->next;
  }
  *link = connection->next;
  close(connection->set);
  if (!instance->loop.ending) {
    napi_async_destroy(instance->env, connection->context);
  }
  loop_leave(&instance->loop);
  connection_drop(connection);
}

static void set_timer(struct connection *connection);

static void ready(uv_poll_t *poll, int status, int events) {
  (void)status;
  (void)events;
  struct connection *connection = poll->data;
  if (connection->endpoint != NULL) {
    connection->touched = true; /* the rest before the loop sleeps again */
    rsm_endpoint_progress(connection->endpoint);
    connection_tell(connection);
  }
}

static void late(uv_timer_t *timer) {
  struct connection *connection = timer->data;
  connection->touched = true; /* progress looks at deadlines */
}

static void prepare(uv_prepare_t *handle) {
  struct connection *connection = handle->data;
  for (int round = 0; connection->touched && connection->endpoint != NULL && round < TELL_ROUNDS; round++) {
    connection->touched = false;
    rsm_endpoint_arm(connection->endpoint);
    connection_tell(connection);
  }
  if (connection->endpoint != NULL) {
    set_timer(connection);
  }
}

static void set_timer(struct connection *connection) {
  int64_t deadline_ns = rsm_endpoint_deadline_ns(connection->endpoint);
  if (connection->touched) {
    uv_timer_start(&connection->timer, late, 0, 0); /* the loop must not sleep */
  } else if (deadline_ns == RSM_NO_DEADLINE) {
    uv_timer_stop(&connection->timer);
  } else {
    int64_t ms = (deadline_ns - rsm_now_ns()) / NS_PER_MS + 1;
    uv_timer_start(&connection->timer, late, ms < 1 ? 1 : (uint64_t)ms, 0);
  }
}

void connection_alive(struct connection *connection, int more) {
  connection->alive += (unsigned)more;
  if (connection->endpoint == NULL) {
    return;
  }
  if (connection->alive > 0) {
    uv_ref((uv_handle_t *)&connection->prepare);
  } else {
    uv_unref((uv_handle_t *)&connection->prepare);
  }
}

static bool watch(struct connection *connection) {
  struct epoll_event interest = {.events = EPOLLIN};
  connection->set = epoll_create1(EPOLL_CLOEXEC);
  return connection->set >= 0 &&
         epoll_ctl(connection->set, EPOLL_CTL_ADD, rsm_endpoint_descriptor(connection->endpoint), &interest) == 0;
}

static void start(struct connection *connection, uv_loop_t *loop) {
  uv_prepare_init(loop, &connection->prepare);
  uv_timer_init(loop, &connection->timer);
  connection->open_handles = 3;
  connection->poll.data = connection->prepare.data = connection->timer.data = connection;
  uv_poll_start(&connection->poll, UV_READABLE, ready);
  uv_prepare_start(&connection->prepare, prepare);
  uv_unref((uv_handle_t *)&connection->poll);
  uv_unref((uv_handle_t *)&connection->prepare);
  uv_unref((uv_handle_t *)&connection->timer);
  connection->next = connection->instance->connections;
  connection->instance->connections = connection;
  loop_enter(&connection->instance->loop);
  connection->touched = true;
}

static bool make_context(napi_env env, struct connection *connection) {
  napi_value name;
  return napi_create_string_utf8(env, "rsmapi.transfer", NAPI_AUTO_LENGTH, &name) == napi_ok &&
         napi_async_init(env, NULL, name, &connection->context) == napi_ok;
}

napi_value connection_create(struct instance *instance, napi_env env, struct rsm_endpoint *endpoint) {
  uv_loop_t *loop;
  struct connection *connection = calloc(1, sizeof *connection);
  if (connection != NULL) {
    *connection = (struct connection){.instance = instance, .endpoint = endpoint, .references = 1, .set = -1};
  }
  if (connection == NULL || !loop_open(&instance->loop, env, &loop) || !watch(connection) ||
      !make_context(env, connection) || uv_poll_init(loop, &connection->poll, connection->set) != 0) {
    rsm_endpoint_close(endpoint);
    if (connection != NULL && connection->set >= 0) {
      close(connection->set);
    }
    free(connection);
    return throw_resources(env, "the JavaScript runtime could not watch a connection");
  }
  instance_keep(instance);
  start(connection, loop);
  napi_value external = handle_create(instance, env, HANDLE_ENDPOINT, connection, &connection->handle);
  if (external == NULL) {
    connection_close(connection);
  }
  return external;
}

void connection_close(struct connection *connection) {
  struct rsm_endpoint *endpoint = connection->endpoint;
  connection->handle = NULL;
  if (endpoint == NULL) {
    return;
  }
  rsm_endpoint_break(endpoint);
  connection_settle(connection);
  connection->endpoint = NULL;
  rsm_endpoint_close(endpoint);
  uv_close((uv_handle_t *)&connection->poll, closed);
  uv_close((uv_handle_t *)&connection->prepare, closed);
  uv_close((uv_handle_t *)&connection->timer, closed);
}

void connections_close(void *hint) {
  struct instance *instance = hint;
  for (struct connection *connection = instance->connections; connection != NULL; connection = connection->next) {
    if (connection->handle != NULL) {
      handle_end(connection->handle);
    }
  }
}
