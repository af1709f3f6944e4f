/*
 * Everything that may come to an importer: answers to its connect and what follows, right but for a few
 * words, with descriptors of all kinds; scribbled status pages; memory that is made smaller where that can
 * be done. In between the importer maps, loads, stores and waits. A load must never fault, and memory that
 * is not what it should be must never be acknowledged.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../loopback/codes.h"
#include "../loopback/memory.h"
#include "../loopback/state.h"
#include "../loopback/wire.h"
#include "fuzz.h"

#define PAGE 4096u
#define LENGTH (2 * PAGE)
#define ID 0x400001u
#define KEPT 8 /* descriptors that the exporter keeps and may shrink later */

static struct rsm_env *env;
static struct rsm_import *import;
static uint8_t *mapped; /* NULL: not */
static size_t mapped_bytes;
static bool loads_only; /* the library's own mapping for get: System V memory may be behind it, read-only */
static void *lent; /* memory of the importer's own for RSM_MAP_FIXED; NULL: not needed yet */
static int fd, bell, shmid;
static uint32_t permission, epoch;
static int kept[KEPT], kept_count;
static uint32_t *status;
static bool hung_up; /* the exporter, from its side */

/* ---- the exporter ---- */

static int keep(int descriptor) {
  if (descriptor >= 0 && kept_count < KEPT) kept[kept_count++] = dup(descriptor);
  return descriptor;
}

static int page_of(uint32_t magic, enum fuzz_kind kind, bool is_status) {
  int page = fuzz_descriptor(kind, PAGE);
  if (page < 0) return dup(0);
  uint32_t words[7] = {magic, RSM_LAYOUT_VERSION, RSM_CONNECTED};
  words[6] = 7; /* lock_owner */
  ssize_t written = kind == FUZZ_GOOD || kind == FUZZ_UNSEALED ? pwrite(page, words, sizeof words, 0) : 0;
  FUZZ_CHECK(written >= 0);
  if (is_status && kind == FUZZ_GOOD) {
    status = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, page, 0);
    FUZZ_CHECK(status != MAP_FAILED);
  }
  return keep(page);
}

/* Mostly good: each bit of the byte spoils one of them. */
static enum fuzz_kind kind_of(uint8_t spoiled, int index) {
  return spoiled >> index & 1 ? fuzz_byte() % FUZZ_KINDS : FUZZ_GOOD;
}

static void send_and_close(const struct rsm_frame *frame, int *fds, size_t count) {
  for (size_t i = 0; i < count; i++) {
    if (fds[i] < 0) fds[i] = dup(0);
  }
  fuzz_send(fd, frame, sizeof *frame, fds, count);
  for (size_t i = 0; i < count; i++) close(fds[i]);
}

/* May memory of that kind be given to who was granted this? */
static bool is_fit(enum fuzz_kind kind) {
  if (kind == FUZZ_GOOD) return true;
  bool readable = kind == FUZZ_READABLE || kind == FUZZ_WRITE_SEALED || kind == FUZZ_FINAL;
  return readable && (permission & 0200) == 0;
}

/* Whether the importer must take it, as far as this can be known. */
static bool send_accept(void) {
  uint8_t spoiled = fuzz_byte();
  struct rsm_frame frame = rsm_frame_of(spoiled & 0x10 ? fuzz_byte() : RSM_FRAME_ACCEPT), right;
  frame.segment_id = ID;
  frame.permission = permission;
  frame.length_bytes = LENGTH;
  bool sysv = (spoiled & 0x40) != 0;
  if (sysv) frame.shmid = shmid;
  right = frame;
  if (spoiled & 0x20) fuzz_mutate(&frame, sizeof frame);
  enum fuzz_kind memory = kind_of(spoiled, 3);
  size_t count = spoiled & 0x80 ? fuzz_byte() % 9 : sysv ? 2 : 3;
  int fds[9];
  fds[0] = page_of(RSM_STATUS_MAGIC, kind_of(spoiled, 0), true);
  fds[1] = page_of(RSM_MAILBOX_MAGIC, kind_of(spoiled, 1), false);
  fds[2] = keep(fuzz_descriptor(memory, LENGTH));
  for (size_t i = 3; i < 9; i++) fds[i] = dup(0);
  bool good = memcmp(&frame, &right, sizeof frame) == 0 && (spoiled & 0x93) == 0 && (sysv || is_fit(memory));
  send_and_close(&frame, fds, count);
  for (size_t i = count; i < 9; i++) close(fds[i]);
  return good;
}

/* Sends memory, right or not quite, and looks what the importer says to it. */
static void send_rebind(void) {
  uint8_t spoiled = fuzz_byte();
  struct rsm_frame frame = rsm_frame_of(RSM_FRAME_REBIND), right, answer;
  frame.segment_id = ID;
  frame.epoch = epoch + 1;
  frame.permission = permission;
  frame.length_bytes = LENGTH;
  right = frame;
  if (spoiled & 2) fuzz_mutate(&frame, sizeof frame);
  enum fuzz_kind kind = kind_of(spoiled, 0);
  size_t count = spoiled & 4 ? fuzz_byte() % 5 : 1;
  int fds[5];
  for (size_t i = 0; i < count; i++) fds[i] = keep(fuzz_descriptor(i == 0 ? kind : FUZZ_GOOD, LENGTH));
  bool fit = frame.shmid >= 0 || (count == 1 && is_fit(kind));
  /* The length of a System V segment is what the ACCEPT said, right or not, until it is mapped. */
  bool is_right = memcmp(&frame, &right, sizeof frame) == 0 && import->length == LENGTH;
  bool must = import->fd >= 0 && !hung_up && is_right && fit;
  send_and_close(&frame, fds, count);
  fuzz_settle();
  int got; /* requests for locks come first */
  while ((got = rsm_wire_receive(fd, &answer)) == 1 && answer.type >= RSM_FRAME_LOCK) continue;
  if (got == 1 && answer.type == RSM_FRAME_REBOUND) {
    FUZZ_CHECK(answer.epoch == ++epoch && fit);
  } else {
    FUZZ_CHECK(!must);
  }
}

static uint32_t ticket; /* of the importer's last request for a lock */

static void send_frame(void) {
  struct rsm_frame frame = rsm_frame_of(fuzz_byte() % (RSM_FRAME_BELL + 2));
  frame.epoch = ticket - fuzz_byte() % 4;
  fuzz_mutate(&frame, sizeof frame);
  fuzz_send(fd, &frame, sizeof frame, NULL, 0);
}

static void send_rubbish(void) {
  uint8_t bytes[2 * sizeof(struct rsm_frame)];
  fuzz_send(fd, bytes, fuzz_bytes(bytes, sizeof bytes), NULL, 0);
}

/* Whatever can be done to memory that was handed out. */
static void shrink(void) {
  int descriptor = kept_count > 0 ? kept[fuzz_byte() % kept_count] : -1;
  if (descriptor < 0) return;
  if (fuzz_byte() % 2) (void)!ftruncate(descriptor, fuzz_byte() % 3 * (off_t)PAGE);
  else (void)fallocate(descriptor, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, LENGTH);
}

static void scribble(void) {
  for (int times = fuzz_byte() % 4; status != NULL && times >= 0; times--) status[fuzz_byte() % 32] = fuzz_word();
}

static void ring(void) {
  static const char bytes[1 << 12];
  (void)send(bell, bytes, fuzz_byte() * 16u, MSG_DONTWAIT | MSG_NOSIGNAL); /* 0: cannot be told from an end of file */
}

static void hang_up(void) {
  hung_up = true;
  (void)shutdown(fd, SHUT_WR);
}

/* ---- the importer ---- */

static void touch(void) {
  for (size_t at = 0; mapped != NULL && at < mapped_bytes; at += PAGE) {
    volatile uint8_t *byte = &mapped[at];
    uint8_t next = (uint8_t)(*byte + 1);
    if (!loads_only) *byte = next;
  }
}

static void map(void) {
  uint8_t how = fuzz_byte();
  uint64_t offset = how & 1 ? PAGE : 0, length = how & 2 ? fuzz_word() : LENGTH - offset;
  void *address;
  bool fixed = (how & 4) != 0;
  if (mapped != NULL || length > LENGTH) return;
  if (fixed && lent == NULL) FUZZ_CHECK(rsm_memory_allocate(LENGTH, 0, &lent) == RSM_SUCCESS);
  /* Permission was checked above this: a read-only import maps read-only. */
  bool internal = (how & 8) != 0;
  int code = rsm_import_map(import, offset, length, permission, internal, fixed ? lent : NULL, &address);
  if (code != RSM_SUCCESS) return;
  mapped = address;
  mapped_bytes = rsm_page_round(length);
  loads_only = internal && (permission & 0200) == 0;
}

static void forget_mapping(void) {
  if (mapped != NULL && mapped != lent) munmap(mapped, mapped_bytes);
  mapped = NULL;
}

static void unmap(void) {
  rsm_import_unmap(import, true);
  touch();
  forget_mapping();
}

static void use_events(void) {
  struct rsm_events *events = rsm_import_events(import);
  switch (fuzz_byte() % 4) {
    case 0: rsm_events_post(events, fuzz_byte() % 2); break;
    case 1: (void)rsm_events_take(events); break;
    case 2: (void)rsm_events_wait(events, 0, NULL, NULL); break;
    default: FUZZ_CHECK(rsm_events_descriptor(events) >= 0); break;
  }
}

static void use_locks(void) {
  struct rsm_lock_place place = {.imported = import, .offset = fuzz_byte() % 4 * 4u};
  struct rsm_lock_answer answer;
  switch (fuzz_byte() % 4) {
    case 0: (void)rsm_lock_request(&place, ++ticket, fuzz_byte() % 2); break;
    case 1: rsm_lock_cancel(env, ticket - fuzz_byte() % 4); break;
    case 2: (void)rsm_lock_take_answer(env, &answer); break;
    default: rsm_lock_release(&place, fuzz_byte() % 2);
  }
}

static void step(void) {
  switch (fuzz_byte() % 15) {
    case 0: case 1: case 2: send_rebind(); break;
    case 3: send_frame(); break;
    case 4: send_rubbish(); break;
    case 5: shrink(); break;
    case 6: scribble(); break;
    case 7: case 8: map(); break;
    case 9: unmap(); break;
    case 10: use_events(); break;
    case 11: case 12: use_locks(); break;
    case 13: ring(); break;
    default:
      if (fuzz_byte() % 4 == 0) hang_up();
  }
  fuzz_settle();
  touch();
}

/* ---- all together ---- */

static void use(void) {
  struct rsm_frame first, request;
  FUZZ_CHECK(rsm_wire_receive(bell, &first) == 1 && first.type == RSM_FRAME_BELL);
  FUZZ_CHECK(rsm_wire_receive(fd, &request) == 1 && request.type == RSM_FRAME_CONNECT);
  FUZZ_CHECK(first.memory_offset != 0 && request.memory_offset == first.memory_offset);
  FUZZ_CHECK(rsm_import_length(import) == import->length && import->control != NULL);
  while (!fuzz_ended()) step();
  const struct rsm_local_page *local = (const struct rsm_local_page *)import->control;
  bool aborted = import->fd < 0;
  FUZZ_CHECK(atomic_load(&local->state) == (aborted ? RSM_WITHDRAWN : RSM_CONNECTED));
  rsm_import_disconnect(import);
  touch();
  forget_mapping();
  rsm_import_release(import);
  struct rsm_lock_answer answer;
  while (rsm_lock_take_answer(env, &answer)) continue;
  FUZZ_CHECK(rsm_list_empty(&env->lock_requests));
  if (lent == NULL) return;
  FUZZ_CHECK(rsm_memory_release(lent) == RSM_SUCCESS);
  rsm_memory_forget(lent);
  lent = NULL;
}

static bool is_documented(int code) {
  switch (code) {
    case RSM_SUCCESS:
    case RSMERR_SEG_NOT_PUBLISHED:
    case RSMERR_SEG_NOT_PUBLISHED_TO_NODE:
    case RSMERR_PERM_DENIED:
    case RSMERR_INSUFFICIENT_RESOURCES:
    case RSMERR_INSUFFICIENT_MEM:
    case RSMERR_INTERRUPTED:
    case RSMERR_REMOTE_NODE_UNREACHABLE: return true;
    default: return false;
  }
}

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerInitialize(int *argc, char ***argv) {
  (void)argc, (void)argv;
  void *address;
  fuzz_world();
  shmid = shmget(IPC_PRIVATE, LENGTH, IPC_CREAT | 0600); /* goes with the namespace */
  env = rsm_env_open(NULL, NULL);
  FUZZ_CHECK(shmid >= 0 && env != NULL);
  FUZZ_CHECK(rsm_memory_allocate(PAGE, 0, &address) == RSM_SUCCESS);
  FUZZ_CHECK(rsm_memory_release(address) == RSM_SUCCESS); /* makes the scratch pages, which stay */
  rsm_memory_forget(address);
  return 0;
}

/* The exporter's end of what the importer will dial. */
static int dialled(int which) {
  int pair[2];
  FUZZ_CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) == 0);
  fuzz_play(pair[1], getuid());
  fuzz_next_sockets[which] = pair[1];
  return pair[0];
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  static bool remembered;
  static const uint32_t permissions[] = {0600, 0400, 0200, 0600};
  if (!remembered) fuzz_remember_what_is_open();
  remembered = true;
  fuzz_begin(bytes, size);
  bell = dialled(0);
  fd = dialled(1);
  kept_count = 0;
  epoch = 0;
  status = NULL;
  hung_up = false;
  uint8_t how = fuzz_byte();
  permission = permissions[how % 4];
  bool good = false;
  if (how % 16 == 15) send_rubbish();
  else good = send_accept();
  if (how & 0x80) hang_up();
  struct rsm_connect request = {.socket_path = "", .owner = getuid(), .segment_id = ID, .permission = permission,
                                .timeout_ms = 0, .cancel_fd = -1};
  int code = rsm_import_connect(env, &request, &import);
  FUZZ_CHECK(is_documented(code) && (!good || code == RSM_SUCCESS));
  if (code == RSM_SUCCESS) use();
  close(fd);
  close(bell);
  while (kept_count > 0) close(kept[--kept_count]);
  if (status != NULL) munmap(status, PAGE);
  fuzz_check_what_is_open();
  return 0;
}
