/*
 * Sleeping until a queue of libfabric has something: a descriptor, and a way to arm it. In 1.17 fi_trywait does
 * nothing for the provider net, so that a descriptor got in the plain way stays readable from the first completion
 * on; a wait set of our own arms it rightly. Wait sets are gone in 2.0, where the plain way is taken.
 */
#ifndef RSM_ALARM_H
#define RSM_ALARM_H

#include <rdma/fi_domain.h>
#include <rdma/fi_eq.h>
#include <stdbool.h>

struct rsm_alarm {
  struct fid_fabric *fabric; /* borrowed */
  struct fid_wait *set;      /* NULL: the plain way */
  struct fid *queue;
  int fd; /* -1: not open */
};

/* 0 or -errno of libfabric, and nothing is open. */
int rsm_event_queue_open(struct fid_fabric *fabric, struct fid_eq **queue, struct rsm_alarm *alarm);
int rsm_completion_queue_open(struct fid_fabric *fabric, struct fid_domain *domain, size_t size, struct fid_cq **queue,
                              struct rsm_alarm *alarm);
/* Whether one may sleep on fd now; else there is something to read. */
bool rsm_alarm_arm(const struct rsm_alarm *alarm);
/* The queue has been closed before. */
void rsm_alarm_close(struct rsm_alarm *alarm);

#endif
