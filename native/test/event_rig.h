/* Two segments' events joined by a channel, for the tests of events. */
#ifndef RSM_EVENT_RIG_H
#define RSM_EVENT_RIG_H

#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "../loopback/events.h"
#include "check.h"

struct joined {
  struct rsm_event_words *words; /* [0] written by a, [1] by b */
  struct rsm_events *a, *b;
  struct rsm_channel *channel_a, *channel_b;
  int bells[2];
};

static inline struct rsm_event_words *shared_words(void) {
  void *page = mmap(NULL, RSM_PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  CHECK(page != MAP_FAILED);
  return page;
}

static inline struct joined join(void) {
  struct joined j = {.words = shared_words(), .a = rsm_events_create(), .b = rsm_events_create()};
  CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, j.bells) == 0);
  j.channel_a = rsm_events_attach(j.a, &j.words[1], &j.words[0], j.bells[0]);
  j.channel_b = rsm_events_attach(j.b, &j.words[0], &j.words[1], j.bells[1]);
  CHECK(j.channel_a != NULL && j.channel_b != NULL);
  return j;
}

static inline void part(struct joined *j) {
  rsm_events_detach(j->a, j->channel_a);
  rsm_events_detach(j->b, j->channel_b);
  rsm_events_drop(j->a);
  rsm_events_drop(j->b);
  CHECK(munmap(j->words, RSM_PAGE_BYTES) == 0);
}

static inline int readable(int fd) {
  struct pollfd entry = {.fd = fd, .events = POLLIN};
  return poll(&entry, 1, 0);
}

static inline unsigned take_all(struct rsm_events *events) {
  unsigned count = 0;
  while (rsm_events_take(events)) {
    count++;
  }
  return count;
}

#endif
