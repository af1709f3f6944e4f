/*
 * Small messages on a fabric connection: everything that is not a plain copy. Each is one fi_send of these 40
 * bytes, little-endian. Messages and transfers of a connection take effect in the order they were sent in.
 * Both ends are of this version: gateways compare it when they meet. Version 1.
 *
 *    0  u8  type            8  u64 offset         24  u64 comparand
 *    1  u8  operation      16  u64 operand        32  u32 ticket
 *    2  u8  width                                 36  u32 code
 *    3  u8  flags
 *    4  u32 segment        the number of the grant
 *
 *   type       from        fields
 *   ATOMIC     initiator   segment, operation, width, offset, operand, comparand; ticket: unique among the
 *                          initiator's unanswered requests
 *   ANSWER     target      of ATOMIC: ticket, operand: the old value, code: 0 or CONN_ABORTED
 *   POST       initiator   segment, flags 1: no_accumulate
 *   EVENT      target      segment, operand: how many accumulating ones, flags 1: and a coalesced one
 *   RELEASE    initiator   segment: nothing of it comes any more. Answers WITHDRAWN, too
 *   WITHDRAWN  target      segment: the exporter has withdrawn it; RELEASE is awaited
 *   LOCK       initiator   segment, offset of the word, flags 1: answer at once; ticket: of its requests for locks
 *   UNLOCK     initiator   segment, offset: to the next; flags 1: as if the owner had died
 *   CANCEL     initiator   segment, ticket of a LOCK: does not want it any more. Its answer comes all the same
 *   GRANTED    target      of LOCK: ticket, flags 1: the previous owner died
 *   CANCELLED  target      of LOCK: ticket, code: why not
 *
 * What comes from the other side is hostile: any other type, an unknown segment or a field out of range ends the
 * connection. Of a segment that was released or withdrawn the other side may not know yet: such a number is one
 * that was granted before, and what names it is passed over.
 */
#ifndef RSM_MESSAGE_H
#define RSM_MESSAGE_H

#include <stdint.h>

enum rsm_message_type {
  RSM_MESSAGE_ATOMIC = 1,
  RSM_MESSAGE_ANSWER = 2,
  RSM_MESSAGE_POST = 3,
  RSM_MESSAGE_EVENT = 4,
  RSM_MESSAGE_RELEASE = 5,
  RSM_MESSAGE_WITHDRAWN = 6,
  RSM_MESSAGE_LOCK = 7,
  RSM_MESSAGE_UNLOCK = 8,
  RSM_MESSAGE_CANCEL = 9,
  RSM_MESSAGE_GRANTED = 10,
  RSM_MESSAGE_CANCELLED = 11,
};

/* Bits of flags: see each type. */
enum { RSM_MESSAGE_COALESCED = 1, RSM_MESSAGE_AT_ONCE = 1, RSM_MESSAGE_OWNER_DIED = 1 };

enum rsm_atomic {
  RSM_ATOMIC_ADD = 0,
  RSM_ATOMIC_AND = 1,
  RSM_ATOMIC_OR = 2,
  RSM_ATOMIC_XOR = 3,
  RSM_ATOMIC_EXCHANGE = 4,
  RSM_ATOMIC_COMPARE_EXCHANGE = 5, /* stores the operand where comparand is found */
};

struct rsm_message {
  uint8_t type;
  uint8_t operation;
  uint8_t width;
  uint8_t flags;
  uint32_t segment;
  uint64_t offset;
  uint64_t operand;
  uint64_t comparand;
  uint32_t ticket;
  uint32_t code;
};

_Static_assert(sizeof(struct rsm_message) == 40, "drawn above");

/* Requests of one initiator under way at once: atomics, and locks. The target ends the connection of one that
 * sends more. */
#define RSM_REQUESTS_LIMIT 16
#define RSM_LOCKS_LIMIT 1024

#define RSM_TICKET_BYTES 32

#endif
