/*
 * Every byte that two processes of one node share or exchange: the pages of a connection and the
 * frames on its socket. TypeScript reads the first two pages of the control block; its offsets
 * (src/native/layout.ts) are compared with these by a test. Version 2.
 *
 * A connection's CONTROL BLOCK in the importer is three pages in a row:
 *
 *   page 0  LOCAL    private to the importing process, written by its agent
 *   page 1  STATUS   written by the exporter, read-only to the importer (sealed FUTURE_WRITE)
 *   page 2  MAILBOX  written by the importer; hostile to whoever reads it in the exporter
 *
 *   LOCAL                          STATUS                             MAILBOX
 *     0  u32 state                   0  u32 magic "RSMs"                0  u32 magic "RSMm"
 *                                    4  u32 version                     4  u32 version
 *                                    8  u32 state
 *                                   12  u32 rebind_epoch
 *                                   16  u64 length_bytes
 *                                   24  u32 lock_owner
 *                                   64  event words                    64  event words
 *
 *   EVENT WORDS (one cache line)
 *     0  u32 posted                 events posted by the writer of this page (accumulating)
 *     4  u32 coalesced              events posted with NO_ACCUMULATE by the writer of this page
 *     8  u32 delivered              how many of the peer's `posted` the writer has delivered
 *    12  u32 delivered_coalesced    how many of the peer's `coalesced` the writer has delivered
 *    16  u32 listening              not 0: the writer may be asleep; who posts to it rings
 *
 * States only go up: CONNECTED, then WITHDRAWN. A barrier closes well when, after a full fence, both
 * LOCAL.state and STATUS.state are CONNECTED (design 3.6).
 */
#ifndef RSM_LAYOUT_H
#define RSM_LAYOUT_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#define RSM_LAYOUT_VERSION 2u
#define RSM_STATUS_MAGIC 0x734d5352u  /* "RSMs" */
#define RSM_MAILBOX_MAGIC 0x6d4d5352u /* "RSMm" */
#define RSM_PAGE_BYTES 4096u          /* of control pages; the OS page on x86-64 and most arm64 */

enum rsm_connection_state { RSM_CONNECTED = 1, RSM_WITHDRAWN = 2 };

struct rsm_event_words {
  _Atomic uint32_t posted;
  _Atomic uint32_t coalesced;
  _Atomic uint32_t delivered;
  _Atomic uint32_t delivered_coalesced;
  _Atomic uint32_t listening;
};

struct rsm_local_page {
  _Atomic uint32_t state;
};

struct rsm_status_page {
  uint32_t magic;
  uint32_t version;
  _Atomic uint32_t state;
  _Atomic uint32_t rebind_epoch; /* no barrier compares it (C-051) */
  uint64_t length_bytes;
  uint32_t lock_owner; /* the importer's number in lock words; 0: the segment has no lock operations */
  uint8_t reserved[36];
  struct rsm_event_words events;
};

struct rsm_mailbox_page {
  uint32_t magic;
  uint32_t version;
  uint8_t reserved[56];
  struct rsm_event_words events;
};

_Static_assert(offsetof(struct rsm_status_page, state) == 8, "drawn above");
_Static_assert(offsetof(struct rsm_status_page, events) == 64, "drawn above");
_Static_assert(offsetof(struct rsm_mailbox_page, events) == 64, "drawn above");

/*
 * FRAMES: SOCK_SEQPACKET, one frame a packet, all of one size. Descriptors flow only from exporter to
 * importer. Anything else on the socket (another size, magic, version, type, or a field out of range)
 * ends that connection and nothing more.
 *
 * An importer connects twice: first the BELL, then what it CONNECTs on. After its frame each packet on the bell, in
 * either direction, is a ring; what is in it means nothing.
 *
 *    0  u32 magic "RSM1"      16  u32 permission    CONNECT asked, ACCEPT granted (0400|0200)
 *    4  u16 version           20  u32 code          REFUSE: the RSMERR code
 *    6  u16 type              24  u32 epoch         REBIND, REBOUND; UNLOCK: its memory
 *    8  u32 node              28  i32 shmid         memory kind SYSV, else -1
 *   12  u32 segment_id        32  u64 length_bytes  of the segment
 *                             40  u64 memory_offset first byte of the range in a SYSV segment;
 *                                                   BELL, CONNECT: the importer's number that joins them
 *
 *   CONNECT of a gateway, on behalf of a user of another node; zeros in every other frame:
 *   48  u32 asserted 0, 1     56  u32 gid           64  u32 groups[16]
 *   52  u32 uid               60  u32 group_count   supplementary ones
 *
 *   type          from       with descriptors (in this order)
 *   BELL          importer   -                       the first and only one on its socket
 *   CONNECT       importer   -
 *   ACCEPT        exporter   status, mailbox, memory (absent for SYSV)
 *   REFUSE        exporter   -                       then the exporter closes
 *   REBIND        exporter   memory (absent for SYSV)
 *   REBOUND       importer   -                       acknowledges REBIND with the same epoch
 *   WITHDRAW      exporter   -
 *   WITHDRAWN     importer   -                       acknowledges; then both sides close
 *
 *   of locks, memory_offset: the word in the segment, epoch: the importer's ticket
 *   LOCK          importer   -                       code 1: answer at once
 *   CANCEL        importer   -                       does not want it any more; GRANTED may have been first
 *   UNLOCK        importer   -                       code 1: to the next as if the owner had died; epoch: how
 *                                                    many REBINDs had brought the memory the lock was in
 *   GRANTED       exporter   -                       answers LOCK; code 1: the previous owner died
 *   CANCELLED     exporter   -                       answers LOCK; code: TIMEOUT or why it cannot wait
 */
#define RSM_FRAME_MAGIC 0x314d5352u /* "RSM1" */
#define RSM_FRAME_VERSION 4u
#define RSM_FRAME_DESCRIPTORS 3
#define RSM_FRAME_GROUPS 16 /* as many as AUTH_SYS of NFS carries */

enum rsm_frame_type {
  RSM_FRAME_CONNECT = 1,
  RSM_FRAME_ACCEPT = 2,
  RSM_FRAME_REFUSE = 3,
  RSM_FRAME_REBIND = 4,
  RSM_FRAME_REBOUND = 5,
  RSM_FRAME_WITHDRAW = 6,
  RSM_FRAME_WITHDRAWN = 7,
  RSM_FRAME_LOCK = 8,
  RSM_FRAME_CANCEL = 9,
  RSM_FRAME_UNLOCK = 10,
  RSM_FRAME_GRANTED = 11,
  RSM_FRAME_CANCELLED = 12,
  RSM_FRAME_BELL = 13,
};

struct rsm_frame {
  uint32_t magic;
  uint16_t version;
  uint16_t type;
  uint32_t node;
  uint32_t segment_id;
  uint32_t permission;
  uint32_t code;
  uint32_t epoch;
  int32_t shmid;
  uint64_t length_bytes;
  uint64_t memory_offset;
  uint32_t asserted;
  uint32_t uid;
  uint32_t gid;
  uint32_t group_count;
  uint32_t groups[RSM_FRAME_GROUPS];
};

_Static_assert(offsetof(struct rsm_frame, asserted) == 48, "drawn above");
_Static_assert(sizeof(struct rsm_frame) == 128, "drawn above");

/*
 * LOCK WORDS: u32, anywhere in the memory of a segment with lock operations, 4-aligned. 0: free.
 *
 *   bits 0-30   number of the owner: of an importer (STATUS.lock_owner) or of the exporter
 *   bit 31      CONTENDED: somebody waits, and only the exporter changes the word
 *
 * A free word is taken, and one that is not contended freed, by compare-and-exchange and without a message.
 * Numbers are used again only after 2^31 others. An owner that is not there any more has died, and so has
 * number 1, which nobody gets.
 */
#define RSM_LOCK_OWNER 0x7fffffffu
#define RSM_LOCK_CONTENDED 0x80000000u
#define RSM_LOCK_OWNER_DIED 1u

#endif
