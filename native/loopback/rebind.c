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
  if (old != NULL) rsm_await_acknowledgements(segment);
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

static void join_turn(struct rsm_export *segment, struct rsm_list *turn) {
  segment->busy = true;
  segment->references++;
  rsm_list_add(turn, &segment->turn_link);
}

/* All at once, so that two moves never wait for each other. With rsm_lock. */
static void begin_all(const struct rsm_object *object, struct rsm_list *turn) {
  while (anybody_busy(object)) rsm_wait_changed(RSM_NO_DEADLINE);
  RSM_LIST_EACH(struct rsm_env, env, &rsm_envs, link) {
    RSM_LIST_EACH(struct rsm_export, segment, &env->exports, link) {
      if (segment->object == object) join_turn(segment, turn);
    }
  }
}

static void finish_all(struct rsm_list *turn) {
  RSM_LIST_EACH(struct rsm_export, segment, turn, turn_link) {
    rsm_list_remove(&segment->turn_link);
    rsm_export_finish(segment);
    rsm_export_drop(segment);
  }
}

/* Also those that came since the turn began. One of them that is busy sends its own messages after ours. */
static void exchange_all(struct rsm_object *old, struct rsm_object *fresh, struct rsm_list *turn) {
  struct rsm_handouts handouts = RSM_HANDOUTS_OF(fresh);
  RSM_LIST_EACH(struct rsm_env, env, &rsm_envs, link) {
    RSM_LIST_EACH(struct rsm_export, segment, &env->exports, link) {
      if (segment->object != old) continue;
      if (!segment->busy) join_turn(segment, turn);
      rsm_object_drop(exchange(segment, rsm_object_keep(fresh), &handouts));
    }
  }
  rsm_handouts_close(&handouts);
}

void rsm_move_exposed(struct rsm_object *object, void *address, size_t length) {
  struct rsm_list turn;
  struct rsm_object *fresh;
  if (object->kind == RSM_OBJECT_SYSV) return; /* no descriptor was given, and nothing can be moved */
  rsm_list_init(&turn);
  pthread_mutex_lock(&rsm_lock);
  begin_all(object, &turn);
  pthread_mutex_unlock(&rsm_lock);

  pthread_mutex_lock(&rsm_moving);
  bool moved = rsm_memory_move(address, length, &fresh) == RSM_SUCCESS;
  pthread_mutex_lock(&rsm_lock);
  if (moved) exchange_all(object, fresh, &turn);
  pthread_mutex_unlock(&rsm_moving);
  RSM_LIST_EACH(struct rsm_export, segment, &turn, turn_link) rsm_await_acknowledgements(segment);
  finish_all(&turn);
  pthread_mutex_unlock(&rsm_lock);
  if (moved) {
    rsm_object_punch(object);
    rsm_object_drop(fresh);
  }
}
