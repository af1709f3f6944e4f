/* Segments granted over an endpoint: their events, and what is asked for in messages. */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "../loopback/codes.h"
#include "../loopback/wait.h"
#include "initiator_state.h"

struct rsm_remote *rsm_remote_open(struct rsm_endpoint *endpoint, const struct rsm_grant *grant) {
  struct rsm_remote *remote = calloc(1, sizeof *remote);
  if (remote == NULL) return NULL;
  *remote = (struct rsm_remote){.endpoint = endpoint, .grant = *grant, .set = -1, .signal = -1};
  rsm_list_add(&endpoint->remotes, &remote->link);
  return remote;
}

bool rsm_remote_is_whole(const struct rsm_remote *remote) {
  return !remote->withdrawn && !remote->endpoint->broken;
}

void rsm_remote_withdraw(struct rsm_remote *remote) {
  remote->withdrawn = true;
  rsm_remote_locks_gone(remote, false);
}

void rsm_remote_set_hint(struct rsm_remote *remote, void *hint) {
  remote->hint = hint;
}

void *rsm_remote_hint(const struct rsm_remote *remote) {
  return remote->hint;
}

/* ---- sending ---- */

bool rsm_endpoint_tell(struct rsm_endpoint *endpoint, const struct rsm_message *message) {
  struct rsm_waiting waiting = rsm_waiting_from_now(RSM_TRANSFER_MS);
  while (!endpoint->broken) {
    /* Of the transfers in their order, the last one is posted last. */
    bool posted = rsm_list_empty(&endpoint->transfers) ||
                  RSM_LIST_ITEM(endpoint->transfers.prev, struct rsm_transfer, link)->whole_posted;
    ssize_t result = posted ? rsm_endpoint_inject(endpoint, message, sizeof *message, 0, NULL) : -FI_EAGAIN;
    if (result == 0) return true;
    if (result == -FI_EAGAIN) rsm_endpoint_step(endpoint, &waiting);
    else rsm_endpoint_break(endpoint);
  }
  return false;
}

static bool is_under_way(const struct rsm_remote *remote) {
  RSM_LIST_EACH(struct rsm_transfer, transfer, &remote->endpoint->transfers, link) {
    if (transfer->remote == remote) return true;
  }
  return false;
}

static void close_descriptor(struct rsm_remote *remote) {
  if (remote->set >= 0) close(remote->set);
  if (remote->signal >= 0) close(remote->signal);
  remote->set = remote->signal = -1;
}

void rsm_remote_close(struct rsm_remote *remote) {
  struct rsm_endpoint *endpoint = remote->endpoint;
  struct rsm_waiting waiting = rsm_waiting_from_now(-1);
  while (!endpoint->broken && is_under_way(remote)) rsm_endpoint_step(endpoint, &waiting);
  struct rsm_message message = {.type = RSM_MESSAGE_RELEASE, .segment = remote->grant.segment};
  if (!remote->released) rsm_endpoint_tell(endpoint, &message);
  if (remote->release_due) endpoint->releases_due--;
  rsm_remote_locks_gone(remote, true);
  close_descriptor(remote);
  rsm_list_remove(&remote->link);
  free(remote);
  rsm_endpoint_drop(endpoint);
}

int rsm_remote_post(struct rsm_remote *remote, bool no_accumulate) {
  if (!rsm_remote_is_whole(remote)) return RSMERR_CONN_ABORTED;
  struct rsm_message message = {.type = RSM_MESSAGE_POST, .segment = remote->grant.segment,
                                .flags = no_accumulate ? RSM_MESSAGE_COALESCED : 0};
  return rsm_endpoint_tell(remote->endpoint, &message) ? RSM_SUCCESS : RSMERR_CONN_ABORTED;
}

int rsm_remote_atomic(struct rsm_remote *remote, enum rsm_atomic operation, uint8_t width, uint64_t offset,
                      uint64_t operand, uint64_t comparand, uint64_t *old) {
  struct rsm_endpoint *endpoint = remote->endpoint;
  if (!rsm_remote_is_whole(remote)) return RSMERR_CONN_ABORTED;
  struct rsm_request request = {.ticket = ++endpoint->last_ticket};
  struct rsm_message message = {.type = RSM_MESSAGE_ATOMIC, .segment = remote->grant.segment, .width = width,
                                .operation = (uint8_t)operation, .offset = offset, .operand = operand,
                                .comparand = comparand, .ticket = request.ticket};
  struct rsm_waiting waiting = rsm_waiting_from_now(RSM_TRANSFER_MS);
  endpoint->request = &request;
  bool sent = rsm_endpoint_tell(endpoint, &message);
  while (sent && !request.done && !endpoint->broken) rsm_endpoint_step(endpoint, &waiting);
  endpoint->request = NULL;
  if (!request.done) return RSMERR_CONN_ABORTED;
  if (request.code != RSM_SUCCESS) rsm_remote_withdraw(remote);
  *old = request.old;
  return request.code == RSM_SUCCESS ? RSM_SUCCESS : RSMERR_CONN_ABORTED;
}

/* ---- hearing ---- */

static void settle(struct rsm_remote *remote) {
  uint64_t value = 1;
  bool wanted = remote->pending > 0;
  if (remote->signal < 0 || wanted == remote->signalled) return;
  ssize_t done = wanted ? write(remote->signal, &value, sizeof value) : read(remote->signal, &value, sizeof value);
  if (done == (ssize_t)sizeof value) remote->signalled = wanted;
}

/* A coalesced one is dropped when there is an event already (D-09). */
static void deliver(struct rsm_remote *remote, const struct rsm_message *message) {
  if ((message->flags & RSM_MESSAGE_COALESCED) != 0 && remote->pending == 0) remote->pending = 1;
  if (message->operand <= UINT64_MAX - remote->pending) remote->pending += message->operand;
  settle(remote);
}

static void answer_withdrawal(struct rsm_remote *remote) {
  rsm_remote_withdraw(remote);
  if (remote->release_due || remote->released) return;
  remote->release_due = true;
  remote->endpoint->releases_due++;
}

void rsm_remotes_release(struct rsm_endpoint *endpoint) {
  RSM_LIST_EACH(struct rsm_remote, remote, &endpoint->remotes, link) {
    if (!remote->release_due || is_under_way(remote)) continue;
    struct rsm_message message = {.type = RSM_MESSAGE_RELEASE, .segment = remote->grant.segment};
    if (rsm_endpoint_inject(endpoint, &message, sizeof message, 0, NULL) != 0) return; /* later, or never */
    remote->release_due = false;
    remote->released = true;
    endpoint->releases_due--;
  }
}

static bool answer(struct rsm_endpoint *endpoint, const struct rsm_message *message) {
  struct rsm_request *request = endpoint->request;
  if (request == NULL || request->done || message->ticket != request->ticket) return false;
  request->done = true;
  request->code = (int)message->code;
  request->old = message->operand;
  return true;
}

bool rsm_remote_heard(struct rsm_endpoint *endpoint, const struct rsm_message *message) {
  if (message->type == RSM_MESSAGE_ANSWER) return answer(endpoint, message);
  if (message->type == RSM_MESSAGE_GRANTED || message->type == RSM_MESSAGE_CANCELLED) {
    rsm_lock_answered(endpoint, message);
    return true;
  }
  if (message->type != RSM_MESSAGE_EVENT && message->type != RSM_MESSAGE_WITHDRAWN) return false;
  RSM_LIST_EACH(struct rsm_remote, remote, &endpoint->remotes, link) {
    if (remote->grant.segment != message->segment) continue;
    if (message->type == RSM_MESSAGE_EVENT) deliver(remote, message);
    else answer_withdrawal(remote);
    return true;
  }
  return true; /* closed here, which the target does not know yet */
}

/* ---- events ---- */

bool rsm_remote_has_event(const struct rsm_remote *remote) {
  return remote->pending > 0;
}

static bool consume(struct rsm_remote *remote) {
  if (remote->pending == 0) return false;
  remote->pending--;
  settle(remote);
  return true;
}

bool rsm_remote_take(struct rsm_remote *remote) {
  if (!remote->endpoint->broken) rsm_endpoint_arm(remote->endpoint);
  return consume(remote);
}

int rsm_remote_wait(struct rsm_remote *remote, int64_t timeout_ms, int (*cancelled)(void *), void *hint) {
  struct rsm_endpoint *endpoint = remote->endpoint;
  int64_t deadline_ns = rsm_deadline_ns(timeout_ms);
  for (;;) {
    if (rsm_remote_take(remote)) return RSM_SUCCESS;
    if (deadline_ns != RSM_NO_DEADLINE && rsm_now_ns() >= deadline_ns) return RSMERR_TIMEOUT;
    int64_t until_ns = rsm_endpoint_deadline_ns(endpoint);
    struct pollfd entry = {.fd = endpoint->connection.alarm.fd, .events = POLLIN};
    int ready = rsm_poll(&entry, 1, until_ns < deadline_ns ? until_ns : deadline_ns, cancelled, hint);
    if (ready < 0) return ready == -EINTR ? RSMERR_INTERRUPTED : RSMERR_INSUFFICIENT_RESOURCES;
    if (cancelled != NULL && cancelled(hint)) return RSMERR_INTERRUPTED;
  }
}

static int watch(int set, int fd) {
  struct epoll_event interest = {.events = EPOLLIN};
  return epoll_ctl(set, EPOLL_CTL_ADD, fd, &interest);
}

int rsm_remote_descriptor(struct rsm_remote *remote) {
  if (remote->set >= 0) return remote->set;
  int fd = remote->endpoint->connection.alarm.fd;
  remote->set = epoll_create1(EPOLL_CLOEXEC);
  remote->signal = remote->set < 0 ? -1 : eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  bool made = remote->signal >= 0 && watch(remote->set, remote->signal) == 0 && (fd < 0 || watch(remote->set, fd) == 0);
  if (!made) close_descriptor(remote);
  remote->signalled = false;
  settle(remote);
  if (!remote->endpoint->broken) rsm_endpoint_arm(remote->endpoint);
  return remote->set;
}

void rsm_remote_descriptor_gone(struct rsm_remote *remote) {
  if (remote->set >= 0) (void)epoll_ctl(remote->set, EPOLL_CTL_DEL, remote->endpoint->connection.alarm.fd, NULL);
}
