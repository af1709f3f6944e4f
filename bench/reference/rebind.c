/*
 * Reference of rebind.js: the bare exchange. Every child has BYTES mapped and faulted in; the parent sends
 * each a descriptor of other memory, the child maps it and moves it over the old mapping, and acknowledges.
 *   rebind BYTES CHILDREN ITERATIONS   ->  nanoseconds per exchange with all children
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MOST_CHILDREN 64

static void must(int holds, const char *what) {
  if (!holds) {
    perror(what);
    exit(1);
  }
}

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static int object(size_t length) {
  int fd = memfd_create("reference", MFD_CLOEXEC);
  must(fd >= 0 && ftruncate(fd, (off_t)length) == 0, "memfd");
  void *address = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  must(address != MAP_FAILED, "mmap");
  memset(address, fd, length);
  munmap(address, length);
  return fd;
}

static void touch(volatile char *memory, size_t length) {
  for (size_t at = 0; at < length; at += 4096) memory[at] = 1;
}

union control {
  char bytes[CMSG_SPACE(sizeof(int))];
  struct cmsghdr align;
};

/* "Exchange for this memory", or with fd -1: "touch your pages". */
static void command(int socket, int fd) {
  char byte = 0;
  union control control = {{0}};
  struct iovec part = {&byte, 1};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
  if (fd >= 0) {
    message.msg_control = control.bytes;
    message.msg_controllen = sizeof control.bytes;
    struct cmsghdr *head = CMSG_FIRSTHDR(&message);
    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    head->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(head), &fd, sizeof fd);
  }
  must(sendmsg(socket, &message, MSG_NOSIGNAL) == 1, "command");
}

/* The descriptor of the next command or -1; *open is 0 when there is no more. */
static int next_command(int socket, int *open) {
  char byte;
  int fd = -1;
  union control control = {{0}};
  struct iovec part = {&byte, 1};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes,
                           .msg_controllen = sizeof control.bytes};
  *open = recvmsg(socket, &message, MSG_CMSG_CLOEXEC) == 1;
  struct cmsghdr *head = *open ? CMSG_FIRSTHDR(&message) : NULL;
  if (head) memcpy(&fd, CMSG_DATA(head), sizeof fd);
  return fd;
}

static void exchange(void *memory, size_t length, int fd) {
  void *fresh = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  must(fresh != MAP_FAILED, "mmap");
  must(mremap(fresh, length, length, MREMAP_MAYMOVE | MREMAP_FIXED, memory) == memory, "mremap");
  close(fd);
}

static void child(int socket, size_t length, int first) {
  char byte = 0;
  void *memory = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, first, 0);
  must(memory != MAP_FAILED, "mmap");
  touch(memory, length);
  for (;;) {
    must(send(socket, &byte, 1, MSG_NOSIGNAL) == 1, "acknowledge");
    int open, fd = next_command(socket, &open);
    if (!open) _exit(0);
    if (fd >= 0) exchange(memory, length, fd);
    else touch(memory, length);
  }
}

static void hear(const int *sockets, int count) {
  char byte;
  for (int i = 0; i < count; i++) must(recv(sockets[i], &byte, 1, 0) == 1, "hear");
}

int main(int argc, char **argv) {
  if (argc != 4) return 2;
  size_t length = strtoull(argv[1], NULL, 10);
  int children = atoi(argv[2]), iterations = atoi(argv[3]), sockets[MOST_CHILDREN];
  if (children < 1 || children > MOST_CHILDREN) return 2;
  int objects[2] = {object(length), object(length)};
  for (int i = 0; i < children; i++) {
    int pair[2];
    must(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0, "socketpair");
    pid_t pid = fork();
    must(pid >= 0, "fork");
    if (pid == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      for (int other = 0; other < i; other++) close(sockets[other]);
      close(pair[0]);
      child(pair[1], length, objects[0]);
    }
    close(pair[1]);
    sockets[i] = pair[0];
  }
  hear(sockets, children);
  double total = 0;
  for (int round = 1; round <= iterations; round++) {
    double begin = now();
    for (int i = 0; i < children; i++) command(sockets[i], objects[round % 2]);
    hear(sockets, children);
    total += now() - begin;
    for (int i = 0; i < children; i++) command(sockets[i], -1);
    hear(sockets, children);
  }
  printf("%.3f\n", total / iterations);
  return 0;
}
