/* One side of a lock and the segment it lies in, for the tests of locks. */
#ifndef RSM_LOCK_RIG_H
#define RSM_LOCK_RIG_H

#include "../loopback/locks.h"
#include "rig.h"

#define LENGTH (4 * PAGE)
#define WORD 64u /* where the lock is */
#define DATA 128u /* what it guards */

/* One side of a lock, as TypeScript has it. */
struct side {
  struct rsm_env *env;
  struct rsm_lock_place place;
  uint32_t owner, ticket;
  volatile uint8_t *bytes;
};

static inline _Atomic uint32_t *word_of(const struct side *side) {
  return (_Atomic uint32_t *)(side->bytes + side->place.offset);
}

static inline volatile uint32_t *data_of(const struct side *side) {
  return (volatile uint32_t *)(side->bytes + DATA);
}

static inline struct side side_of_import(struct rsm_env *mine, struct rsm_import *segment) {
  return (struct side){.env = mine, .place = {.imported = segment, .offset = WORD}, .bytes = map_whole(segment, 0600),
                       .owner = rsm_import_lock_owner(segment)};
}

static inline struct side side_of_export(struct rsm_env *mine, struct rsm_export *segment, uint8_t *memory) {
  return (struct side){.env = mine, .place = {.exported = segment, .offset = WORD}, .bytes = memory,
                       .owner = rsm_export_lock_owner(segment)};
}

static inline bool take_free(const struct side *side) {
  uint32_t none = 0;
  return atomic_compare_exchange_strong(word_of(side), &none, side->owner);
}

static inline uint32_t ask(struct side *side) {
  CHECK_EQ(rsm_lock_request(&side->place, ++side->ticket, false), RSM_SUCCESS);
  return side->ticket;
}

static inline struct rsm_lock_answer await_answer(const struct side *side, uint32_t ticket) {
  return rsm_lock_wait(side->env, ticket, PATIENCE_MS, NULL, NULL);
}

/* Whether the previous owner died. */
static inline bool acquire(struct side *side) {
  if (take_free(side)) return false;
  struct rsm_lock_answer answer = await_answer(side, ask(side));
  CHECK_EQ(answer.code, RSM_SUCCESS);
  CHECK_EQ(atomic_load(word_of(side)) & RSM_LOCK_OWNER, side->owner);
  return answer.owner_died;
}

static inline int try_at_once(struct side *side, bool *died) {
  *died = false;
  if (take_free(side)) return RSM_SUCCESS;
  CHECK_EQ(rsm_lock_request(&side->place, ++side->ticket, true), RSM_SUCCESS);
  struct rsm_lock_answer answer = await_answer(side, side->ticket);
  *died = answer.owner_died;
  return answer.code;
}

static inline void release(const struct side *side) {
  uint32_t owned = side->owner;
  if (!atomic_compare_exchange_strong(word_of(side), &owned, 0)) rsm_lock_release(&side->place, false);
}

/* What it has said so far was heard. */
static inline void be_heard(struct side *side) {
  struct side other = *side;
  bool died;
  other.place.offset += 4;
  other.ticket += 50000;
  CHECK(*word_of(&other) == 0);
  CHECK_EQ(rsm_lock_request(&other.place, ++other.ticket, true), RSM_SUCCESS);
  CHECK_EQ(await_answer(&other, other.ticket).code, RSM_SUCCESS);
  CHECK_EQ(try_at_once(&other, &died), RSMERR_TIMEOUT);
  release(&other);
}

static inline bool is_asked_for(const struct side *side) {
  return atomic_load(word_of(side)) & RSM_LOCK_CONTENDED;
}

static uint8_t *memory;
static struct rsm_export *segment;

static inline struct rsm_export *lockable(struct rsm_env *mine, void *address) {
  struct rsm_export *made;
  CHECK_EQ(rsm_export_create(mine, address, LENGTH, RSM_CREATE_LOCK_OPS, &made), RSM_SUCCESS);
  return made;
}

static inline void serve(void) {
  rig_up();
  make_scratch();
  host("self");
  memory = allocate(LENGTH);
  segment = lockable(env, memory);
  CHECK_EQ(publish(segment, record, ID, 0600), RSM_SUCCESS);
}

static inline void serve_no_more(bool killed) {
  rsm_export_release(segment);
  leave();
  give_back(memory);
  rig_down(killed);
}

/* An importer of this process. */
static inline struct side importer(void) {
  return side_of_import(env, connect_to(env, "self", ID));
}

static inline void end(struct side *side) {
  end_import(side->place.imported, side->bytes, LENGTH);
}

#endif
