/* The exporter's side of locks: who waits, and who is next. All with rsm_lock. */
#include <stdlib.h>
#include <unistd.h>

#include "codes.h"
#include "state.h"
#include "wait.h"
#include "wire.h"

struct waiter {
  struct rsm_list link;
  struct rsm_export *segment;
  struct rsm_connection *connection; /* NULL: the exporter itself */
  uint64_t offset;
  uint32_t ticket;
  bool stale; /* its word has to be looked at */
};

/* In the order in which they came. One list for all segments of the process, because two of them can be on
 * the same memory: who waits for the same word is in the same queue. */
static struct rsm_list waiters = {&waiters, &waiters};

typedef _Atomic uint32_t rsm_lock_word;

static rsm_lock_word *word_at(const struct rsm_export *segment, uint64_t offset) {
  return (rsm_lock_word *)((char *)segment->address + offset);
}

static rsm_lock_word *word_of(const struct waiter *waiter) {
  return word_at(waiter->segment, waiter->offset);
}

/* ---- numbers ---- */

static bool is_alive(uint32_t owner) {
  RSM_LIST_EACH(struct rsm_env, env, &rsm_envs, link) {
    RSM_LIST_EACH(struct rsm_export, segment, &env->exports, link) {
      if (segment->lock_owner == 0) continue;
      if (segment->lock_owner == owner) return true;
      RSM_LIST_EACH(struct rsm_connection, connection, &segment->connections, link) {
        if (connection->lock_owner == owner) return true;
      }
    }
  }
  return false;
}

/* They begin anywhere: memory that outlives its exporter may still show the numbers of that one. */
uint32_t rsm_lock_new_owner(void) {
  static uint32_t last;
  if (last == 0) last = (uint32_t)rsm_now_ns() ^ ((uint32_t)getpid() << 16);
  do last = (last + 1) & RSM_LOCK_OWNER;
  while (last <= RSM_LOCK_OWNER_DIED || is_alive(last));
  return last;
}

uint32_t rsm_export_lock_owner(const struct rsm_export *segment) {
  return segment->lock_owner;
}

/* ---- the queue of a word ---- */

/* The first who waits for that word, or the next one after that waiter. */
static struct waiter *next_for(const rsm_lock_word *word, const struct waiter *after) {
  for (struct rsm_list *link = after == NULL ? waiters.next : after->link.next; link != &waiters; link = link->next) {
    struct waiter *waiter = RSM_LIST_ITEM(link, struct waiter, link);
    if (word_of(waiter) == word) return waiter;
  }
  return NULL;
}

static void forget(struct waiter *waiter) {
  if (waiter->connection != NULL) waiter->connection->lock_waits--;
  rsm_list_remove(&waiter->link);
  free(waiter);
}

/* False: it cannot be told, because it is going or does not read what it asked for. */
static bool answer(struct waiter *waiter, enum rsm_frame_type type, uint32_t code) {
  struct rsm_frame frame = rsm_frame_of(type);
  frame.epoch = waiter->ticket;
  frame.code = code;
  frame.memory_offset = waiter->offset;
  bool told = true;
  if (waiter->connection == NULL) rsm_lock_heard_of_own(waiter->segment, &frame);
  else told = rsm_wire_send(waiter->connection->fd, &frame, NULL, 0) == 0;
  forget(waiter);
  return told;
}

/* The word has no live owner, and nobody but us changes it. */
static void hand_on(rsm_lock_word *word, bool died) {
  struct waiter *next;
  while ((next = next_for(word, NULL)) != NULL) {
    uint32_t owner = next->connection == NULL ? next->segment->lock_owner : next->connection->lock_owner;
    bool more = next_for(word, next) != NULL;
    atomic_store(word, owner | (more ? RSM_LOCK_CONTENDED : 0));
    if (answer(next, RSM_FRAME_GRANTED, died)) return;
  }
  atomic_store(word, died ? RSM_LOCK_OWNER_DIED : 0);
}

/* Once it is contended, it is changed by nobody but us: no owner can free it and nobody can take it. */
static void settle(rsm_lock_word *word) {
  uint32_t owner = atomic_fetch_or(word, RSM_LOCK_CONTENDED) & RSM_LOCK_OWNER;
  if (owner == 0 || !is_alive(owner)) hand_on(word, owner != 0);
}

int rsm_lock_queue(struct rsm_export *segment, struct rsm_connection *connection,
                   const struct rsm_frame *frame) {
  rsm_lock_word *word = word_at(segment, frame->memory_offset);
  uint32_t owner = atomic_load(word) & RSM_LOCK_OWNER;
  struct waiter *waiter = calloc(1, sizeof *waiter);
  if (waiter == NULL) return RSMERR_INSUFFICIENT_MEM;
  *waiter = (struct waiter){.segment = segment, .connection = connection, .offset = frame->memory_offset,
                            .ticket = frame->epoch};
  if (connection != NULL) connection->lock_waits++;
  rsm_list_add(&waiters, &waiter->link);
  bool at_once = frame->code != 0;
  if (!at_once || owner == 0 || !is_alive(owner)) settle(word);
  if (at_once) rsm_lock_dequeue(segment, connection, frame->epoch); /* if it is still there */
  return RSM_SUCCESS;
}

void rsm_lock_dequeue(struct rsm_export *segment, struct rsm_connection *connection, uint32_t ticket) {
  RSM_LIST_EACH(struct waiter, waiter, &waiters, link) {
    bool same = waiter->segment == segment && waiter->connection == connection;
    if (!same || waiter->ticket != ticket) continue;
    answer(waiter, RSM_FRAME_CANCELLED, RSMERR_TIMEOUT);
    return;
  }
}

void rsm_lock_free(struct rsm_export *segment, struct rsm_connection *connection, uint64_t offset,
                   bool died) {
  rsm_lock_word *word = word_at(segment, offset);
  uint32_t owner = connection == NULL ? segment->lock_owner : connection->lock_owner;
  /* Another owner: the memory was exchanged meanwhile, or somebody lies. */
  if ((atomic_load(word) & RSM_LOCK_OWNER) == owner) hand_on(word, died);
}

/* ---- what importers say ---- */

static bool refuse(struct rsm_connection *connection, const struct rsm_frame *request, int code) {
  struct rsm_frame frame = rsm_frame_of(RSM_FRAME_CANCELLED);
  frame.epoch = request->epoch;
  frame.code = (uint32_t)code;
  return rsm_wire_send(connection->fd, &frame, NULL, 0) == 0;
}

/* What frees a lock of memory that was exchanged since frees nothing: its owner may have taken it anew. */
static bool unlock(struct rsm_connection *connection, const struct rsm_frame *frame) {
  if ((int32_t)(connection->epoch - frame->epoch) < 0) return false;
  if ((int32_t)(frame->epoch - connection->words_epoch) >= 0) {
    rsm_lock_free(connection->segment, connection, frame->memory_offset, frame->code != 0);
  }
  return true;
}

bool rsm_lock_asked(struct rsm_connection *connection, const struct rsm_frame *frame) {
  struct rsm_export *segment = connection->segment;
  struct rsm_lock_place place = {.exported = segment, .offset = frame->memory_offset};
  if (segment->lock_owner == 0 || connection->permission != RSM_PERM_RDWR) return false;
  if (!rsm_lock_is_place(&place) || frame->code > 1) return false;
  if (frame->type == RSM_FRAME_UNLOCK) return unlock(connection, frame);
  if (frame->type == RSM_FRAME_CANCEL) {
    rsm_lock_dequeue(segment, connection, frame->epoch);
  } else if (connection->lock_waits == RSM_LOCK_WAITS_LIMIT) {
    return false;
  } else if (!connection->withdrawn) { /* it is told by WITHDRAW */
    int code = rsm_lock_queue(segment, connection, frame);
    if (code != RSM_SUCCESS) return refuse(connection, frame, code);
  }
  return true;
}

/* ---- ends and exchanges ---- */

static struct waiter *next_stale(void) {
  RSM_LIST_EACH(struct waiter, waiter, &waiters, link) {
    if (waiter->stale) return waiter;
  }
  return NULL;
}

/* One by one from the start, because each may make others go. */
static void settle_stale(void) {
  struct waiter *waiter;
  while ((waiter = next_stale()) != NULL) {
    waiter->stale = false;
    settle(word_of(waiter));
  }
}

void rsm_lock_owner_gone(const struct rsm_export *segment, const struct rsm_connection *connection) {
  uint32_t owner = connection == NULL ? segment->lock_owner : connection->lock_owner;
  if (owner == 0) return;
  RSM_LIST_EACH(struct waiter, waiter, &waiters, link) {
    if (waiter->segment == segment && waiter->connection == connection) forget(waiter);
    else waiter->stale = (atomic_load(word_of(waiter)) & RSM_LOCK_OWNER) == owner;
  }
  settle_stale();
}

void rsm_lock_withdraw(const struct rsm_export *segment) {
  RSM_LIST_EACH(struct waiter, waiter, &waiters, link) {
    if (waiter->segment == segment && waiter->connection != NULL) forget(waiter);
  }
}

void rsm_lock_new_words(struct rsm_export *segment) {
  RSM_LIST_EACH(struct rsm_connection, connection, &segment->connections, link) {
    connection->words_epoch = connection->epoch;
  }
}

void rsm_lock_rebound(const struct rsm_export *segment) {
  RSM_LIST_EACH(struct waiter, waiter, &waiters, link) waiter->stale = waiter->segment == segment;
  settle_stale();
}
