#include "events_state.h"

#include <stdlib.h>
#include <sys/socket.h>

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

void rsm_events_end(struct rsm_events *events) {
  pthread_mutex_lock(&events->lock);
  events->ended = true;
  rsm_set_close(events);
  pthread_mutex_unlock(&events->lock);
}

void rsm_events_drop(struct rsm_events *events) {
  if (atomic_fetch_sub(&events->references, 1) != 1) {
    return;
  }
  while (events->channels != NULL) {
    struct rsm_channel *channel = events->channels;
    events->channels = channel->next;
    rsm_set_remove(events, channel);
    free(channel);
  }
  rsm_set_close(events);
  pthread_mutex_destroy(&events->lock);
  free(events);
}

/* Whether there was a coalesced one. */
static bool deliver(struct rsm_events *events, struct rsm_channel *channel) {
  if (!rsm_is_undelivered(channel)) {
    return false;
  }
  rsm_set_hear(events, channel);
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
    if (rsm_has_coalesced(channel)) {
      coalesced = true;
    } else {
      deliver(events, channel);
    }
  }
  for (struct rsm_channel *channel = events->channels; coalesced && channel != NULL; channel = channel->next) {
    deliver(events, channel);
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

int rsm_events_consume(struct rsm_events *events, bool sweeping) {
  pthread_mutex_lock(&events->lock);
  fold(events);
  if (sweeping && events->pending == 0) {
    rsm_set_sweep(events);
    fold(events);
  }
  int taken = events->pending > 0;
  events->pending -= (uint64_t)taken;
  if (taken && events->counts != NULL) count(&events->counts->waits);
  rsm_set_settle(events);
  pthread_mutex_unlock(&events->lock);
  /* With the fence in rsm_events_post: of a coalescing poster that sees its last event undelivered,
   * the consumer of that event sees all earlier stores. */
  __sync_synchronize();
  return taken;
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
  bool added = rsm_set_add(events, channel);
  if (added) {
    channel->next = events->channels;
    events->channels = channel;
    events->channel_count++;
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
  events->channel_count--;
  rsm_set_remove(events, channel);
  rsm_set_settle(events);
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
    /* Counted first, asked after: who lies down says so first and looks at the counters after. */
    if (channel->bell >= 0 && atomic_load(&channel->theirs->listening) != 0) {
      /* EAGAIN: the bell is rung already. Any other error: nobody is there to hear. */
      (void)send(channel->bell, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
    }
  }
  pthread_mutex_unlock(&events->lock);
}

int rsm_events_take(struct rsm_events *events) {
  return rsm_events_consume(events, true);
}

void rsm_events_collect(struct rsm_events *events, uint64_t *posted, bool *coalesced) {
  pthread_mutex_lock(&events->lock);
  rsm_set_sweep(events);
  *coalesced = false;
  events->pending++; /* so that no coalesced one is added */
  for (struct rsm_channel *channel = events->channels; channel != NULL; channel = channel->next) {
    *coalesced = deliver(events, channel) || *coalesced;
  }
  *posted = events->pending - 1;
  events->pending = 0;
  rsm_set_settle(events);
  pthread_mutex_unlock(&events->lock);
  __sync_synchronize(); /* as in rsm_events_consume */
}
