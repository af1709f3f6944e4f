/* What stands behind initiator.h. Of one thread. */
#ifndef RSM_INITIATOR_STATE_H
#define RSM_INITIATOR_STATE_H

#include "initiator.h"
#include "link.h"

/* A request that is to be answered. */
struct rsm_request {
  bool done;
  uint32_t ticket;
  int code;
  uint64_t old;
};

/* A request for a lock, until its answer is taken. */
struct rsm_lock_request {
  struct rsm_list link;
  struct rsm_remote *remote;
  uint64_t offset;
  bool answered;
  struct rsm_answer answer;
};

struct rsm_endpoint {
  struct fi_info *info;
  struct fid_fabric *fabric;
  struct fid_eq *queue; /* of connection events */
  struct rsm_alarm alarm;
  struct rsm_link connection;
  bool broken;
  bool closed; /* by its holder */
  struct rsm_list remotes;
  struct rsm_list transfers; /* under way, oldest first: they end in this order */
  unsigned posted;           /* of them wholly */
  unsigned awaited;          /* of those, with a completion of their own */
  unsigned covered;          /* transfers since the last one that is not */
  bool check_due;            /* of the last one, a put: posted before the loop sleeps, or anything else is */
  struct rsm_list finished;  /* to be taken */
  int64_t oldest_since_ns;   /* when the oldest became the oldest */
  struct rsm_operation mark; /* what the completions of messages and short puts are of: see rsm_endpoint_inject */
  unsigned unmarked, marks;
  struct rsm_request *request; /* the one that is waited for; NULL: none */
  uint32_t last_ticket;
  struct rsm_list locks; /* requests */
  unsigned lock_count;
  unsigned releases_due; /* remotes whose withdrawal is to be answered */
};

struct rsm_remote {
  struct rsm_list link;
  struct rsm_endpoint *endpoint;
  struct rsm_grant grant;
  bool withdrawn;                /* as far as is known here */
  bool release_due, released;    /* the answer to the target, which told of it */
  void *hint;
  uint64_t pending; /* events */
  int set;          /* epoll set of the endpoint's descriptor and signal; -1 before anybody asked */
  int signal;       /* eventfd: readable exactly while signalled */
  bool signalled;
};

/* ---- endpoint.c ---- */
void rsm_endpoint_drop(struct rsm_endpoint *endpoint); /* frees it where nobody has it any more */

/* Waiting on an endpoint for something. */
struct rsm_waiting {
  int64_t deadline_ns; /* the endpoint breaks; RSM_NO_DEADLINE: that of transfers is enough */
  int64_t spin_until_ns;
};
struct rsm_waiting rsm_waiting_from_now(int64_t limit_ms);
/* Some progress, after a little sleep where there was none. Called until what is awaited is there, or the
 * endpoint is broken. */
void rsm_endpoint_step(struct rsm_endpoint *endpoint, struct rsm_waiting *waiting);
/* Sends what nobody waits for: a message, or (region not NULL) a put of no more than inject_bytes. Of a peer that
 * does not read libfabric would queue without end, so every so often one has a completion, and no more are sent than
 * those tell of. 0, -FI_EAGAIN, or another error. */
ssize_t rsm_endpoint_inject(struct rsm_endpoint *endpoint, const void *bytes, size_t length, uint64_t offset,
                            const struct rsm_region_key *region);

/* ---- transfer.c ---- */
void rsm_transfers_post(struct rsm_endpoint *endpoint);
void rsm_transfer_completed(struct rsm_transfer *transfer);
void rsm_transfers_fail(struct rsm_endpoint *endpoint); /* of a broken one */

/* ---- remote.c ---- */
/* False: it breaks the rules of message.h. */
bool rsm_remote_heard(struct rsm_endpoint *endpoint, const struct rsm_message *message);
/* Sends a message behind everything that was begun before. False: the endpoint is broken. */
bool rsm_endpoint_tell(struct rsm_endpoint *endpoint, const struct rsm_message *message);
/* Answers withdrawals, behind what is under way there. */
void rsm_remotes_release(struct rsm_endpoint *endpoint);
/* ---- locks.c ---- */
/* A GRANTED or CANCELLED. */
void rsm_lock_answered(struct rsm_endpoint *endpoint, const struct rsm_message *message);
/* Its requests are answered with CONN_ABORTED; or, when it is closed, are none any more. */
void rsm_remote_locks_gone(struct rsm_remote *remote, bool closed);

void rsm_remote_descriptor_gone(struct rsm_remote *remote); /* the endpoint's */

#endif
