#define _GNU_SOURCE
#include "agent.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "codes.h"
#include "wait.h"

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define STACK_BYTES (1024 * 1024)
#else
#define STACK_BYTES (128 * 1024)
#endif
#define EVENTS_AT_ONCE 32
#define NS_PER_MS 1000000
#define NS_PER_S 1000000000

struct slot {
  uint32_t generation;
  int fd; /* -1: free */
  rsm_ready *ready;
  void *subject;
  bool resting;
  int64_t deadline_ns; /* RSM_NO_DEADLINE: none */
};

pthread_mutex_t rsm_lock = PTHREAD_MUTEX_INITIALIZER;
pthread_mutex_t rsm_moving = PTHREAD_MUTEX_INITIALIZER;
pthread_cond_t rsm_changed;

static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct {
  pthread_t thread;
  int epoll_fd, wake_fd;
  bool stopping;
  struct slot *slots;
  uint32_t slot_count;
  uint32_t free_from; /* no slot before it is free */
  uint32_t deadlines; /* how many slots have one: the slots are searched only then */
} agent;

void rsm_wait_changed(int64_t until_ns) {
  if (until_ns == RSM_NO_DEADLINE) {
    pthread_cond_wait(&rsm_changed, &rsm_lock);
    return;
  }
  struct timespec until = {.tv_sec = until_ns / NS_PER_S, .tv_nsec = until_ns % NS_PER_S};
  pthread_cond_timedwait(&rsm_changed, &rsm_lock, &until);
}

static void initialise(void) {
  pthread_condattr_t attributes;
  pthread_condattr_init(&attributes);
  pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
  pthread_cond_init(&rsm_changed, &attributes);
  pthread_condattr_destroy(&attributes);
}

/* ---- watches ---- */

static rsm_watch watch_of(uint32_t index) {
  return (uint64_t)agent.slots[index].generation << 32 | index;
}

static struct slot *slot_of(rsm_watch watch) {
  uint32_t index = (uint32_t)watch;
  if (index >= agent.slot_count) return NULL;
  struct slot *slot = &agent.slots[index];
  return slot->fd >= 0 && slot->generation == watch >> 32 ? slot : NULL;
}

static bool free_slot(uint32_t *index) {
  while (agent.free_from < agent.slot_count && agent.slots[agent.free_from].fd >= 0) agent.free_from++;
  *index = agent.free_from;
  if (*index < agent.slot_count) return true;
  uint32_t count = agent.slot_count ? agent.slot_count * 2 : 16;
  struct slot *slots = realloc(agent.slots, count * sizeof *slots);
  if (!slots) return false;
  for (uint32_t i = agent.slot_count; i < count; i++) slots[i] = (struct slot){.fd = -1};
  agent.slots = slots;
  agent.slot_count = count;
  return true;
}

static void set_deadline(struct slot *slot, int64_t deadline_ns) {
  agent.deadlines += (deadline_ns != RSM_NO_DEADLINE) - (slot->deadline_ns != RSM_NO_DEADLINE);
  slot->deadline_ns = deadline_ns;
}

rsm_watch rsm_agent_watch(int fd, rsm_ready *ready, void *subject, int timeout_ms) {
  uint32_t index;
  if (!free_slot(&index)) return 0;
  struct slot *slot = &agent.slots[index];
  slot->generation++;
  struct epoll_event event = {.events = EPOLLIN, .data.u64 = watch_of(index)};
  if (epoll_ctl(agent.epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0) return 0;
  *slot = (struct slot){.generation = slot->generation, .fd = fd, .ready = ready, .subject = subject,
                        .deadline_ns = RSM_NO_DEADLINE};
  if (timeout_ms >= 0) set_deadline(slot, rsm_deadline_ns(timeout_ms));
  return watch_of(index);
}

void rsm_agent_unwatch(rsm_watch *watch) {
  struct slot *slot = slot_of(*watch);
  *watch = 0;
  if (!slot) return;
  epoll_ctl(agent.epoll_fd, EPOLL_CTL_DEL, slot->fd, NULL);
  set_deadline(slot, RSM_NO_DEADLINE);
  slot->fd = -1;
  uint32_t index = (uint32_t)(slot - agent.slots);
  if (index < agent.free_from) agent.free_from = index;
}

void rsm_agent_set_deadline(rsm_watch watch, int timeout_ms) {
  struct slot *slot = slot_of(watch);
  if (slot) set_deadline(slot, rsm_deadline_ns(timeout_ms));
}

static void look_at(struct slot *slot, rsm_watch watch, uint32_t events) {
  struct epoll_event event = {.events = events, .data.u64 = watch};
  epoll_ctl(agent.epoll_fd, EPOLL_CTL_MOD, slot->fd, &event);
  slot->resting = events == 0;
}

void rsm_agent_rest(rsm_watch watch, int ms) {
  struct slot *slot = slot_of(watch);
  if (!slot) return;
  look_at(slot, watch, 0);
  set_deadline(slot, rsm_deadline_ns(ms));
}

/* ---- the thread ---- */

static int until_next_deadline_ms(void) {
  if (agent.deadlines == 0) return -1;
  int64_t first = RSM_NO_DEADLINE;
  for (uint32_t i = 0; i < agent.slot_count; i++)
    if (agent.slots[i].fd >= 0 && agent.slots[i].deadline_ns < first) first = agent.slots[i].deadline_ns;
  int64_t left = first - rsm_now_ns();
  return left < 0 ? 0 : (int)(left / NS_PER_MS) + 1; /* + 1: never too early */
}

static void expire(void) {
  int64_t now = rsm_now_ns();
  for (uint32_t i = 0; agent.deadlines > 0 && i < agent.slot_count; i++) {
    struct slot *slot = &agent.slots[i];
    if (slot->fd < 0 || slot->deadline_ns > now) continue;
    set_deadline(slot, RSM_NO_DEADLINE);
    if (slot->resting)
      look_at(slot, watch_of(i), EPOLLIN);
    else
      slot->ready(slot->subject, true);
  }
}

static void *run(void *unused) {
  (void)unused;
  struct epoll_event events[EVENTS_AT_ONCE];
  pthread_mutex_lock(&rsm_lock);
  while (!agent.stopping) {
    int timeout_ms = until_next_deadline_ms();
    pthread_mutex_unlock(&rsm_lock);
    int count = epoll_wait(agent.epoll_fd, events, EVENTS_AT_ONCE, timeout_ms);
    pthread_mutex_lock(&rsm_lock);
    for (int i = 0; i < count; i++) {
      struct slot *slot = slot_of(events[i].data.u64);
      if (slot) slot->ready(slot->subject, false);
    }
    expire();
  }
  pthread_mutex_unlock(&rsm_lock);
  return NULL;
}

/* Signals are the application's: none may be delivered on a thread that JavaScript does not know. */
static int start_thread(void) {
  sigset_t all, before;
  pthread_attr_t attributes;
  sigfillset(&all);
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, STACK_BYTES);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int error = pthread_create(&agent.thread, &attributes, run, NULL);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  pthread_attr_destroy(&attributes);
  if (error == 0) pthread_setname_np(agent.thread, "rsm-agent");
  return error;
}

static void close_all(void) {
  if (agent.epoll_fd >= 0) close(agent.epoll_fd);
  if (agent.wake_fd >= 0) close(agent.wake_fd);
  free(agent.slots);
  agent.slots = NULL;
  agent.slot_count = agent.free_from = 0;
}

int rsm_agent_start(void) {
  pthread_once(&once, initialise);
  agent.stopping = false;
  agent.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
  agent.wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  struct epoll_event wake = {.events = EPOLLIN, .data.u64 = 0}; /* 0: no watch; only ends epoll_wait */
  if (agent.epoll_fd >= 0 && agent.wake_fd >= 0 &&
      epoll_ctl(agent.epoll_fd, EPOLL_CTL_ADD, agent.wake_fd, &wake) == 0 && start_thread() == 0)
    return RSM_SUCCESS;
  close_all();
  return RSMERR_INSUFFICIENT_RESOURCES;
}

void rsm_agent_stop(void) {
  uint64_t one = 1;
  pthread_mutex_lock(&rsm_lock);
  agent.stopping = true;
  pthread_mutex_unlock(&rsm_lock);
  while (write(agent.wake_fd, &one, sizeof one) < 0 && errno == EINTR) continue;
  pthread_join(agent.thread, NULL);
  close_all();
}
