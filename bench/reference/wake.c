/*
 * Reference of wake.js and await.js: two processes that sleep until the other wakes them, each on its processor.
 *   wake futex|eventfd ITERATIONS PROCESSOR PROCESSOR PAUSE_NS   ->  nanoseconds per round trip
 * Each computes for PAUSE_NS before it posts, so that the other sleeps.
 */
#define _GNU_SOURCE
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LINE_WORDS 16

/* One direction: a word in a line of its own, or a descriptor. */
struct way {
  _Atomic uint32_t *word;
  int fd;
};

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void must(int holds, const char *what) {
  if (!holds) {
    perror(what);
    exit(1);
  }
}

static void settle_on(const char *processor) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(atoi(processor), &set);
  must(sched_setaffinity(0, sizeof set, &set) == 0, "affinity");
}

static void busy_for(double ns) {
  double until = now() + ns;
  while (ns > 0 && now() < until) {
  }
}

static void post(const struct way *way, double pause_ns) {
  busy_for(pause_ns);
  if (way->fd >= 0) {
    uint64_t one = 1;
    must(write(way->fd, &one, sizeof one) == sizeof one, "write");
  } else {
    atomic_fetch_add(way->word, 1);
    must(syscall(SYS_futex, way->word, FUTEX_WAKE, 1, NULL, NULL, 0) >= 0, "wake");
  }
}

/* `seen`: how many posts were consumed before this one. */
static void wait_for(const struct way *way, uint32_t seen) {
  if (way->fd >= 0) {
    uint64_t count;
    must(read(way->fd, &count, sizeof count) == sizeof count, "read");
    return;
  }
  while (atomic_load(way->word) == seen) syscall(SYS_futex, way->word, FUTEX_WAIT, seen, NULL, NULL, 0);
}

int main(int argc, char **argv) {
  if (argc != 6) return 2;
  int futex = strcmp(argv[1], "futex") == 0;
  uint32_t iterations = (uint32_t)atoi(argv[2]);
  double pause_ns = atof(argv[5]);
  _Atomic uint32_t *words = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  must(words != MAP_FAILED, "mmap");
  struct way ping = {words, futex ? -1 : eventfd(0, EFD_CLOEXEC)};
  struct way pong = {words + LINE_WORDS, futex ? -1 : eventfd(0, EFD_CLOEXEC)};
  must(futex || (ping.fd >= 0 && pong.fd >= 0), "eventfd");
  pid_t child = fork();
  must(child >= 0, "fork");
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    settle_on(argv[4]);
    for (uint32_t i = 0; i < iterations; i++) {
      wait_for(&ping, i);
      post(&pong, pause_ns);
    }
    _exit(0);
  }
  settle_on(argv[3]);
  double begin = now();
  for (uint32_t i = 0; i < iterations; i++) {
    post(&ping, pause_ns);
    wait_for(&pong, i);
  }
  printf("%.3f\n", (now() - begin) / iterations);
  return waitpid(child, NULL, 0) == child ? 0 : 1;
}
