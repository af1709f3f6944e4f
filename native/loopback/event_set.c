#define _GNU_SOURCE
#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "events_state.h"

#define SWEEP_BELLS 64 /* looked at in one sweep; the rest leave the set readable for the next */
#define DRAIN_READS 16 /* a peer that rings faster than we read does not keep us */

/* The bell leaves the set before it is closed: a copy of it in a forked child would keep it there. */
void rsm_set_remove(struct rsm_events *events, struct rsm_channel *channel) {
  if (channel->bell >= 0) {
    if (events->set >= 0) {
      (void)epoll_ctl(events->set, EPOLL_CTL_DEL, channel->bell, NULL); /* ENOENT: was never in it */
    }
    close(channel->bell);
    channel->bell = -1;
  }
}

void rsm_set_close(struct rsm_events *events) {
  if (events->set >= 0) close(events->set);
  if (events->signal >= 0) close(events->signal);
  events->set = events->signal = -1;
}

/* Empties the bell. Always before the counters are read: a post counts first and rings after, so what
 * is counted too late for the reader rings after the draining. */
static void drain(struct rsm_events *events, struct rsm_channel *channel) {
  char waste; /* the rest of a packet goes with it */
  channel->stale = false;
  for (int reads = 0; reads < DRAIN_READS && channel->bell >= 0; reads++) {
    ssize_t count = recv(channel->bell, &waste, sizeof waste, MSG_DONTWAIT);
    if (count < 0 && errno == EAGAIN) return;
    if (count <= 0) rsm_set_remove(events, channel);
  }
}

/* Who only sleeps here does it when it sleeps again, not between the event and the program that waits for it. */
void rsm_set_hear(struct rsm_events *events, struct rsm_channel *channel) {
  if (events->exposed) {
    drain(events, channel);
  } else {
    channel->stale = true;
  }
}

void rsm_set_sweep(struct rsm_events *events) {
  struct epoll_event ready[SWEEP_BELLS];
  int count = events->set < 0 ? 0 : epoll_wait(events->set, ready, SWEEP_BELLS, 0);
  for (int i = 0; i < count; i++) {
    if (ready[i].data.ptr != NULL) {
      drain(events, ready[i].data.ptr);
    }
  }
}

/* A failing call is made again by the next one here. */
static void signal_if(struct rsm_events *events, bool wanted) {
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

void rsm_set_settle(struct rsm_events *events) {
  signal_if(events, events->pending > 0);
}

/* Tells the peers whether to ring. What they posted before they knew has not rung. */
static void listen_if(struct rsm_events *events, bool listening) {
  if (events->listening == listening) return;
  events->listening = listening;
  events->found = 0;
  for (struct rsm_channel *channel = events->channels; channel != NULL; channel = channel->next) {
    atomic_store(&channel->ours->listening, listening);
  }
}

static int add_bell(struct rsm_events *events, int fd, struct rsm_channel *channel) {
  struct epoll_event interest = {.events = EPOLLIN, .data = {.ptr = channel}};
  return epoll_ctl(events->set, EPOLL_CTL_ADD, fd, &interest);
}

bool rsm_set_add(struct rsm_events *events, struct rsm_channel *channel) {
  if (events->set >= 0 && add_bell(events, channel->bell, channel) != 0) {
    return false;
  }
  atomic_store(&channel->ours->listening, events->listening);
  if (events->listening && rsm_is_undelivered(channel)) signal_if(events, true);
  return true;
}

static bool open_set(struct rsm_events *events) {
  if (events->set >= 0 || events->ended) {
    return !events->ended;
  }
  events->set = epoll_create1(EPOLL_CLOEXEC);
  events->signal = events->set < 0 ? -1 : eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  bool made = events->signal >= 0 && add_bell(events, events->signal, NULL) == 0;
  for (struct rsm_channel *channel = events->channels; made && channel != NULL; channel = channel->next) {
    made = channel->bell < 0 || add_bell(events, channel->bell, channel) == 0;
  }
  if (!made) rsm_set_close(events);
  events->signalled = false;
  rsm_set_settle(events);
  return made;
}

int rsm_events_descriptor(struct rsm_events *events) {
  pthread_mutex_lock(&events->lock);
  if (open_set(events) && !events->exposed) {
    events->exposed = true;
    listen_if(events, true);
    bool any = events->pending > 0;
    for (struct rsm_channel *channel = events->channels; channel != NULL; channel = channel->next) {
      any = any || rsm_is_undelivered(channel);
    }
    signal_if(events, any);
  }
  int set = events->set;
  pthread_mutex_unlock(&events->lock);
  return set;
}

int rsm_set_rest(struct rsm_events *events) {
  pthread_mutex_lock(&events->lock);
  int set = open_set(events) ? events->set : -1;
  for (struct rsm_channel *channel = events->channels; channel != NULL; channel = channel->next) {
    if (channel->stale) drain(events, channel);
  }
  events->sleepers++;
  listen_if(events, true);
  pthread_mutex_unlock(&events->lock);
  return set;
}

void rsm_set_rise(struct rsm_events *events) {
  pthread_mutex_lock(&events->lock);
  events->sleepers--;
  pthread_mutex_unlock(&events->lock);
}

/* To tell as many peers costs as much as one event each, and is done no oftener: there may be a thousand. */
void rsm_set_found(struct rsm_events *events) {
  pthread_mutex_lock(&events->lock);
  events->found++;
  if (events->found >= events->channel_count && !events->exposed && events->sleepers == 0) listen_if(events, false);
  pthread_mutex_unlock(&events->lock);
}
