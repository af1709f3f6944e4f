#define _GNU_SOURCE
#include "exporter_peer.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../loopback/wire.h"

struct peer peers[PEERS], honest[SEGMENTS];
bool peers_wrote;

static uint64_t last_number = 1ull << 40; /* beyond those that a frame gets by chance */
static const struct peer nobody = {.fd = -1, .bell = -1, .memory = -1, .segment = -1};

void peers_begin(void) {
  for (int i = 0; i < PEERS; i++) peers[i] = nobody;
  for (int i = 0; i < SEGMENTS; i++) honest[i] = nobody;
  peers_wrote = false;
}

int peer_dial(struct peer *peer, uid_t uid) {
  int pair[2];
  peer_close(peer);
  FUZZ_CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) == 0);
  peer->fd = pair[0];
  peer->uid = uid;
  fuzz_play(pair[1], uid);
  return pair[1];
}

int peer_dial_bell(struct peer *peer) {
  int pair[2];
  struct rsm_frame frame = rsm_frame_of(RSM_FRAME_BELL);
  FUZZ_CHECK(peer->bell < 0 && socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) == 0);
  peer->bell = pair[0];
  frame.memory_offset = peer->number = ++last_number;
  (void)rsm_wire_send(peer->bell, &frame, NULL, 0);
  fuzz_play(pair[1], peer->uid);
  return pair[1];
}

void peer_connect(struct peer *peer, uint32_t id, uint32_t permission, bool asserts) {
  struct rsm_frame frame = rsm_frame_of(RSM_FRAME_CONNECT);
  frame.memory_offset = peer->number;
  frame.segment_id = id;
  frame.permission = peer->permission = permission;
  if (asserts) { /* now and then more groups than there are, and the own node */
    frame.asserted = 1;
    frame.node = fuzz_byte() % 3;
    frame.uid = fuzz_byte();
    frame.gid = fuzz_byte();
    frame.group_count = fuzz_byte() % (RSM_FRAME_GROUPS + 2);
    peer->lied = frame.node == 0 || frame.group_count > RSM_FRAME_GROUPS || peer->uid != GATEWAY_UID;
  }
  (void)rsm_wire_send(peer->fd, &frame, NULL, 0);
}

void peer_close(struct peer *peer) {
  if (peer->fd >= 0) close(peer->fd);
  if (peer->bell >= 0) close(peer->bell);
  if (peer->memory >= 0) close(peer->memory);
  if (peer->status != NULL) munmap((void *)peer->status, PAGE);
  if (peer->mailbox != NULL) munmap(peer->mailbox, PAGE);
  *peer = nobody;
}

bool peer_is_ended(const struct peer *peer) {
  struct pollfd entry = {.fd = peer->fd, .events = POLLIN};
  return peer->fd >= 0 && poll(&entry, 1, 0) == 1 && (entry.revents & POLLHUP) != 0;
}

/* ---- what the exporter says: right in every word ---- */

static void take_accept(struct peer *peer, const struct rsm_frame *frame, const int *fds, size_t count) {
  FUZZ_CHECK(!peer->lied && peer->status == NULL && count == RSM_FRAME_DESCRIPTORS && frame->length_bytes == LENGTH);
  peer->status = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fds[0], 0);
  peer->mailbox = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fds[1], 0);
  FUZZ_CHECK(peer->status != MAP_FAILED && peer->mailbox != MAP_FAILED);
  FUZZ_CHECK(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fds[0], 0) == MAP_FAILED);
  FUZZ_CHECK(peer->status->magic == RSM_STATUS_MAGIC && peer->status->length_bytes == LENGTH);
  peer->permission = frame->permission;
  peer->memory = fds[2];
  close(fds[0]);
  close(fds[1]);
}

static bool take(struct peer *peer, struct rsm_frame *frame) {
  int fds[RSM_FRAME_DESCRIPTORS];
  size_t count;
  if (peer->fd < 0) return false;
  int result = rsm_wire_receive_with(peer->fd, frame, fds, &count);
  FUZZ_CHECK(result != -EPROTO && result != -EMFILE);
  if (result != 1) return false;
  if (frame->type == RSM_FRAME_ACCEPT) {
    take_accept(peer, frame, fds, count);
  } else if (frame->type == RSM_FRAME_REBIND) {
    FUZZ_CHECK(peer->memory >= 0 && count == 1 && frame->epoch == peer->epoch + 1);
    close(peer->memory);
    peer->memory = fds[0];
    peer->epoch = frame->epoch;
  } else {
    FUZZ_CHECK(count == 0);
    if (frame->type == RSM_FRAME_WITHDRAW) FUZZ_CHECK(peer->status->state == RSM_WITHDRAWN);
    else FUZZ_CHECK(frame->type == RSM_FRAME_REFUSE || frame->type >= RSM_FRAME_GRANTED);
  }
  return true;
}

bool peer_answer(struct peer *peer) {
  struct rsm_frame frame, answer;
  if (!take(peer, &frame)) return false;
  if (frame.type == RSM_FRAME_REBIND) {
    answer = rsm_frame_of(RSM_FRAME_REBOUND);
    peer->rebinds++;
  } else if (frame.type == RSM_FRAME_WITHDRAW) {
    answer = rsm_frame_of(RSM_FRAME_WITHDRAWN);
    peer->let_go = true;
  } else {
    return true;
  }
  answer.epoch = frame.epoch;
  (void)rsm_wire_send(peer->fd, &answer, NULL, 0);
  return true;
}

void peer_read_all(struct peer *peer) {
  struct rsm_frame frame;
  while (take(peer, &frame)) continue;
}

/* ---- what a peer may do ---- */

static void send_mutated(struct peer *peer) {
  uint8_t type = fuzz_byte(), how = fuzz_byte();
  struct rsm_frame frame = rsm_frame_of(type % (RSM_FRAME_BELL + 2));
  int fds[16];
  size_t count = type & 0x80 ? fuzz_byte() % 17 : 0;
  frame.epoch = peer->epoch + (how & 3);
  frame.permission = 0600;
  frame.segment_id = 0x400001u + (how >> 2 & 1);
  frame.code = how >> 3 & 1;
  frame.memory_offset = (how >> 4) % 4 * 4u;
  fuzz_mutate(&frame, sizeof frame);
  if (frame.type >= RSM_FRAME_LOCK && frame.type <= RSM_FRAME_UNLOCK) peers_wrote = true;
  for (size_t i = 0; i < count; i++) fds[i] = fuzz_descriptor(fuzz_byte() % FUZZ_KINDS, PAGE);
  for (size_t i = count; i > 0; i--) {
    if (fds[i - 1] < 0) fds[i - 1] = dup(0);
  }
  fuzz_send(peer->fd, &frame, sizeof frame, fds, count);
  for (size_t i = 0; i < count; i++) close(fds[i]);
  /* It may have been an acknowledgement of what it has not done. */
  peer->let_go = true;
}

static void send_rubbish(struct peer *peer) {
  uint8_t bytes[2 * sizeof(struct rsm_frame)];
  size_t length = fuzz_bytes(bytes, sizeof bytes);
  fuzz_send(peer->fd, bytes, length, NULL, 0);
  if (length == 0) peer->let_go = true; /* cannot be told from an end of file */
}

static void scribble(struct peer *peer) {
  if (peer->mailbox == NULL) return;
  uint32_t *words = (uint32_t *)peer->mailbox;
  for (int times = fuzz_byte() % 4; times >= 0; times--) words[fuzz_byte() % 32] = fuzz_word();
}

static void ring(struct peer *peer) {
  static const char bytes[1 << 12];
  if (peer->bell >= 0) (void)send(peer->bell, bytes, (1u << fuzz_byte() % 14) / 2, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void punch(struct peer *peer) {
  if (peer->memory < 0) return;
  off_t at = fuzz_byte() % 2 * (off_t)PAGE;
  int result = fallocate(peer->memory, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, at, PAGE);
  FUZZ_CHECK(result != 0 || (peer->permission & 0200) != 0);
  if (result == 0) peers_wrote = true;
  FUZZ_CHECK(ftruncate(peer->memory, 0) != 0);
}

static void hang_up(struct peer *peer, bool half) {
  if (half) (void)shutdown(peer->fd, SHUT_WR);
  else peer_close(peer);
  peer->let_go = true;
}

void peer_step(struct peer *peer, uint8_t what) {
  struct rsm_frame frame;
  switch (what % 10) {
    case 0: case 1: case 2: send_mutated(peer); break;
    case 3: send_rubbish(peer); break;
    case 4: (void)take(peer, &frame); break;
    case 5: case 6: (void)peer_answer(peer); break;
    case 7: scribble(peer); break;
    case 8: ring(peer); break;
    default:
      if (what & 0x20) punch(peer);
      else hang_up(peer, what & 0x10);
  }
}
