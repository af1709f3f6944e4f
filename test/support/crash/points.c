/*
 * Preloaded into a process that a test wants to end at a certain moment: counts the system calls that the
 * addons and libfabric make, what Node does in the runtime directory and, with RSM_CRASH_SOCKETS, what it sends and
 * receives, and acts at the n-th of them. Nothing of it is in
 * the product. What to do comes as a path of access(2), fs.accessSync in JavaScript, since access is free of
 * side effects:
 *
 *   /crash-point/trace                        write every step from now on to the file RSM_CRASH_TRACE
 *   /crash-point/ACTION/THREADS/NUMBER/WHEN   ACTION at the NUMBER-th step, counted from 1, of these THREADS
 *   /crash-point/mark                         write the moment: it ends now
 *   /crash-point/off
 *
 * ACTION: kill (SIGKILL), stop (SIGSTOP), hold (the thread sleeps, the others go on), park (until the next order).
 * THREADS: agent, fabric, caller.
 * WHEN: before, after. Moments are written beside the trace, to ".acted", as CLOCK_MONOTONIC nanoseconds, a line
 * each. A step is a line "THREADS NAME" of the trace.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define HOLD_MS 60

enum action { OFF, TRACE, KILL, STOP, HOLD, PARK };
enum threads { CALLER, AGENT, FABRIC };

static const char *const thread_names[] = {"caller", "agent", "fabric"};
static _Atomic int armed; /* an action */
static atomic_bool parked;
static atomic_int counts[3];
static enum threads wanted_threads;
static int wanted_number;
static bool wanted_after;

/* Straight to the kernel: these are not steps. */
static void write_file(const char *suffix, const char *line) {
  char path[512];
  snprintf(path, sizeof path, "%s%s", getenv("RSM_CRASH_TRACE"), suffix);
  int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  if (fd < 0) return;
  syscall(SYS_write, fd, line, strlen(line));
  syscall(SYS_close, fd);
}

static bool is_of_file(const void *caller, const char *file) {
  Dl_info info;
  return dladdr(caller, &info) != 0 && info.dli_fname != NULL && strstr(info.dli_fname, file) != NULL;
}

/* libfabric has threads of its own, named as whoever has started them. */
static enum threads threads_of(const void *caller) {
  char name[16] = "";
  if (is_of_file(caller, "libfabric.so")) return FABRIC;
  prctl(PR_GET_NAME, name);
  if (strcmp(name, "rsm-fabric") == 0) return FABRIC;
  return strcmp(name, "rsm-agent") == 0 ? AGENT : CALLER;
}

static bool is_of_an_addon(const void *caller) {
  return is_of_file(caller, "loopback.node") || is_of_file(caller, "fabric.node") || is_of_file(caller, "libfabric.so");
}

/* Not the channel over which Node itself is told what to do, nor what it prints. */
static bool is_of_a_socket(int fd) {
  struct stat status;
  return getenv("RSM_CRASH_SOCKETS") != NULL && fd > 3 && fstat(fd, &status) == 0 && S_ISSOCK(status.st_mode);
}

static bool is_of_the_node(const char *path) {
  const char *directory = getenv("RSM_RUNTIME_DIR");
  return directory != NULL && strncmp(path, directory, strlen(directory)) == 0;
}

static void mark(void) {
  char moment[32];
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  snprintf(moment, sizeof moment, "%lld\n", now.tv_sec * 1000000000LL + now.tv_nsec);
  write_file(".acted", moment);
}

static void act(void) {
  struct timespec pause = {0, HOLD_MS * 1000000L};
  int action = atomic_exchange(&armed, OFF);
  mark();
  if (action == KILL) kill(getpid(), SIGKILL);
  if (action == STOP) kill(getpid(), SIGSTOP);
  while (action == HOLD && nanosleep(&pause, &pause) != 0) continue;
  while (action == PARK && atomic_load(&parked)) usleep(1000);
}

/* Returns this step's number among those of these threads. */
static int step_begins(const char *name, enum threads threads) {
  char line[64];
  int number = atomic_fetch_add(&counts[threads], 1) + 1;
  if (atomic_load(&armed) == TRACE) {
    snprintf(line, sizeof line, "%s %s\n", thread_names[threads], name);
    write_file("", line);
  } else if (!wanted_after && threads == wanted_threads && number == wanted_number) {
    act();
  }
  return number;
}

static void step_ends(int number, enum threads threads) {
  int error = errno;
  bool due = wanted_after && number == wanted_number && threads == wanted_threads;
  if (due && atomic_load(&armed) != OFF) act();
  errno = error;
}

/* Under a name of its own, because the headers declare some of these with an ellipsis. */
#define STEP(type, name, parameters, arguments, counted)                                              \
  type step_##name parameters __asm__(#name);                                                         \
  type step_##name parameters {                                                                       \
    static type(*real) parameters;                                                                    \
    if (real == NULL) real = (type(*) parameters)dlsym(RTLD_NEXT, #name);                             \
    const void *caller = __builtin_return_address(0);                                                 \
    if (atomic_load(&armed) == OFF || !(counted)) return real arguments;                              \
    enum threads threads = threads_of(caller);                                                        \
    int number = step_begins(#name, threads);                                                         \
    type result = real arguments;                                                                     \
    step_ends(number, threads);                                                                       \
    return result;                                                                                    \
  }

#define OF_ADDON is_of_an_addon(caller)

STEP(int, memfd_create, (const char *a, unsigned b), (a, b), OF_ADDON)
STEP(int, ftruncate64, (int a, off64_t b), (a, b), OF_ADDON)
STEP(int, fallocate64, (int a, int b, off64_t c, off64_t d), (a, b, c, d), OF_ADDON)
STEP(int, fcntl64, (int a, int b, void *c), (a, b, c), OF_ADDON)
STEP(void *, mmap64, (void *a, size_t b, int c, int d, int e, off64_t f), (a, b, c, d, e, f), OF_ADDON)
STEP(void *, mremap, (void *a, size_t b, size_t c, int d, void *e), (a, b, c, d, e), OF_ADDON)
STEP(int, munmap, (void *a, size_t b), (a, b), OF_ADDON)
STEP(int, socket, (int a, int b, int c), (a, b, c), OF_ADDON)
STEP(int, bind, (int a, const struct sockaddr *b, socklen_t c), (a, b, c), OF_ADDON)
STEP(int, listen, (int a, int b), (a, b), OF_ADDON)
STEP(int, connect, (int a, const struct sockaddr *b, socklen_t c), (a, b, c), OF_ADDON)
STEP(int, accept4, (int a, struct sockaddr *b, socklen_t *c, int d), (a, b, c, d), OF_ADDON)
STEP(ssize_t, sendmsg, (int a, const struct msghdr *b, int c), (a, b, c), OF_ADDON || is_of_a_socket(a))
STEP(ssize_t, recvmsg, (int a, struct msghdr *b, int c), (a, b, c), OF_ADDON || is_of_a_socket(a))
STEP(ssize_t, write, (int a, const void *b, size_t c), (a, b, c), is_of_a_socket(a))
STEP(ssize_t, writev, (int a, const struct iovec *b, int c), (a, b, c), is_of_a_socket(a))
STEP(ssize_t, read, (int a, void *b, size_t c), (a, b, c), is_of_a_socket(a))
STEP(ssize_t, send, (int a, const void *b, size_t c, int d), (a, b, c, d), OF_ADDON)
STEP(int, ppoll, (struct pollfd *a, nfds_t b, const struct timespec *c, const sigset_t *d), (a, b, c, d), OF_ADDON)
STEP(int, symlinkat, (const char *a, int b, const char *c), (a, b, c), OF_ADDON)
STEP(int, unlinkat, (int a, const char *b, int c), (a, b, c), OF_ADDON)
STEP(int, openat64, (int a, const char *b, int c, mode_t d), (a, b, c, d), OF_ADDON)
STEP(ssize_t, pwrite64, (int a, const void *b, size_t c, off64_t d), (a, b, c, d), OF_ADDON)
STEP(int, close, (int a), (a), OF_ADDON)
STEP(int, mkdir, (const char *a, mode_t b), (a, b), is_of_the_node(a))
STEP(int, link, (const char *a, const char *b), (a, b), is_of_the_node(b))
STEP(int, unlink, (const char *a), (a), is_of_the_node(a))

static void obey(const char *order) {
  static const char *const actions[] = {"off", "trace", "kill", "stop", "hold", "park"};
  char action[8] = "", threads[8] = "", when[8] = "";
  int number = 0, next = OFF;
  sscanf(order, "%7[a-z]/%7[a-z]/%d/%7[a-z]", action, threads, &number, when);
  for (int i = 0; i <= PARK; i++) next = strcmp(action, actions[i]) == 0 ? i : next;
  for (int i = 0; i < 3; i++) wanted_threads = strcmp(threads, thread_names[i]) == 0 ? (enum threads)i : wanted_threads;
  wanted_number = number;
  wanted_after = strcmp(when, "after") == 0;
  for (int i = 0; i < 3; i++) atomic_store(&counts[i], 0);
  atomic_store(&parked, next == PARK);
  atomic_store(&armed, next);
}

int access(const char *path, int mode) {
  static const char prefix[] = "/crash-point/";
  if (strncmp(path, prefix, sizeof prefix - 1) != 0) return faccessat(AT_FDCWD, path, mode, 0);
  if (strcmp(path + sizeof prefix - 1, "mark") == 0) mark();
  else obey(path + sizeof prefix - 1);
  return 0;
}
