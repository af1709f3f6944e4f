#include "events_state.h"

#include <errno.h>

#include "codes.h"
#include "wait.h"

/* An answer that comes while we look around is heard without sleeping, and its post costs no system call. So long,
 * because the other one may have to wake up first (20 to 30 us between two processors). */
#define SPIN_NS 50000
/* Where that fails, as on one processor, it is tried again after 2, 4, 8 waits, at last every 1,024: 0.05 us a wait. */
#define FAILURES_AT_MOST 10

static bool is_worth_looking(struct rsm_events *events) {
  uint32_t left = atomic_load_explicit(&events->skip, memory_order_relaxed);
  if (left > 0) atomic_store_explicit(&events->skip, left - 1, memory_order_relaxed);
  return left == 0;
}

static void remember(struct rsm_events *events, bool found) {
  uint32_t failures = atomic_load_explicit(&events->failures, memory_order_relaxed);
  failures = found ? 0 : failures + (failures < FAILURES_AT_MOST);
  atomic_store_explicit(&events->failures, failures, memory_order_relaxed);
  atomic_store_explicit(&events->skip, found ? 0 : 1u << failures, memory_order_relaxed);
}

static bool look_around(struct rsm_events *events, int64_t deadline_ns) {
  if (!is_worth_looking(events)) {
    return false;
  }
  int64_t now = rsm_now_ns(), until_ns = now + SPIN_NS;
  bool found = false;
  for (; !found && now < until_ns && now < deadline_ns; now = rsm_now_ns()) {
    found = rsm_events_consume(events, false) == 1;
  }
  remember(events, found);
  return found;
}

/* As rsm_poll. Ready also when there was something to take before anybody slept. */
static int sleep_until(struct rsm_events *events, int64_t deadline_ns, int (*cancelled)(void *), void *hint,
                       bool *taken) {
  struct pollfd entry = {.fd = rsm_set_rest(events), .events = POLLIN};
  *taken = rsm_events_consume(events, false) == 1;
  int ready = 1;
  if (!*taken) ready = entry.fd < 0 ? -EMFILE : rsm_poll(&entry, 1, deadline_ns, cancelled, hint);
  rsm_set_rise(events);
  return ready;
}

/* Without the lock while it waits: of two waiters one takes the event, the other finds nothing, empties
 * what still rings, and sleeps again; the set stays readable as long as there is anything to find. */
int rsm_events_wait(struct rsm_events *events, int64_t timeout_ms, int (*cancelled)(void *), void *hint) {
  int64_t deadline_ns = rsm_deadline_ns(timeout_ms);
  if (timeout_ms == 0) {
    return rsm_events_take(events) ? RSM_SUCCESS : RSMERR_TIMEOUT;
  }
  if (rsm_events_consume(events, false) || look_around(events, deadline_ns)) {
    rsm_set_found(events);
    return RSM_SUCCESS;
  }
  for (uint32_t rounds = 1;; rounds++) {
    bool taken;
    int ready = sleep_until(events, deadline_ns, cancelled, hint, &taken);
    if (ready < 0) {
      return ready == -EINTR ? RSMERR_INTERRUPTED : RSMERR_INSUFFICIENT_RESOURCES;
    }
    if (taken || rsm_events_consume(events, true)) {
      rsm_set_found(events);
      return RSM_SUCCESS;
    }
    /* Here too, not only while asleep: a hostile peer may ring without end. */
    if (ready == 0 || (deadline_ns != RSM_NO_DEADLINE && rsm_now_ns() >= deadline_ns)) {
      return RSMERR_TIMEOUT;
    }
    if (cancelled != NULL && cancelled(hint)) {
      return RSMERR_INTERRUPTED;
    }
    if (rsm_nap(rounds, deadline_ns, cancelled, hint) < 0) {
      return RSMERR_INTERRUPTED;
    }
  }
}
