#include "port.h"

#include "codes.h"
#include "state.h"

static int map_whole(struct rsm_import *segment, uint32_t permission, void **address) {
  return rsm_import_map(segment, 0, rsm_import_length(segment), permission, true, NULL, address);
}

static void post(struct rsm_import *segment, bool no_accumulate) {
  rsm_events_post(rsm_import_events(segment), no_accumulate);
}

static int event_descriptor(struct rsm_import *segment) {
  return rsm_events_descriptor(rsm_import_events(segment));
}

static void collect(struct rsm_import *segment, uint64_t *posted, bool *coalesced) {
  rsm_events_collect(rsm_import_events(segment), posted, coalesced);
}

/* BAD_ADDR: no word can be there. */
static int lock(struct rsm_import *segment, uint64_t offset, uint32_t ticket, bool at_once) {
  struct rsm_lock_place place = {.imported = segment, .offset = offset};
  return rsm_lock_is_place(&place) ? rsm_lock_request(&place, ticket, at_once) : RSMERR_BAD_ADDR;
}

static void unlock(struct rsm_import *segment, uint64_t offset, bool died) {
  struct rsm_lock_place place = {.imported = segment, .offset = offset};
  if (rsm_lock_is_place(&place)) rsm_lock_release(&place, died);
}

static void cancel_lock(struct rsm_import *segment, uint32_t ticket) {
  rsm_lock_cancel(segment->env, ticket);
}

static void listen_for_locks(struct rsm_import *segment, void (*answered)(void *hint), void *hint) {
  rsm_lock_listen(segment->env, answered, hint);
}

static bool take_lock_answer(struct rsm_import *segment, struct rsm_lock_answer *answer) {
  return rsm_lock_take_answer(segment->env, answer);
}

static void unmap(struct rsm_import *segment) {
  rsm_import_unmap(segment, false);
}

const struct rsm_port_calls rsm_port_calls = {
    .version = RSM_PORT_VERSION,
    .keep = rsm_import_keep,
    .let_go = rsm_import_let_go,
    .length = rsm_import_length,
    .lock_owner = rsm_import_lock_owner,
    .control = rsm_import_control,
    .map = map_whole,
    .unmap = unmap,
    .post = post,
    .event_descriptor = event_descriptor,
    .collect = collect,
    .lock = lock,
    .unlock = unlock,
    .cancel_lock = cancel_lock,
    .listen_for_locks = listen_for_locks,
    .take_lock_answer = take_lock_answer,
};
