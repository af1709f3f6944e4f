/* Importers as the exporter meets them: one that keeps to the rules for each segment, and others. */
#ifndef RSM_FUZZ_EXPORTER_PEER_H
#define RSM_FUZZ_EXPORTER_PEER_H

#include "../loopback/state.h"
#include "fuzz.h"

#define SEGMENTS 2
#define PEERS 4
#define PAGE 4096u
#define LENGTH (2 * PAGE)
#define GATEWAY_UID 54321

struct peer {
  int fd; /* -1: not connected, or ended by itself */
  uid_t uid;
  int segment;
  uint32_t permission;
  bool lied;                           /* it asserted what it may not: nothing is for it */
  uint32_t epoch;                      /* of the last REBIND it read */
  int rebinds;                         /* how many it has acknowledged */
  bool let_go;                         /* it said so, or closed: what it still reaches is its own affair */
  const struct rsm_status_page *status; /* NULL: not accepted, or it did not read that yet */
  struct rsm_mailbox_page *mailbox;
  int bell, memory; /* or -1 */
  uint64_t number;  /* that joins the bell to its connection */
};

extern struct peer peers[PEERS], honest[SEGMENTS];
extern bool peers_wrote; /* somebody has made holes where it may write, or asked for locks */

void peers_begin(void);
int peer_dial(struct peer *peer, uid_t uid); /* the exporter's end */
int peer_dial_bell(struct peer *peer);       /* the same; of a peer that has dialled */
/* asserts: that it connects on behalf of somebody, as the input says. */
void peer_connect(struct peer *peer, uint32_t id, uint32_t permission, bool asserts);
/* Reads what has come and answers as it should. Whether there was anything. */
bool peer_answer(struct peer *peer);
void peer_read_all(struct peer *peer);
bool peer_is_ended(const struct peer *peer); /* by the exporter; nothing of it is left to read */
void peer_close(struct peer *peer);
/* Whatever a peer may do, as the input says. */
void peer_step(struct peer *peer, uint8_t what);

#endif
