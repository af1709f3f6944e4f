/*
 * Three processes, as of two nodes: an exporter, the gateway that serves its segment over the fabric, and the
 * importer, which is the test itself. The gateway does on the board what the gateways' control link would ask for.
 */
#ifndef RSM_FABRIC_RIG_H
#define RSM_FABRIC_RIG_H

#include "../fabric/initiator.h"
#include "../fabric/target.h"
#include "rig.h"

#define LENGTH (64 * PAGE)
#define TICKET_MS 30000
#define CONNECT_MS 20000

enum command { NOTHING, ADMIT, GRANT, REVOKE, END_IMPORTER, LOOK, LEAVE };

/* Between the importer and the gateway. */
struct fabric_board {
  _Atomic enum command command; /* NOTHING again when it is done */
  uint32_t importer, segment, id, permission;
  uint8_t ticket[RSM_TICKET_BYTES];
  int64_t expires_ms;
  struct rsm_address address;
  struct rsm_grant grant;
  _Atomic int code;
  _Atomic uint32_t told[RSM_TARGET_CHEATED + 1]; /* events, by kind */
  char from[RSM_HOST_BYTES];                     /* of the last refusal */
  int descriptors;
};

static struct fabric_board *fabric;

/* ---- the gateway ---- */

#define IMPORTS 64
static struct {
  uint32_t importer, segment;
  struct rsm_import *import;
} served[IMPORTS];

static _Atomic int woken;

static void wake(void *unused) {
  (void)unused;
  woken++;
}

static void let_go(uint32_t importer, uint32_t segment) {
  for (int i = 0; i < IMPORTS; i++) {
    if (served[i].import == NULL || served[i].importer != importer) continue;
    if (segment != 0 && served[i].segment != segment) continue;
    rsm_import_release(served[i].import);
    served[i].import = NULL;
  }
}

static void hear(struct rsm_target *target) {
  struct rsm_target_event event;
  while (rsm_target_take_event(target, &event)) {
    bool over = event.kind == RSM_TARGET_RELEASED || event.kind == RSM_TARGET_ENDED;
    if (over) let_go(event.importer, event.segment);
    if (event.kind == RSM_TARGET_REFUSED) snprintf(fabric->from, sizeof fabric->from, "%s", event.from);
    fabric->told[event.kind]++;
  }
}

static int grant(struct rsm_target *target) {
  struct rsm_import *import;
  int code = try_connect(env, "exporter", fabric->id, fabric->permission, 0, &import);
  if (code != RSM_SUCCESS) return code;
  struct rsm_port port = {.calls = &rsm_port_calls, .import = import};
  code = rsm_target_grant(target, fabric->importer, &port, fabric->permission, &fabric->grant);
  int slot = 0;
  while (served[slot].import != NULL) slot++;
  CHECK(slot < IMPORTS);
  if (code == RSM_SUCCESS) {
    served[slot].importer = fabric->importer;
    served[slot].segment = fabric->grant.segment;
    served[slot].import = import;
  } else {
    rsm_import_release(import);
  }
  return code;
}

static int obey(struct rsm_target *target, enum command command) {
  switch (command) {
    case ADMIT: return rsm_target_admit(target, fabric->ticket, fabric->expires_ms, &fabric->importer);
    case GRANT: return grant(target);
    case REVOKE:
      rsm_target_revoke(target, fabric->importer, fabric->segment);
      let_go(fabric->importer, fabric->segment);
      return RSM_SUCCESS;
    case END_IMPORTER: rsm_target_end_importer(target, fabric->importer); return RSM_SUCCESS;
    default: return RSM_SUCCESS;
  }
}

static void gateway(int unused) {
  (void)unused;
  char reason[256];
  host("gateway");
  struct rsm_address address = {.provider = "auto", .host = "127.0.0.1"};
  struct rsm_target *target = rsm_target_open(&address, wake, NULL, reason, sizeof reason);
  if (target == NULL) fprintf(stderr, "%s\n", reason);
  CHECK(target != NULL);
  fabric->address = *rsm_target_address(target);
  fabric->descriptors = count_descriptors();
  board->ready = 1;
  for (;;) {
    SERVE_UNTIL(woken > 0 || fabric->command != NOTHING);
    woken = 0;
    hear(target);
    fabric->descriptors = count_descriptors();
    enum command command = fabric->command;
    if (command == NOTHING) continue;
    fabric->code = obey(target, command);
    hear(target);
    fabric->command = NOTHING;
    if (command == LEAVE) break;
  }
  rsm_target_close(target);
  leave();
}

static int ask(enum command command) {
  fabric->command = command;
  AWAIT(fabric->command == NOTHING);
  return fabric->code;
}

/* ---- the exporter: two segments, the second with lock operations, and what the importer asks of it ---- */

enum request { IDLE, POST, POST_COALESCED, UNPUBLISH, UNPUBLISH_SECOND, REBIND, TAKE, SUM, IMPORTERS, GO };
static _Atomic int *request; /* on the board */

static uint8_t *exported[2], *spare;

static void serve_request(struct rsm_export *segment[2]) {
  uint64_t sum = 0;
  switch ((enum request)*request) {
    case POST: rsm_events_post(rsm_export_events(segment[0]), false); break;
    case POST_COALESCED: rsm_events_post(rsm_export_events(segment[0]), true); break;
    case UNPUBLISH: CHECK_EQ(rsm_export_unpublish(segment[0]), RSM_SUCCESS); break;
    case UNPUBLISH_SECOND: CHECK_EQ(rsm_export_unpublish(segment[1]), RSM_SUCCESS); break;
    case REBIND: {
      CHECK_EQ(rsm_export_rebind(segment[0], spare), RSM_SUCCESS);
      uint8_t *old = exported[0];
      exported[0] = spare;
      spare = old;
      break;
    }
    case TAKE: board->count = (uint64_t)rsm_events_take(rsm_export_events(segment[0])); break;
    case SUM:
      for (size_t i = 0; i < LENGTH; i++) sum += exported[0][i];
      board->count = sum;
      break;
    case IMPORTERS: board->count = rsm_export_importers(segment[1]); break;
    default: break;
  }
}

static void exporter(int unused) {
  (void)unused;
  struct rsm_export *segment[2];
  host("exporter");
  for (int i = 0; i < 2; i++) {
    exported[i] = allocate(LENGTH);
    int options = i == 0 ? 0 : RSM_CREATE_LOCK_OPS;
    CHECK_EQ(rsm_export_create(env, exported[i], LENGTH, options, &segment[i]), RSM_SUCCESS);
    CHECK_EQ(publish(segment[i], record, ID + (uint32_t)i, 0600), RSM_SUCCESS);
  }
  spare = allocate(LENGTH);
  board->ready = 1;
  for (;;) {
    SERVE_UNTIL(*request != IDLE);
    if (*request == GO) break;
    serve_request(segment);
    *request = IDLE;
  }
  leave();
  for (int i = 0; i < 2; i++) rsm_export_release(segment[i]);
  for (int i = 0; i < 2; i++) rsm_memory_forget(exported[i]);
  give_back(spare);
}

static inline uint64_t request_of_exporter(enum request what) {
  *request = what;
  AWAIT(*request == IDLE);
  return board->count;
}

/* ---- the importer ---- */

static pid_t exporter_pid, gateway_pid;

static void fabric_up(void) {
  rig_up();
  if (fabric == NULL) {
    fabric = mmap(NULL, sizeof *fabric, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(fabric != MAP_FAILED);
  }
  *fabric = (struct fabric_board){.id = ID, .permission = 0600, .expires_ms = TICKET_MS};
  request = &board->step;
  exporter_pid = start(exporter, 0);
  AWAIT(board->ready == 1);
  board->ready = 0;
  gateway_pid = start(gateway, 0);
  AWAIT(board->ready == 1);
}

static void fabric_down(void) {
  CHECK_EQ(ask(LEAVE), RSM_SUCCESS);
  expect_exit(gateway_pid);
  *request = GO;
  expect_exit(exporter_pid);
  rig_down(false);
}

static struct rsm_endpoint *try_endpoint(int *code) {
  char reason[256];
  struct rsm_endpoint *endpoint =
      rsm_endpoint_connect(&fabric->address, fabric->ticket, CONNECT_MS, -1, code, reason, sizeof reason);
  if (endpoint == NULL) CHECK(reason[0] != '\0');
  return endpoint;
}

static void admit(void) {
  for (int i = 0; i < RSM_TICKET_BYTES; i++) fabric->ticket[i] = (uint8_t)rand();
  CHECK_EQ(ask(ADMIT), RSM_SUCCESS);
}

static struct rsm_endpoint *connect_endpoint(void) {
  int code;
  admit();
  struct rsm_endpoint *endpoint = try_endpoint(&code);
  CHECK(endpoint != NULL);
  return endpoint;
}

/* Over the endpoint of the importer that was admitted last. */
static struct rsm_remote *open_remote(struct rsm_endpoint *endpoint, uint32_t id, uint32_t permission) {
  fabric->id = id;
  fabric->permission = permission;
  CHECK_EQ(ask(GRANT), RSM_SUCCESS);
  struct rsm_remote *remote = rsm_remote_open(endpoint, &fabric->grant);
  CHECK(remote != NULL);
  return remote;
}

static inline int put(struct rsm_remote *remote, uint64_t offset, const void *bytes, size_t length, bool checked) {
  return rsm_transfer_run(remote, RSM_PUT, offset, (void *)bytes, length, checked);
}

static inline int get(struct rsm_remote *remote, uint64_t offset, void *bytes, size_t length, bool checked) {
  return rsm_transfer_run(remote, RSM_GET, offset, bytes, length, checked);
}

static inline int check(struct rsm_remote *remote) {
  return rsm_transfer_run(remote, RSM_CHECK, 0, NULL, 0, true);
}

static inline void sleep_ms(int ms) {
  nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000}, NULL);
}

#endif
