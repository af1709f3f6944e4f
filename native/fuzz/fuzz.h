/*
 * What the fuzz targets share. An input is a sequence of steps, one byte for what to do and more for how;
 * where it ends, zeros follow. A finding is a crash: a sanitizer's, a signal, or FUZZ_CHECK.
 *
 * Everything happens on one thread. The agent of this process is agent.c here: it looks at its descriptors
 * when it is told to (fuzz_settle), and whoever waits for a peer lets fuzz_peers_turn do something instead.
 */
#ifndef RSM_FUZZ_H
#define RSM_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#define FUZZ_CHECK(condition)                                                                        \
  do {                                                                                               \
    if (!(condition)) {                                                                              \
      fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                                \
      abort();                                                                                       \
    }                                                                                                \
  } while (0)

/* ---- the input ---- */

void fuzz_begin(const uint8_t *bytes, size_t size);
bool fuzz_ended(void);
uint8_t fuzz_peek(void);
uint8_t fuzz_byte(void);
uint32_t fuzz_word(void);
/* Up to `most` bytes of the input, as many as its next byte says. Returns how many. */
size_t fuzz_bytes(void *out, size_t most);
/* Changes up to three words of a structure as the input says; often none. */
void fuzz_mutate(void *bytes, size_t size);

/* ---- the agent (agent.c) ---- */

/* Until nobody has anything more to say. */
void fuzz_settle(void);
/* Instead of sleeping; with no lock held. False: nothing is done any more, and time passes. */
extern bool (*fuzz_peers_turn)(void);

/* ---- the world (harness.c) ---- */

/* Once: nothing of this process reaches System V segments of others. */
void fuzz_world(void);
void fuzz_pass_ms(int64_t ms);
/* Who is at the other end of this socket; until it is told otherwise, this process. */
void fuzz_play(int fd, uid_t uid);
/* What the next rsm_socket_connect gives; -1: nobody listens. */
extern int fuzz_next_sockets[2];

/* ---- descriptors of all kinds ---- */

enum fuzz_kind {
  FUZZ_GOOD, /* a memfd as an exporter hands it out */
  FUZZ_READABLE, FUZZ_UNSEALED, FUZZ_GROWS, FUZZ_SHRINKS, FUZZ_SHORT, FUZZ_LONG, FUZZ_WRITE_SEALED, FUZZ_FINAL,
  FUZZ_HUGE, FUZZ_FILE, FUZZ_PIPE, FUZZ_STREAM, FUZZ_DATAGRAM, FUZZ_DIRECTORY, FUZZ_ZERO, FUZZ_PATH, FUZZ_EPOLL,
  FUZZ_KINDS
};

/* A descriptor of its own, which the caller closes. */
int fuzz_descriptor(enum fuzz_kind kind, size_t length);
/* One frame-like packet with up to 16 descriptors. */
void fuzz_send(int fd, const void *bytes, size_t length, const int *descriptors, size_t count);

/* Nothing may be left when an input is done: descriptors, and mappings of memory objects. */
void fuzz_remember_what_is_open(void);
void fuzz_check_what_is_open(void);

#endif
