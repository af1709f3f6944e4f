#include "slots.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define CHUNK_BYTES (RSM_CHUNK_SLOTS * RSM_SLOT_BYTES)

uint64_t rsm_wall_clock_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* Zeros, written and not only promised: not every file system has fallocate, and a hole could turn out not
 * to be had when it is touched. */
static int write_zeros(int fd, size_t length, off_t at) {
  static const char zeros[CHUNK_BYTES];
  while (length > 0) {
    ssize_t written = pwrite(fd, zeros, length, at);
    if (written < 0 && errno != EINTR) return -errno;
    if (written > 0) {
      length -= (size_t)written;
      at += written;
    }
  }
  return 0;
}

static void *map_new(int fd, size_t length, off_t at, int *error) {
  *error = write_zeros(fd, length, at);
  if (*error == 0) {
    void *address = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, at);
    if (address != MAP_FAILED) return address;
    *error = -errno;
  }
  /* A part that was written would keep what a full file system needs elsewhere. */
  if (ftruncate(fd, at) != 0) *error = -errno;
  return NULL;
}

int rsm_slots_open(struct rsm_slots *slots, int fd) {
  int error;
  *slots = (struct rsm_slots){.header = map_new(fd, RSM_RECORD_HEADER_BYTES, 0, &error)};
  if (slots->header == NULL) return error;
  slots->header->version = RSM_RECORD_VERSION;
  slots->header->pid = (uint32_t)getpid();
  slots->header->started_ms = rsm_wall_clock_ms();
  slots->header->magic = RSM_RECORD_MAGIC;
  return 0;
}

void rsm_slots_close(struct rsm_slots *slots) {
  for (uint32_t i = 0; i < slots->chunk_count; i++) munmap(slots->chunks[i], CHUNK_BYTES);
  if (slots->header != NULL) munmap(slots->header, RSM_RECORD_HEADER_BYTES);
  free(slots->unused);
  *slots = (struct rsm_slots){0};
}

struct rsm_slot *rsm_slots_make_chunk(int fd, uint32_t chunk) {
  int error;
  if (chunk >= RSM_RECORD_CHUNKS_LIMIT) return NULL;
  return map_new(fd, CHUNK_BYTES, (off_t)RSM_RECORD_HEADER_BYTES + (off_t)chunk * CHUNK_BYTES, &error);
}

bool rsm_slots_add_chunk(struct rsm_slots *slots, struct rsm_slot *chunk) {
  uint32_t first = slots->chunk_count * RSM_CHUNK_SLOTS;
  uint32_t *unused = realloc(slots->unused, (first + RSM_CHUNK_SLOTS) * sizeof *unused);
  if (unused == NULL) {
    munmap(chunk, CHUNK_BYTES);
    return false;
  }
  slots->unused = unused;
  slots->chunks[slots->chunk_count++] = chunk;
  for (uint32_t i = RSM_CHUNK_SLOTS; i > 0; i--) unused[slots->unused_count++] = first + i - 1;
  atomic_store(&slots->header->slot_count, first + RSM_CHUNK_SLOTS);
  return true;
}

struct rsm_slot *rsm_slots_at(const struct rsm_slots *slots, uint32_t number) {
  if (number / RSM_CHUNK_SLOTS >= slots->chunk_count) return NULL;
  return &slots->chunks[number / RSM_CHUNK_SLOTS][number % RSM_CHUNK_SLOTS];
}

struct rsm_slot *rsm_slots_take(struct rsm_slots *slots, uint32_t *number) {
  if (slots->unused_count == 0) return NULL;
  *number = slots->unused[--slots->unused_count];
  return rsm_slots_at(slots, *number);
}

/* Zeroed here and not when it is taken: what nobody has shows nothing. */
void rsm_slots_give_back(struct rsm_slots *slots, uint32_t number) {
  struct rsm_slot *slot = rsm_slots_at(slots, number);
  rsm_slot_begin(slot);
  memset((char *)slot + sizeof slot->sequence, 0, sizeof *slot - sizeof slot->sequence);
  rsm_slot_end(slot);
  slots->unused[slots->unused_count++] = number;
}

void rsm_slot_begin(struct rsm_slot *slot) {
  atomic_fetch_add(&slot->sequence, 1);
  __sync_synchronize();
}

void rsm_slot_end(struct rsm_slot *slot) {
  __sync_synchronize();
  atomic_fetch_add(&slot->sequence, 1);
}
