/* What an event is worth, and the descriptor that shows it: two segments joined by channels. */
// sources: event_set event_wait events wait
#define _GNU_SOURCE
#include <string.h>
#include <unistd.h>

#include "../loopback/codes.h"
#include "event_rig.h"

/* ---- what a post is worth ---- */

static void test_posts_accumulate_and_never_loop_back(void) {
  struct joined j = join();
  CHECK(rsm_events_take(j.b) == 0);
  rsm_events_post(j.a, false);
  rsm_events_post(j.a, false);
  CHECK(take_all(j.a) == 0);
  CHECK(take_all(j.b) == 2);
  CHECK(take_all(j.b) == 0);
  part(&j);
}

/* p: accumulating, n: NO_ACCUMULATE, 1: the receiver takes one, d: it asks for its descriptor.
 * Then what is left to take. */
static void test_no_accumulate_table(void) {
  static const struct {
    const char *steps;
    unsigned left;
  } table[] = {
      {"n", 1},  {"nn", 1},  {"pn", 1},   {"np", 2},    {"npn", 2},   {"ppn", 2},    {"pp1n", 1},  {"pp1nn", 1},
      {"n1n", 1}, {"p1n", 1}, {"n1nn", 1}, {"npn1n", 1}, {"ppp1nn1", 1}, {"d", 0}, {"dn", 1}, {"dnpn1n", 1},
  };
  for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
    struct joined j = join();
    for (const char *step = table[i].steps; *step != '\0'; step++) {
      if (*step == '1') {
        CHECK(rsm_events_take(j.b) == 1);
      } else if (*step == 'd') {
        CHECK(rsm_events_descriptor(j.b) >= 0);
      } else {
        rsm_events_post(j.a, *step == 'n');
      }
    }
    CHECK(take_all(j.b) == table[i].left);
    part(&j);
  }
}

static void test_a_coalesced_event_is_dropped_beside_another_channels(void) {
  struct joined j = join();
  struct rsm_event_words *words = shared_words();
  struct rsm_events *c = rsm_events_create();
  int bells[2];
  CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, bells) == 0);
  struct rsm_channel *here = rsm_events_attach(j.b, &words[0], &words[1], bells[0]);
  struct rsm_channel *there = rsm_events_attach(c, &words[1], &words[0], bells[1]);
  for (int coalesced = 0; coalesced < 2; coalesced++) {
    rsm_events_post(j.a, coalesced);
    rsm_events_post(c, !coalesced);
    CHECK(take_all(j.b) == 1);
    rsm_events_post(j.a, true);
    rsm_events_post(c, true);
    CHECK(take_all(j.b) == 1);
  }
  rsm_events_post(j.b, false);
  CHECK(take_all(j.a) == 1 && take_all(c) == 1);
  rsm_events_detach(c, there);
  rsm_events_drop(c);
  rsm_events_detach(j.b, here);
  CHECK(munmap(words, RSM_PAGE_BYTES) == 0);
  part(&j);
}

static void test_counters_wrap(void) {
  struct joined j = join();
  rsm_events_post(j.a, false);
  CHECK(take_all(j.b) == 1);
  atomic_store(&j.words[0].posted, 0); /* 2^32 - 1 more, as far as anybody can tell */
  for (int i = 0; i < 1000; i++) {
    CHECK(rsm_events_take(j.b) == 1);
  }
  atomic_store(&j.words[0].posted, 5);
  CHECK(rsm_events_take(j.b) == 1);
  part(&j);
}

static void test_detach_delivers_what_is_left(void) {
  struct joined j = join();
  int fd = rsm_events_descriptor(j.b);
  rsm_events_post(j.a, false);
  rsm_events_post(j.a, false);
  rsm_events_detach(j.b, j.channel_b);
  memset(j.words, 0xff, RSM_PAGE_BYTES); /* forgotten */
  CHECK(readable(fd) == 1);
  CHECK(take_all(j.b) == 2);
  CHECK(readable(fd) == 0);
  rsm_events_post(j.b, false);
  rsm_events_drop(j.a); /* with its channel still there */
  rsm_events_drop(j.b);
  CHECK(munmap(j.words, RSM_PAGE_BYTES) == 0);
}

/* ---- the descriptor ---- */

static void test_descriptor_is_readable_while_events_are_pending(void) {
  struct joined j = join();
  rsm_events_post(j.a, false); /* rung before the set exists */
  rsm_events_post(j.a, false);
  CHECK(rsm_events_take(j.b) == 1);
  int fd = rsm_events_descriptor(j.b);
  CHECK(fd >= 0 && rsm_events_descriptor(j.b) == fd);
  CHECK(readable(fd) == 1);
  CHECK(rsm_events_take(j.b) == 1);
  CHECK(rsm_events_take(j.b) == 0);
  CHECK(readable(fd) == 0);
  for (int i = 0; i < 3; i++) {
    rsm_events_post(j.a, false);
  }
  for (int i = 0; i < 3; i++) {
    CHECK(readable(fd) == 1);
    CHECK(rsm_events_take(j.b) == 1);
  }
  CHECK(readable(fd) == 0);
  rsm_events_end(j.b);
  rsm_events_post(j.a, false);
  CHECK(rsm_events_descriptor(j.b) == -1);
  CHECK(rsm_events_take(j.b) == 1);
  part(&j);
}

static void test_nobody_rings_for_who_is_awake(void) {
  struct joined j = join();
  rsm_events_post(j.a, false);
  CHECK(readable(j.bells[1]) == 0);
  CHECK(rsm_events_wait(j.b, 1000, NULL, NULL) == RSM_SUCCESS);
  CHECK(rsm_events_wait(j.b, 1, NULL, NULL) == RSMERR_TIMEOUT); /* slept, and may again */
  rsm_events_post(j.a, false);
  CHECK(readable(j.bells[1]) == 1);
  CHECK(rsm_events_wait(j.b, 1000, NULL, NULL) == RSM_SUCCESS); /* has not */
  CHECK(rsm_events_take(j.b) == 0); /* and empties the bell */
  rsm_events_post(j.a, true);
  CHECK(readable(j.bells[1]) == 0);
  int fd = rsm_events_descriptor(j.b);
  CHECK(readable(fd) == 1); /* for what had not rung */
  CHECK(rsm_events_take(j.b) == 1);
  CHECK(readable(fd) == 0);
  rsm_events_post(j.a, false);
  CHECK(readable(j.bells[1]) == 1); /* polled from now on, who knows when */
  part(&j);
}

/* What was posted before a channel was attached has not rung, and its first look finds it. */
static void test_a_channel_brings_what_was_posted_before(void) {
  struct joined j = join();
  int fd = rsm_events_descriptor(j.b);
  struct rsm_event_words *words = shared_words();
  int bells[2];
  CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, bells) == 0);
  atomic_store(&words[0].posted, 1);
  struct rsm_channel *channel = rsm_events_attach(j.b, &words[0], &words[1], bells[0]);
  CHECK(readable(fd) == 1);
  CHECK(take_all(j.b) == 1);
  CHECK(readable(fd) == 0);
  rsm_events_detach(j.b, channel);
  close(bells[1]);
  CHECK(munmap(words, RSM_PAGE_BYTES) == 0);
  part(&j);
}

static void test_a_bell_without_an_event_falls_silent(void) {
  struct joined j = join();
  int fd = rsm_events_descriptor(j.b);
  for (int i = 0; i < 3; i++) {
    CHECK(send(j.bells[0], "no event", 8, MSG_NOSIGNAL) == 8);
  }
  CHECK(readable(fd) == 1);
  CHECK(rsm_events_take(j.b) == 0);
  CHECK(readable(fd) == 0);
  part(&j);
}

static void test_a_bell_at_end_of_file_leaves_the_set(void) {
  struct joined j = join();
  int fd = rsm_events_descriptor(j.b);
  rsm_events_post(j.a, false);
  rsm_events_detach(j.a, j.channel_a);
  CHECK(rsm_events_take(j.b) == 1);
  CHECK(rsm_events_take(j.b) == 0);
  CHECK(readable(fd) == 0);
  rsm_events_post(j.b, false); /* nobody hears it */
  rsm_events_detach(j.b, j.channel_b);
  rsm_events_drop(j.a);
  rsm_events_drop(j.b);
  CHECK(munmap(j.words, RSM_PAGE_BYTES) == 0);
}

static void test_a_full_bell_is_a_rung_bell(void) {
  struct joined j = join();
  int fd = rsm_events_descriptor(j.b);
  for (int i = 0; i < 2000; i++) {
    rsm_events_post(j.a, false);
  }
  CHECK(take_all(j.b) == 2000);
  CHECK(rsm_events_take(j.b) == 0);
  while (readable(fd) == 1) {
    CHECK(rsm_events_take(j.b) == 0);
  }
  rsm_events_post(j.a, false);
  CHECK(readable(fd) == 1);
  CHECK(take_all(j.b) == 1);
  part(&j);
}

int main(void) {
  RUN(test_posts_accumulate_and_never_loop_back);
  RUN(test_no_accumulate_table);
  RUN(test_a_coalesced_event_is_dropped_beside_another_channels);
  RUN(test_counters_wrap);
  RUN(test_detach_delivers_what_is_left);
  RUN(test_descriptor_is_readable_while_events_are_pending);
  RUN(test_nobody_rings_for_who_is_awake);
  RUN(test_a_channel_brings_what_was_posted_before);
  RUN(test_a_bell_without_an_event_falls_silent);
  RUN(test_a_bell_at_end_of_file_leaves_the_set);
  RUN(test_a_full_bell_is_a_rung_bell);
  return 0;
}
