/*
 * Reference of locks.js: a robust mutex of pthreads in a shared mapping.
 *   lock free COUNT       ->  nanoseconds per lock and unlock that nobody contends for
 *   lock hand-over COUNT  ->  nanoseconds from an unlock to the return of another process's lock that slept
 */
#define _GNU_SOURCE
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* So long the other one has to fall asleep, as in locks.js. */
#define ASLEEP_NS 50000

struct shared {
  pthread_mutex_t mutex;
  _Atomic int64_t go, done, taken_ns;
};

static int64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int make(struct shared *shared) {
  pthread_mutexattr_t attributes;
  return pthread_mutexattr_init(&attributes) == 0 &&
         pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED) == 0 &&
         pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST) == 0 &&
         pthread_mutex_init(&shared->mutex, &attributes) == 0;
}

static double free_lock(struct shared *shared, int64_t count) {
  int64_t begin = now_ns();
  for (int64_t i = 0; i < count; i++) {
    pthread_mutex_lock(&shared->mutex);
    pthread_mutex_unlock(&shared->mutex);
  }
  return (double)(now_ns() - begin) / (double)count;
}

static void take_turns(struct shared *shared, int64_t count) {
  for (int64_t i = 1; i <= count; i++) {
    while (atomic_load(&shared->go) != i) continue;
    pthread_mutex_lock(&shared->mutex);
    atomic_store(&shared->taken_ns, now_ns());
    pthread_mutex_unlock(&shared->mutex);
    atomic_store(&shared->done, i);
  }
}

static double hand_over(struct shared *shared, int64_t count) {
  pid_t child = fork();
  if (child < 0) exit(1);
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    take_turns(shared, count);
    _exit(0);
  }
  int64_t total_ns = 0;
  for (int64_t i = 1; i <= count; i++) {
    pthread_mutex_lock(&shared->mutex);
    atomic_store(&shared->go, i);
    _Atomic int *word = (_Atomic int *)&shared->mutex.__data.__lock;
    while (((uint32_t)atomic_load(word) & FUTEX_WAITERS) == 0) continue;
    int64_t asleep_ns = now_ns() + ASLEEP_NS;
    while (now_ns() < asleep_ns) continue;
    int64_t released_ns = now_ns();
    pthread_mutex_unlock(&shared->mutex);
    while (atomic_load(&shared->done) != i) continue;
    total_ns += atomic_load(&shared->taken_ns) - released_ns;
  }
  if (waitpid(child, NULL, 0) != child) exit(1);
  return (double)total_ns / (double)count;
}

int main(int argc, char **argv) {
  if (argc != 3) return 2;
  int64_t count = atoll(argv[2]);
  struct shared *shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED || !make(shared)) return 1;
  printf("%.3f\n", strcmp(argv[1], "free") == 0 ? free_lock(shared, count) : hand_over(shared, count));
  return 0;
}
