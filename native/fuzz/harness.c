/* The input, the clock, who is who, and descriptors of all kinds. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "../loopback/access.h"
#include "../loopback/record.h"
#include "fuzz.h"

#define PLAYED 1024
#define MAPPINGS_EVERY 256 /* inputs: /proc/self/maps takes longer than most of them */
#define NS_PER_S 1000000000

static const uint8_t *at, *end;
static int64_t passed_ns;
static uid_t played[PLAYED];
static int first_free;
static int mappings;
int fuzz_next_sockets[2] = {-1, -1};

void fuzz_begin(const uint8_t *bytes, size_t size) {
  at = bytes;
  end = bytes + size;
}

bool fuzz_ended(void) {
  return at == end;
}

uint8_t fuzz_peek(void) {
  return at < end ? *at : 0;
}

uint8_t fuzz_byte(void) {
  return at < end ? *at++ : 0;
}

uint32_t fuzz_word(void) {
  uint32_t word = 0;
  for (int i = 0; i < 4; i++) word = word << 8 | fuzz_byte();
  return word;
}

size_t fuzz_bytes(void *out, size_t most) {
  size_t length = fuzz_byte() % (most + 1);
  for (size_t i = 0; i < length; i++) ((uint8_t *)out)[i] = fuzz_byte();
  return length;
}

void fuzz_mutate(void *bytes, size_t size) {
  for (int changes = fuzz_byte() % 4; changes > 0; changes--) {
    size_t where = fuzz_byte() % (size / 4) * 4;
    uint32_t word = fuzz_word();
    memcpy((char *)bytes + where, &word, sizeof word);
  }
}

/* ---- the world ---- */

void fuzz_world(void) {
  if (unshare(CLONE_NEWIPC) == 0 || unshare(CLONE_NEWUSER | CLONE_NEWIPC) == 0) return;
  fprintf(stderr, "no namespace for System V segments can be made: others' would be written to\n");
  exit(1);
}

void fuzz_pass_ms(int64_t ms) {
  passed_ns += ms * 1000000;
}

int __real_clock_gettime(clockid_t clock, struct timespec *now);
int __wrap_clock_gettime(clockid_t clock, struct timespec *now);
int __wrap_clock_gettime(clockid_t clock, struct timespec *now) {
  int result = __real_clock_gettime(clock, now);
  int64_t ns = now->tv_nsec + passed_ns;
  now->tv_sec += ns / NS_PER_S;
  now->tv_nsec = ns % NS_PER_S;
  return result;
}

void fuzz_play(int fd, uid_t uid) {
  FUZZ_CHECK(fd < PLAYED);
  played[fd] = uid;
}

int __real_rsm_peer_of_socket(int fd, struct rsm_peer *peer);
int __wrap_rsm_peer_of_socket(int fd, struct rsm_peer *peer);
int __wrap_rsm_peer_of_socket(int fd, struct rsm_peer *peer) {
  int result = __real_rsm_peer_of_socket(fd, peer);
  peer->uid = played[fd];
  return result;
}

int __wrap_rsm_socket_connect(const char *path, int64_t deadline_ns, int cancel_fd);
int __wrap_rsm_socket_connect(const char *path, int64_t deadline_ns, int cancel_fd) {
  (void)path, (void)deadline_ns, (void)cancel_fd;
  int fd = fuzz_next_sockets[0];
  fuzz_next_sockets[0] = fuzz_next_sockets[1];
  fuzz_next_sockets[1] = -1;
  return fd < 0 ? -ECONNREFUSED : fd;
}

/* ---- descriptors ---- */

static int memory(size_t length, int seals) {
  int fd = memfd_create("rsm-fuzz", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  FUZZ_CHECK(fd >= 0 && ftruncate(fd, (off_t)length) == 0);
  FUZZ_CHECK(seals == 0 || fcntl(fd, F_ADD_SEALS, seals) == 0);
  return fd;
}

static int one_of(int pair[2]) {
  close(pair[1]);
  return pair[0];
}

static int reopened(int fd, int flags) {
  char path[32];
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  int again = open(path, flags | O_CLOEXEC);
  close(fd);
  return again;
}

static int file_of(size_t length) {
  char path[] = "/tmp/rsm-fuzz-XXXXXX";
  int fd = mkostemp(path, O_CLOEXEC);
  FUZZ_CHECK(fd >= 0 && unlink(path) == 0 && ftruncate(fd, (off_t)length) == 0);
  return fd;
}

int fuzz_descriptor(enum fuzz_kind kind, size_t length) {
  int pair[2] = {-1, -1};
  switch (kind) {
    case FUZZ_READABLE: return reopened(memory(length, F_SEAL_SHRINK | F_SEAL_GROW), O_RDONLY);
    case FUZZ_UNSEALED: return memory(length, 0);
    case FUZZ_GROWS: return memory(length, F_SEAL_SHRINK);
    case FUZZ_SHRINKS: return memory(length, F_SEAL_GROW);
    case FUZZ_SHORT: return memory(length / 2, F_SEAL_SHRINK | F_SEAL_GROW);
    case FUZZ_LONG: return memory(length * 2, F_SEAL_SHRINK | F_SEAL_GROW);
    case FUZZ_WRITE_SEALED: return memory(length, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE);
    case FUZZ_FINAL: return memory(length, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL);
    case FUZZ_HUGE: return memfd_create("rsm-fuzz", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_HUGETLB);
    case FUZZ_FILE: return file_of(length);
    case FUZZ_PIPE: return pipe2(pair, O_CLOEXEC) == 0 ? one_of(pair) : -1;
    case FUZZ_STREAM: return socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0 ? one_of(pair) : -1;
    case FUZZ_DATAGRAM: return socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) == 0 ? one_of(pair) : -1;
    case FUZZ_DIRECTORY: return open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    case FUZZ_ZERO: return open("/dev/zero", O_RDWR | O_CLOEXEC);
    case FUZZ_PATH: return reopened(memory(length, F_SEAL_SHRINK | F_SEAL_GROW), O_PATH);
    case FUZZ_EPOLL: return epoll_create1(EPOLL_CLOEXEC);
    default: return memory(length, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
  }
}

void fuzz_send(int fd, const void *bytes, size_t length, const int *descriptors, size_t count) {
  union {
    char bytes[CMSG_SPACE(16 * sizeof(int))];
    struct cmsghdr header;
  } control;
  struct iovec part = {.iov_base = (void *)bytes, .iov_len = length};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
  if (count > 0) {
    memset(&control, 0, sizeof control);
    message.msg_control = &control;
    message.msg_controllen = CMSG_SPACE(count * sizeof(int));
    control.header = (struct cmsghdr){CMSG_LEN(count * sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
    memcpy(CMSG_DATA(&control.header), descriptors, count * sizeof(int));
  }
  (void)sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT); /* nobody may be there any more */
}

/* ---- what is left ---- */

static int lowest_free(void) {
  int fd = dup(0);
  FUZZ_CHECK(fd >= 0 && close(fd) == 0);
  return fd;
}

static int count_mappings(void) {
  FILE *file = fopen("/proc/self/maps", "re");
  FUZZ_CHECK(file != NULL);
  char line[512];
  int count = 0;
  while (fgets(line, sizeof line, file) != NULL) count += strstr(line, "memfd:rsm") != NULL;
  fclose(file);
  return count;
}

void fuzz_remember_what_is_open(void) {
  first_free = lowest_free();
  mappings = count_mappings();
}

void fuzz_check_what_is_open(void) {
  static unsigned inputs;
  FUZZ_CHECK(lowest_free() == first_free);
  if (inputs++ % MAPPINGS_EVERY == 0) FUZZ_CHECK(count_mappings() == mappings);
}
