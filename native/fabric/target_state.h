/*
 * What stands behind target.h. Everything of a target is guarded by its lock, libfabric's objects included; its
 * thread holds it but for sleeping. The lock is taken before those inside loopback (port.h), never after.
 */
#ifndef RSM_TARGET_STATE_H
#define RSM_TARGET_STATE_H

#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>

#include "../loopback/list.h"
#include "link.h"
#include "target.h"

/* What a descriptor in the thread's epoll set belongs to: the first member of it. */
enum rsm_source_kind { RSM_SOURCE_WAKE, RSM_SOURCE_EVENTS, RSM_SOURCE_IMPORTER, RSM_SOURCE_GRANT };
struct rsm_source {
  enum rsm_source_kind kind;
  int fd; /* -1: in no set */
};

struct rsm_target {
  pthread_mutex_t lock;
  atomic_int wanted; /* threads that wait for the lock: ours steps aside for them */
  pthread_t thread;
  bool ending;
  struct rsm_address address;
  struct fi_info *info;
  struct fid_fabric *fabric;
  struct fid_eq *queue; /* of connection events */
  struct rsm_alarm alarm;
  struct fid_pep *listener;
  int set; /* epoll */
  struct rsm_source wake, events;
  struct rsm_list importers, active, dead;
  uint32_t last_importer;
  int64_t look_ns; /* no deadline passes before */
  struct rsm_list told; /* events to be taken */
  bool refusal_told;    /* one of them is REFUSED */
  uint32_t last_lock;   /* our ticket of a request for a lock */
  void (*woken)(void *hint);
  void *hint;
};

/* A request for a lock, until it is answered and that is sent. */
struct rsm_lock_wait {
  struct rsm_list link; /* of the importer: waiting, or answered */
  struct rsm_granted *granted;
  uint32_t ticket, theirs; /* ours, and the initiator's */
  struct rsm_lock_answer answer;
};

struct rsm_send {
  struct rsm_operation operation;
  bool busy;
  struct rsm_message message;
};

enum rsm_importer_state { RSM_IMPORTER_ADMITTED, RSM_IMPORTER_ACCEPTED, RSM_IMPORTER_CONNECTED, RSM_IMPORTER_ENDED };

struct rsm_importer {
  struct rsm_source source; /* of its completion queue */
  struct rsm_list link;     /* in importers or dead */
  struct rsm_list active;   /* in active: its queue may have more, or is not armed */
  struct rsm_target *target;
  uint32_t number;
  enum rsm_importer_state state;
  bool broken; /* to be ended by the thread */
  uint8_t ticket[RSM_TICKET_BYTES];
  int64_t deadline_ns; /* of the ticket, or of being established */
  struct rsm_link connection;
  struct rsm_list grants;
  uint32_t last_segment;
  struct rsm_send answers[RSM_REQUESTS_LIMIT];
  struct rsm_list locks, locks_answered; /* requests for locks */
  unsigned lock_count;                   /* of both */
  struct rsm_send news; /* one event or withdrawal at a time: what comes meanwhile is added up */
};

struct rsm_granted {
  struct rsm_source source; /* of the exporter's events */
  struct rsm_list link;     /* in grants or dead */
  struct rsm_importer *importer;
  uint32_t number;
  uint32_t permission;
  const struct rsm_port_calls *calls;
  struct rsm_import *import; /* kept */
  void *memory;
  uint64_t length;
  struct fid_mr *data, *control;
  uint64_t data_key, control_key;
  uint64_t posted; /* what the importer has not been told yet */
  bool coalesced;
  bool withdrawn, withdrawal_told;
  int64_t deadline_ns; /* of the answer to it */
};

/* ---- target.c ---- */
int rsm_target_watch(struct rsm_target *target, struct rsm_source *source, enum rsm_source_kind kind, int fd);
void rsm_target_unwatch(struct rsm_target *target, struct rsm_source *source);
void rsm_target_tell(struct rsm_target *target, enum rsm_target_event_kind kind, uint32_t importer, uint32_t segment);
void rsm_target_tell_refusal(struct rsm_target *target, const struct sockaddr *from);
void rsm_target_lock(struct rsm_target *target);
void rsm_target_unlock(struct rsm_target *target);
/* The thread looks at deadlines no later. */
void rsm_target_due(struct rsm_target *target, int64_t deadline_ns);
void rsm_target_wake(struct rsm_target *target);

/* ---- importers.c ---- */
void rsm_importer_requested(struct rsm_target *target, struct fi_info *info, const void *data, size_t length);
struct rsm_importer *rsm_importer_of_endpoint(struct rsm_target *target, const struct fid *endpoint);
void rsm_importer_connected(struct rsm_importer *importer);
void rsm_importer_end(struct rsm_importer *importer);
/* The same for one that goes by itself: what it has sent before, events above all, is carried out. */
void rsm_importer_leave(struct rsm_importer *importer);
void rsm_importer_active(struct rsm_importer *importer);
/* Reads its queue; true: there was something. It may have ended. */
bool rsm_importer_progress(struct rsm_importer *importer);
/* One of its messages, which is busy until it was sent. Where that fails the importer has to go, but not now. */
void rsm_importer_send(struct rsm_importer *importer, struct rsm_send *send);
void rsm_importers_expire(struct rsm_target *target, int64_t now_ns);

/* ---- grants.c ---- */
struct rsm_granted *rsm_granted_find(const struct rsm_importer *importer, uint32_t number);
int rsm_granted_make(struct rsm_importer *importer, const struct rsm_port *port, uint32_t permission,
                     struct rsm_grant *grant);
void rsm_granted_withdraw(struct rsm_granted *granted);
/* What was granted is over: regions, mapping, references. */
void rsm_granted_end(struct rsm_granted *granted);
void rsm_granted_expire(struct rsm_importer *importer, int64_t now_ns);
/* The exporter has posted. */
void rsm_granted_collect(struct rsm_granted *granted);
/* The next event or withdrawal, if nothing is on its way. */
void rsm_importer_send_news(struct rsm_importer *importer);

/* ---- target_locks.c ---- */
bool rsm_serve_lock(struct rsm_importer *importer, struct rsm_granted *granted, const struct rsm_message *message);
void rsm_serve_cancel(struct rsm_importer *importer, const struct rsm_message *message);
/* Answers of the exporters have come. */
void rsm_target_take_lock_answers(struct rsm_target *target);
void rsm_granted_listen_for_locks(struct rsm_granted *granted);
/* Nobody waits for locks of it any more. */
void rsm_granted_drop_locks(struct rsm_granted *granted);
bool rsm_importer_take_lock_answer(struct rsm_importer *importer, struct rsm_message *message);

/* ---- serve.c ---- */
/* Carries out a message. False: it breaks the rules of message.h. */
bool rsm_serve(struct rsm_importer *importer, const struct rsm_message *message);

#endif
