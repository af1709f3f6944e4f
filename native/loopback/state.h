/*
 * What stands behind the handles of process.h. Everything here is guarded by rsm_lock (agent.h) where
 * nothing else is said. References are counts under rsm_lock: one for the holder until release, one
 * while the object is in a list of its environment, one for whoever must see it again after unlocking.
 *
 *   env --- records --- published exports
 *       --- exports --- connections (one per importer)
 *       --- imports
 *
 * Sockets are read, written and closed only under rsm_lock, so that no descriptor number is used after
 * another thread closed it.
 */
#ifndef RSM_STATE_H
#define RSM_STATE_H

#include "agent.h"
#include "layout.h"
#include "list.h"
#include "locks.h"
#include "object.h"
#include "process.h"
#include "record.h"
#include "slots.h"

struct rsm_env {
  struct rsm_list link; /* in rsm_envs */
  int references;
  bool closed;
  int calling; /* the agent is in aborted() */
  void (*aborted)(void *hint, struct rsm_import *import);
  void *hint;
  struct rsm_list records, exports, imports;
  struct rsm_list lock_requests;
  void (*answered)(void *hint); /* of lock requests; or NULL */
  void *answered_hint;
};

/* So that one connect of a node's 65,535 segments looks at some tens of them. */
#define RSM_PUBLISHED_LISTS 1024u

struct rsm_record {
  struct rsm_list link;
  int references;
  struct rsm_env *env;
  bool ended;
  uint32_t node; /* this one */
  uid_t gateway; /* who is believed an assertion; RSM_NOBODY */
  struct rsm_record_files files;
  rsm_watch watch;
  struct rsm_list published[RSM_PUBLISHED_LISTS]; /* by published_link; of an id: rsm_published_list */
  struct rsm_slots slots;
  bool growing; /* a chunk is being made, without rsm_lock */
};

/* Ids are chosen one after the other, by the system and mostly by programs too. */
static inline struct rsm_list *rsm_published_list(struct rsm_record *record, uint32_t id) {
  return &record->published[(id ^ id >> 12) % RSM_PUBLISHED_LISTS];
}

/* The slot that shows a segment or a connection; nothing where there was no room. */
struct rsm_shown {
  struct rsm_record *record; /* kept: its pages stay mapped */
  struct rsm_slot *slot;
  uint32_t number;
};

#define RSM_COUNT(shown, counter)                                                                    \
  do {                                                                                               \
    struct rsm_slot *counted = (shown).slot;                                                         \
    if (counted != NULL) atomic_fetch_add_explicit(&counted->counter, 1, memory_order_relaxed);      \
  } while (0)

struct rsm_export {
  struct rsm_list link;
  int references;
  struct rsm_env *env;
  bool ended;
  bool busy; /* publish, unpublish, rebind or a move is under way: one at a time */
  void *address;
  size_t length;
  bool read_only;
  uint32_t lock_owner;         /* our number in lock words; 0: no lock operations */
  struct rsm_object *object;   /* what is behind [address, address+length) */
  struct rsm_object *previous; /* during a rebind or a move: what importers may still hold; borrowed */
  struct rsm_list turn_link;   /* among the segments one move has made busy */
  struct rsm_events *events;
  struct rsm_shown shown;
  struct rsm_list connections;
  /* while published */
  struct rsm_record *record;
  struct rsm_list published_link;
  uint32_t id;
  char *claim;
  struct rsm_grants grants;
};

/* An exporter's side of one importer. Belongs to the agent; never outlives its place in a list. */
struct rsm_connection {
  struct rsm_list link;       /* half-open connections, or segment->connections */
  struct rsm_record *record;  /* where it arrived */
  struct rsm_export *segment; /* NULL: half-open */
  bool accepted;              /* in segment->connections */
  int fd;
  rsm_watch watch;
  uid_t uid; /* of the process at the other end: a gateway's, if it is one */
  pid_t pid;
  uint64_t bell_number; /* half-open and not 0: it is the bell of the CONNECT that says the same */
  uint32_t node;
  uid_t importer_uid; /* the same, or as the gateway of that node says */
  pid_t importer_pid; /* 0: on another node */
  uint32_t permission;
  struct rsm_shown shown;
  uint32_t epoch, acknowledged; /* REBINDs sent, REBOUNDs received */
  uint32_t words_epoch;         /* of the REBIND that brought the words that are there now; a move brings none */
  bool withdrawn;               /* WITHDRAW was sent */
  uint32_t lock_owner;          /* its number in lock words */
  unsigned lock_waits;          /* of its requests in the queues */
  struct rsm_status_page *status;
  struct rsm_mailbox_page *mailbox;
  struct rsm_channel *channel;
};

struct rsm_import {
  struct rsm_list link;
  int references;
  struct rsm_env *env;
  bool ended; /* disconnect was called */
  int fd;     /* -1 once disconnected or aborted */
  rsm_watch watch;
  uint64_t length;
  uint32_t node, id;
  uint32_t permission;
  uint32_t lock_owner; /* our number in lock words; 0: no lock operations */
  uid_t uid; /* of the exporter */
  pid_t pid;
  uint8_t *control;    /* three pages of layout.h */
  struct rsm_events *events;
  struct rsm_channel *channel;
  struct rsm_shown shown; /* set and cleared by the holder's thread, which may read it without rsm_lock */

  pthread_mutex_t mapping_lock; /* guards the rest; taken without rsm_lock, held across remaps */
  struct rsm_object *object;    /* NULL once disconnected or aborted */
  uint32_t epoch; /* REBINDs that brought it; written by the agent, which reads it without the lock */
  void *mapped;                 /* NULL: not mapped */
  uint64_t map_offset, map_length;
  uint32_t map_permission;
  bool map_internal; /* no program sees it: a stray store cannot happen */
  bool map_fixed;
};

extern struct rsm_list rsm_envs;

/* ---- process.c ---- */
void rsm_env_drop_locked(struct rsm_env *env);

/* ---- listener.c ---- */
void rsm_record_drop(struct rsm_record *record);
/* No more connects; exports published there are withdrawn without waiting. Without rsm_lock. */
void rsm_record_end(struct rsm_record *record);
void rsm_listener_stop(void); /* with the agent */

/* ---- shown.c: with rsm_lock but where it says otherwise ---- */
/* A reserve of free slots. Releases rsm_lock meanwhile; the caller keeps the record. */
void rsm_record_make_room(struct rsm_record *record);
void rsm_show_publication(struct rsm_export *segment); /* or that there is none */
void rsm_show_connection(struct rsm_connection *connection);
void rsm_show_importers(const struct rsm_export *segment, int more);
void rsm_show_mapping(const struct rsm_import *segment); /* holder's thread, without rsm_lock */
void rsm_count_refusal(struct rsm_record *record, const struct rsm_export *segment, int code);
void rsm_hide(struct rsm_shown *shown, struct rsm_events *events); /* events: whose counts stood there, or NULL */

/* ---- connection.c: on the agent's thread, or for those that are in a list ---- */
void rsm_connection_accept(struct rsm_record *record, int fd);
void rsm_connection_end(struct rsm_connection *connection);
/* Ends it although the peer may still hold the memory: marks what must be moved away from it. */
void rsm_connection_abort(struct rsm_connection *connection);
bool rsm_connection_owes(const struct rsm_connection *connection); /* an acknowledgement */
/* The socket of the bell that came for this connection, from the same process, now the caller's; or -1. */
int rsm_connection_take_bell(const struct rsm_connection *of, uint64_t number);
void rsm_half_open_end(struct rsm_record *record);

/* ---- serve.c ---- */
/* Answers CONNECT. False: refused, and the caller ends the connection. */
bool rsm_serve_connect(struct rsm_connection *connection, const struct rsm_frame *request);
void rsm_serve_refuse(int fd, int code);

/* ---- handshake.c ---- */
/* One operation at a time for a segment: waits for its turn. */
void rsm_export_begin(struct rsm_export *segment);
void rsm_export_finish(struct rsm_export *segment);
/* No id is answered any more, every status word says so, WITHDRAW is sent. */
void rsm_withdraw(struct rsm_export *segment);
/* The descriptors of one object that a round of REBIND sends, made when first needed. */
struct rsm_handouts {
  const struct rsm_object *object;
  int readable, writable;
};
#define RSM_HANDOUTS_OF(o) {.object = (o), .readable = -1, .writable = -1}
int rsm_handouts_prepare(struct rsm_handouts *handouts, const struct rsm_export *segment);
void rsm_handouts_close(struct rsm_handouts *handouts);
/* What an importer needs to map the segment, beside the descriptor. */
void rsm_frame_memory(struct rsm_frame *frame, const struct rsm_export *segment);
/* REBIND to all; who cannot be told is aborted. */
void rsm_announce_rebind(struct rsm_export *segment, struct rsm_handouts *handouts);
/* Until everybody who was asked has acknowledged or was aborted. Releases rsm_lock while it waits. */
void rsm_await_acknowledgements(struct rsm_export *segment);

/* ---- rebind.c ---- */
/* Takes memory away from whoever may still hold the object wrongly (design 3.5): moves the application's
 * pages, rebinds the other segments on them, punches the object. The caller holds the range and a
 * reference on the object, not rsm_lock. */
void rsm_move_exposed(struct rsm_object *object, void *address, size_t length);

/* ---- exporter.c: without rsm_lock ---- */
void rsm_export_drop(struct rsm_export *segment); /* this one with rsm_lock */
/* Withdraws, and ends, without waiting for peers: the environment goes. */
void rsm_withdraw_now(struct rsm_export *segment);
void rsm_export_end_now(struct rsm_export *segment);

/* ---- imported.c: the agent's side of an import ---- */
void rsm_import_ready(void *import, bool expired);
void rsm_import_drop(struct rsm_import *segment);

/* ---- locks.c: the exporter's side; with rsm_lock ---- */
uint32_t rsm_lock_new_owner(void);
/* LOCK, CANCEL and UNLOCK of an importer. False: against the protocol. */
bool rsm_lock_asked(struct rsm_connection *connection, const struct rsm_frame *frame);
/* What they do; connection NULL: for the exporter itself, which hears by rsm_lock_heard_of_own. */
int rsm_lock_queue(struct rsm_export *segment, struct rsm_connection *connection, const struct rsm_frame *frame);
void rsm_lock_dequeue(struct rsm_export *segment, struct rsm_connection *connection, uint32_t ticket);
void rsm_lock_free(struct rsm_export *segment, struct rsm_connection *connection, uint64_t offset, bool died);
/* It is in no list any more: waits no longer, and its locks pass on. connection NULL: the export. */
void rsm_lock_owner_gone(const struct rsm_export *segment, const struct rsm_connection *connection);
void rsm_lock_withdraw(const struct rsm_export *segment); /* no importer waits any more */
void rsm_lock_rebound(const struct rsm_export *segment);  /* what is read in its words may be something else */
/* They are others than before, and no copies: locks that importers had did not come along. */
void rsm_lock_new_words(struct rsm_export *segment);

/* ---- lock_requests.c: with rsm_lock ---- */
/* GRANTED and CANCELLED. False: against the protocol. */
bool rsm_lock_heard(struct rsm_import *segment, const struct rsm_frame *frame);
void rsm_lock_heard_of_own(struct rsm_export *segment, const struct rsm_frame *frame);
void rsm_lock_import_gone(const struct rsm_import *segment);
void rsm_lock_export_gone(const struct rsm_export *segment);
void rsm_lock_requests_end(struct rsm_env *env);

/* ---- mapping.c: without rsm_lock ---- */
/* The new memory over a live mapping. Owns fresh. On failure the old memory is still there. */
int rsm_mapping_exchange(struct rsm_import *segment, struct rsm_object *fresh, uint32_t epoch);
/* No object any more, scratch pages over the mapping; unmap: and there is no mapping any more. On failure
 * the memory is still mapped. */
int rsm_mapping_lose(struct rsm_import *segment, bool unmap);
/* Whether our lock may be in the memory that is there now (not if its word is seen, and not ours); and how many
 * REBINDs brought it. */
bool rsm_mapping_has_lock(struct rsm_import *segment, uint64_t offset, uint32_t *epoch);

#endif
