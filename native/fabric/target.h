/*
 * The target: the gateway's side, which lets importers of other nodes at segments of its own. One native thread
 * serves all of them; the functions here may be called on any other.
 *
 * An importer is one process elsewhere with one connection. It is admitted with a ticket, and nothing of what it
 * sends is parsed before it has presented that; then segments are granted to it one by one. It can be cut off
 * at any time, and takes its segments with it.
 */
#ifndef RSM_TARGET_H
#define RSM_TARGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../loopback/port.h"
#include "address.h"
#include "message.h"

struct rsm_target;

enum rsm_target_event_kind {
  RSM_TARGET_CONNECTED = 1, /* the ticket was presented */
  RSM_TARGET_RELEASED = 2,  /* the importer has let go of a segment */
  RSM_TARGET_ENDED = 3,     /* the importer has gone, or did not come in time */
  RSM_TARGET_REFUSED = 4,   /* somebody presented no ticket that is good; one that waits to be heard stands for all */
  RSM_TARGET_CHEATED = 5,   /* the importer sent what breaks the rules of message.h: ENDED follows */
};

struct rsm_target_event {
  enum rsm_target_event_kind kind;
  uint32_t importer, segment;
  char from[RSM_HOST_BYTES]; /* of REFUSED: the address, where the provider says it; else "" */
};

/* An importer that was told of a withdrawal and does not answer by then keeps scratch pages no longer: its next
 * access costs it the connection. As long as its JavaScript may compute without looking. */
#define RSM_WITHDRAWN_MS 30000
/* Between the acceptance of a connection and its being established. */
#define RSM_ACCEPT_MS 2000

/* Listens. woken: there are events to be taken; called on the target's thread, must not call back. NULL: reason
 * is for people. */
struct rsm_target *rsm_target_open(const struct rsm_address *address, void (*woken)(void *hint), void *hint,
                                   char *reason, size_t size);
/* Ends every importer; woken is not called any more. */
void rsm_target_close(struct rsm_target *target);
const struct rsm_address *rsm_target_address(const struct rsm_target *target); /* with the port chosen */
bool rsm_target_take_event(struct rsm_target *target, struct rsm_target_event *event);

/* The ticket is good once, until then. INSUFFICIENT_RESOURCES. */
int rsm_target_admit(struct rsm_target *target, const uint8_t ticket[RSM_TICKET_BYTES], int64_t expires_ms,
                     uint32_t *importer);
/* Maps the import, which nobody else maps, and registers it. BAD_SEG_HNDL: no such importer; what map says;
 * INSUFFICIENT_RESOURCES. The import may be disconnected after revoke, RELEASED or ENDED. */
int rsm_target_grant(struct rsm_target *target, uint32_t importer, const struct rsm_port *port,
                     uint32_t permission, struct rsm_grant *grant);
/* The segment was withdrawn, or its import is about to be disconnected: the importer is told, and its accesses
 * go to the scratch pages that the end of the import leaves there. Harmless for unknown numbers. */
void rsm_target_revoke(struct rsm_target *target, uint32_t importer, uint32_t segment);
/* Nothing of its accesses lands afterwards. Harmless for an unknown number. Told as ENDED. */
void rsm_target_end_importer(struct rsm_target *target, uint32_t importer);

#endif
