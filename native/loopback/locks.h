/*
 * Locks in the memory of segments with lock operations (layout.h draws the word). The word says who owns
 * the lock; who waits stands in one queue in the exporter, first come first served. Its end of file tells
 * the exporter that an owner or a waiter died.
 *
 *   free                 taken by compare-and-exchange by whoever comes (TypeScript, on mapped memory)
 *   owned                freed in the same way; who finds it owned sends LOCK
 *   owned, CONTENDED     the owner sends UNLOCK; the exporter writes the next owner into the word, and
 *                        sends GRANTED. It is never free while somebody waits: nobody can barge in
 *
 * The exporter's own requests take the same way without messages. Everything here is thread-safe.
 */
#ifndef RSM_LOCKS_H
#define RSM_LOCKS_H

#include <stdbool.h>
#include <stdint.h>

struct rsm_env;
struct rsm_export;
struct rsm_import;

/* A lock word as one side sees it: exactly one of the two is a segment. */
struct rsm_lock_place {
  struct rsm_export *exported;
  struct rsm_import *imported;
  uint64_t offset;
};

/* Requests of one segment under way at once, the abandoned ones too. Their frames fit into a socket's buffer
 * even when the exporter does not read, and it keeps no more than these for one importer. */
#define RSM_LOCK_WAITS_LIMIT 64

/* This side's number in lock words; 0: the segment was created without lock operations. */
uint32_t rsm_export_lock_owner(const struct rsm_export *segment);
uint32_t rsm_import_lock_owner(const struct rsm_import *segment);
/* Whether a word can be there: 4-aligned, wholly inside. */
bool rsm_lock_is_place(const struct rsm_lock_place *place);

/* Asks for a lock that could not be taken. ticket: unique among the requests of the environment. at_once: the
 * answer is TIMEOUT when it is not to be had now. CONN_ABORTED, BAD_SEG_HNDL (the export has ended),
 * INSUFFICIENT_RESOURCES (RSM_LOCK_WAITS_LIMIT), INSUFFICIENT_MEM: nothing was asked. */
int rsm_lock_request(const struct rsm_lock_place *place, uint32_t ticket, bool at_once);
/* Gives up: a lock that was or will be granted passes on as it came. Harmless for an unknown ticket. */
void rsm_lock_cancel(struct rsm_env *env, uint32_t ticket);
/* Frees a word that was found contended, if it is still ours: memory that came by a rebind meanwhile has none of our
 * locks. died: it passes on as if its owner had died. */
void rsm_lock_release(const struct rsm_lock_place *place, bool died);

struct rsm_lock_answer {
  uint32_t ticket;
  int code; /* RSM_SUCCESS: it is ours; TIMEOUT, CONN_ABORTED, INSUFFICIENT_MEM */
  bool owner_died;
};

/* Answers are told, with rsm_lock held, by a callback that only wakes somebody; it is not called after
 * rsm_env_close. Whoever is woken takes them. */
void rsm_lock_listen(struct rsm_env *env, void (*answered)(void *hint), void *hint);
bool rsm_lock_take_answer(struct rsm_env *env, struct rsm_lock_answer *answer);
/* Or waits for one: TIMEOUT and INTERRUPTED (cancelled() said 1, see rsm_events_wait) give up. timeout_ms < 0:
 * no limit. */
struct rsm_lock_answer rsm_lock_wait(struct rsm_env *env, uint32_t ticket, int64_t timeout_ms,
                                     int (*cancelled)(void *), void *hint);

#endif
