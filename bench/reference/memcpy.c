/*
 * Reference of bandwidth.js: memcpy between private memory and a shared mapping, both faulted in.
 *   memcpy put|get BYTES ITERATIONS   ->  nanoseconds per copy
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

int main(int argc, char **argv) {
  if (argc != 4) return 2;
  size_t length = strtoull(argv[2], NULL, 10);
  long iterations = atol(argv[3]);
  int fd = memfd_create("reference", MFD_CLOEXEC);
  if (fd < 0 || ftruncate(fd, (off_t)length) != 0) return 1;
  char *shared = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  char *private = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED || private == MAP_FAILED) return 1;
  memset(shared, 1, length);
  memset(private, 2, length);
  char *to = strcmp(argv[1], "put") == 0 ? shared : private;
  char *from = to == shared ? private : shared;
  double begin = now();
  for (long i = 0; i < iterations; i++) {
    memcpy(to, from, length);
    __asm__ volatile("" : : "r"(to) : "memory");
  }
  printf("%.3f\n", (now() - begin) / (double)iterations);
  return 0;
}
