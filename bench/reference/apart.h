/* What references between two machines share: a far side in a child process, in the other one's network namespace. */
#ifndef APART_H
#define APART_H

#include <arpa/inet.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void must(long result, const char *what) {
  if (result < 0) {
    fprintf(stderr, "%s: %ld\n", what, result);
    exit(1);
  }
}

/* The far side listens at the address, and gives its port to `told`. */
struct far_side {
  const char *address;
  int told;
};

/* Each machine has a processor, if there are two: this side's by who starts it, bench/cluster.js. */
static void settle_far_side(void) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(sysconf(_SC_NPROCESSORS_ONLN) > 1 ? 1 : 0, &set);
  must(sched_setaffinity(0, sizeof set, &set), "affinity");
}

/* netns: a file under /run/netns; "-": the same network. Returns the port, and in *child whom to end. */
static unsigned short start_far_side(const char *address, const char *netns, void (*serve)(const struct far_side *),
                                     pid_t *child) {
  int ends[2];
  unsigned short port;
  must(pipe(ends), "pipe");
  *child = fork();
  if (*child == 0) {
    struct far_side side = {.address = address, .told = ends[1]};
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    settle_far_side();
    if (strcmp(netns, "-") != 0) {
      int fd = open(netns, O_RDONLY | O_CLOEXEC);
      must(fd, netns);
      must(setns(fd, CLONE_NEWNET), "setns");
    }
    serve(&side);
    exit(1);
  }
  must(read(ends[0], &port, sizeof port) == sizeof port ? 0 : -1, "the far side's port");
  return port;
}

static void end_far_side(pid_t child) {
  kill(child, SIGKILL);
  waitpid(child, NULL, 0);
}

#endif
