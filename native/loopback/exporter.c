/* Export segments: made, published and taken back by their holder's thread. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "codes.h"
#include "memory.h"
#include "state.h"

static void free_export(struct rsm_export *segment) {
  if (segment->events != NULL) rsm_events_drop(segment->events);
  free(segment);
}

int rsm_export_create(struct rsm_env *env, void *address, size_t length, unsigned flags,
                      struct rsm_export **out) {
  bool read_only = flags & RSM_CREATE_READ_ONLY;
  struct rsm_export *segment = calloc(1, sizeof *segment);
  if (segment == NULL) return RSMERR_INSUFFICIENT_MEM;
  *segment = (struct rsm_export){
      .references = 2, .env = env, .address = address, .length = length, .read_only = read_only};
  rsm_list_init(&segment->connections);
  rsm_list_init(&segment->published_link);
  rsm_list_init(&segment->turn_link);
  segment->events = rsm_events_create();
  if (segment->events == NULL) {
    free_export(segment);
    return RSMERR_INSUFFICIENT_MEM;
  }
  pthread_mutex_lock(&rsm_moving); /* until it is listed: a move must find it or be over */
  int code = rsm_memory_hold(address, length, read_only, &segment->object);
  if (code == RSM_SUCCESS) {
    pthread_mutex_lock(&rsm_lock);
    env->references++;
    if (flags & RSM_CREATE_LOCK_OPS) segment->lock_owner = rsm_lock_new_owner();
    rsm_list_add(&env->exports, &segment->link);
    pthread_mutex_unlock(&rsm_lock);
    *out = segment;
  }
  pthread_mutex_unlock(&rsm_moving);
  if (code != RSM_SUCCESS) free_export(segment);
  return code;
}

/* ---- publish ---- */

/* With rsm_lock. */
static int answer(struct rsm_export *segment, struct rsm_record *record, uint32_t id, char *claim,
                  const struct rsm_grants *grants) {
  if (segment->ended || record->ended) return RSMERR_BAD_SEG_HNDL;
  if (segment->record != NULL) return RSMERR_SEGID_IN_USE;
  segment->record = record;
  record->references++;
  segment->id = id;
  segment->claim = claim;
  segment->grants = *grants;
  rsm_list_add(rsm_published_list(record, id), &segment->published_link);
  rsm_show_publication(segment);
  return RSM_SUCCESS;
}

/* What is left of a publication once nothing answers any more. Without rsm_lock: it touches files. */
static void remove_claim(struct rsm_record *record, char *claim) {
  rsm_claim_remove(&record->files, claim);
  free(claim);
  pthread_mutex_lock(&rsm_lock);
  rsm_record_drop(record);
  pthread_mutex_unlock(&rsm_lock);
}

/* Everything of unpublish but the memory; wait: for the importers. False: it was not published. */
static bool take_back(struct rsm_export *segment, bool wait) {
  pthread_mutex_lock(&rsm_lock);
  struct rsm_record *record = segment->record;
  char *claim = segment->claim;
  if (record == NULL) {
    pthread_mutex_unlock(&rsm_lock);
    return false;
  }
  segment->record = NULL;
  segment->claim = NULL;
  rsm_show_publication(segment);
  rsm_withdraw(segment);
  if (!wait) {
    RSM_LIST_EACH(struct rsm_connection, connection, &segment->connections, link) {
      rsm_connection_end(connection);
    }
  }
  pthread_mutex_unlock(&rsm_lock);
  remove_claim(record, claim);
  pthread_mutex_lock(&rsm_lock);
  rsm_await_acknowledgements(segment);
  pthread_mutex_unlock(&rsm_lock);
  return true;
}

int rsm_export_publish(struct rsm_export *segment, struct rsm_record *record, uint32_t id,
                       const char *claim, const struct rsm_grants *grants) {
  char *name = strdup(claim);
  if (name == NULL) return RSMERR_INSUFFICIENT_MEM;
  pthread_mutex_lock(&rsm_lock);
  rsm_export_begin(segment);
  int code = answer(segment, record, id, name, grants);
  pthread_mutex_unlock(&rsm_lock);
  if (code != RSM_SUCCESS) {
    free(name);
  } else {
    int result = rsm_claim_create(&record->files, claim);
    if (result != 0) {
      code = result == -EEXIST ? RSMERR_SEGID_IN_USE : RSMERR_INSUFFICIENT_RESOURCES;
      take_back(segment, true);
    }
  }
  pthread_mutex_lock(&rsm_lock);
  rsm_export_finish(segment);
  pthread_mutex_unlock(&rsm_lock);
  return code;
}

int rsm_export_republish(struct rsm_export *segment, const struct rsm_grants *grants) {
  pthread_mutex_lock(&rsm_lock);
  int code = segment->record == NULL ? RSMERR_SEG_NOT_PUBLISHED : RSM_SUCCESS;
  if (code == RSM_SUCCESS) {
    segment->grants = *grants;
    rsm_show_publication(segment);
  }
  pthread_mutex_unlock(&rsm_lock);
  return code;
}

/* ---- unpublish, destroy ---- */

/* No memory to move to leaves an exposed object shared with whoever cheats: the segment is unpublished
 * all the same, and the next unpublish, rebind, destroy or export of that memory tries again. */
static void move_if_exposed(struct rsm_export *segment) {
  pthread_mutex_lock(&rsm_lock);
  struct rsm_object *object = segment->ended ? NULL : rsm_object_keep(segment->object);
  pthread_mutex_unlock(&rsm_lock);
  if (object == NULL) return;
  if (object->exposed) rsm_move_exposed(object, segment->address, segment->length);
  rsm_object_drop(object);
}

int rsm_export_unpublish(struct rsm_export *segment) {
  pthread_mutex_lock(&rsm_lock);
  rsm_export_begin(segment);
  pthread_mutex_unlock(&rsm_lock);
  bool published = take_back(segment, true);
  pthread_mutex_lock(&rsm_lock);
  rsm_export_finish(segment);
  pthread_mutex_unlock(&rsm_lock);
  if (!published) return RSMERR_SEG_NOT_PUBLISHED;
  move_if_exposed(segment);
  return RSM_SUCCESS;
}

static bool is_used(const struct rsm_object *object) {
  RSM_LIST_EACH(struct rsm_env, env, &rsm_envs, link) {
    RSM_LIST_EACH(struct rsm_export, segment, &env->exports, link) {
      if (segment->object == object) return true;
    }
  }
  return false;
}

/* punch: what cannot be reached by others through another segment loses its bytes. */
static void end_export(struct rsm_export *segment, bool punch) {
  pthread_mutex_lock(&rsm_moving);
  pthread_mutex_lock(&rsm_lock);
  struct rsm_object *object = NULL;
  if (!segment->ended) {
    segment->ended = true;
    rsm_list_remove(&segment->link);
    rsm_lock_owner_gone(segment, NULL);
    rsm_lock_export_gone(segment);
    rsm_hide(&segment->shown, segment->events);
    object = segment->object;
    segment->object = NULL;
    punch = punch && object->exposed && !is_used(object);
  }
  pthread_mutex_unlock(&rsm_lock);
  if (object != NULL) {
    if (punch) rsm_object_punch(object);
    rsm_memory_let_go(segment->address, segment->length);
  }
  pthread_mutex_unlock(&rsm_moving);
  if (object == NULL) return;
  rsm_object_drop(object);
  pthread_mutex_lock(&rsm_lock);
  rsm_export_drop(segment);
  pthread_mutex_unlock(&rsm_lock);
}

void rsm_export_drop(struct rsm_export *segment) {
  if (--segment->references > 0) return;
  rsm_env_drop_locked(segment->env);
  free_export(segment);
}

void rsm_withdraw_now(struct rsm_export *segment) {
  take_back(segment, false);
}

void rsm_export_end_now(struct rsm_export *segment) {
  take_back(segment, false);
  end_export(segment, true);
}

void rsm_export_destroy(struct rsm_export *segment) {
  if (rsm_export_unpublish(segment) != RSM_SUCCESS) move_if_exposed(segment);
  end_export(segment, false);
}

void rsm_export_release(struct rsm_export *segment) {
  rsm_export_destroy(segment);
  pthread_mutex_lock(&rsm_lock);
  rsm_export_drop(segment);
  pthread_mutex_unlock(&rsm_lock);
}

/* ---- what a holder may ask ---- */

unsigned rsm_export_importers(const struct rsm_export *segment) {
  unsigned count = 0;
  pthread_mutex_lock(&rsm_lock);
  RSM_LIST_EACH(struct rsm_connection, connection, &segment->connections, link) count++;
  pthread_mutex_unlock(&rsm_lock);
  return count;
}

struct rsm_events *rsm_export_events(struct rsm_export *segment) {
  return segment->events;
}
