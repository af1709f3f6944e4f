/* Who asks for locks: requests of an environment's segments, until they are answered and taken. */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "codes.h"
#include "state.h"
#include "wait.h"
#include "wire.h"

struct request {
  struct rsm_list link; /* env->lock_requests */
  struct rsm_lock_place place; /* no segment: it is gone */
  bool answered;
  bool abandoned; /* nobody wants it any more: a grant passes on */
  bool at_once;
  bool kept_back; /* not sent yet: an abandoned request for the same word is not answered yet */
  struct rsm_lock_answer answer;
  uint32_t epoch; /* of the memory in which it was granted */
};

static struct rsm_env *env_of(const struct rsm_lock_place *place) {
  return place->imported != NULL ? place->imported->env : place->exported->env;
}

uint32_t rsm_import_lock_owner(const struct rsm_import *segment) {
  return segment->lock_owner;
}

bool rsm_lock_is_place(const struct rsm_lock_place *place) {
  uint64_t length = place->imported != NULL ? place->imported->length : place->exported->length;
  return place->offset % sizeof(uint32_t) == 0 && place->offset < length; /* length: whole pages */
}

static struct request *find(struct rsm_env *env, uint32_t ticket) {
  RSM_LIST_EACH(struct request, request, &env->lock_requests, link) {
    if (request->answer.ticket == ticket) return request;
  }
  return NULL;
}

static bool is_same(const struct rsm_lock_place *one, const struct rsm_lock_place *other) {
  return one->imported == other->imported && one->exported == other->exported && one->offset == other->offset;
}

/* What it was granted it gives back, by a word that must not have become somebody else's meanwhile. */
static bool is_abandoned(const struct rsm_lock_place *place) {
  RSM_LIST_EACH(struct request, request, &env_of(place)->lock_requests, link) {
    if (request->abandoned && is_same(&request->place, place)) return true;
  }
  return false;
}

static unsigned count_of(const struct rsm_lock_place *place) {
  unsigned count = 0;
  RSM_LIST_EACH(struct request, request, &env_of(place)->lock_requests, link) {
    count += request->place.imported == place->imported && request->place.exported == place->exported;
  }
  return count;
}

static void drop(struct request *request) {
  rsm_list_remove(&request->link);
  free(request);
}

/* ---- asking ---- */

/* epoch: the ticket, or of UNLOCK the memory's. */
static int say(const struct rsm_lock_place *place, enum rsm_frame_type type, uint32_t epoch, uint32_t code) {
  struct rsm_frame frame = rsm_frame_of(type);
  frame.epoch = epoch;
  frame.code = code;
  frame.memory_offset = place->offset;
  return rsm_wire_send(place->imported->fd, &frame, NULL, 0);
}

static int ask(const struct rsm_lock_place *place, uint32_t ticket, bool at_once) {
  if (place->imported != NULL) {
    int result = say(place, RSM_FRAME_LOCK, ticket, at_once);
    if (result == 0) return RSM_SUCCESS;
    return result == -EPIPE || result == -ECONNRESET ? RSMERR_CONN_ABORTED : RSMERR_INSUFFICIENT_RESOURCES;
  }
  struct rsm_frame frame = rsm_frame_of(RSM_FRAME_LOCK);
  frame.epoch = ticket;
  frame.code = at_once;
  frame.memory_offset = place->offset;
  return rsm_lock_queue(place->exported, NULL, &frame);
}

static int make(const struct rsm_lock_place *place, uint32_t ticket, bool at_once) {
  if (place->imported != NULL && place->imported->fd < 0) return RSMERR_CONN_ABORTED;
  if (place->exported != NULL && place->exported->ended) return RSMERR_BAD_SEG_HNDL;
  if (count_of(place) >= RSM_LOCK_WAITS_LIMIT) return RSMERR_INSUFFICIENT_RESOURCES;
  struct request *request = calloc(1, sizeof *request);
  if (request == NULL) return RSMERR_INSUFFICIENT_MEM;
  *request = (struct request){.place = *place, .at_once = at_once, .answer.ticket = ticket};
  request->kept_back = is_abandoned(place);
  rsm_list_add(&env_of(place)->lock_requests, &request->link);
  int code = request->kept_back ? RSM_SUCCESS : ask(place, ticket, at_once);
  if (code != RSM_SUCCESS) drop(request);
  return code;
}

int rsm_lock_request(const struct rsm_lock_place *place, uint32_t ticket, bool at_once) {
  pthread_mutex_lock(&rsm_lock);
  int code = make(place, ticket, at_once);
  pthread_mutex_unlock(&rsm_lock);
  return code;
}

/* An exporter that leaves hundreds of frames unread is as good as gone: to be seen by the agent as one. Only
 * the reading end: our own end of file would say that our mapping is gone. */
static void release(const struct rsm_lock_place *place, uint32_t epoch, bool died) {
  if (place->exported != NULL) {
    if (!place->exported->ended) rsm_lock_free(place->exported, NULL, place->offset, died);
  } else if (place->imported->fd >= 0 && say(place, RSM_FRAME_UNLOCK, epoch, died) != 0) {
    shutdown(place->imported->fd, SHUT_RD);
  }
}

void rsm_lock_release(const struct rsm_lock_place *place, bool died) {
  uint32_t epoch = 0;
  /* Nor does it if the memory was exchanged since the caller looked. */
  if (place->imported != NULL && !rsm_mapping_has_lock(place->imported, place->offset, &epoch)) return;
  pthread_mutex_lock(&rsm_lock);
  release(place, epoch, died);
  pthread_mutex_unlock(&rsm_lock);
}

static bool is_gone(const struct rsm_lock_place *place) {
  return place->exported == NULL && place->imported == NULL;
}

/* A CANCEL that cannot be sent leaves the request in the queue; what is granted later passes on. */
static void cancel(struct request *request) {
  if (request->answered) {
    bool granted = request->answer.code == RSM_SUCCESS && !is_gone(&request->place);
    if (granted) release(&request->place, request->epoch, request->answer.owner_died);
  }
  if (request->answered || request->kept_back) {
    drop(request);
    return;
  }
  request->abandoned = true;
  if (request->place.imported != NULL) {
    (void)say(&request->place, RSM_FRAME_CANCEL, request->answer.ticket, 0);
  } else {
    rsm_lock_dequeue(request->place.exported, NULL, request->answer.ticket); /* drops it */
  }
}

void rsm_lock_cancel(struct rsm_env *env, uint32_t ticket) {
  pthread_mutex_lock(&rsm_lock);
  struct request *request = find(env, ticket);
  if (request != NULL && !request->abandoned) cancel(request);
  pthread_mutex_unlock(&rsm_lock);
}

/* ---- answers ---- */

static void settle(struct rsm_env *env, struct request *request, int code, bool owner_died) {
  request->answered = true;
  request->answer.code = code;
  request->answer.owner_died = owner_died;
  pthread_cond_broadcast(&rsm_changed);
  if (!env->closed && env->answered != NULL) env->answered(env->answered_hint);
}

static int refusal(uint32_t code) {
  return code == RSMERR_INSUFFICIENT_MEM ? RSMERR_INSUFFICIENT_MEM : RSMERR_TIMEOUT;
}

static void ask_kept_back(struct rsm_env *env, const struct rsm_lock_place *place) {
  RSM_LIST_EACH(struct request, request, &env->lock_requests, link) {
    if (!request->kept_back || !is_same(&request->place, place)) continue;
    request->kept_back = false;
    int code = ask(place, request->answer.ticket, request->at_once);
    if (code != RSM_SUCCESS) settle(env, request, code, false);
  }
}

static void hear(struct rsm_env *env, struct request *request, const struct rsm_frame *frame) {
  bool granted = frame->type == RSM_FRAME_GRANTED, died = granted && frame->code != 0;
  if (granted && request->place.imported != NULL) request->epoch = request->place.imported->epoch;
  if (!request->abandoned) {
    settle(env, request, granted ? RSM_SUCCESS : refusal(frame->code), died);
    return;
  }
  if (granted) release(&request->place, request->epoch, died);
  struct rsm_lock_place place = request->place;
  drop(request);
  ask_kept_back(env, &place);
}

bool rsm_lock_heard(struct rsm_import *segment, const struct rsm_frame *frame) {
  struct request *request = find(segment->env, frame->epoch);
  if (request == NULL || request->place.imported != segment) return false;
  if (request->answered || request->kept_back) return false;
  hear(segment->env, request, frame);
  return true;
}

void rsm_lock_heard_of_own(struct rsm_export *segment, const struct rsm_frame *frame) {
  struct request *request = find(segment->env, frame->epoch);
  if (request != NULL) hear(segment->env, request, frame);
}

static bool take(struct request *request, struct rsm_lock_answer *answer) {
  if (request == NULL || !request->answered) return false;
  *answer = request->answer;
  drop(request);
  return true;
}

bool rsm_lock_take_answer(struct rsm_env *env, struct rsm_lock_answer *answer) {
  bool taken = false;
  pthread_mutex_lock(&rsm_lock);
  RSM_LIST_EACH(struct request, request, &env->lock_requests, link) {
    if (taken) break;
    taken = take(request, answer);
  }
  pthread_mutex_unlock(&rsm_lock);
  return taken;
}

void rsm_lock_listen(struct rsm_env *env, void (*answered)(void *hint), void *hint) {
  pthread_mutex_lock(&rsm_lock);
  env->answered = answered;
  env->answered_hint = hint;
  pthread_mutex_unlock(&rsm_lock);
}

/* With rsm_lock, which it releases; everybody's changes wake it, so it asks by the clock. */
static bool is_cancelled(int64_t *ask_ns, int (*cancelled)(void *), void *hint) {
  if (cancelled == NULL || rsm_now_ns() < *ask_ns) return false;
  *ask_ns = rsm_deadline_ns(RSM_WAIT_SLICE_MS);
  pthread_mutex_unlock(&rsm_lock);
  bool said = cancelled(hint) != 0;
  pthread_mutex_lock(&rsm_lock);
  return said;
}

struct rsm_lock_answer rsm_lock_wait(struct rsm_env *env, uint32_t ticket, int64_t timeout_ms,
                                     int (*cancelled)(void *), void *hint) {
  struct rsm_lock_answer answer = {.ticket = ticket, .code = RSMERR_TIMEOUT};
  int64_t deadline_ns = rsm_deadline_ns(timeout_ms), ask_ns = rsm_deadline_ns(RSM_WAIT_SLICE_MS);
  pthread_mutex_lock(&rsm_lock);
  while (!take(find(env, ticket), &answer)) {
    struct request *request = find(env, ticket);
    if (request == NULL) break;
    if (answer.code == RSMERR_INTERRUPTED || rsm_now_ns() >= deadline_ns) {
      cancel(request);
      break;
    }
    rsm_wait_changed(cancelled != NULL && ask_ns < deadline_ns ? ask_ns : deadline_ns);
    if (is_cancelled(&ask_ns, cancelled, hint)) answer.code = RSMERR_INTERRUPTED;
  }
  pthread_mutex_unlock(&rsm_lock);
  return answer;
}

/* ---- ends ---- */

void rsm_lock_import_gone(const struct rsm_import *segment) {
  RSM_LIST_EACH(struct request, request, &segment->env->lock_requests, link) {
    if (request->place.imported != segment) continue;
    request->place.imported = NULL;
    if (segment->ended || request->abandoned) drop(request);
    else settle(segment->env, request, RSMERR_CONN_ABORTED, false);
  }
}

void rsm_lock_export_gone(const struct rsm_export *segment) {
  RSM_LIST_EACH(struct request, request, &segment->env->lock_requests, link) {
    if (request->place.exported == segment) drop(request);
  }
}

void rsm_lock_requests_end(struct rsm_env *env) {
  RSM_LIST_EACH(struct request, request, &env->lock_requests, link) drop(request);
}
