#define _GNU_SOURCE
#include "events.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "codes.h"
#include "wait.h"

#define SPIN_NS 1000   /* an answer at once is heard without sleeping; longer only delays (measured) */
#define SWEEP_BELLS 64 /* looked at in one sweep; the rest leave the set readable for the next */
#define DRAIN_READS 16 /* a peer that rings faster than we read does not keep us */
#define DRAIN_BYTES 4096

struct rsm_channel {
  struct rsm_channel *next;
  struct rsm_event_words *theirs, *ours;
  int bell; /* -1 once it was at end of file */
  /* What we wrote to ours. The page can be written by the peer too, so it is never read back. */
  uint32_t posted, coalesced, delivered, delivered_coalesced;
};

struct rsm_events {
  _Atomic int references;
  pthread_mutex_t lock; /* guards everything below */
  struct rsm_channel *channels;
  struct rsm_event_counts *counts; /* NULL: nobody counts */
  uint64_t pending; /* wider than the counters, so that no peer can wrap it to nothing */
  int set;          /* epoll set of bells and signal; -1 before anybody asked */
  int signal;       /* eventfd: readable exactly while signalled */
  bool ended;       /* its holder closed the segment: no descriptor any more */
  bool signalled;   /* pending > 0 whenever the lock is free and the set exists */
};

struct rsm_events *rsm_events_create(void) {
  struct rsm_events *events = calloc(1, sizeof *events);
  if (events == NULL) {
    return NULL;
  }
  if (pthread_mutex_init(&events->lock, NULL) != 0) {
    free(events);
    return NULL;
  }
  events->references = 1;
  events->set = events->signal = -1;
  return events;
}

void rsm_events_keep(struct rsm_events *events) {
  atomic_fetch_add(&events->references, 1);
}

/* The bell leaves the set before it is closed: a copy of it in a forked child would keep it there. */
static void silence(struct rsm_events *events, struct rsm_channel *channel) {
  if (channel->bell >= 0) {
    if (events->set >= 0) {
      (void)epoll_ctl(events->set, EPOLL_CTL_DEL, channel->bell, NULL); /* ENOENT: was never in it */
    }
    close(channel->bell);
    channel->bell = -1;
  }
}

static void close_set(struct rsm_events *events) {
  if (events->set >= 0) close(events->set);
  if (events->signal >= 0) close(events->signal);
  events->set = events->signal = -1;
}

void rsm_events_end(struct rsm_events *events) {
  pthread_mutex_lock(&events->lock);
  events->ended = true;
  close_set(events);
  pthread_mutex_unlock(&events->lock);
}

void rsm_events_drop(struct rsm_events *events) {
  if (atomic_fetch_sub(&events->references, 1) != 1) {
    return;
  }
  while (events->channels != NULL) {
    struct rsm_channel *channel = events->channels;
    events->channels = channel->next;
    silence(events, channel);
    free(channel);
  }
  close_set(events);
  pthread_mutex_destroy(&events->lock);
  free(events);
}

/* Empties the bell. Always before the counters are read: a post counts first and rings after, so what
 * is counted too late for the reader rings after the draining. */
static void drain(struct rsm_events *events, struct rsm_channel *channel) {
  char waste[DRAIN_BYTES];
  for (int reads = 0; reads < DRAIN_READS && channel->bell >= 0; reads++) {
    ssize_t count = recv(channel->bell, waste, sizeof waste, MSG_DONTWAIT);
    if (count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR)) {
      silence(events, channel);
    } else if (count < (ssize_t)sizeof waste) {
      return;
    }
  }
}

static bool has_coalesced(const struct rsm_channel *channel) {
  return atomic_load(&channel->theirs->coalesced) != channel->delivered_coalesced;
}

/* Whether there was a coalesced one. */
static bool deliver(struct rsm_events *events, struct rsm_channel *channel) {
  if (atomic_load(&channel->theirs->posted) == channel->delivered && !has_coalesced(channel)) {
    return false;
  }
  if (events->set >= 0) {
    drain(events, channel);
  }
  /* In this order: whoever sees an event posted after a coalesced one sees the coalesced one too. */
  uint32_t posted = atomic_load(&channel->theirs->posted);
  uint32_t coalesced = atomic_load(&channel->theirs->coalesced);
  bool any_coalesced = coalesced != channel->delivered_coalesced;
  if (any_coalesced && events->pending == 0) {
    events->pending = 1;
  }
  events->pending += (uint32_t)(posted - channel->delivered);
  channel->delivered = posted;
  channel->delivered_coalesced = coalesced;
  atomic_store(&channel->ours->delivered, posted);
  atomic_store(&channel->ours->delivered_coalesced, coalesced);
  return any_coalesced;
}

static void fold(struct rsm_events *events) {
  bool coalesced = false;
  for (struct rsm_channel *channel = events->channels; channel != NULL; channel = channel->next) {
    if (has_coalesced(channel)) {
      coalesced = true;
    } else {
      deliver(events, channel);
    }
  }
  for (struct rsm_channel *channel = events->channels; coalesced && channel != NULL; channel = channel->next) {
    deliver(events, channel);
  }
}

/* Bells that rang for nothing that is still to be counted, and those at end of file. */
static void sweep(struct rsm_events *events) {
  struct epoll_event ready[SWEEP_BELLS];
  int count = epoll_wait(events->set, ready, SWEEP_BELLS, 0);
  for (int i = 0; i < count; i++) {
    if (ready[i].data.ptr != NULL) {
      drain(events, ready[i].data.ptr);
    }
  }
}

/* Brings the eventfd in line with pending. A failing call is made again by the next one here. */
static void settle(struct rsm_events *events) {
  bool wanted = events->pending > 0;
  if (events->set < 0 || wanted == events->signalled) {
    return;
  }
  uint64_t value = 1;
  ssize_t done = wanted ? write(events->signal, &value, sizeof value)
                        : read(events->signal, &value, sizeof value);
  if (done == (ssize_t)sizeof value) {
    events->signalled = wanted;
  }
}

void rsm_events_count(struct rsm_events *events, struct rsm_event_counts *counts) {
  pthread_mutex_lock(&events->lock);
  events->counts = counts;
  pthread_mutex_unlock(&events->lock);
}

static void count(_Atomic uint64_t *counter) {
  atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

static int consume(struct rsm_events *events, bool sweeping) {
  pthread_mutex_lock(&events->lock);
  fold(events);
  if (sweeping && events->pending == 0 && events->set >= 0) {
    sweep(events);
    fold(events);
  }
  int taken = events->pending > 0;
  events->pending -= (uint64_t)taken;
  if (taken && events->counts != NULL) count(&events->counts->waits);
  settle(events);
  pthread_mutex_unlock(&events->lock);
  /* With the fence in rsm_events_post: of a coalescing poster that sees its last event undelivered,
   * the consumer of that event sees all earlier stores. */
  __sync_synchronize();
  return taken;
}

static int add_bell(struct rsm_events *events, int fd, struct rsm_channel *channel) {
  struct epoll_event interest = {.events = EPOLLIN, .data = {.ptr = channel}};
  return epoll_ctl(events->set, EPOLL_CTL_ADD, fd, &interest);
}

struct rsm_channel *rsm_events_attach(struct rsm_events *events, struct rsm_event_words *theirs,
                                      struct rsm_event_words *ours, int bell) {
  struct rsm_channel *channel = calloc(1, sizeof *channel);
  if (channel == NULL) {
    return NULL;
  }
  channel->theirs = theirs;
  channel->ours = ours;
  channel->bell = bell;
  pthread_mutex_lock(&events->lock);
  bool added = events->set < 0 || add_bell(events, bell, channel) == 0;
  if (added) {
    channel->next = events->channels;
    events->channels = channel;
  }
  pthread_mutex_unlock(&events->lock);
  if (!added) {
    free(channel);
    return NULL;
  }
  return channel;
}

void rsm_events_detach(struct rsm_events *events, struct rsm_channel *channel) {
  pthread_mutex_lock(&events->lock);
  fold(events);
  struct rsm_channel **link = &events->channels;
  while (*link != channel) {
    link = &(*link)->next;
  }
  *link = channel->next;
  silence(events, channel);
  settle(events);
  pthread_mutex_unlock(&events->lock);
  free(channel);
}

static bool peer_owes_delivery(const struct rsm_channel *channel) {
  return atomic_load(&channel->theirs->delivered) != channel->posted ||
         atomic_load(&channel->theirs->delivered_coalesced) != channel->coalesced;
}

void rsm_events_post(struct rsm_events *events, bool no_accumulate) {
  __sync_synchronize(); /* stores before the post, then what the peers have delivered */
  pthread_mutex_lock(&events->lock);
  if (events->counts != NULL) count(&events->counts->posts);
  for (struct rsm_channel *channel = events->channels; channel != NULL; channel = channel->next) {
    if (!no_accumulate) {
      atomic_store(&channel->ours->posted, ++channel->posted);
    } else if (peer_owes_delivery(channel)) {
      continue;
    } else {
      atomic_store(&channel->ours->coalesced, ++channel->coalesced);
    }
    if (channel->bell >= 0) {
      /* EAGAIN: the bell is rung already. Any other error: nobody is there to hear. */
      (void)send(channel->bell, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
    }
  }
  pthread_mutex_unlock(&events->lock);
}

int rsm_events_take(struct rsm_events *events) {
  return consume(events, true);
}

void rsm_events_collect(struct rsm_events *events, uint64_t *posted, bool *coalesced) {
  pthread_mutex_lock(&events->lock);
  if (events->set >= 0) sweep(events);
  *coalesced = false;
  events->pending++; /* so that no coalesced one is added */
  for (struct rsm_channel *channel = events->channels; channel != NULL; channel = channel->next) {
    *coalesced = deliver(events, channel) || *coalesced;
  }
  *posted = events->pending - 1;
  events->pending = 0;
  settle(events);
  pthread_mutex_unlock(&events->lock);
  __sync_synchronize(); /* as in consume */
}

int rsm_events_descriptor(struct rsm_events *events) {
  pthread_mutex_lock(&events->lock);
  if (events->set < 0 && !events->ended) {
    events->set = epoll_create1(EPOLL_CLOEXEC);
    events->signal = events->set < 0 ? -1 : eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    bool made = events->signal >= 0 && add_bell(events, events->signal, NULL) == 0;
    for (struct rsm_channel *channel = events->channels; made && channel != NULL; channel = channel->next) {
      made = channel->bell < 0 || add_bell(events, channel->bell, channel) == 0;
    }
    if (!made) close_set(events);
    events->signalled = false;
    settle(events);
  }
  int set = events->set;
  pthread_mutex_unlock(&events->lock);
  return set;
}

/* Without the lock while it waits: of two waiters one takes the event, the other finds nothing, empties
 * what still rings, and sleeps again; the set stays readable as long as there is anything to find. */
int rsm_events_wait(struct rsm_events *events, int64_t timeout_ms, int (*cancelled)(void *), void *hint) {
  int64_t deadline_ns = rsm_deadline_ns(timeout_ms);
  if (timeout_ms == 0) {
    return rsm_events_take(events) ? RSM_SUCCESS : RSMERR_TIMEOUT;
  }
  int64_t spin_until_ns = rsm_now_ns() + SPIN_NS;
  do {
    if (consume(events, false)) {
      return RSM_SUCCESS;
    }
  } while (rsm_now_ns() < spin_until_ns);
  int set = rsm_events_descriptor(events);
  if (set < 0) {
    return RSMERR_INSUFFICIENT_RESOURCES;
  }
  for (;;) {
    struct pollfd entry = {.fd = set, .events = POLLIN};
    int ready = rsm_poll(&entry, 1, deadline_ns, cancelled, hint);
    if (ready < 0) {
      return ready == -EINTR ? RSMERR_INTERRUPTED : RSMERR_INSUFFICIENT_RESOURCES;
    }
    if (consume(events, true)) {
      return RSM_SUCCESS;
    }
    /* Here too, not only while asleep: a hostile peer may ring without end. */
    if (ready == 0 || (deadline_ns != RSM_NO_DEADLINE && rsm_now_ns() >= deadline_ns)) {
      return RSMERR_TIMEOUT;
    }
    if (cancelled != NULL && cancelled(hint)) {
      return RSMERR_INTERRUPTED;
    }
  }
}
