/*
 * The slots of a record file (record_layout.h), mapped. Nothing moves while it is open: every chunk has a
 * mapping of its own. Pages are written to the file before they are mapped, so that a full file system is
 * an error when a chunk is made and never a SIGBUS.
 */
#ifndef RSM_SLOTS_H
#define RSM_SLOTS_H

#include <stdbool.h>
#include <stdint.h>

#include "record_layout.h"

struct rsm_slots {
  struct rsm_record_header *header; /* NULL: not open */
  struct rsm_slot *chunks[RSM_RECORD_CHUNKS_LIMIT];
  uint32_t chunk_count;
  uint32_t *unused; /* numbers of free slots, the next one last */
  uint32_t unused_count;
};

/* Makes the header in an empty file. 0 or -errno. */
int rsm_slots_open(struct rsm_slots *slots, int fd);
void rsm_slots_close(struct rsm_slots *slots);

/* In two steps, because files may block: the memory of chunk number `chunk` (NULL: none to be had) … */
struct rsm_slot *rsm_slots_make_chunk(int fd, uint32_t chunk);
/* … and its slots, which are free from now on. False: no memory; the chunk is unmapped. */
bool rsm_slots_add_chunk(struct rsm_slots *slots, struct rsm_slot *chunk);

/* A free slot and its number, zeroed but for its sequence; NULL when there is none. */
struct rsm_slot *rsm_slots_take(struct rsm_slots *slots, uint32_t *number);
struct rsm_slot *rsm_slots_at(const struct rsm_slots *slots, uint32_t number); /* NULL: no such number */
void rsm_slots_give_back(struct rsm_slots *slots, uint32_t number);

/* Around every change of what a slot is. */
void rsm_slot_begin(struct rsm_slot *slot);
void rsm_slot_end(struct rsm_slot *slot);

uint64_t rsm_wall_clock_ms(void);

#endif
