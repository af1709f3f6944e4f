/*
 * Writes over all that an importer may write, for as long as it lives: `scribbler SOCKET ID SEED`. Connects for
 * reading and writing; scribbles over mailbox and memory, rings the bell, sends frames that are nearly right, and
 * answers what it is told, so that nobody waits for it. Connects again when it has been thrown out. Prints a line
 * for each connection.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "layout.h"

#define ROUNDS 2000
enum { STATUS, MAILBOX, MEMORY };

static unsigned state;

static unsigned below(unsigned limit) {
  state = state * 1664525u + 1013904223u;
  return (unsigned)(((unsigned long long)state * limit) >> 32);
}

static struct rsm_frame frame_of(unsigned type, unsigned id) {
  return (struct rsm_frame){.magic = RSM_FRAME_MAGIC, .version = RSM_FRAME_VERSION, .type = (uint16_t)type,
                            .segment_id = id, .permission = 0600, .shmid = -1};
}

static int dial(const char *path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  strncpy(address.sun_path, path, sizeof address.sun_path - 1);
  int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
  if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0) return fd;
  if (fd >= 0) close(fd);
  return -1;
}

static int dial_bell(const char *path, unsigned long long number) {
  struct rsm_frame frame = frame_of(RSM_FRAME_BELL, 0);
  int bell = dial(path);
  frame.memory_offset = number;
  if (bell >= 0) (void)!send(bell, &frame, sizeof frame, MSG_NOSIGNAL);
  return bell;
}

/* 1: a frame, its descriptors in fds; 0: none now; -1: the end. */
static int receive(int socket, int flags, struct rsm_frame *frame, int fds[RSM_FRAME_DESCRIPTORS]) {
  union {
    char bytes[CMSG_SPACE(RSM_FRAME_DESCRIPTORS * sizeof(int))];
    struct cmsghdr align;
  } control;
  struct iovec part = {frame, sizeof *frame};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes,
                           .msg_controllen = sizeof control.bytes};
  for (int i = 0; i < RSM_FRAME_DESCRIPTORS; i++) fds[i] = -1;
  ssize_t got = recvmsg(socket, &message, MSG_CMSG_CLOEXEC | flags);
  if (got <= 0) return got < 0 && (flags & MSG_DONTWAIT) ? 0 : -1;
  struct cmsghdr *head = CMSG_FIRSTHDR(&message);
  if (head) memcpy(fds, CMSG_DATA(head), head->cmsg_len - CMSG_LEN(0));
  return 1;
}

static void close_all(const int fds[RSM_FRAME_DESCRIPTORS]) {
  for (int i = 0; i < RSM_FRAME_DESCRIPTORS; i++) {
    if (fds[i] >= 0) close(fds[i]);
  }
}

/* As the rules say: otherwise its exporter would have to wait for it. */
static int answer(int socket) {
  struct rsm_frame frame, reply;
  int fds[RSM_FRAME_DESCRIPTORS], got;
  while ((got = receive(socket, MSG_DONTWAIT, &frame, fds)) == 1) {
    close_all(fds);
    reply = frame_of(frame.type == RSM_FRAME_REBIND ? RSM_FRAME_REBOUND : RSM_FRAME_WITHDRAWN, frame.segment_id);
    reply.epoch = frame.epoch;
    if (frame.type != RSM_FRAME_REBIND && frame.type != RSM_FRAME_WITHDRAW) continue;
    if (send(socket, &reply, sizeof reply, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) return -1;
  }
  return got;
}

static void send_nearly_right(int socket, unsigned id) {
  struct rsm_frame frame = frame_of(below(15), id);
  frame.epoch = below(4);
  frame.memory_offset = below(4) * 4;
  for (unsigned changes = below(3); changes > 0; changes--) ((uint32_t *)&frame)[below(sizeof frame / 4)] = state;
  (void)!send(socket, &frame, below(8) ? sizeof frame : below(sizeof frame), MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void scribble(int socket, unsigned id, uint32_t *mailbox, uint32_t *memory, int bell) {
  static const char bytes[4096];
  for (int round = 0; round < ROUNDS && answer(socket) == 0; round++) {
    for (int i = 0; i < 50; i++) {
      mailbox[below(32)] = below(3) ? state : mailbox[16] + 1;
      memory[below(2048)] = state;
    }
    if (below(4) == 0) (void)!send(bell, bytes, below(sizeof bytes), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (below(200) == 0) send_nearly_right(socket, id);
    if (below(20) == 0) usleep(200);
  }
}

static void connect_once(const char *path, unsigned id) {
  struct rsm_frame frame = frame_of(RSM_FRAME_CONNECT, id);
  static unsigned long long number;
  frame.memory_offset = ++number;
  int fds[RSM_FRAME_DESCRIPTORS], bell = dial_bell(path, number), socket = dial(path);
  if (bell < 0 || socket < 0) {
    if (bell >= 0) close(bell);
    if (socket >= 0) close(socket);
    usleep(1000);
    return;
  }
  if (send(socket, &frame, sizeof frame, MSG_NOSIGNAL) > 0 && receive(socket, 0, &frame, fds) == 1) {
    if (frame.type == RSM_FRAME_ACCEPT) {
      void *mailbox = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fds[MAILBOX], 0);
      void *memory = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fds[MEMORY], 0);
      printf("connected\n");
      if (mailbox != MAP_FAILED && memory != MAP_FAILED) scribble(socket, id, mailbox, memory, bell);
      munmap(mailbox, 4096);
      munmap(memory, 8192);
    }
    close_all(fds);
  }
  close(bell);
  close(socket);
}

int main(int argc, char **argv) {
  if (argc != 4) return 2;
  setvbuf(stdout, NULL, _IOLBF, 0);
  state = (unsigned)strtoul(argv[3], NULL, 0);
  for (;;) connect_once(argv[1], (unsigned)strtoul(argv[2], NULL, 0));
}
