/*
 * What stands behind events.h: events.c posts and delivers, event_set.c holds what rings, event_wait.c sleeps.
 * The functions of event_set.c want the lock held where nothing else is said.
 */
#ifndef RSM_EVENTS_STATE_H
#define RSM_EVENTS_STATE_H

#include <pthread.h>

#include "events.h"

struct rsm_channel {
  struct rsm_channel *next;
  struct rsm_event_words *theirs, *ours;
  int bell;   /* -1 once it was at end of file */
  bool stale; /* delivered without emptying the bell, which may have rung for it */
  /* What we wrote to ours. The page can be written by the peer too, so it is never read back. */
  uint32_t posted, coalesced, delivered, delivered_coalesced;
};

struct rsm_events {
  _Atomic int references;
  pthread_mutex_t lock; /* guards everything below */
  struct rsm_channel *channels;
  struct rsm_event_counts *counts; /* NULL: nobody counts */
  uint64_t pending; /* wider than the counters, so that no peer can wrap it to nothing */
  int set;          /* epoll set of bells and signal; -1 before anybody slept or asked for it */
  int signal;       /* eventfd: readable exactly while signalled */
  bool ended;       /* its holder closed the segment: no descriptor any more */
  bool signalled;   /* true if pending > 0, whenever the set exists and the lock is free */
  bool exposed;     /* programs poll the set: who knows when */
  bool listening;   /* what the peers are told: exposed, or somebody may be asleep on the set */
  unsigned sleepers;
  unsigned found;   /* waited for, since the peers were told to ring */
  unsigned channel_count;
  /* Without the lock, by whoever waits: how looking around has fared (event_wait.c). */
  _Atomic uint32_t failures, skip;
};

static inline bool rsm_has_coalesced(const struct rsm_channel *channel) {
  return atomic_load(&channel->theirs->coalesced) != channel->delivered_coalesced;
}

static inline bool rsm_is_undelivered(const struct rsm_channel *channel) {
  return atomic_load(&channel->theirs->posted) != channel->delivered || rsm_has_coalesced(channel);
}

/* Of what was posted, one: 1, or 0. `sweeping`: when there is none, empties the bells that rang for nothing.
 * Takes the lock. */
int rsm_events_consume(struct rsm_events *events, bool sweeping);

/* ---- event_set.c ---- */

/* Into the set, if there is one, and told whether to ring. False: no memory. */
bool rsm_set_add(struct rsm_events *events, struct rsm_channel *channel);
/* Out of it; closes the bell. */
void rsm_set_remove(struct rsm_events *events, struct rsm_channel *channel);
/* Before the counters are read, of a channel that has something: empties its bell, now or later. */
void rsm_set_hear(struct rsm_events *events, struct rsm_channel *channel);
/* Empties the bells that rang for nothing that is still to be counted, and closes those at end of file. */
void rsm_set_sweep(struct rsm_events *events);
/* After pending has changed. */
void rsm_set_settle(struct rsm_events *events);
void rsm_set_close(struct rsm_events *events);

/* From now on posts ring, and what was posted before has been looked at only if the caller does so next: sleeps on
 * the result, or -1, and calls rise. These take the lock. */
int rsm_set_rest(struct rsm_events *events);
void rsm_set_rise(struct rsm_events *events);
/* Somebody has waited for an event, and found one. */
void rsm_set_found(struct rsm_events *events);

#endif
