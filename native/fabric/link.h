/*
 * One end of a connection, the same for both sides: a domain, a completion queue and a MSG endpoint of their
 * own. A domain for each connection, because a key is valid in the whole domain it was made in: so an
 * importer's keys are of no use on any other connection, and cutting one off touches nobody else.
 *
 * What the provider must offer is in rsm_provider_info: all operations of a connection take effect in order,
 * keys are ours, remote addresses are offsets, and local memory need not be registered.
 */
#ifndef RSM_LINK_H
#define RSM_LINK_H

#include <rdma/fi_cm.h>
#include <rdma/fi_domain.h>
#include <rdma/fi_endpoint.h>
#include <rdma/fi_errno.h>
#include <rdma/fi_rma.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "address.h"
#include "alarm.h"
#include "library.h"
#include "message.h"
#include "operation.h"

/* The provider for `wanted`, NULL or "auto": the best there is. False: there is none of that name, or no
 * libfabric at all; reason is for people. */
bool rsm_provider_choose(const char *wanted, char name[RSM_PROVIDER_BYTES], char *reason, size_t size);
/* flags: FI_SOURCE where host and port are our own. 0 or -errno of libfabric; rsm_library() is there. */
int rsm_provider_info(const char *provider, const char *host, const char *port, uint64_t flags,
                      struct fi_info **info);

/* Receives posted at once: whoever sends faster than they are read waits in its socket. */
#define RSM_RECEIVES 64

struct rsm_receive {
  struct rsm_operation operation;
  struct rsm_message message;
};

struct rsm_link {
  struct fid_fabric *fabric; /* borrowed */
  struct fid_domain *domain;
  struct fid_cq *queue;
  struct fid_ep *endpoint; /* NULL before rsm_link_join */
  struct rsm_alarm alarm;  /* of the queue: there is something to do */
  size_t inject_bytes;
  struct rsm_receive receives[RSM_RECEIVES];
};

/* Domain and queue. 0 or -errno of libfabric, and nothing is open. */
int rsm_link_open(struct rsm_link *link, struct fid_fabric *fabric, struct fi_info *info);
/* The endpoint, enabled, with all receives posted: to be connected or accepted. */
int rsm_link_join(struct rsm_link *link, struct fi_info *info, struct fid_eq *events);
/* Gives a receive back. */
int rsm_link_receive(struct rsm_link *link, struct rsm_receive *receive);
/* Nothing that was under way on it touches memory afterwards. Regions of the domain are closed before. */
void rsm_link_cut(struct rsm_link *link); /* the endpoint */
void rsm_link_close(struct rsm_link *link);

#endif
