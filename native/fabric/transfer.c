/* Transfers: posted in order, ended in order. */
#include <sys/uio.h>

#include "../loopback/codes.h"
#include "../loopback/layout.h"
#include "../loopback/wait.h"
#include "initiator_state.h"

/* Large ones are cut, so that none keeps the others, or a withdrawal, waiting for long. */
#define PIECE_BYTES (1u << 20)
/* Transfers posted at once; libfabric would queue without end. */
#define POSTED_LIMIT 128
#define NS_PER_MS 1000000

int64_t rsm_endpoint_deadline_ns(const struct rsm_endpoint *endpoint) {
  if (rsm_list_empty(&endpoint->transfers)) return RSM_NO_DEADLINE;
  const struct rsm_transfer *oldest = RSM_LIST_ITEM(endpoint->transfers.next, struct rsm_transfer, link);
  return endpoint->oldest_since_ns +
         (RSM_TRANSFER_MS + (int64_t)(oldest->length / RSM_BYTES_PER_MS)) * NS_PER_MS;
}

/* ---- posting ---- */

static ssize_t post_piece(struct rsm_transfer *transfer, uint64_t size, bool completes) {
  struct rsm_link *link = &transfer->remote->endpoint->connection;
  const struct rsm_region_key *region = &transfer->remote->grant.data;
  uint64_t address = region->base + transfer->offset + transfer->posted;
  char *local = transfer->local + transfer->posted;
  if (transfer->direction == RSM_PUT && !completes && size <= link->inject_bytes) {
    return fi_inject_write(link->endpoint, local, size, 0, address, region->key);
  }
  struct iovec near = {.iov_base = local, .iov_len = size};
  struct fi_rma_iov far = {.addr = address, .len = size, .key = region->key};
  struct fi_msg_rma message = {.msg_iov = &near, .iov_count = 1, .rma_iov = &far, .rma_iov_count = 1,
                               .context = &transfer->operation};
  uint64_t flags = completes ? FI_COMPLETION : 0;
  return transfer->direction == RSM_PUT ? fi_writemsg(link->endpoint, &message, flags)
                                        : fi_readmsg(link->endpoint, &message, flags);
}

/* Both states in one request, which is carried out behind everything before. */
static ssize_t post_check(struct rsm_transfer *transfer) {
  const struct rsm_region_key *region = &transfer->remote->grant.control;
  struct iovec near = {.iov_base = transfer->states, .iov_len = sizeof transfer->states};
  struct fi_rma_iov far[] = {
      {.addr = region->base + offsetof(struct rsm_local_page, state), .len = 4, .key = region->key},
      {.addr = region->base + RSM_PAGE_BYTES + offsetof(struct rsm_status_page, state), .len = 4, .key = region->key}};
  struct fi_msg_rma message = {.msg_iov = &near, .iov_count = 1, .rma_iov = far, .rma_iov_count = 2,
                               .context = &transfer->operation};
  return fi_readmsg(transfer->remote->endpoint->connection.endpoint, &message, FI_COMPLETION);
}

/* 0: all of it is posted. */
static ssize_t post(struct rsm_transfer *transfer) {
  ssize_t result = 0;
  while (result == 0 && transfer->posted < transfer->length) {
    uint64_t rest = transfer->length - transfer->posted;
    uint64_t size = rest < PIECE_BYTES ? rest : PIECE_BYTES;
    result = post_piece(transfer, size, size == rest && !transfer->checked);
    if (result == 0) transfer->posted += size;
  }
  if (result == 0 && transfer->checked) result = post_check(transfer);
  transfer->whole_posted = result == 0;
  if (transfer->whole_posted) transfer->remote->endpoint->posted++;
  return result;
}

static void end(struct rsm_transfer *transfer, int code) {
  struct rsm_endpoint *endpoint = transfer->remote->endpoint;
  rsm_list_remove(&transfer->link);
  if (transfer->whole_posted) endpoint->posted--;
  transfer->done = true;
  transfer->code = code;
  if (transfer->begun) rsm_list_add(&endpoint->finished, &transfer->link);
  if (!rsm_list_empty(&endpoint->transfers)) endpoint->oldest_since_ns = rsm_now_ns();
}

void rsm_transfers_post(struct rsm_endpoint *endpoint) {
  RSM_LIST_EACH(struct rsm_transfer, transfer, &endpoint->transfers, link) {
    if (transfer->whole_posted) continue;
    if (endpoint->posted == POSTED_LIMIT) return;
    if (transfer->remote->withdrawn && transfer->posted == 0) {
      end(transfer, RSMERR_CONN_ABORTED);
      continue;
    }
    ssize_t result = post(transfer);
    if (result == -FI_EAGAIN) return;
    if (result != 0) {
      rsm_endpoint_break(endpoint);
      return;
    }
  }
}

/* ---- ending ---- */

void rsm_transfer_completed(struct rsm_transfer *transfer) {
  bool whole = !transfer->checked || (transfer->states[0] == RSM_CONNECTED && transfer->states[1] == RSM_CONNECTED);
  if (!whole) rsm_remote_withdraw(transfer->remote);
  end(transfer, whole ? RSM_SUCCESS : RSMERR_CONN_ABORTED);
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
  if (rsm_list_empty(&endpoint->transfers)) endpoint->oldest_since_ns = rsm_now_ns();
  rsm_list_add(&endpoint->transfers, &transfer->link);
  if (rsm_remote_is_whole(transfer->remote)) rsm_transfers_post(endpoint);
  else end(transfer, RSMERR_CONN_ABORTED);
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

int rsm_transfer_run(struct rsm_remote *remote, enum rsm_direction direction, uint64_t offset, void *local,
                     uint64_t length, bool checked) {
  if (!rsm_remote_is_whole(remote)) return RSMERR_CONN_ABORTED;
  if (length == 0 && !checked) return RSM_SUCCESS;
  if (direction == RSM_PUT && !checked && inject(remote, offset, local, length)) return RSM_SUCCESS;
  struct rsm_transfer transfer = {.remote = remote, .direction = direction, .checked = checked, .local = local,
                                  .offset = offset, .length = length,
                                  .operation = {.kind = RSM_OPERATION_TRANSFER}};
  struct rsm_waiting waiting = rsm_waiting_from_now(-1);
  enlist(&transfer);
  while (!transfer.done) rsm_endpoint_step(remote->endpoint, &waiting);
  return transfer.code;
}
