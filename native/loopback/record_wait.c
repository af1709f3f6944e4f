/* The two waits of the runtime directory: for a lock, and for a listener. Both have deadlines. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "record.h"
#include "wait.h"

/* Neither OFD locks nor a full backlog can be waited for with a limit: ask again after short sleeps. */
#define FIRST_PAUSE_NS (100 * 1000)
#define LONGEST_PAUSE_NS (5 * 1000 * 1000)

/* Sleeps the pause, not beyond the deadline, and doubles it. 1: cancel_fd is readable; 0; or -errno. */
static int pause_until(int64_t deadline_ns, int cancel_fd, int64_t *pause_ns) {
  int64_t end_ns = rsm_now_ns() + *pause_ns;
  *pause_ns = *pause_ns * 2 < LONGEST_PAUSE_NS ? *pause_ns * 2 : LONGEST_PAUSE_NS;
  struct pollfd cancel = {.fd = cancel_fd, .events = POLLIN};
  int ready = rsm_poll(&cancel, 1, end_ns < deadline_ns ? end_ns : deadline_ns, NULL, NULL);
  return ready == -EINTR ? 0 : ready;
}

static int set_lock(int fd, short type) {
  struct flock lock = {.l_type = type, .l_whence = SEEK_SET};
  int result;
  do result = fcntl(fd, F_OFD_SETLK, &lock);
  while (result != 0 && errno == EINTR);
  if (result == 0) return 0;
  return errno == EACCES ? -EAGAIN : -errno;
}

int rsm_lock_file(int fd, bool exclusive, int timeout_ms) {
  int64_t deadline_ns = rsm_deadline_ns(timeout_ms);
  int64_t pause_ns = FIRST_PAUSE_NS;
  for (;;) {
    int result = set_lock(fd, exclusive ? F_WRLCK : F_RDLCK);
    if (result != -EAGAIN || rsm_now_ns() >= deadline_ns) return result;
    result = pause_until(deadline_ns, -1, &pause_ns);
    if (result < 0) return result;
  }
}

int rsm_unlock_file(int fd) {
  return set_lock(fd, F_UNLCK);
}

int rsm_file_is_locked(int fd) {
  struct flock lock = {.l_type = F_RDLCK, .l_whence = SEEK_SET};
  if (fcntl(fd, F_OFD_GETLK, &lock) != 0) return -errno;
  return lock.l_type != F_UNLCK;
}

int rsm_hold_directory(int fd) {
  int result;
  do result = flock(fd, LOCK_SH | LOCK_NB);
  while (result != 0 && errno == EINTR);
  return result == 0 ? 0 : -errno;
}

/* *dirfd is open while the address is used, when the path is too long to stand in it; else -1. */
static int make_address(const char *path, struct sockaddr_un *address, int *dirfd) {
  *address = (struct sockaddr_un){.sun_family = AF_UNIX};
  *dirfd = -1;
  size_t length = strlen(path);
  if (length == 0) return -ENOENT;
  if (length < sizeof address->sun_path) {
    memcpy(address->sun_path, path, length + 1);
    return 0;
  }
  const char *slash = strrchr(path, '/');
  if (slash == NULL) return -ENAMETOOLONG;
  char *parent = strndup(path, (size_t)(slash - path) + 1);
  if (parent == NULL) return -ENOMEM;
  *dirfd = open(parent, O_PATH | O_DIRECTORY | O_CLOEXEC);
  int error = errno;
  free(parent);
  if (*dirfd < 0) return -error;
  size_t room = sizeof address->sun_path;
  int written = snprintf(address->sun_path, room, "/proc/self/fd/%d/%s", *dirfd, slash + 1);
  return (size_t)written < room ? 0 : -ENAMETOOLONG;
}

static int connect_until(int fd, const struct sockaddr_un *address, int64_t deadline_ns, int cancel_fd) {
  int64_t pause_ns = FIRST_PAUSE_NS;
  struct pollfd cancel = {.fd = cancel_fd, .events = POLLIN};
  if (cancel_fd >= 0 && poll(&cancel, 1, 0) > 0) return -ECANCELED;
  for (;;) {
    if (connect(fd, (const struct sockaddr *)address, sizeof *address) == 0) return 0;
    if (errno != EAGAIN && errno != EINTR) return -errno;
    if (rsm_now_ns() >= deadline_ns) return -ETIMEDOUT;
    int cancelled = pause_until(deadline_ns, cancel_fd, &pause_ns);
    if (cancelled != 0) return cancelled < 0 ? cancelled : -ECANCELED;
  }
}

static int connect_to(const char *path, int type, int64_t deadline_ns, int cancel_fd) {
  struct sockaddr_un address;
  int dirfd;
  int result = make_address(path, &address, &dirfd);
  int fd = -1;
  if (result == 0) {
    fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    result = fd < 0 ? -errno : connect_until(fd, &address, deadline_ns, cancel_fd);
  }
  if (dirfd >= 0) close(dirfd);
  if (result == 0) return fd;
  if (fd >= 0) close(fd);
  return result;
}

int rsm_socket_connect(const char *path, int64_t deadline_ns, int cancel_fd) {
  return connect_to(path, SOCK_SEQPACKET, deadline_ns, cancel_fd);
}

int rsm_stream_connect(const char *path, int64_t deadline_ns) {
  return connect_to(path, SOCK_STREAM, deadline_ns, -1);
}
