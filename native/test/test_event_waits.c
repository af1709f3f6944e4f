/* Waiting for events: alone, in many threads, and between two processes. */
// sources: event_set event_wait events wait
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../loopback/codes.h"
#include "../loopback/wait.h"
#include "event_rig.h"

static void sleep_ms(long ms) {
  struct timespec length = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
  while (nanosleep(&length, &length) != 0) {
  }
}

/* ---- one waits ---- */

static void test_timeouts_are_never_early(void) {
  struct joined j = join();
  static const int64_t timeouts_ms[] = {0, 1, 7, 30, 130};
  for (size_t i = 0; i < sizeof timeouts_ms / sizeof timeouts_ms[0]; i++) {
    int64_t start = rsm_now_ns();
    CHECK(rsm_events_wait(j.b, timeouts_ms[i], NULL, NULL) == RSMERR_TIMEOUT);
    CHECK(rsm_now_ns() - start >= timeouts_ms[i] * 1000000);
  }
  rsm_events_post(j.a, false);
  CHECK(rsm_events_wait(j.b, 0, NULL, NULL) == RSM_SUCCESS);
  rsm_events_post(j.a, false);
  CHECK(rsm_events_wait(j.b, INT64_MAX, NULL, NULL) == RSM_SUCCESS);
  part(&j);
}

static void *ring_without_end(void *argument) {
  struct joined *j = argument;
  while (atomic_load(&j->words[2].posted) == 0) {
    (void)send(j->bells[0], "!!!!!!!!", 8, MSG_DONTWAIT | MSG_NOSIGNAL);
  }
  return NULL;
}

static int three_times(void *hint) {
  return ++*(int *)hint == 3;
}

static void test_a_peer_that_rings_without_end_does_not_keep_a_waiter(void) {
  struct joined j = join();
  pthread_t ringer;
  CHECK(pthread_create(&ringer, NULL, ring_without_end, &j) == 0);
  CHECK(rsm_events_wait(j.b, 50, NULL, NULL) == RSMERR_TIMEOUT);
  int asked = 0;
  CHECK(rsm_events_wait(j.b, -1, three_times, &asked) == RSMERR_INTERRUPTED);
  atomic_store(&j.words[2].posted, 1);
  CHECK(pthread_join(ringer, NULL) == 0);
  part(&j);
}

static void test_a_wait_can_be_cancelled(void) {
  struct joined j = join();
  int asked = 0;
  CHECK(rsm_events_wait(j.b, -1, three_times, &asked) == RSMERR_INTERRUPTED);
  CHECK(asked == 3);
  part(&j);
}

struct waiter {
  struct rsm_events *events;
  _Atomic int *released;
  int code;
};

static void *wait_once(void *argument) {
  struct waiter *waiter = argument;
  waiter->code = rsm_events_wait(waiter->events, -1, NULL, NULL);
  atomic_fetch_add(waiter->released, 1);
  return NULL;
}

static void test_of_two_waiters_one_post_releases_one(void) {
  for (int round = 0; round < 20; round++) {
    struct joined j = join();
    _Atomic int released = 0;
    struct waiter waiters[2] = {{j.b, &released, -1}, {j.b, &released, -1}};
    pthread_t threads[2];
    for (int i = 0; i < 2; i++) {
      CHECK(pthread_create(&threads[i], NULL, wait_once, &waiters[i]) == 0);
    }
    sleep_ms(round % 4); /* asleep, spinning or not there yet */
    for (int i = 1; i <= 2; i++) {
      rsm_events_post(j.a, false);
      while (atomic_load(&released) < i) {
        sleep_ms(1);
      }
      sleep_ms(5);
      CHECK(atomic_load(&released) == i);
    }
    for (int i = 0; i < 2; i++) {
      CHECK(pthread_join(threads[i], NULL) == 0);
      CHECK(waiters[i].code == RSM_SUCCESS);
    }
    part(&j);
  }
}

static void do_nothing(int number) {
  (void)number;
}

static void *signal_waiter(void *argument) {
  struct waiter *waiter = argument;
  waiter->code = rsm_events_wait(waiter->events, waiter->code, NULL, NULL);
  atomic_store(waiter->released, 1);
  return NULL;
}

/* Signals the waiter until it returns, or 20 times. */
static int code_of_wait_under(int number, int timeout_ms, bool ringing) {
  struct joined j = join();
  pthread_t ringer;
  if (ringing) CHECK(pthread_create(&ringer, NULL, ring_without_end, &j) == 0);
  struct sigaction action = {.sa_handler = do_nothing}, before;
  CHECK(sigaction(number, &action, &before) == 0);
  _Atomic int released = 0;
  struct waiter waiter = {j.b, &released, timeout_ms};
  pthread_t thread;
  CHECK(pthread_create(&thread, NULL, signal_waiter, &waiter) == 0);
  for (int i = 0; i < 20 || timeout_ms < 0; i++) {
    sleep_ms(2);
    if (atomic_load(&released)) {
      break;
    }
    CHECK(pthread_kill(thread, number) == 0);
  }
  CHECK(pthread_join(thread, NULL) == 0);
  atomic_store(&j.words[2].posted, 1);
  if (ringing) CHECK(pthread_join(ringer, NULL) == 0);
  CHECK(sigaction(number, &before, NULL) == 0);
  part(&j);
  return waiter.code;
}

static void test_signals_interrupt_except_those_of_the_runtime(void) {
  CHECK(code_of_wait_under(SIGUSR2, -1, false) == RSMERR_INTERRUPTED);
  CHECK(code_of_wait_under(SIGCHLD, 100, false) == RSMERR_TIMEOUT);
  CHECK(code_of_wait_under(SIGPROF, 100, false) == RSMERR_TIMEOUT);
  CHECK(code_of_wait_under(SIGWINCH, 100, false) == RSMERR_TIMEOUT);
}

static void test_a_peer_that_rings_without_end_does_not_keep_signals_from_a_waiter(void) {
  CHECK(code_of_wait_under(SIGUSR2, 1000, true) == RSMERR_INTERRUPTED);
}

/* ---- many threads, two processes ---- */

enum { POSTERS = 3, POSTS = 3000, TAKERS = 3 };

struct taker {
  struct rsm_events *events;
  _Atomic int *left;
  bool sleeping;
};

static void *post_many(void *argument) {
  for (int i = 0; i < POSTS; i++) {
    rsm_events_post(argument, false);
  }
  return NULL;
}

static void *take_many(void *argument) {
  struct taker *taker = argument;
  while (atomic_load(taker->left) > 0) {
    bool taken = taker->sleeping ? rsm_events_wait(taker->events, 20, NULL, NULL) == RSM_SUCCESS
                                 : rsm_events_take(taker->events) == 1;
    if (taken) {
      atomic_fetch_sub(taker->left, 1);
    }
  }
  return NULL;
}

static void test_totals_are_exact_with_many_threads(void) {
  struct joined j = join();
  _Atomic int left = POSTERS * POSTS;
  struct taker takers[TAKERS];
  pthread_t threads[POSTERS + TAKERS];
  for (int i = 0; i < TAKERS; i++) {
    takers[i] = (struct taker){j.b, &left, i > 0};
    CHECK(pthread_create(&threads[i], NULL, take_many, &takers[i]) == 0);
  }
  for (int i = 0; i < POSTERS; i++) {
    CHECK(pthread_create(&threads[TAKERS + i], NULL, post_many, j.a) == 0);
  }
  for (int i = 0; i < POSTERS + TAKERS; i++) {
    CHECK(pthread_join(threads[i], NULL) == 0);
  }
  CHECK(atomic_load(&left) == 0);
  CHECK(take_all(j.b) == 0);
  part(&j);
}

enum { ROUNDS = 100000, UNEVEN_ROUNDS = 20000, UNEVEN_US = 61 };

static void busy_for(int64_t ns) {
  for (int64_t until = rsm_now_ns() + ns; rsm_now_ns() < until;) {
  }
}

/* At once, which finds the other awake; then after different times, which meet it lying down, asleep and getting up. */
static void play(struct rsm_events *events, bool serves) {
  for (int i = 0; i < ROUNDS + UNEVEN_ROUNDS; i++) {
    if (i >= ROUNDS) busy_for(i * 7919LL % (UNEVEN_US * 1000));
    if (serves) {
      rsm_events_post(events, i % 3 == 0);
    }
    CHECK(rsm_events_wait(events, -1, NULL, NULL) == RSM_SUCCESS);
    if (!serves) {
      rsm_events_post(events, i % 5 == 0);
    }
  }
}

/* A lost wake-up is a hang: both sides wait without a limit. */
static void test_ping_pong_of_two_processes_loses_nothing(void) {
  struct rsm_event_words *words = shared_words();
  int bells[2];
  CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, bells) == 0);
  pid_t child = fork();
  CHECK(child >= 0);
  int me = child == 0;
  if (child == 0) prctl(PR_SET_PDEATHSIG, SIGKILL); /* an alarm is of one process */
  close(bells[!me]);
  struct rsm_events *events = rsm_events_create();
  struct rsm_channel *channel = rsm_events_attach(events, &words[!me], &words[me], bells[me]);
  play(events, me == 0);
  CHECK(rsm_events_take(events) == 0);
  rsm_events_detach(events, channel);
  rsm_events_drop(events);
  CHECK(munmap(words, RSM_PAGE_BYTES) == 0);
  if (child == 0) {
    _exit(0);
  }
  int status;
  CHECK(waitpid(child, &status, 0) == child && status == 0);
}

int main(void) {
  alarm(120); /* a lost wake-up ends here */
  RUN(test_ping_pong_of_two_processes_loses_nothing); /* forks: before there are threads */
  RUN(test_timeouts_are_never_early);
  RUN(test_a_peer_that_rings_without_end_does_not_keep_a_waiter);
  RUN(test_a_wait_can_be_cancelled);
  RUN(test_of_two_waiters_one_post_releases_one);
  RUN(test_signals_interrupt_except_those_of_the_runtime);
  RUN(test_a_peer_that_rings_without_end_does_not_keep_signals_from_a_waiter);
  RUN(test_totals_are_exact_with_many_threads);
  return 0;
}
