/* Transfers: posted in order, ended in order. */
#include <string.h>
#include <sys/uio.h>

#include "../loopback/codes.h"
#include "../loopback/layout.h"
#include "../loopback/object.h"
#include "../loopback/wait.h"
#include "initiator_state.h"

/* Large ones are cut, so that none keeps the others, or a withdrawal, waiting for long. */
#define PIECE_BYTES (1u << 20)
/* Transfers posted at once; libfabric would queue without end. */
#define POSTED_LIMIT 128
/* Puts that one check does for: with more, who keeps 16 under way would wait for the answer with nothing on its way. */
#define COVERED_LIMIT 8
#define NS_PER_MS 1000000

/* There is no answer that the target owes. */
static bool asks_nothing(const struct rsm_endpoint *endpoint) {
  return rsm_list_empty(&endpoint->transfers) || (endpoint->check_due && endpoint->awaited == 0);
}

int64_t rsm_endpoint_deadline_ns(const struct rsm_endpoint *endpoint) {
  if (asks_nothing(endpoint)) return RSM_NO_DEADLINE;
  const struct rsm_transfer *oldest = RSM_LIST_ITEM(endpoint->transfers.next, struct rsm_transfer, link);
  return endpoint->oldest_since_ns +
         (RSM_TRANSFER_MS + (int64_t)(oldest->length / RSM_BYTES_PER_MS)) * NS_PER_MS;
}

/* ---- posting ---- */

/* What a check reads: both states. */
static void add_check(struct rsm_transfer *transfer, struct iovec *near, struct fi_rma_iov *far) {
  const struct rsm_region_key *region = &transfer->remote->grant.control;
  *near = (struct iovec){.iov_base = transfer->states, .iov_len = sizeof transfer->states};
  far[0] = (struct fi_rma_iov){
      .addr = region->base + offsetof(struct rsm_local_page, state), .len = 4, .key = region->key};
  far[1] = (struct fi_rma_iov){
      .addr = region->base + RSM_PAGE_BYTES + offsetof(struct rsm_status_page, state), .len = 4, .key = region->key};
}

/* A get is carried out in the order of its parts: the check that ends one is the last part of its last piece. */
static ssize_t post_get(struct rsm_transfer *transfer, struct iovec near, struct fi_rma_iov far, bool last) {
  struct iovec parts[] = {near, {0}};
  struct fi_rma_iov remote[] = {far, {0}, {0}};
  bool checks = last && transfer->checked;
  if (checks) add_check(transfer, &parts[1], &remote[1]);
  struct fi_msg_rma message = {.msg_iov = parts, .iov_count = checks ? 2 : 1, .rma_iov = remote,
                               .rma_iov_count = checks ? 3 : 1, .context = &transfer->operation};
  return fi_readmsg(transfer->remote->endpoint->connection.endpoint, &message, last ? FI_COMPLETION : 0);
}

static ssize_t post_put(struct rsm_transfer *transfer, struct iovec near, struct fi_rma_iov far, bool last) {
  struct rsm_link *link = &transfer->remote->endpoint->connection;
  bool completes = last && !transfer->checked;
  if (!completes && near.iov_len <= link->inject_bytes) {
    return fi_inject_write(link->endpoint, near.iov_base, near.iov_len, 0, far.addr, far.key);
  }
  struct fi_msg_rma message = {.msg_iov = &near, .iov_count = 1, .rma_iov = &far, .rma_iov_count = 1,
                               .context = &transfer->operation};
  return fi_writemsg(link->endpoint, &message, completes ? FI_COMPLETION : 0);
}

/* In a request of its own, which is carried out behind everything before. */
static ssize_t post_check(struct rsm_transfer *transfer) {
  struct iovec near;
  struct fi_rma_iov far[2];
  add_check(transfer, &near, far);
  struct fi_msg_rma message = {.msg_iov = &near, .iov_count = 1, .rma_iov = far, .rma_iov_count = 2,
                               .context = &transfer->operation};
  return fi_readmsg(transfer->remote->endpoint->connection.endpoint, &message, FI_COMPLETION);
}

static ssize_t post_bytes(struct rsm_transfer *transfer) {
  const struct rsm_region_key *region = &transfer->remote->grant.data;
  ssize_t result = 0;
  while (result == 0 && transfer->posted < transfer->length) {
    uint64_t rest = transfer->length - transfer->posted;
    uint64_t size = rest < PIECE_BYTES ? rest : PIECE_BYTES;
    struct iovec near = {.iov_base = transfer->local + transfer->posted, .iov_len = size};
    struct fi_rma_iov far = {
        .addr = region->base + transfer->offset + transfer->posted, .len = size, .key = region->key};
    result = transfer->direction == RSM_PUT ? post_put(transfer, near, far, size == rest)
                                            : post_get(transfer, near, far, size == rest);
    if (result == 0) transfer->posted += size;
  }
  return result;
}

/* Whether the check of the one behind it, which can be posted at once, will do for it, too. */
static bool is_covered(const struct rsm_transfer *transfer) {
  const struct rsm_endpoint *endpoint = transfer->remote->endpoint;
  const struct rsm_list *next = transfer->link.next;
  if (next == &endpoint->transfers || endpoint->posted + 1 >= POSTED_LIMIT) return false;
  const struct rsm_transfer *behind = RSM_LIST_ITEM(next, struct rsm_transfer, link);
  return behind->begun && behind->remote == transfer->remote;
}

/* 0: all of it is posted; or, with more_may_come, all but the check of the last one. */
static ssize_t post(struct rsm_transfer *transfer, bool more_may_come) {
  struct rsm_endpoint *endpoint = transfer->remote->endpoint;
  ssize_t result = post_bytes(transfer);
  if (result != 0) return result;
  bool needs_check = transfer->checked && (transfer->direction != RSM_GET || transfer->length == 0);
  transfer->covered = needs_check && transfer->begun && is_covered(transfer);
  if (needs_check && !transfer->covered) {
    endpoint->check_due = more_may_come && transfer->link.next == &endpoint->transfers &&
                          endpoint->covered + 1 < COVERED_LIMIT;
    if (endpoint->check_due) return 0;
    result = post_check(transfer);
    if (result != 0) return result;
  }
  endpoint->covered = transfer->covered ? endpoint->covered + 1 : 0;
  transfer->whole_posted = true;
  endpoint->posted++;
  if (!transfer->covered) endpoint->awaited++;
  return 0;
}

static void end(struct rsm_transfer *transfer, int code) {
  struct rsm_endpoint *endpoint = transfer->remote->endpoint;
  rsm_list_remove(&transfer->link);
  if (transfer->whole_posted) endpoint->posted--;
  if (transfer->whole_posted && !transfer->covered) endpoint->awaited--;
  transfer->done = true;
  transfer->code = code;
  if (transfer->begun) rsm_list_add(&endpoint->finished, &transfer->link);
  if (!rsm_list_empty(&endpoint->transfers)) endpoint->oldest_since_ns = rsm_now_ns();
}

/* With those before it that rely on its check. */
static void end_covering(struct rsm_transfer *transfer, int code) {
  RSM_LIST_EACH(struct rsm_transfer, before, &transfer->remote->endpoint->transfers, link) {
    if (before == transfer) break;
    if (before->covered && before->remote == transfer->remote) end(before, code);
  }
  end(transfer, code);
}

/* more_may_come: the check of the last one is left due, as it may do for others. */
static void post_all(struct rsm_endpoint *endpoint, bool more_may_come) {
  endpoint->check_due = false;
  RSM_LIST_EACH(struct rsm_transfer, transfer, &endpoint->transfers, link) {
    if (transfer->whole_posted) continue;
    if (endpoint->posted == POSTED_LIMIT) return;
    if (transfer->remote->withdrawn && transfer->posted == 0) {
      end_covering(transfer, RSMERR_CONN_ABORTED);
      continue;
    }
    ssize_t result = post(transfer, more_may_come);
    if (result == -FI_EAGAIN) return;
    if (result != 0) {
      rsm_endpoint_break(endpoint);
      return;
    }
  }
}

void rsm_transfers_post(struct rsm_endpoint *endpoint) {
  if (rsm_list_empty(&endpoint->transfers)) return;
  if (asks_nothing(endpoint)) endpoint->oldest_since_ns = rsm_now_ns();
  post_all(endpoint, false);
}

/* ---- ending ---- */

void rsm_transfer_completed(struct rsm_transfer *transfer) {
  bool whole = !transfer->checked || (transfer->states[0] == RSM_CONNECTED && transfer->states[1] == RSM_CONNECTED);
  if (!whole) rsm_remote_withdraw(transfer->remote);
  end_covering(transfer, whole ? RSM_SUCCESS : RSMERR_CONN_ABORTED);
}

void rsm_transfers_fail(struct rsm_endpoint *endpoint) {
  RSM_LIST_EACH(struct rsm_transfer, transfer, &endpoint->transfers, link) end(transfer, RSMERR_CONN_ABORTED);
}

struct rsm_transfer *rsm_endpoint_take_finished(struct rsm_endpoint *endpoint) {
  if (rsm_list_empty(&endpoint->finished)) return NULL;
  struct rsm_transfer *transfer = RSM_LIST_ITEM(endpoint->finished.next, struct rsm_transfer, link);
  rsm_list_remove(&transfer->link);
  return transfer;
}

/* ---- beginning ---- */

static void enlist(struct rsm_transfer *transfer) {
  struct rsm_endpoint *endpoint = transfer->remote->endpoint;
  if (asks_nothing(endpoint)) endpoint->oldest_since_ns = rsm_now_ns();
  rsm_list_add(&endpoint->transfers, &transfer->link);
  if (rsm_remote_is_whole(transfer->remote)) post_all(endpoint, transfer->begun);
  else end_covering(transfer, RSMERR_CONN_ABORTED);
}

void rsm_transfer_begin(struct rsm_transfer *transfer) {
  transfer->operation.kind = RSM_OPERATION_TRANSFER;
  transfer->begun = true;
  enlist(transfer);
}

/* A short one without a check that can be sent at once has no completion to be waited for. */
static bool inject(struct rsm_remote *remote, uint64_t offset, const void *local, uint64_t length) {
  const struct rsm_link *link = &remote->endpoint->connection;
  return length <= link->inject_bytes && rsm_list_empty(&remote->endpoint->transfers) &&
         rsm_endpoint_inject(remote->endpoint, local, length, offset, &remote->grant.data) == 0;
}

/* One word as a message, which the target answers with what a check reads: a round trip of one request, not of two. */
static bool is_word(const struct rsm_remote *remote, uint64_t offset, uint64_t length) {
  return (length == 4 || length == 8) && offset % length == 0 && remote->grant.permission == RSM_PERM_RDWR;
}

static int put_word(struct rsm_remote *remote, uint64_t offset, const void *local, uint64_t length) {
  uint64_t word = 0, old;
  memcpy(&word, local, length); /* little-endian, as messages are */
  return rsm_remote_atomic(remote, RSM_ATOMIC_EXCHANGE, (uint8_t)length, offset, word, 0, &old);
}

int rsm_transfer_run(struct rsm_remote *remote, enum rsm_direction direction, uint64_t offset, void *local,
                     uint64_t length, bool checked) {
  if (!rsm_remote_is_whole(remote)) return RSMERR_CONN_ABORTED;
  if (length == 0 && !checked) return RSM_SUCCESS;
  if (direction == RSM_PUT && !checked && inject(remote, offset, local, length)) return RSM_SUCCESS;
  if (direction == RSM_PUT && checked && is_word(remote, offset, length)) {
    return put_word(remote, offset, local, length);
  }
  struct rsm_transfer transfer = {.remote = remote, .direction = direction, .checked = checked, .local = local,
                                  .offset = offset, .length = length,
                                  .operation = {.kind = RSM_OPERATION_TRANSFER}};
  struct rsm_waiting waiting = rsm_waiting_from_now(-1);
  enlist(&transfer);
  while (!transfer.done) rsm_endpoint_step(remote->endpoint, &waiting);
  return transfer.code;
}
