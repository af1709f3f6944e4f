#define _GNU_SOURCE
#include "wait.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <time.h>

#include "events.h"

#define NS_PER_MS 1000000
#define NS_PER_S 1000000000
#define ROUNDS_WITHOUT_NAP 16
#define NAP_NS NS_PER_MS

int64_t rsm_now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail for this clock and a valid pointer */
  return (int64_t)now.tv_sec * NS_PER_S + now.tv_nsec;
}

int64_t rsm_deadline_ns(int64_t timeout_ms) {
  int64_t now = rsm_now_ns();
  if (timeout_ms < 0 || timeout_ms > (INT64_MAX - now) / NS_PER_MS) {
    return RSM_NO_DEADLINE;
  }
  return now + timeout_ms * NS_PER_MS;
}

/* How long to sleep at once, or NULL for as long as it takes. */
static const struct timespec *slice(int64_t deadline_ns, bool sliced, struct timespec *length) {
  int64_t ns = RSM_NO_DEADLINE;
  if (deadline_ns != RSM_NO_DEADLINE) {
    ns = deadline_ns - rsm_now_ns();
    ns = ns < 0 ? 0 : ns;
  }
  if (sliced && ns > (int64_t)RSM_WAIT_SLICE_MS * NS_PER_MS) {
    ns = (int64_t)RSM_WAIT_SLICE_MS * NS_PER_MS;
  }
  if (ns == RSM_NO_DEADLINE) {
    return NULL;
  }
  *length = (struct timespec){.tv_sec = ns / NS_PER_S, .tv_nsec = ns % NS_PER_S};
  return length;
}

int rsm_poll(struct pollfd *entries, nfds_t count, int64_t deadline_ns, int (*cancelled)(void *), void *hint) {
  sigset_t masked;
  int failed = pthread_sigmask(SIG_BLOCK, NULL, &masked);
  if (failed != 0) {
    return -failed;
  }
  sigaddset(&masked, SIGPROF);
  sigaddset(&masked, SIGCHLD);
  sigaddset(&masked, SIGWINCH);
  for (;;) {
    struct timespec length;
    int ready = ppoll(entries, count, slice(deadline_ns, cancelled != NULL, &length), &masked);
    if (ready != 0) {
      return ready > 0 ? ready : -errno;
    }
    if (deadline_ns != RSM_NO_DEADLINE && rsm_now_ns() >= deadline_ns) {
      return 0;
    }
    if (cancelled != NULL && cancelled(hint)) {
      return -EINTR;
    }
  }
}

int rsm_nap(uint32_t rounds, int64_t deadline_ns, int (*cancelled)(void *), void *hint) {
  if (rounds < ROUNDS_WITHOUT_NAP) return 0;
  int64_t until_ns = rsm_now_ns() + NAP_NS;
  return rsm_poll(NULL, 0, until_ns < deadline_ns ? until_ns : deadline_ns, cancelled, hint);
}
