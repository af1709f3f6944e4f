/*
 * RSM in one process: environments, exports, imports, and the agent thread that serves them while
 * every JavaScript thread computes or blocks. C below, Node above: nothing here knows JavaScript.
 *
 * Life: an object is made by its environment, ended by destroy/disconnect or with the environment, and
 * freed when it has ended and its holder called release. Ending twice is harmless.
 */
#ifndef RSM_PROCESS_H
#define RSM_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "access.h"
#include "events.h"

struct rsm_env;
struct rsm_record;
struct rsm_export;
struct rsm_import;

/* Starts the agent with the first environment that needs it. aborted is called on the agent's thread,
 * without any lock held, when an import of this environment is aborted; NULL to ignore. It may come
 * before rsm_import_connect has returned that import, and not any more once rsm_env_close returns.
 * NULL: no memory, descriptors or thread. */
struct rsm_env *rsm_env_open(void (*aborted)(void *hint, struct rsm_import *import), void *hint);
/* Ends everything of the environment without waiting for peers: status words first, then messages.
 * Nothing is made in it afterwards; what was made may still be asked, ended and released. */
void rsm_env_close(struct rsm_env *env);
/* A thread of a pool that connects keeps the environment: it may be closed meanwhile (INTERRUPTED). */
void rsm_env_keep(struct rsm_env *env);
void rsm_env_drop(struct rsm_env *env);

/* node: that of this process. gateway: who may assert that it connects on behalf of a user of another node
 * (layout.h); RSM_NOBODY: nobody may. */
#define RSM_NOBODY ((uid_t)-1)
struct rsm_place {
  const char *directory, *name;
  uint32_t node;
  uid_t gateway;
};
int rsm_record_open(struct rsm_env *env, const struct rsm_place *place, struct rsm_record **out, int *error);
void rsm_record_release(struct rsm_record *record);

/* Shows a segment to whoever reads the record (record_layout.h), until it ends; *number: of its slot.
 * INSUFFICIENT_RESOURCES: there is no room, or it is shown already. The segment works all the same. */
int rsm_export_show(struct rsm_export *segment, struct rsm_record *record, uint32_t *number);
int rsm_import_show(struct rsm_import *segment, struct rsm_record *record, uint32_t *number);
/* The same of a connection that is no import of ours: to a segment of another node, or for somebody there. All of
 * the slot that changes is the caller's, who hides it. on_behalf: importer_node and importer_uid count. */
struct rsm_remote_shown {
  uint32_t node, id, permission, owner_uid, owner_pid;
  uint32_t on_behalf, importer_node, importer_uid;
  uint64_t length;
};
int rsm_remote_show(struct rsm_record *record, const struct rsm_remote_shown *remote, uint32_t *number);
void rsm_remote_hide(struct rsm_record *record, uint32_t number); /* harmless again */
/* The mapped header (0) or chunk (from 1) of the record; NULL: there is none. It stays mapped, also when
 * the record has ended, until it is released. */
void *rsm_record_part(struct rsm_record *record, uint32_t part, size_t *length);
void rsm_record_part_release(struct rsm_record *record);

/* ---- exporting (rsmapi.md 2.4) ---- */

enum { RSM_CREATE_READ_ONLY = 1, RSM_CREATE_LOCK_OPS = 2 };
int rsm_export_create(struct rsm_env *env, void *address, size_t length, unsigned flags,
                      struct rsm_export **out);
/* Makes the claim and answers connects from now on. SEGID_IN_USE when the claim file exists. */
int rsm_export_publish(struct rsm_export *segment, struct rsm_record *record, uint32_t id,
                       const char *claim, const struct rsm_grants *grants);
int rsm_export_republish(struct rsm_export *segment, const struct rsm_grants *grants);
/* Status words first, claim away, WITHDRAW to all; waits for acknowledgements (deadlines below);
 * memory that may still be reachable is moved and punched (design 3.5). */
int rsm_export_unpublish(struct rsm_export *segment);
/* BAD_ADDR, INSUFFICIENT_RESOURCES, INSUFFICIENT_MEM: nothing changed. After the first message a
 * failure aborts that importer, never the rebind (design 3.4). */
int rsm_export_rebind(struct rsm_export *segment, void *address);
void rsm_export_destroy(struct rsm_export *segment); /* unpublishes where needed */
void rsm_export_release(struct rsm_export *segment);
unsigned rsm_export_importers(const struct rsm_export *segment);
struct rsm_events *rsm_export_events(struct rsm_export *segment);

/* Tests shorten the deadlines on the compiler's command line. */
#ifndef RSM_ACKNOWLEDGE_MS
/* An importer that has not acknowledged by then is aborted if /proc says it is stopped or dead … */
#define RSM_ACKNOWLEDGE_MS 2000
/* … and otherwise by then: a process that is merely starved gets this long. */
#define RSM_ACKNOWLEDGE_LIMIT_MS 30000
/* A connection that has not sent a whole frame by then is closed. */
#define RSM_HALF_OPEN_MS 2000
#endif
/* A bell that no CONNECT has asked for by then is closed: as long as CONNECT_TIMEOUT_MS of an importer. */
#define RSM_WAITING_BELL_MS 5000
/* Connections that have said nothing, at once, per uid: more are closed at once. */
#define RSM_HALF_OPEN_LIMIT 64
/* Waiting bells at once, per uid: as many connects as may be on their way to the second socket. More are closed. */
#define RSM_WAITING_BELLS_LIMIT 1024

/* ---- importing (rsmapi.md 2.5, 2.7) ---- */

/* Whom a gateway connects for, as its peer says: layout.h. */
struct rsm_behalf {
  uid_t uid;
  gid_t gid;
  uint32_t group_count; /* at most RSM_FRAME_GROUPS */
  const uint32_t *groups;
};

struct rsm_connect {
  const char *socket_path;
  uid_t owner;       /* who must be listening there, or the answer is SEG_NOT_PUBLISHED */
  uint32_t node;     /* the importing node */
  uint32_t segment_id;
  uint32_t permission;
  int timeout_ms;    /* REMOTE_NODE_UNREACHABLE when it has passed */
  int cancel_fd;     /* readable: INTERRUPTED; -1 for none */
  const struct rsm_behalf *behalf; /* NULL: for itself */
};

int rsm_import_connect(struct rsm_env *env, const struct rsm_connect *request,
                       struct rsm_import **out);
uint64_t rsm_import_length(const struct rsm_import *segment);
uid_t rsm_import_owner_uid(const struct rsm_import *segment);
pid_t rsm_import_owner_pid(const struct rsm_import *segment);
/* The three pages of layout.h. They outlive the connection, and stay for whoever keeps the import. */
#define RSM_CONTROL_BYTES (3 * RSM_PAGE_BYTES)
void *rsm_import_control(const struct rsm_import *segment);
void rsm_import_keep(struct rsm_import *segment);
void rsm_import_let_go(struct rsm_import *segment);
/* At most one mapping. fixed: NULL, or a page-aligned address of unexported memory of this library.
 * CONN_ABORTED, BAD_ADDR (fixed), MAP_FAILED (read-only window on System V memory and !internal),
 * INSUFFICIENT_RESOURCES (out of mappings). The address range is the caller's to munmap after unmap or
 * disconnect, when no buffer shows it any more; not so a fixed one, which has become its memory again. */
int rsm_import_map(struct rsm_import *segment, uint64_t offset, uint64_t length, uint32_t permission,
                   bool internal, void *fixed, void **address);
/* Puts scratch pages there (fixed: zero pages of its memory). touched: by who still has a view on it. */
void rsm_import_unmap(struct rsm_import *segment, bool touched);
void rsm_import_disconnect(struct rsm_import *segment); /* unmaps; pending events are lost */
void rsm_import_release(struct rsm_import *segment);
struct rsm_events *rsm_import_events(struct rsm_import *segment);

#endif
