/* Endpoints: connecting, progress, and the end. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#include "../loopback/codes.h"
#include "../loopback/wait.h"
#include "initiator_state.h"

#define READ_AT_ONCE 16
/* An answer that comes at once is heard without sleeping; longer only burns a core that the other side may need. */
#define SPIN_NS 20000
/* Connecting and its end are driven by reading both queues; nothing wakes for one of them alone. */
#define CONNECT_SLICE_MS 5
/* Of messages and short puts; some hundred may be queued, a few kilobytes. */
#define MARK_EVERY 63
#define MARKS_LIMIT 4

/* ---- progress ---- */

static bool complete(struct rsm_endpoint *endpoint, struct rsm_operation *operation) {
  if (operation->kind == RSM_OPERATION_TRANSFER) {
    rsm_transfer_completed((struct rsm_transfer *)((char *)operation - offsetof(struct rsm_transfer, operation)));
    return true;
  }
  if (operation->kind == RSM_OPERATION_SEND) {
    endpoint->marks--;
    return true;
  }
  struct rsm_receive *receive = (struct rsm_receive *)operation;
  return rsm_remote_heard(endpoint, &receive->message) && rsm_link_receive(&endpoint->connection, receive) == 0;
}

/* Whether there was something. */
static bool read_queue(struct rsm_endpoint *endpoint) {
  struct fi_cq_entry entries[READ_AT_ONCE];
  ssize_t count = fi_cq_read(endpoint->connection.queue, entries, READ_AT_ONCE);
  if (count <= 0 && count != -FI_EAVAIL) return false; /* nothing; or a signal, that is for nobody here */
  bool good = count > 0; /* an error is of the whole connection */
  for (ssize_t i = 0; i < count && good; i++) good = complete(endpoint, entries[i].op_context);
  if (!good) rsm_endpoint_break(endpoint);
  return true;
}

/* What has no completion fails here only: the end of the connection. */
static void read_connection_events(struct rsm_endpoint *endpoint) {
  struct fi_eq_cm_entry entry;
  uint32_t kind;
  ssize_t length = fi_eq_read(endpoint->queue, &kind, &entry, sizeof entry, 0);
  if (length == -FI_EAVAIL || (length > 0 && kind != FI_CONNECTED)) rsm_endpoint_break(endpoint);
}

static void look(struct rsm_endpoint *endpoint, int64_t deadline_ns) {
  if (!endpoint->broken) read_connection_events(endpoint);
  if (endpoint->broken || deadline_ns == RSM_NO_DEADLINE) return;
  if (rsm_now_ns() >= deadline_ns) rsm_endpoint_break(endpoint);
}

/* What waited for room, or for something before it. */
static void go_on(struct rsm_endpoint *endpoint) {
  if (!endpoint->broken) rsm_transfers_post(endpoint);
  if (endpoint->releases_due > 0 && !endpoint->broken) rsm_remotes_release(endpoint);
}

void rsm_endpoint_progress(struct rsm_endpoint *endpoint) {
  while (!endpoint->broken && read_queue(endpoint)) continue;
  go_on(endpoint);
  look(endpoint, rsm_endpoint_deadline_ns(endpoint));
}

void rsm_endpoint_arm(struct rsm_endpoint *endpoint) {
  do rsm_endpoint_progress(endpoint);
  while (!endpoint->broken && !rsm_alarm_arm(&endpoint->connection.alarm));
}

struct rsm_waiting rsm_waiting_from_now(int64_t limit_ms) {
  return (struct rsm_waiting){.deadline_ns = rsm_deadline_ns(limit_ms)};
}

void rsm_endpoint_step(struct rsm_endpoint *endpoint, struct rsm_waiting *waiting) {
  if (read_queue(endpoint)) {
    go_on(endpoint);
    return;
  }
  int64_t now_ns = rsm_now_ns();
  if (waiting->spin_until_ns == 0) {
    waiting->spin_until_ns = now_ns + SPIN_NS;
    go_on(endpoint);
  }
  if (now_ns < waiting->spin_until_ns) return;
  int64_t deadline_ns = rsm_endpoint_deadline_ns(endpoint);
  if (waiting->deadline_ns < deadline_ns) deadline_ns = waiting->deadline_ns;
  go_on(endpoint);
  look(endpoint, deadline_ns);
  if (endpoint->broken || !rsm_alarm_arm(&endpoint->connection.alarm)) return;
  struct pollfd entry = {.fd = endpoint->connection.alarm.fd, .events = POLLIN};
  (void)rsm_poll(&entry, 1, deadline_ns, NULL, NULL); /* whatever it says, we look again */
}

static ssize_t inject_marked(struct rsm_endpoint *endpoint, const void *bytes, size_t length, uint64_t offset,
                             const struct rsm_region_key *region) {
  struct iovec near = {.iov_base = (void *)bytes, .iov_len = length};
  struct fid_ep *connection = endpoint->connection.endpoint;
  if (region == NULL) {
    struct fi_msg message = {.msg_iov = &near, .iov_count = 1, .context = &endpoint->mark};
    return fi_sendmsg(connection, &message, FI_INJECT | FI_COMPLETION);
  }
  struct fi_rma_iov far = {.addr = region->base + offset, .len = length, .key = region->key};
  struct fi_msg_rma message = {.msg_iov = &near, .iov_count = 1, .rma_iov = &far, .rma_iov_count = 1,
                               .context = &endpoint->mark};
  return fi_writemsg(connection, &message, FI_INJECT | FI_COMPLETION);
}

ssize_t rsm_endpoint_inject(struct rsm_endpoint *endpoint, const void *bytes, size_t length, uint64_t offset,
                            const struct rsm_region_key *region) {
  ssize_t result;
  if (endpoint->marks == MARKS_LIMIT) return -FI_EAGAIN;
  if (endpoint->unmarked == MARK_EVERY) {
    result = inject_marked(endpoint, bytes, length, offset, region);
    if (result != 0) return result;
    endpoint->unmarked = 0;
    endpoint->marks++;
    return 0;
  }
  struct fid_ep *connection = endpoint->connection.endpoint;
  if (region == NULL) result = fi_inject(connection, bytes, length, 0);
  else result = fi_inject_write(connection, bytes, length, 0, region->base + offset, region->key);
  if (result == 0) endpoint->unmarked++;
  return result;
}

/* ---- the end ---- */

void rsm_endpoint_break(struct rsm_endpoint *endpoint) {
  if (endpoint->broken) return;
  endpoint->broken = true;
  RSM_LIST_EACH(struct rsm_remote, remote, &endpoint->remotes, link) {
    rsm_remote_descriptor_gone(remote);
    rsm_remote_locks_gone(remote, false);
  }
  rsm_link_close(&endpoint->connection); /* nothing touches memory of transfers any more */
  if (endpoint->queue != NULL) fi_close(&endpoint->queue->fid);
  rsm_alarm_close(&endpoint->alarm);
  if (endpoint->fabric != NULL) fi_close(&endpoint->fabric->fid);
  if (endpoint->info != NULL) rsm_library()->freeinfo(endpoint->info);
  rsm_transfers_fail(endpoint);
}

void rsm_endpoint_drop(struct rsm_endpoint *endpoint) {
  if (endpoint->closed && rsm_list_empty(&endpoint->remotes)) free(endpoint);
}

void rsm_endpoint_close(struct rsm_endpoint *endpoint) {
  rsm_endpoint_break(endpoint);
  endpoint->closed = true;
  rsm_endpoint_drop(endpoint);
}

bool rsm_endpoint_is_broken(const struct rsm_endpoint *endpoint) {
  return endpoint->broken;
}

int rsm_endpoint_descriptor(const struct rsm_endpoint *endpoint) {
  return endpoint->connection.alarm.fd;
}

void rsm_endpoint_each(struct rsm_endpoint *endpoint, void (*each)(struct rsm_remote *, void *), void *hint) {
  RSM_LIST_EACH(struct rsm_remote, remote, &endpoint->remotes, link) each(remote, hint);
}

/* ---- connecting ---- */

static int open_objects(struct rsm_endpoint *endpoint, const struct rsm_address *address) {
  char port[8];
  snprintf(port, sizeof port, "%u", address->port);
  int result = rsm_provider_info(address->provider, address->host, port, 0, &endpoint->info);
  if (result != 0) return result;
  result = rsm_library()->fabric(endpoint->info->fabric_attr, &endpoint->fabric, NULL);
  if (result == 0) result = rsm_event_queue_open(endpoint->fabric, &endpoint->queue, &endpoint->alarm);
  if (result == 0) result = rsm_link_open(&endpoint->connection, endpoint->fabric, endpoint->info);
  if (result == 0) result = rsm_link_join(&endpoint->connection, endpoint->info, endpoint->queue);
  return result;
}

/* 0, or -errno of why there is no connection. */
static int await_connection(struct rsm_endpoint *endpoint, int64_t deadline_ns, int cancel_fd) {
  struct pollfd entries[] = {{.fd = endpoint->connection.alarm.fd, .events = POLLIN},
                             {.fd = cancel_fd, .events = POLLIN}};
  struct fi_eq_cm_entry entry;
  struct fi_cq_entry completion;
  uint32_t kind;
  for (;;) {
    ssize_t length = fi_eq_read(endpoint->queue, &kind, &entry, sizeof entry, 0);
    if (length > 0) return kind == FI_CONNECTED ? 0 : -ECONNREFUSED;
    if (length == -FI_EAVAIL) return -ECONNREFUSED;
    ssize_t count = fi_cq_read(endpoint->connection.queue, &completion, 1);
    if (count > 0 || count == -FI_EAVAIL) return -ECONNREFUSED; /* nothing is sent yet */
    int64_t slice_ns = rsm_deadline_ns(CONNECT_SLICE_MS);
    if (rsm_now_ns() >= deadline_ns) return -ETIMEDOUT;
    (void)rsm_poll(entries, 2, slice_ns < deadline_ns ? slice_ns : deadline_ns, NULL, NULL);
    if (entries[1].revents != 0) return -ECANCELED;
  }
}

static int code_of(int result) {
  switch (-result) {
    case ECANCELED: return RSMERR_INTERRUPTED;
    case ENOMEM: return RSMERR_INSUFFICIENT_MEM;
    case EMFILE:
    case ENFILE: return RSMERR_INSUFFICIENT_RESOURCES;
    default: return RSMERR_REMOTE_NODE_UNREACHABLE;
  }
}

static int connect_to(struct rsm_endpoint *endpoint, const struct rsm_address *address, const uint8_t *ticket,
                      int timeout_ms, int cancel_fd) {
  int64_t deadline_ns = rsm_deadline_ns(timeout_ms);
  int result = open_objects(endpoint, address);
  if (result == 0) {
    result = fi_connect(endpoint->connection.endpoint, endpoint->info->dest_addr, ticket, RSM_TICKET_BYTES);
  }
  return result == 0 ? await_connection(endpoint, deadline_ns, cancel_fd) : result;
}

struct rsm_endpoint *rsm_endpoint_connect(const struct rsm_address *address, const uint8_t ticket[RSM_TICKET_BYTES],
                                          int timeout_ms, int cancel_fd, int *code, char *reason, size_t size) {
  struct rsm_address chosen = *address;
  *code = RSMERR_CTLR_NOT_PRESENT;
  if (!rsm_provider_choose(address->provider, chosen.provider, reason, size)) return NULL;
  struct rsm_endpoint *endpoint = calloc(1, sizeof *endpoint);
  *code = RSMERR_INSUFFICIENT_MEM;
  snprintf(reason, size, "no memory");
  if (endpoint == NULL) return NULL;
  endpoint->mark.kind = RSM_OPERATION_SEND;
  rsm_list_init(&endpoint->remotes);
  rsm_list_init(&endpoint->transfers);
  rsm_list_init(&endpoint->finished);
  rsm_list_init(&endpoint->locks);
  int result = connect_to(endpoint, &chosen, ticket, timeout_ms, cancel_fd);
  if (result == 0) return endpoint;
  *code = code_of(result);
  snprintf(reason, size, "%s port %u over %s: %s", address->host, address->port, chosen.provider,
           rsm_library()->strerror(-result));
  rsm_endpoint_close(endpoint);
  return NULL;
}
