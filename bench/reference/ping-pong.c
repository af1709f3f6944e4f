/*
 * Reference of ping-pong.js: two processes, one word each, in two cache lines of a shared mapping.
 *   ping-pong ITERATIONS   ->  nanoseconds per round trip
 */
#define _GNU_SOURCE
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LINE_WORDS 16

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void await(_Atomic int32_t *word, int32_t value) {
  while (atomic_load(word) != value) continue;
}

int main(int argc, char **argv) {
  if (argc != 2) return 2;
  int32_t iterations = atoi(argv[1]);
  int fd = memfd_create("reference", MFD_CLOEXEC);
  if (fd < 0 || ftruncate(fd, 4096) != 0) return 1;
  _Atomic int32_t *words = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (words == MAP_FAILED) return 1;
  _Atomic int32_t *ping = words, *pong = words + LINE_WORDS;
  pid_t child = fork();
  if (child < 0) return 1;
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (int32_t i = 1; i <= iterations; i++) {
      await(ping, i);
      atomic_store(pong, i);
    }
    _exit(0);
  }
  double begin = now();
  for (int32_t i = 1; i <= iterations; i++) {
    atomic_store(ping, i);
    await(pong, i);
  }
  printf("%.3f\n", (now() - begin) / iterations);
  return waitpid(child, NULL, 0) == child ? 0 : 1;
}
