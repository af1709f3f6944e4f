/* Exchanging the memory behind live segments: because the holder asks, or because somebody who must
 * not see it any more may still have its descriptor. */
#include "codes.h"
#include "memory.h"
#include "state.h"
#include "wait.h"

/* With rsm_lock. The segment takes the reference on fresh and gives its own on the old object. */
static struct rsm_object *exchange(struct rsm_export *segment, struct rsm_object *fresh,
                                   struct rsm_handouts *handouts) {
  struct rsm_object *old = segment->object;
  segment->object = fresh;
  segment->previous = old;
  rsm_announce_rebind(segment, handouts);
  rsm_lock_rebound(segment);
  return old;
}

/* New connects get the new memory from here on. Without rsm_lock. */
static int bind_range(struct rsm_export *segment, void *address, struct rsm_object **old) {
  struct rsm_object *fresh;
  pthread_mutex_lock(&rsm_moving);
  int code = rsm_memory_hold(address, segment->length, segment->read_only, &fresh);
  if (code == RSM_SUCCESS) {
    struct rsm_handouts handouts = RSM_HANDOUTS_OF(fresh);
    pthread_mutex_lock(&rsm_lock);
    code = segment->ended ? RSMERR_BAD_SEG_HNDL : rsm_handouts_prepare(&handouts, segment);
    if (code == RSM_SUCCESS) {
      segment->address = address;
      *old = exchange(segment, fresh, &handouts);
      rsm_lock_new_words(segment);
    }
    pthread_mutex_unlock(&rsm_lock);
    rsm_handouts_close(&handouts);
    if (code != RSM_SUCCESS) {
      rsm_memory_let_go(address, segment->length);
      rsm_object_drop(fresh);
    }
  }
  pthread_mutex_unlock(&rsm_moving);
  return code;
}

int rsm_export_rebind(struct rsm_export *segment, void *address) {
  struct rsm_object *old = NULL;
  pthread_mutex_lock(&rsm_lock);
  rsm_export_begin(segment);
  void *before = segment->address;
  int code = segment->ended ? RSMERR_BAD_SEG_HNDL : RSM_SUCCESS;
  pthread_mutex_unlock(&rsm_lock);
  if (code == RSM_SUCCESS && address != before) code = bind_range(segment, address, &old);
  pthread_mutex_lock(&rsm_lock);
  if (old != NULL) {
    RSM_COUNT(segment->shown, exported.rebinds);
    rsm_await_acknowledgements(segment);
  }
  rsm_export_finish(segment);
  pthread_mutex_unlock(&rsm_lock);
  if (old != NULL) {
    if (old->exposed) rsm_move_exposed(old, before, segment->length);
    rsm_memory_let_go(before, segment->length);
    rsm_object_drop(old);
  }
  return code;
}

/* ---- moving exposed memory ---- */

static bool anybody_busy(const struct rsm_object *object) {
  RSM_LIST_EACH(struct rsm_env, env, &rsm_envs, link) {
    RSM_LIST_EACH(struct rsm_export, segment, &env->exports, link) {
      if (segment->object == object && segment->busy) return true;
    }
  }
  return false;
}

/* Makes every segment on the object busy, all at once, so that two moves never wait for each other; and
 * returns with rsm_moving, so that no segment comes to it. */
static void begin_all(const struct rsm_object *object, struct rsm_list *turn) {
  pthread_mutex_lock(&rsm_lock);
  for (;;) {
    while (anybody_busy(object)) rsm_wait_changed(RSM_NO_DEADLINE);
    pthread_mutex_unlock(&rsm_lock);
    pthread_mutex_lock(&rsm_moving);
    pthread_mutex_lock(&rsm_lock);
    if (!anybody_busy(object)) break;
    pthread_mutex_unlock(&rsm_moving);
  }
  RSM_LIST_EACH(struct rsm_env, env, &rsm_envs, link) {
    RSM_LIST_EACH(struct rsm_export, segment, &env->exports, link) {
      if (segment->object != object) continue;
      segment->busy = true;
      segment->references++;
      rsm_list_add(turn, &segment->turn_link);
    }
  }
  pthread_mutex_unlock(&rsm_lock);
}

static void finish_all(struct rsm_list *turn) {
  RSM_LIST_EACH(struct rsm_export, segment, turn, turn_link) {
    rsm_list_remove(&segment->turn_link);
    rsm_export_finish(segment);
    rsm_export_drop(segment);
  }
}

static void exchange_all(struct rsm_object *fresh, struct rsm_list *turn) {
  struct rsm_handouts handouts = RSM_HANDOUTS_OF(fresh);
  RSM_LIST_EACH(struct rsm_export, segment, turn, turn_link) {
    if (!segment->ended) rsm_object_drop(exchange(segment, rsm_object_keep(fresh), &handouts));
  }
  rsm_handouts_close(&handouts);
}

/* Another thread may have moved it while we waited for our turn. With rsm_moving. */
static bool is_still_there(struct rsm_object *object, void *address, size_t length) {
  struct rsm_object *current;
  if (rsm_memory_hold(address, length, object->read_only, &current) != RSM_SUCCESS) return false;
  bool same = current == object;
  rsm_memory_let_go(address, length);
  rsm_object_drop(current);
  return same;
}

void rsm_move_exposed(struct rsm_object *object, void *address, size_t length) {
  struct rsm_list turn;
  struct rsm_object *fresh;
  if (object->kind == RSM_OBJECT_SYSV) return; /* no descriptor was given, and nothing can be moved */
  rsm_list_init(&turn);
  begin_all(object, &turn);
  bool moved = is_still_there(object, address, length) &&
               rsm_memory_move(address, length, &fresh) == RSM_SUCCESS;
  pthread_mutex_lock(&rsm_lock);
  if (moved) exchange_all(fresh, &turn);
  pthread_mutex_unlock(&rsm_moving);
  RSM_LIST_EACH(struct rsm_export, segment, &turn, turn_link) rsm_await_acknowledgements(segment);
  finish_all(&turn);
  pthread_mutex_unlock(&rsm_lock);
  if (moved) {
    rsm_object_punch(object);
    rsm_object_drop(fresh);
  }
}
