/*
 * Everything that may arrive at the agent of an exporter, in every state: frames that are right but for a
 * few words, in any order, with descriptors, rubbish; scribbled mailboxes; holes in the memory; and in
 * between all that the exporter does. Each segment has one importer that keeps to the rules: it must not
 * notice. The second segment has lock operations. And what was taken away must be out of reach for those
 * who do not (design 3.5).
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../loopback/codes.h"
#include "../loopback/memory.h"
#include "exporter_peer.h"

#define FIRST_ID 0x400001u
#define GRANT_WORDS 8
#define LATE_MS 3000 /* longer than a connection may stay half open */
#define OTHER_UID 12345

static struct rsm_env *env;
static struct rsm_record *record;
static uint8_t *memory[2];
static struct {
  struct rsm_export *handle;
  bool published;
  int shown; /* which of the memories */
} segments[SEGMENTS];

static struct rsm_grants open_to_all(void) {
  return (struct rsm_grants){.default_permission = 0666};
}

/* ---- what the exporter does ---- */

static void dial(struct peer *peer, uid_t uid) {
  int fd = peer_dial(peer, uid), bell = peer_dial_bell(peer);
  pthread_mutex_lock(&rsm_lock);
  rsm_connection_accept(record, bell);
  rsm_connection_accept(record, fd);
  pthread_mutex_unlock(&rsm_lock);
}

static void publish(int index) {
  char claim[32];
  struct rsm_grants grants = open_to_all();
  snprintf(claim, sizeof claim, "id-%d", index);
  uint32_t id = FIRST_ID + (uint32_t)index;
  int code = rsm_export_publish(segments[index].handle, record, id, claim, &grants);
  FUZZ_CHECK(code == (segments[index].published ? RSMERR_SEGID_IN_USE : RSM_SUCCESS));
  if (segments[index].published) return;
  segments[index].published = true;
  struct peer *good = &honest[index];
  dial(good, getuid());
  good->segment = index;
  peer_connect(good, id, 0600, false);
  fuzz_settle();
  peer_answer(good);
  FUZZ_CHECK(good->status != NULL);
}

/* What an application stores where its segment was is for nobody who did not let go. */
static void check_out_of_reach(int segment, int which) {
  for (int i = 0; i < PEERS; i++) {
    struct peer *peer = &peers[i];
    if (peer->segment != segment || peer->memory < 0) continue;
    if (peer->uid == getuid() && (peer->let_go || !peer_is_ended(peer))) continue;
    uint8_t before = memory[which][0], seen;
    memory[which][0] = 0x77;
    FUZZ_CHECK(pread(peer->memory, &seen, 1, 0) == 1 && seen != 0x77);
    memory[which][0] = before;
  }
}

static void taken_back(int index) {
  struct peer *good = &honest[index];
  segments[index].published = false;
  peer_answer(good);
  FUZZ_CHECK(good->let_go && peer_is_ended(good));
  peer_close(good);
  FUZZ_CHECK(rsm_export_importers(segments[index].handle) == 0);
}

static void unpublish(int index) {
  int code = rsm_export_unpublish(segments[index].handle);
  FUZZ_CHECK(code == (segments[index].published ? RSM_SUCCESS : RSMERR_SEG_NOT_PUBLISHED));
  if (code != RSM_SUCCESS) return;
  taken_back(index);
  check_out_of_reach(index, segments[index].shown);
}

static void republish(int index) {
  struct rsm_grants grants;
  uint32_t words[GRANT_WORDS];
  size_t count = fuzz_byte() % (GRANT_WORDS + 1);
  for (size_t i = 0; i < count; i++) words[i] = fuzz_byte();
  if (rsm_grants_read(words, count, &grants) != RSM_SUCCESS) grants = open_to_all();
  int code = rsm_export_republish(segments[index].handle, &grants);
  FUZZ_CHECK(code == (segments[index].published ? RSM_SUCCESS : RSMERR_SEG_NOT_PUBLISHED));
}

static void rebind(int index) {
  int before = segments[index].shown;
  FUZZ_CHECK(rsm_export_rebind(segments[index].handle, memory[!before]) == RSM_SUCCESS);
  segments[index].shown = !before;
  if (segments[index].published) {
    FUZZ_CHECK(honest[index].rebinds > 0 && !peer_is_ended(&honest[index]));
    honest[index].rebinds = 0;
  }
  check_out_of_reach(index, before);
}

static void make(int index) {
  unsigned flags = index == 1 ? RSM_CREATE_LOCK_OPS : 0;
  int code = rsm_export_create(env, memory[segments[index].shown], LENGTH, flags, &segments[index].handle);
  FUZZ_CHECK(code == RSM_SUCCESS);
  uint32_t number;
  (void)rsm_export_show(segments[index].handle, record, &number);
}

static void make_again(int index) {
  rsm_export_destroy(segments[index].handle);
  if (segments[index].published) taken_back(index);
  check_out_of_reach(index, segments[index].shown);
  rsm_export_release(segments[index].handle);
  make(index);
}

/* The exporter's own requests, in the queue of its importers. */
static void use_locks(struct rsm_export *segment) {
  static uint32_t ticket;
  struct rsm_lock_place place = {.exported = segment, .offset = fuzz_byte() % 4 * 4u};
  struct rsm_lock_answer answer;
  peers_wrote = true;
  switch (fuzz_byte() % 4) {
    case 0: (void)rsm_lock_request(&place, ++ticket, fuzz_byte() % 2); break;
    case 1: rsm_lock_cancel(env, ticket); break;
    case 2: (void)rsm_lock_take_answer(env, &answer); break;
    default: rsm_lock_release(&place, fuzz_byte() % 2);
  }
}

static void exporter_step(uint8_t what) {
  int index = fuzz_byte() % SEGMENTS;
  struct rsm_events *events = rsm_export_events(segments[index].handle);
  switch (what % 9) {
    case 0: publish(index); break;
    case 1: unpublish(index); break;
    case 2: republish(index); break;
    case 3: rebind(index); break;
    case 4: make_again(index); break;
    case 5: rsm_events_post(events, fuzz_byte() % 2); break;
    case 6: (void)rsm_events_take(events); break;
    case 7: use_locks(segments[1].handle); break;
    default: fuzz_pass_ms(LATE_MS); break;
  }
}

/* ---- all together ---- */

/* One byte in four is the exporter's turn. */
static bool is_exporters(uint8_t what) {
  return what % 4 == 3;
}

static void a_peer_does(uint8_t what) {
  struct peer *peer = &peers[fuzz_byte() % PEERS];
  if (peer->fd < 0) {
    uint8_t who = fuzz_byte();
    peer->segment = who % SEGMENTS;
    dial(peer, who & 0x80 ? GATEWAY_UID : what & 0x80 ? OTHER_UID : getuid());
    peer_connect(peer, FIRST_ID + (uint32_t)peer->segment, what & 0x40 ? 0400 : 0600, who & 0x40);
  } else {
    peer_step(peer, what / 4);
  }
}

static bool peers_turn(void) {
  for (int i = 0; i < SEGMENTS; i++) {
    if (honest[i].fd >= 0 && peer_answer(&honest[i])) return true;
  }
  if (fuzz_ended() || is_exporters(fuzz_peek())) return false;
  a_peer_does(fuzz_byte());
  return true;
}

static void step(void) {
  uint8_t what = fuzz_byte();
  if (is_exporters(what)) exporter_step(what / 4);
  else a_peer_does(what);
  fuzz_settle();
  for (int i = 0; i < SEGMENTS; i++) {
    peer_answer(&honest[i]);
    FUZZ_CHECK(!segments[i].published || !peer_is_ended(&honest[i]));
  }
  fuzz_settle();
}

static void check_memory(void) {
  for (int i = 0; i < 2 && !peers_wrote; i++) {
    for (size_t at = 0; at < LENGTH; at += PAGE) FUZZ_CHECK(memory[i][at] == 0xa0 + i);
  }
}

static void begin(void) {
  for (int i = 0; i < 2; i++) {
    void *address;
    FUZZ_CHECK(rsm_memory_allocate(LENGTH, 0, &address) == RSM_SUCCESS);
    memory[i] = address;
    memset(memory[i], 0xa0 + i, LENGTH);
  }
  peers_begin();
  for (int i = 0; i < SEGMENTS; i++) {
    segments[i].published = false;
    segments[i].shown = 0;
    make(i);
    publish(i);
  }
}

static void finish(void) {
  for (int i = 0; i < PEERS; i++) peer_read_all(&peers[i]);
  for (int i = 0; i < SEGMENTS; i++) unpublish(i);
  for (int i = 0; i < PEERS; i++) peer_close(&peers[i]);
  fuzz_settle();
  check_memory();
  for (int i = 0; i < SEGMENTS; i++) rsm_export_release(segments[i].handle);
  fuzz_settle();
  FUZZ_CHECK(rsm_list_empty(&env->exports));
  for (unsigned i = 0; i < RSM_PUBLISHED_LISTS; i++) FUZZ_CHECK(rsm_list_empty(&record->published[i]));
  FUZZ_CHECK(rsm_list_empty(&env->lock_requests));
  for (int i = 0; i < 2; i++) {
    FUZZ_CHECK(rsm_memory_release(memory[i]) == RSM_SUCCESS);
    rsm_memory_forget(memory[i]);
  }
}

static char directory[] = "/dev/shm/rsm-fuzz-XXXXXX";

static void leave(void) {
  rsm_env_close(env);
  rsm_record_release(record);
  rmdir(directory);
}

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerInitialize(int *argc, char ***argv) {
  (void)argc, (void)argv;
  int error;
  fuzz_world();
  FUZZ_CHECK(mkdtemp(directory) != NULL);
  env = rsm_env_open(NULL, NULL);
  struct rsm_place place = {.directory = directory, .name = "fuzz", .gateway = GATEWAY_UID};
  FUZZ_CHECK(env != NULL && rsm_record_open(env, &place, &record, &error) == RSM_SUCCESS);
  fuzz_peers_turn = peers_turn;
  atexit(leave);
  return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  static uint32_t unused_slots;
  bool first = unused_slots == 0;
  if (first) { /* makes what is kept: room in the record */
    fuzz_begin((const uint8_t *)"", 0);
    begin();
    finish();
    unused_slots = record->slots.unused_count;
    fuzz_remember_what_is_open();
  }
  fuzz_begin(bytes, size);
  begin();
  while (!fuzz_ended()) step();
  finish();
  FUZZ_CHECK(record->slots.unused_count == unused_slots);
  fuzz_check_what_is_open();
  return 0;
}
