/* Requests for locks of segments of other nodes, until they are answered and taken. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>

#include "../loopback/codes.h"
#include "../loopback/wait.h"
#include "initiator_state.h"

static struct rsm_lock_request *find(struct rsm_endpoint *endpoint, uint32_t ticket) {
  RSM_LIST_EACH(struct rsm_lock_request, request, &endpoint->locks, link) {
    if (request->answer.ticket == ticket) return request;
  }
  return NULL;
}

static void drop(struct rsm_lock_request *request) {
  request->remote->endpoint->lock_count--;
  rsm_list_remove(&request->link);
  free(request);
}

static bool say(struct rsm_remote *remote, enum rsm_message_type type, uint64_t offset, uint32_t ticket, int flags) {
  struct rsm_message message = {.type = (uint8_t)type, .segment = remote->grant.segment, .offset = offset,
                                .ticket = ticket, .flags = (uint8_t)flags};
  return rsm_endpoint_tell(remote->endpoint, &message);
}

int rsm_remote_lock(struct rsm_remote *remote, uint64_t offset, uint32_t ticket, bool at_once) {
  struct rsm_endpoint *endpoint = remote->endpoint;
  if (!rsm_remote_is_whole(remote)) return RSMERR_CONN_ABORTED;
  if (endpoint->lock_count >= RSM_LOCKS_LIMIT) return RSMERR_INSUFFICIENT_RESOURCES;
  struct rsm_lock_request *request = calloc(1, sizeof *request);
  if (request == NULL) return RSMERR_INSUFFICIENT_MEM;
  *request = (struct rsm_lock_request){.remote = remote, .offset = offset, .answer.ticket = ticket};
  rsm_list_add(&endpoint->locks, &request->link);
  endpoint->lock_count++;
  if (say(remote, RSM_MESSAGE_LOCK, offset, ticket, at_once ? RSM_MESSAGE_AT_ONCE : 0)) return RSM_SUCCESS;
  drop(request);
  return RSMERR_CONN_ABORTED;
}

void rsm_remote_unlock(struct rsm_remote *remote, uint64_t offset, bool died) {
  if (rsm_remote_is_whole(remote)) (void)say(remote, RSM_MESSAGE_UNLOCK, offset, 0, died ? RSM_MESSAGE_OWNER_DIED : 0);
}

/* Waits for the answer, which comes at once: what was granted meanwhile must not wait for our next progress. */
static void cancel(struct rsm_lock_request *request) {
  struct rsm_remote *remote = request->remote;
  struct rsm_waiting waiting = rsm_waiting_from_now(RSM_TRANSFER_MS);
  if (!request->answered) (void)say(remote, RSM_MESSAGE_CANCEL, 0, request->answer.ticket, 0);
  while (!request->answered) rsm_endpoint_step(remote->endpoint, &waiting);
  bool granted = request->answer.code == RSM_SUCCESS, died = request->answer.owner_died;
  uint64_t offset = request->offset;
  drop(request);
  if (granted) rsm_remote_unlock(remote, offset, died);
}

void rsm_remote_cancel_lock(struct rsm_remote *remote, uint32_t ticket) {
  struct rsm_lock_request *request = find(remote->endpoint, ticket);
  if (request != NULL) cancel(request);
}

/* ---- answers ---- */

static void settle(struct rsm_lock_request *request, int code, bool owner_died) {
  request->answered = true;
  request->answer.code = code;
  request->answer.owner_died = owner_died;
}

void rsm_lock_answered(struct rsm_endpoint *endpoint, const struct rsm_message *message) {
  struct rsm_lock_request *request = find(endpoint, message->ticket);
  if (request == NULL || request->answered || request->remote->grant.segment != message->segment) return;
  bool granted = message->type == RSM_MESSAGE_GRANTED, died = granted && (message->flags & RSM_MESSAGE_OWNER_DIED) != 0;
  settle(request, granted ? RSM_SUCCESS : (int)message->code, died);
}

void rsm_remote_locks_gone(struct rsm_remote *remote, bool closed) {
  RSM_LIST_EACH(struct rsm_lock_request, request, &remote->endpoint->locks, link) {
    if (request->remote != remote) continue;
    if (closed) drop(request);
    else if (!request->answered) settle(request, RSMERR_CONN_ABORTED, false);
  }
}

static bool take(struct rsm_lock_request *request, struct rsm_answer *answer) {
  if (!request->answered) return false;
  *answer = request->answer;
  drop(request);
  return true;
}

bool rsm_endpoint_take_lock(struct rsm_endpoint *endpoint, struct rsm_answer *answer) {
  RSM_LIST_EACH(struct rsm_lock_request, request, &endpoint->locks, link) {
    if (take(request, answer)) return true;
  }
  return false;
}

struct rsm_answer rsm_remote_wait_lock(struct rsm_remote *remote, uint32_t ticket, int64_t timeout_ms,
                                       int (*cancelled)(void *), void *hint) {
  struct rsm_endpoint *endpoint = remote->endpoint;
  struct rsm_answer answer = {.ticket = ticket, .code = RSMERR_TIMEOUT};
  int64_t deadline_ns = rsm_deadline_ns(timeout_ms);
  for (;;) {
    if (!endpoint->broken) rsm_endpoint_arm(endpoint);
    struct rsm_lock_request *request = find(endpoint, ticket);
    if (request == NULL || take(request, &answer)) return answer;
    if (answer.code == RSMERR_INTERRUPTED || (deadline_ns != RSM_NO_DEADLINE && rsm_now_ns() >= deadline_ns)) {
      cancel(request);
      return answer;
    }
    struct pollfd entry = {.fd = endpoint->connection.alarm.fd, .events = POLLIN};
    int64_t until_ns = rsm_endpoint_deadline_ns(endpoint);
    int ready = rsm_poll(&entry, 1, until_ns < deadline_ns ? until_ns : deadline_ns, cancelled, hint);
    if (ready == -EINTR || (cancelled != NULL && cancelled(hint))) answer.code = RSMERR_INTERRUPTED;
  }
}
