/*
 * A peer that does not play by the rules: `hostile SOCKET ID WHAT [PERMISSION]`.
 *   silent half size magic version type permission descriptors flood   misbehaves at the exporter's socket
 *   attack    connects, then tries to write through, widen and shrink what it received; says what happened
 *   keep      connects, keeps the memory's descriptor, acknowledges what it should
 *   mute      the same, acknowledging nothing
 * keep and mute print `ready`, and on every line of input the first byte of the memory as the descriptor
 * and as a mapping of their own show it, and whether storing to that mapping and writing to the descriptor work.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "layout.h"

#define FLOOD 300
enum { STATUS, MAILBOX, MEMORY };
#define BELL_NUMBER 1

static int connect_to(const char *path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  strncpy(address.sun_path, path, sizeof address.sun_path - 1);
  int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
  if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
    perror("connect");
    exit(1);
  }
  return fd;
}

static struct rsm_frame request(unsigned id, unsigned permission) {
  return (struct rsm_frame){.magic = RSM_FRAME_MAGIC, .version = RSM_FRAME_VERSION, .type = RSM_FRAME_CONNECT,
                            .segment_id = id, .permission = permission, .shmid = -1,
                            .memory_offset = BELL_NUMBER};
}

/* It stays open, and is never rung. */
static void dial_bell(const char *path) {
  struct rsm_frame frame = request(0, 0);
  frame.type = RSM_FRAME_BELL;
  if (send(connect_to(path), &frame, sizeof frame, MSG_NOSIGNAL) < 0) perror("bell");
}

/* The frame received, its descriptors in fds (-1: none). 0 at the end of the connection. */
static int receive(int socket, struct rsm_frame *frame, int fds[RSM_FRAME_DESCRIPTORS]) {
  union {
    char bytes[CMSG_SPACE(RSM_FRAME_DESCRIPTORS * sizeof(int))];
    struct cmsghdr align;
  } control;
  struct iovec part = {frame, sizeof *frame};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes,
                           .msg_controllen = sizeof control.bytes};
  for (int i = 0; i < RSM_FRAME_DESCRIPTORS; i++) fds[i] = -1;
  if (recvmsg(socket, &message, MSG_CMSG_CLOEXEC) <= 0) return 0;
  struct cmsghdr *head = CMSG_FIRSTHDR(&message);
  if (head) memcpy(fds, CMSG_DATA(head), head->cmsg_len - CMSG_LEN(0));
  return 1;
}

static void send_with_descriptors(int socket, const struct rsm_frame *frame) {
  int fds[3] = {open("/dev/null", O_RDWR), open("/proc/self/exe", O_RDONLY), memfd_create("x", 0)};
  union {
    char bytes[CMSG_SPACE(sizeof fds)];
    struct cmsghdr align;
  } control = {{0}};
  struct iovec part = {(void *)frame, sizeof *frame};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes,
                           .msg_controllen = sizeof control.bytes};
  struct cmsghdr *head = CMSG_FIRSTHDR(&message);
  head->cmsg_level = SOL_SOCKET;
  head->cmsg_type = SCM_RIGHTS;
  head->cmsg_len = CMSG_LEN(sizeof fds);
  memcpy(CMSG_DATA(head), fds, sizeof fds);
  if (sendmsg(socket, &message, MSG_NOSIGNAL) < 0) perror("sendmsg");
}

/* Prints how the exporter ended the connection: closed, refused with a code, or accepted. */
static void print_answer(int socket) {
  struct rsm_frame frame;
  int fds[RSM_FRAME_DESCRIPTORS];
  if (!receive(socket, &frame, fds)) printf("closed\n");
  else if (frame.type == RSM_FRAME_REFUSE) printf("refused %u\n", frame.code);
  else printf("accepted\n");
}

static void misbehave(const char *path, unsigned id, const char *what) {
  dial_bell(path);
  int socket = connect_to(path);
  struct rsm_frame frame = request(id, 0400);
  size_t length = sizeof frame;
  char rubbish[4096];
  const void *bytes = &frame;
  if (strcmp(what, "half") == 0) length /= 2;
  if (strcmp(what, "size") == 0) {
    memset(rubbish, 0xa5, sizeof rubbish);
    bytes = rubbish;
    length = sizeof rubbish;
  }
  if (strcmp(what, "magic") == 0) frame.magic ^= 1;
  if (strcmp(what, "version") == 0) frame.version = 99;
  if (strcmp(what, "type") == 0) frame.type = RSM_FRAME_REBOUND;
  if (strcmp(what, "permission") == 0) frame.permission = 07777;
  if (strcmp(what, "descriptors") == 0) send_with_descriptors(socket, &frame);
  else if (strcmp(what, "silent") != 0 && send(socket, bytes, length, MSG_NOSIGNAL) < 0) perror("send");
  print_answer(socket);
}

static void flood(const char *path) {
  int sockets[FLOOD], closed = 0;
  for (int i = 0; i < FLOOD; i++) sockets[i] = connect_to(path);
  for (int i = 0; i < FLOOD; i++) {
    char refusal[sizeof(struct rsm_frame)];
    while (recv(sockets[i], refusal, sizeof refusal, 0) > 0) continue;
    closed++;
  }
  printf("closed %d\n", closed);
}

static void accept_or_exit(int socket, unsigned id, unsigned permission, struct rsm_frame *frame, int *fds) {
  *frame = request(id, permission);
  if (send(socket, frame, sizeof *frame, MSG_NOSIGNAL) < 0 || !receive(socket, frame, fds)) exit(1);
  if (frame->type == RSM_FRAME_ACCEPT) return;
  printf("refused %u\n", frame->code);
  exit(0);
}

static void say(const char *what, int worked) {
  printf("%s %s\n", what, worked ? "worked" : strerrorname_np(errno));
}

/* Everything here must fail on a read-only connection. `reopen` goes around the descriptor's own mode. */
static void attack_memory(const char *name, int fd, size_t length) {
  char path[64], what[64];
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  snprintf(what, sizeof what, "%s map", name);
  say(what, mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) != MAP_FAILED);
  snprintf(what, sizeof what, "%s write", name);
  say(what, write(fd, "!", 1) == 1);
  int again = open(path, O_RDWR | O_CLOEXEC);
  snprintf(what, sizeof what, "%s reopen", name);
  if (again < 0) say(what, 0);
  else say(what, mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, again, 0) != MAP_FAILED);
  snprintf(what, sizeof what, "%s chmod", name);
  say(what, fchmod(fd, 0666) == 0 && geteuid() != 0);
  snprintf(what, sizeof what, "%s truncate", name);
  say(what, truncate(path, 0) == 0);
  snprintf(what, sizeof what, "%s punch", name);
  say(what, fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, (off_t)length) == 0);
}

static void report(int fd, unsigned char *mapped) {
  unsigned char byte = 0;
  ssize_t got = pread(fd, &byte, 1, 0);
  printf("%d %d ", got == 1 ? byte : -1, mapped[0]);
  mapped[0] = 0xee;
  printf("%s\n", pwrite(fd, "\xee", 1, 1) == 1 ? "wrote" : strerrorname_np(errno));
}

static void keep(int socket, struct rsm_frame frame, const int *received, int mute) {
  int fd = received[MEMORY], fds[RSM_FRAME_DESCRIPTORS];
  unsigned char *mapped = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (mapped == MAP_FAILED) exit(1);
  printf("ready\n");
  struct pollfd ends[2] = {{.fd = 0, .events = POLLIN}, {.fd = socket, .events = POLLIN}};
  while (poll(ends, 2, -1) > 0) {
    if (ends[1].revents) {
      if (!receive(socket, &frame, fds)) ends[1].fd = -1;
      else if (!mute) {
        frame.type = frame.type == RSM_FRAME_WITHDRAW ? RSM_FRAME_WITHDRAWN : RSM_FRAME_REBOUND;
        if (send(socket, &frame, sizeof frame, MSG_NOSIGNAL) < 0) perror("send");
      }
    }
    char line[16];
    if (ends[0].revents) {
      if (!fgets(line, sizeof line, stdin)) return;
      report(fd, mapped);
    }
  }
}

int main(int argc, char **argv) {
  if (argc < 4) return 2;
  setvbuf(stdout, NULL, _IOLBF, 0);
  const char *path = argv[1], *what = argv[3];
  unsigned id = (unsigned)strtoul(argv[2], NULL, 0);
  unsigned permission = argc > 4 ? (unsigned)strtoul(argv[4], NULL, 8) : 0600;
  int attack = strcmp(what, "attack") == 0, mute = strcmp(what, "mute") == 0;
  if (strcmp(what, "flood") == 0) flood(path);
  else if (!attack && !mute && strcmp(what, "keep") != 0) misbehave(path, id, what);
  else {
    dial_bell(path);
    int socket = connect_to(path), fds[RSM_FRAME_DESCRIPTORS];
    struct rsm_frame frame;
    accept_or_exit(socket, id, permission, &frame, fds);
    if (attack) {
      attack_memory("memory", fds[MEMORY], frame.length_bytes);
      attack_memory("status", fds[STATUS], RSM_PAGE_BYTES);
    } else keep(socket, frame, fds, mute);
  }
  return 0;
}
