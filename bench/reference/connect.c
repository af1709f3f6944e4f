/*
 * Reference of connect.js: what connecting and disconnecting needs from the system and nothing more.
 * Client: look-up of a name (readlink), two SEQPACKET connects (a bell, which is of each side alone, and what is
 * spoken on), a request on each, three descriptors received, two control pages mapped, a word read of each, all closed.
 * Server: two accepts, credentials of each, two sealed pages made, mapped, a word written to each (an empty page tells
 * nothing), and sent with the memory, all closed at end of file.
 *   connect DIRECTORY ITERATIONS   ->  nanoseconds per connect and disconnect
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PAGE 4096
#define DESCRIPTORS 3
#define FRAME_BYTES 48
#define WORD 0x52534d31u

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

static int page(void **address) {
  int fd = memfd_create("reference", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  must(fd >= 0 && ftruncate(fd, PAGE) == 0, "memfd");
  *address = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  must(*address != MAP_FAILED, "mmap");
  must(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0, "seals");
  return fd;
}

static void send_descriptors(int to, const int *fds) {
  char frame[FRAME_BYTES] = {0};
  union {
    char bytes[CMSG_SPACE(DESCRIPTORS * sizeof(int))];
    struct cmsghdr align;
  } control;
  struct iovec part = {frame, sizeof frame};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes,
                           .msg_controllen = sizeof control.bytes};
  struct cmsghdr *head = CMSG_FIRSTHDR(&message);
  head->cmsg_level = SOL_SOCKET;
  head->cmsg_type = SCM_RIGHTS;
  head->cmsg_len = CMSG_LEN(DESCRIPTORS * sizeof(int));
  memcpy(CMSG_DATA(head), fds, DESCRIPTORS * sizeof(int));
  must(sendmsg(to, &message, MSG_NOSIGNAL) == sizeof frame, "sendmsg");
}

static void receive_descriptors(int from, int *fds) {
  char frame[FRAME_BYTES];
  union {
    char bytes[CMSG_SPACE(DESCRIPTORS * sizeof(int))];
    struct cmsghdr align;
  } control;
  struct iovec part = {frame, sizeof frame};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes,
                           .msg_controllen = sizeof control.bytes};
  must(recvmsg(from, &message, MSG_CMSG_CLOEXEC) == sizeof frame, "recvmsg");
  memcpy(fds, CMSG_DATA(CMSG_FIRSTHDR(&message)), DESCRIPTORS * sizeof(int));
}

static int accept_one(int listener) {
  int peer = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
  must(peer >= 0, "accept");
  struct ucred who;
  socklen_t length = sizeof who;
  must(getsockopt(peer, SOL_SOCKET, SO_PEERCRED, &who, &length) == 0, "credentials");
  char frame[FRAME_BYTES];
  must(recv(peer, frame, sizeof frame, 0) == sizeof frame, "request");
  return peer;
}

static void serve_one(int listener, int memory) {
  int bell = accept_one(listener), peer = accept_one(listener);
  char frame[FRAME_BYTES];
  void *status, *mailbox;
  int status_fd = page(&status), mailbox_fd = page(&mailbox);
  *(volatile unsigned *)status = *(volatile unsigned *)mailbox = WORD;
  send_descriptors(peer, (int[]){status_fd, mailbox_fd, memory});
  close(status_fd);
  close(mailbox_fd);
  must(recv(peer, frame, sizeof frame, 0) == 0, "end of file");
  munmap(status, PAGE);
  munmap(mailbox, PAGE);
  close(bell);
  close(peer);
}

static int dial(const struct sockaddr_un *address) {
  int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
  must(fd >= 0 && connect(fd, (const struct sockaddr *)address, sizeof *address) == 0, "connect");
  char frame[FRAME_BYTES] = {0};
  must(send(fd, frame, sizeof frame, MSG_NOSIGNAL) == sizeof frame, "request");
  return fd;
}

static void connect_once(const char *link, const struct sockaddr_un *address) {
  char name[108];
  must(readlink(link, name, sizeof name) > 0, "look-up");
  int bell = dial(address), fd = dial(address);
  int fds[DESCRIPTORS];
  receive_descriptors(fd, fds);
  void *status = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fds[0], 0);
  void *mailbox = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fds[1], 0);
  must(status != MAP_FAILED && mailbox != MAP_FAILED, "mmap");
  must(*(volatile unsigned *)status == WORD && *(volatile unsigned *)mailbox == WORD, "contents");
  munmap(status, PAGE);
  munmap(mailbox, PAGE);
  for (int i = 0; i < DESCRIPTORS; i++) close(fds[i]);
  close(bell);
  close(fd);
}

int main(int argc, char **argv) {
  if (argc != 3) return 2;
  int iterations = atoi(argv[2]);
  char link[200];
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  snprintf(address.sun_path, sizeof address.sun_path, "%s/reference.s", argv[1]);
  snprintf(link, sizeof link, "%s/reference.link", argv[1]);
  unlink(address.sun_path);
  unlink(link);
  int listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
  must(listener >= 0 && bind(listener, (struct sockaddr *)&address, sizeof address) == 0, "bind");
  must(listen(listener, 64) == 0 && symlink("reference", link) == 0, "listen");
  void *memory;
  int memory_fd = page(&memory);
  pid_t server = fork();
  must(server >= 0, "fork");
  if (server == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (int i = 0; i < iterations; i++) serve_one(listener, memory_fd);
    _exit(0);
  }
  double begin = now();
  for (int i = 0; i < iterations; i++) connect_once(link, &address);
  printf("%.3f\n", (now() - begin) / iterations);
  unlink(address.sun_path);
  unlink(link);
  return waitpid(server, NULL, 0) == server ? 0 : 1;
}
