/*
 * The initiator: an importing process. An endpoint is one connection to the target of another node; remotes are
 * the segments that were granted over it. An endpoint and its remotes belong to one thread; there is none of ours.
 *
 * Whatever waits here makes progress meanwhile, gives up at a deadline, and an endpoint that missed one, or met any
 * other error, is broken for good: so are its remotes, and the memory of what was under way is free again.
 */
#ifndef RSM_INITIATOR_H
#define RSM_INITIATOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../loopback/list.h"
#include "address.h"
#include "message.h"
#include "operation.h"

struct rsm_endpoint;
struct rsm_remote;

/* The oldest transfer under way must end in this time … */
#define RSM_TRANSFER_MS 2000
/* … and a millisecond more for each of these: slower than the slowest network anybody would use. */
#define RSM_BYTES_PER_MS 1024

/* cancel_fd: readable: INTERRUPTED; -1 for none. NULL: *code is REMOTE_NODE_UNREACHABLE (nobody there in that time,
 * or the ticket was refused), CTLR_NOT_PRESENT (no libfabric, or not that provider), INTERRUPTED or
 * INSUFFICIENT_RESOURCES, and reason is for people. */
struct rsm_endpoint *rsm_endpoint_connect(const struct rsm_address *address, const uint8_t ticket[RSM_TICKET_BYTES],
                                          int timeout_ms, int cancel_fd, int *code, char *reason, size_t size);
/* Nothing goes over it any more; transfers under way have ended, and are to be taken. */
void rsm_endpoint_break(struct rsm_endpoint *endpoint);
/* Breaks it. Freed when its last remote is closed, too; what has ended is taken before. */
void rsm_endpoint_close(struct rsm_endpoint *endpoint);
bool rsm_endpoint_is_broken(const struct rsm_endpoint *endpoint);
/* Readable when there is progress to be made, if it was armed before; -1 when it is broken. */
int rsm_endpoint_descriptor(const struct rsm_endpoint *endpoint);
/* Reads what has come, and looks whether the connection and its deadlines hold. */
void rsm_endpoint_progress(struct rsm_endpoint *endpoint);
/* Progress until there is none to be made: then its descriptor tells of more. */
void rsm_endpoint_arm(struct rsm_endpoint *endpoint);
/* When the oldest transfer has to end; RSM_NO_DEADLINE: nothing is under way. */
int64_t rsm_endpoint_deadline_ns(const struct rsm_endpoint *endpoint);

struct rsm_remote *rsm_remote_open(struct rsm_endpoint *endpoint, const struct rsm_grant *grant); /* NULL: no memory */
/* Tells the target, behind everything before. Transfers under way on it end first. */
void rsm_remote_close(struct rsm_remote *remote);
/* Neither broken nor, as far as is known here, withdrawn. */
bool rsm_remote_is_whole(const struct rsm_remote *remote);
/* Somebody else has told that it is withdrawn. */
void rsm_remote_withdraw(struct rsm_remote *remote);
void rsm_remote_set_hint(struct rsm_remote *remote, void *hint);
void *rsm_remote_hint(const struct rsm_remote *remote);
/* Calls back for every remote of the endpoint; the callback may close the one it is called for. */
void rsm_endpoint_each(struct rsm_endpoint *endpoint, void (*each)(struct rsm_remote *remote, void *hint), void *hint);

/* ---- transfers (transfer.c) ---- */

enum rsm_direction { RSM_PUT, RSM_GET, RSM_CHECK };

/* One under way. The range has been checked against the segment. */
struct rsm_transfer {
  struct rsm_list link; /* of the endpoint: under way, oldest first; or finished */
  struct rsm_remote *remote;
  enum rsm_direction direction;
  bool checked; /* ends with the generation check; else when the bytes are on their way, or here */
  char *local;
  uint64_t offset, length;
  /* ours: */
  struct rsm_operation operation;
  bool begun; /* by rsm_transfer_begin */
  bool whole_posted;
  bool covered; /* has no completion: the check of one behind it, of the same remote, is also its own */
  bool done;
  int code; /* RSM_SUCCESS or CONN_ABORTED */
  uint64_t posted;
  uint32_t states[2]; /* LOCAL.state and STATUS.state, read behind it */
};

/* Blocks until it is done. RSM_SUCCESS or CONN_ABORTED. */
int rsm_transfer_run(struct rsm_remote *remote, enum rsm_direction direction, uint64_t offset, void *local,
                     uint64_t length, bool checked);
/* A checked one that goes on by itself. It and its memory stay until rsm_endpoint_take_finished gives it back, also
 * where the endpoint is broken already, or breaks. */
void rsm_transfer_begin(struct rsm_transfer *transfer);
/* One that has ended since; NULL: none. */
struct rsm_transfer *rsm_endpoint_take_finished(struct rsm_endpoint *endpoint);

/* ---- messages (remote.c) ---- */

/* Offset and permission have been checked. *old: what was there. CONN_ABORTED. */
int rsm_remote_atomic(struct rsm_remote *remote, enum rsm_atomic operation, uint8_t width, uint64_t offset,
                      uint64_t operand, uint64_t comparand, uint64_t *old);
/* Asks for a lock whose word was found taken; ticket: unique among the requests of the endpoint. CONN_ABORTED,
 * INSUFFICIENT_MEM, INSUFFICIENT_RESOURCES (RSM_LOCKS_LIMIT): nothing was asked. */
int rsm_remote_lock(struct rsm_remote *remote, uint64_t offset, uint32_t ticket, bool at_once);
/* Gives up, and waits until the target has: a lock that was granted passes on. Harmless for an unknown ticket. */
void rsm_remote_cancel_lock(struct rsm_remote *remote, uint32_t ticket);
/* Frees a word that was found contended; died: as if its owner had. */
void rsm_remote_unlock(struct rsm_remote *remote, uint64_t offset, bool died);
/* Progress, and an answer that has come: code RSM_SUCCESS, TIMEOUT, CONN_ABORTED, … */
struct rsm_answer {
  uint32_t ticket;
  int code;
  bool owner_died;
};
bool rsm_endpoint_take_lock(struct rsm_endpoint *endpoint, struct rsm_answer *answer);
/* Waits for one: TIMEOUT and INTERRUPTED give up. timeout_ms < 0: no limit. */
struct rsm_answer rsm_remote_wait_lock(struct rsm_remote *remote, uint32_t ticket, int64_t timeout_ms,
                                       int (*cancelled)(void *), void *hint);
int rsm_remote_post(struct rsm_remote *remote, bool no_accumulate);
bool rsm_remote_has_event(const struct rsm_remote *remote);
/* Makes progress, and consumes one. */
bool rsm_remote_take(struct rsm_remote *remote);
/* As rsm_events_wait. */
int rsm_remote_wait(struct rsm_remote *remote, int64_t timeout_ms, int (*cancelled)(void *), void *hint);
/* As rsm_events_descriptor: readable while events are pending, or may be. -1: none to be had. */
int rsm_remote_descriptor(struct rsm_remote *remote);

#endif
