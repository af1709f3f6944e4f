/*
 * Events of one segment (rsmapi.md 1.9, 2.9). Truth is counters in the two pages of each connection
 * (layout.h); a socket beside each connection is only the bell that wakes a sleeper. `pending` counts what
 * was delivered to this segment and not yet consumed.
 *
 * Delivering folds every channel's counters into `pending`. Channels without an outstanding coalesced
 * event go first, so that a coalesced one is dropped whenever the segment has an event pending (D-09).
 *
 * The descriptor is an epoll set of the bells and one eventfd of our own: readable while events are
 * pending. It is made on first use. Bells at end of file leave the set.
 *
 * Thread-safe, own lock; never holds it while it sleeps. Data plane: takes no other lock.
 */
#ifndef RSM_EVENTS_H
#define RSM_EVENTS_H

#include <stdbool.h>
#include <stdint.h>

#include "layout.h"
#include "record_layout.h"

struct rsm_events;
struct rsm_channel;

struct rsm_events *rsm_events_create(void); /* NULL: no memory */
void rsm_events_keep(struct rsm_events *events);
void rsm_events_drop(struct rsm_events *events);
/* Closes the descriptor for good; nobody may be waiting on it. What is pending can still be taken. */
void rsm_events_end(struct rsm_events *events);

/* theirs: the peer's words (hostile); ours: the words we write. bell: a socket that is
 * read by us alone, owned by the channel. NULL: no memory, and the bell is still the caller's. */
struct rsm_channel *rsm_events_attach(struct rsm_events *events, struct rsm_event_words *theirs,
                                      struct rsm_event_words *ours, int bell);
/* Delivers what the channel still holds, closes the bell, forgets the pages. */
void rsm_events_detach(struct rsm_events *events, struct rsm_channel *channel);

/* Posts to the peers of every channel. Wait-free towards the receivers; a full bell is a rung bell. */
void rsm_events_post(struct rsm_events *events, bool no_accumulate);

/* Where posts and consumed events are counted from now on; NULL: nowhere. */
void rsm_events_count(struct rsm_events *events, struct rsm_event_counts *counts);

/* 1: consumed one; 0: none pending. */
int rsm_events_take(struct rsm_events *events);
/* Everything that was posted and not consumed, for who passes it on: it is consumed elsewhere, where the rule
 * for coalesced ones is applied. */
void rsm_events_collect(struct rsm_events *events, uint64_t *posted, bool *coalesced);
/* timeout_ms < 0: no limit. RSM_SUCCESS, RSMERR_TIMEOUT, RSMERR_INTERRUPTED (a signal as it sleeps, or cancelled()
 * said 1: asked every RSM_WAIT_SLICE_MS, because worker.terminate() cannot interrupt a native call),
 * RSMERR_INSUFFICIENT_RESOURCES. */
#define RSM_WAIT_SLICE_MS 100
int rsm_events_wait(struct rsm_events *events, int64_t timeout_ms, int (*cancelled)(void *),
                    void *hint);
/* Or -1. Now and then it is readable with nothing to take (a post is counted first and rings after):
 * take() then silences it, and whoever polled polls again for the rest of the time. */
int rsm_events_descriptor(struct rsm_events *events);

#endif
