/*
 * Every byte of a record file, u/<uid>/<name>: what one JavaScript environment shows of itself. Its process
 * maps it and writes; anybody may read it (0644), without asking and also when the process hangs. TypeScript
 * has the same table (src/native/record-layout.ts), compared with this one by a test. Version 2.
 *
 * A HEADER of one page, then chunks of 128 SLOTS. The file only grows, one whole chunk at a time.
 *
 *   HEADER
 *     0  u32 magic "RSMr"           28  u32 slot_count         slots in the file; only grows
 *     4  u32 version                32  u32 reserved_segments  of max-segments      } TypeScript's, node.lock
 *     8  u32 pid                    36  u32 -                                       } held while they grow
 *    12  u32 thread                 40  u64 reserved_bytes     of max-exported-memory
 *    16  u64 started_ms             48  -
 *    24  u32 node                   64  u64 refusals[64]       refused connects, by RSMERR code
 *
 *   SLOT, 256 bytes
 *     0  u32 sequence     odd while the identity (all but counters and marks *) changes
 *     4  u32 kind         FREE, EXPORT, IMPORT, CONNECTION: what the rest is
 *     8  u64 since_ms     created, or connected; like all times here milliseconds since 1970
 *
 *   EXPORT                           IMPORT                          CONNECTION: an importer of an EXPORT
 *    16  u32 id   0: unpublished      16  u32 node                    16  u32 export_slot  its number
 *    20  u32 flags                    20  u32 id                      20  u32 node
 *    24  u64 length_bytes             24  u32 permission              24  u32 permission
 *    32  u64 published_ms             28  u32 state *  layout.h       28  u32 uid
 *    40  u32 importers *              32  u32 owner_uid               32  u32 pid
 *    44  u32 default_permission       36  u32 owner_pid
 *    48  u32 access_count             40  u64 length_bytes
 *    52  u32 -                        48  u64 map_offset *
 *    56  {u32 node, permission}[8]    56  u64 map_length *  0: unmapped
 *                                     64  u32 on_behalf   1: the gateway's, for somebody of another node:
 *                                     68  u32 importer_node
 *                                     72  u32 importer_uid
 *                                     76  u32 remote      1: it goes to another node, or comes from there
 *
 *   Counters; f64 where TypeScript counts, on its way of a transfer.
 *   128  u64 connects                128  f64 puts
 *   136  u64 refusals                136  f64 bytes_put
 *   144  u64 rebinds                 144  f64 gets
 *   152  u64 aborts                  152  f64 bytes_got
 *   160  u64 posts                   160  f64 barriers_failed
 *   168  u64 waits                   168  u64 rebinds
 *                                    176  u64 posts
 *                                    184  u64 waits
 */
#ifndef RSM_RECORD_LAYOUT_H
#define RSM_RECORD_LAYOUT_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#define RSM_RECORD_MAGIC 0x724d5352u /* "RSMr" */
#define RSM_RECORD_VERSION 2u
#define RSM_RECORD_HEADER_BYTES 4096u
#define RSM_SLOT_BYTES 256u
#define RSM_CHUNK_SLOTS 128u
/* 65,536 slots and 16 MiB: the segments a node can have. What has no room is not shown, and works. */
#define RSM_RECORD_CHUNKS_LIMIT 512u
/* Refusals are counted by code below this: all that a connect can be refused with. */
#define RSM_REFUSAL_CODES 64u
/* Of an access list, as many are shown; access_count says how many there are. */
#define RSM_SHOWN_ENTRIES 8u

enum rsm_slot_kind { RSM_SLOT_FREE = 0, RSM_SLOT_EXPORT = 1, RSM_SLOT_IMPORT = 2, RSM_SLOT_CONNECTION = 3 };
enum rsm_export_flags { RSM_EXPORT_READ_ONLY = 1 };

struct rsm_record_header {
  uint32_t magic;
  uint32_t version;
  uint32_t pid;
  uint32_t thread;
  uint64_t started_ms;
  uint32_t node;
  _Atomic uint32_t slot_count;
  uint32_t reserved_segments;
  uint32_t reserved_1;
  uint64_t reserved_bytes;
  uint8_t reserved_2[16];
  _Atomic uint64_t refusals[RSM_REFUSAL_CODES];
};

struct rsm_event_counts {
  _Atomic uint64_t posts;
  _Atomic uint64_t waits;
};

struct rsm_export_slot {
  uint32_t id;
  uint32_t flags;
  uint64_t length_bytes;
  uint64_t published_ms;
  _Atomic uint32_t importers;
  uint32_t default_permission;
  uint32_t access_count;
  uint32_t reserved_1;
  struct {
    uint32_t node, permission;
  } access[RSM_SHOWN_ENTRIES];
  uint8_t reserved_2[8];
  _Atomic uint64_t connects;
  _Atomic uint64_t refusals;
  _Atomic uint64_t rebinds;
  _Atomic uint64_t aborts;
  struct rsm_event_counts events;
};

struct rsm_import_slot {
  uint32_t node;
  uint32_t id;
  uint32_t permission;
  _Atomic uint32_t state;
  uint32_t owner_uid;
  uint32_t owner_pid;
  uint64_t length_bytes;
  _Atomic uint64_t map_offset;
  _Atomic uint64_t map_length;
  uint32_t on_behalf;
  uint32_t importer_node;
  uint32_t importer_uid;
  uint32_t remote;
  uint8_t reserved_1[48];
  double puts;
  double bytes_put;
  double gets;
  double bytes_got;
  double barriers_failed;
  _Atomic uint64_t rebinds;
  struct rsm_event_counts events;
};

struct rsm_connection_slot {
  uint32_t export_slot;
  uint32_t node;
  uint32_t permission;
  uint32_t uid;
  uint32_t pid;
};

struct rsm_slot {
  _Atomic uint32_t sequence;
  uint32_t kind;
  uint64_t since_ms;
  union {
    struct rsm_export_slot exported;
    struct rsm_import_slot imported;
    struct rsm_connection_slot connection;
    uint8_t bytes[RSM_SLOT_BYTES - 16];
  };
};

_Static_assert(offsetof(struct rsm_record_header, refusals) == 64, "drawn above");
_Static_assert(sizeof(struct rsm_record_header) <= RSM_RECORD_HEADER_BYTES, "drawn above");
_Static_assert(sizeof(struct rsm_slot) == RSM_SLOT_BYTES, "drawn above");
_Static_assert(offsetof(struct rsm_slot, exported.connects) == 128, "drawn above");
_Static_assert(offsetof(struct rsm_slot, imported.puts) == 128, "drawn above");

#endif
