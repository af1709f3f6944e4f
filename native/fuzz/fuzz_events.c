/*
 * Events against peers that write what they like into their words, and into ours, and ring as they like.
 * Channel 0 is of a peer that keeps to the rules: none of its events may be lost.
 */
#define _GNU_SOURCE
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../loopback/codes.h"
#include "../loopback/events.h"
#include "fuzz.h"

#define CHANNELS 4
#define SILENT_AFTER 8      /* looks: what a bell's buffer can hold is read in so many */
#define DRAINABLE 2000      /* events that can be taken one by one at the end */

static struct end {
  struct rsm_channel *channel; /* NULL: not attached */
  struct rsm_event_words theirs, ours;
  int bell;            /* the peer's; -1: closed */
  uint32_t posts;      /* of ours, with accumulation, since it was attached */
  uint64_t deliverable; /* at most so many of its events */
} ends[CHANNELS];

static struct rsm_events *events;
static uint64_t honest, taken;
static int set;

static void attach(struct end *end) {
  int pair[2];
  FUZZ_CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) == 0);
  if (end->bell >= 0) close(end->bell);
  end->bell = pair[1];
  end->posts = 0;
  memset(&end->ours, 0, sizeof end->ours);
  memset(&end->theirs, 0, sizeof end->theirs);
  end->channel = rsm_events_attach(events, &end->theirs, &end->ours, pair[0]);
  FUZZ_CHECK(end->channel != NULL);
}

static void detach(struct end *end) {
  rsm_events_detach(events, end->channel);
  end->channel = NULL;
}

static void scribble(struct end *end) {
  _Atomic uint32_t *words[] = {&end->theirs.posted, &end->theirs.coalesced, &end->theirs.delivered,
                               &end->theirs.delivered_coalesced, &end->ours.posted, &end->ours.coalesced,
                               &end->ours.delivered, &end->ours.delivered_coalesced, &end->theirs.listening,
                               &end->ours.listening};
  unsigned which = fuzz_byte() % (sizeof words / sizeof words[0]);
  uint32_t before = atomic_load(words[which]), now = fuzz_byte() % 2 ? before + 1 : fuzz_word();
  if (end == &ends[0] && which < 2) return; /* it says only what is so; what we wrote it may spoil */
  if (end == &ends[0] && (which < 4 || which == 9)) now = before; /* it rings when it is asked to */
  /* Whatever it says, each time it was looked at counts once: at most the difference. */
  end->deliverable += which == 0 ? now - before : which == 1;
  atomic_store(words[which], now);
}

static void ring(struct end *end) {
  static const char bytes[1 << 16];
  if (end->bell >= 0) (void)send(end->bell, bytes, 1u << (fuzz_byte() % 17), MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void post(bool no_accumulate) {
  rsm_events_post(events, no_accumulate);
  for (int i = 0; i < CHANNELS && !no_accumulate; i++) {
    if (ends[i].channel == NULL) continue;
    ends[i].posts++;
    FUZZ_CHECK(atomic_load(&ends[i].ours.posted) == ends[i].posts); /* whatever stood there */
  }
}

static bool is_readable(void) {
  struct pollfd entry = {.fd = set, .events = POLLIN};
  return poll(&entry, 1, 0) == 1;
}

/* Who polls does not miss it. */
static void honest_post(void) {
  struct end *end = &ends[0];
  honest++;
  atomic_store(&end->theirs.posted, atomic_load(&end->theirs.posted) + 1);
  if (atomic_load(&end->ours.listening) != 0) (void)send(end->bell, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
  FUZZ_CHECK(set < 0 || is_readable());
}

static bool take(bool by_waiting) {
  int result = by_waiting ? rsm_events_wait(events, 0, NULL, NULL) == RSM_SUCCESS : rsm_events_take(events);
  taken += (uint64_t)result;
  return result;
}

/* Who polls is not woken without end. */
static void look(void) {
  if (set < 0) set = rsm_events_descriptor(events);
  FUZZ_CHECK(set >= 0);
  int looks = 0;
  bool got = take(false);
  while (!got && is_readable()) {
    got = take(false);
    FUZZ_CHECK(looks++ < SILENT_AFTER);
  }
}

static void step(void) {
  struct end *end = &ends[fuzz_byte() % CHANNELS];
  switch (fuzz_byte() % 10) {
    case 0:
      if (end->channel == NULL) attach(end);
      else if (end != &ends[0]) detach(end);
      break;
    case 1: case 2: scribble(end); break;
    case 3: ring(end); break;
    case 4:
      if (end->bell >= 0 && end != &ends[0]) close(end->bell), end->bell = -1;
      break;
    case 5: honest_post(); break;
    case 6: post(fuzz_byte() % 2); break;
    case 7: take(false); break;
    case 8: take(true); break;
    default: look();
  }
}

static void finish(void) {
  uint64_t most = honest;
  for (int i = 0; i < CHANNELS; i++) most += ends[i].deliverable;
  if (most <= DRAINABLE) {
    while (take(false)) FUZZ_CHECK(taken <= most);
    FUZZ_CHECK(taken >= honest);
  }
  for (int i = 0; i < CHANNELS; i++) {
    if (ends[i].channel != NULL) detach(&ends[i]);
    if (ends[i].bell >= 0) close(ends[i].bell);
  }
  rsm_events_drop(events);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  static bool remembered;
  if (!remembered) fuzz_remember_what_is_open();
  remembered = true;
  fuzz_begin(bytes, size);
  memset(ends, 0, sizeof ends);
  for (int i = 0; i < CHANNELS; i++) ends[i].bell = -1;
  events = rsm_events_create();
  FUZZ_CHECK(events != NULL);
  honest = taken = 0;
  set = -1;
  attach(&ends[0]);
  while (!fuzz_ended()) step();
  finish();
  fuzz_check_what_is_open();
  return 0;
}
