/*
 * References of the questions between nodes: what the bare network gives, in plain sockets.
 *   tcp pingpong BYTES REPLY_BYTES ITERATIONS ADDRESS NETNS   both sides block: asleep until something comes
 *   tcp stream BYTES TOTAL_BYTES - ADDRESS NETNS              blocks one way, one byte back at the end
 *   -> nanoseconds each; each block
 */
#define _GNU_SOURCE
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "apart.h"

static size_t request_bytes, reply_bytes;
static long count;
static int streams;
static char *block;

static void all(int fd, ssize_t (*move)(int, char *, size_t), size_t length) {
  for (size_t done = 0; done < length;) {
    ssize_t moved = move(fd, block + done, length - done);
    if (moved <= 0) exit(0);
    done += (size_t)moved;
  }
}

static ssize_t receive(int fd, char *bytes, size_t length) {
  return read(fd, bytes, length);
}

static ssize_t transmit(int fd, char *bytes, size_t length) {
  return write(fd, bytes, length);
}

static void at_once(int fd) {
  int on = 1;
  must(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on), "nodelay");
}

static void serve(const struct far_side *side) {
  struct sockaddr_in address = {.sin_family = AF_INET};
  socklen_t length = sizeof address;
  int listener = socket(AF_INET, SOCK_STREAM, 0);
  inet_pton(AF_INET, side->address, &address.sin_addr);
  must(bind(listener, (struct sockaddr *)&address, length), "bind");
  must(listen(listener, 1), "listen");
  must(getsockname(listener, (struct sockaddr *)&address, &length), "name");
  unsigned short port = ntohs(address.sin_port);
  must(write(side->told, &port, sizeof port), "tell");
  int fd = accept(listener, NULL, NULL);
  at_once(fd);
  for (;;) {
    for (long i = 0; i < (streams ? count : 1); i++) all(fd, receive, request_bytes);
    all(fd, transmit, reply_bytes);
  }
}

int main(int argc, char **argv) {
  if (argc != 7) return 2;
  streams = strcmp(argv[1], "stream") == 0;
  request_bytes = (size_t)atol(argv[2]);
  reply_bytes = streams ? 1 : (size_t)atol(argv[3]);
  count = streams ? atol(argv[3]) / atol(argv[2]) : atol(argv[4]);
  block = calloc(1, request_bytes > reply_bytes ? request_bytes : reply_bytes);
  pid_t child;
  struct sockaddr_in address = {.sin_family = AF_INET};
  address.sin_port = htons(start_far_side(argv[5], argv[6], serve, &child));
  inet_pton(AF_INET, argv[5], &address.sin_addr);
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  must(connect(fd, (struct sockaddr *)&address, sizeof address), "connect");
  at_once(fd);
  double begin = now();
  for (long i = 0; i < count; i++) {
    all(fd, transmit, request_bytes);
    if (!streams) all(fd, receive, reply_bytes);
  }
  if (streams) all(fd, receive, reply_bytes);
  printf("%.1f\n", (now() - begin) / (double)count);
  end_far_side(child);
  return 0;
}
