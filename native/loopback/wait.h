/*
 * Sleeping on descriptors, the one way this library does it: with SIGPROF, SIGCHLD and SIGWINCH masked
 * (the profiler of Node interrupts every wait otherwise), by CLOCK_MONOTONIC, never ending early.
 */
#ifndef RSM_WAIT_H
#define RSM_WAIT_H

#include <poll.h>
#include <stdint.h>

#define RSM_NO_DEADLINE INT64_MAX

int64_t rsm_now_ns(void);
/* timeout_ms from now; RSM_NO_DEADLINE when it is negative or farther than the clock goes. */
int64_t rsm_deadline_ns(int64_t timeout_ms);

/* The number of entries ready, 0 at the deadline, -EINTR for a signal or when cancelled() said 1 (asked
 * every RSM_WAIT_SLICE_MS; NULL: never), another -errno of ppoll. Looks at the entries at least once. */
int rsm_poll(struct pollfd *entries, nfds_t count, int64_t deadline_ns, int (*cancelled)(void *), void *hint);

/* After so many rounds of one wait that were woken for nothing: sleeps a little where somebody must be ringing on
 * purpose, who would keep us busy and from hearing signals. 0, or as rsm_poll. */
int rsm_nap(uint32_t rounds, int64_t deadline_ns, int (*cancelled)(void *), void *hint);

#endif
