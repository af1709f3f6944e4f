/* The agent without its thread: agent.h for a program that decides itself when the agent looks. */
#define _GNU_SOURCE
#include "../loopback/agent.h"

#include <errno.h>
#include <poll.h>

#include "../loopback/wait.h"
#include "fuzz.h"

#define WATCHES 64
#define TURNS_LIMIT 10000 /* who has still something to say then will never be done */
#define NS_PER_MS 1000000

pthread_mutex_t rsm_lock = PTHREAD_MUTEX_INITIALIZER;
pthread_mutex_t rsm_moving = PTHREAD_MUTEX_INITIALIZER;
pthread_cond_t rsm_changed = PTHREAD_COND_INITIALIZER;
bool (*fuzz_peers_turn)(void);

static struct watch {
  int fd; /* -1: free */
  uint32_t generation;
  rsm_ready *ready;
  void *subject;
  int64_t deadline_ns, rest_until_ns;
} watches[WATCHES];

int rsm_agent_start(void) {
  for (int i = 0; i < WATCHES; i++) watches[i].fd = -1;
  return 0;
}

void rsm_agent_stop(void) {
  for (int i = 0; i < WATCHES; i++) FUZZ_CHECK(watches[i].fd < 0 && "nothing may be watched any more");
}

static struct watch *find(rsm_watch watch) {
  struct watch *found = &watches[(uint32_t)watch];
  return watch != 0 && found->fd >= 0 && found->generation == watch >> 32 ? found : NULL;
}

rsm_watch rsm_agent_watch(int fd, rsm_ready *ready, void *subject, int timeout_ms) {
  for (uint32_t i = 0; i < WATCHES; i++) {
    if (watches[i].fd >= 0) continue;
    watches[i] = (struct watch){fd, watches[i].generation + 1, ready, subject, rsm_deadline_ns(timeout_ms), 0};
    return (uint64_t)watches[i].generation << 32 | i;
  }
  return 0;
}

void rsm_agent_unwatch(rsm_watch *watch) {
  struct watch *found = find(*watch);
  if (found != NULL) found->fd = -1;
  *watch = 0;
}

void rsm_agent_set_deadline(rsm_watch watch, int timeout_ms) {
  struct watch *found = find(watch);
  if (found != NULL) found->deadline_ns = rsm_deadline_ns(timeout_ms);
}

void rsm_agent_rest(rsm_watch watch, int ms) {
  struct watch *found = find(watch);
  if (found != NULL) found->rest_until_ns = rsm_deadline_ns(ms);
}

/* With rsm_lock. Whether anybody was served. */
static bool turn(void) {
  struct pollfd entries[WATCHES];
  uint32_t generations[WATCHES];
  bool served = false;
  int64_t now_ns = rsm_now_ns();
  for (int i = 0; i < WATCHES; i++) {
    bool looks = watches[i].fd >= 0 && watches[i].rest_until_ns <= now_ns;
    entries[i] = (struct pollfd){.fd = looks ? watches[i].fd : -1, .events = POLLIN};
    generations[i] = watches[i].generation;
  }
  while (poll(entries, WATCHES, 0) < 0) FUZZ_CHECK(errno == EINTR); /* the fuzzer's own timer */
  for (int i = 0; i < WATCHES; i++) {
    struct watch *watch = &watches[i];
    bool expired = entries[i].revents == 0 && watch->deadline_ns <= now_ns;
    if (watch->fd < 0 || watch->generation != generations[i]) continue;
    if (entries[i].revents == 0 && !expired) continue;
    if (expired) watch->deadline_ns = RSM_NO_DEADLINE;
    watch->ready(watch->subject, expired);
    served = true;
  }
  return served;
}

void fuzz_settle(void) {
  pthread_mutex_lock(&rsm_lock);
  int turns = 0;
  while (turn()) FUZZ_CHECK(++turns < TURNS_LIMIT);
  pthread_mutex_unlock(&rsm_lock);
}

/* Nobody else can change anything: who waits without a deadline waits for ever. */
void rsm_wait_changed(int64_t until_ns) {
  if (turn()) return;
  pthread_mutex_unlock(&rsm_lock);
  bool done = fuzz_peers_turn != NULL && fuzz_peers_turn();
  if (!done) {
    FUZZ_CHECK(until_ns != RSM_NO_DEADLINE && "a deadlock");
    int64_t left_ns = until_ns - rsm_now_ns();
    if (left_ns > 0) fuzz_pass_ms(left_ns / NS_PER_MS + 1);
  }
  pthread_mutex_lock(&rsm_lock);
}
