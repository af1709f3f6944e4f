/* An import after connect: what the agent does when the exporter says something or goes, and the end. */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "codes.h"
#include "received.h"
#include "state.h"
#include "wire.h"

static void hang_up(struct rsm_import *segment) {
  rsm_agent_unwatch(&segment->watch);
  if (segment->channel != NULL) rsm_events_detach(segment->events, segment->channel);
  segment->channel = NULL;
  if (segment->fd >= 0) close(segment->fd);
  segment->fd = -1;
  rsm_lock_import_gone(segment);
}

/* Barriers closed from now on fail, whatever becomes of the mapping. */
static void mark_withdrawn(struct rsm_import *segment) {
  struct rsm_local_page *local = (struct rsm_local_page *)segment->control;
  atomic_store(&local->state, RSM_WITHDRAWN);
  if (segment->shown.slot != NULL) atomic_store(&segment->shown.slot->imported.state, RSM_WITHDRAWN);
}

static void tell_environment(struct rsm_import *segment) {
  struct rsm_env *env = segment->env;
  if (segment->ended || env->closed || env->aborted == NULL) return;
  env->calling++;
  pthread_mutex_unlock(&rsm_lock);
  env->aborted(env->hint, segment);
  pthread_mutex_lock(&rsm_lock);
  env->calling--;
  pthread_cond_broadcast(&rsm_changed);
}

/* code: the memory is still mapped here. Said as an acknowledgement that is none, upon which the exporter
 * moves its memory away from us; an end of file alone means that the mapping is gone. */
static void say(const struct rsm_import *segment, enum rsm_frame_type type, int code) {
  struct rsm_frame frame = rsm_frame_of(type);
  frame.code = (uint32_t)code;
  if (segment->fd >= 0) (void)rsm_wire_send(segment->fd, &frame, NULL, 0);
}

/* The segment is kept by the caller. */
static void abort_import(struct rsm_import *segment, bool asked) {
  mark_withdrawn(segment);
  rsm_agent_unwatch(&segment->watch);
  pthread_mutex_unlock(&rsm_lock);
  int code = rsm_mapping_lose(segment, false);
  pthread_mutex_lock(&rsm_lock);
  if (asked || code != RSM_SUCCESS) say(segment, RSM_FRAME_WITHDRAWN, code);
  hang_up(segment);
  tell_environment(segment);
}

/* What came is hostile until it is an object. */
static int receive_memory(const struct rsm_import *segment, const struct rsm_frame *frame, int *descriptors,
                          size_t count, struct rsm_object **out) {
  bool valid = frame->epoch == segment->epoch + 1 && frame->length_bytes == segment->length &&
               frame->permission == segment->permission && count == (frame->shmid < 0 ? 1u : 0u);
  if (!valid) {
    for (size_t i = 0; i < count; i++) rsm_discard_received(descriptors[i]);
    return RSMERR_MAP_FAILED;
  }
  if (count == 0) return rsm_object_of_sysv(frame->shmid, segment->uid, frame->memory_offset, segment->length, out);
  return rsm_object_of_descriptor(descriptors[0], segment->length, segment->permission, out);
}

static bool rebind(struct rsm_import *segment, const struct rsm_frame *frame, int *descriptors, size_t count) {
  struct rsm_object *fresh;
  if (receive_memory(segment, frame, descriptors, count, &fresh) != RSM_SUCCESS) return false;
  pthread_mutex_unlock(&rsm_lock);
  int code = rsm_mapping_exchange(segment, fresh, frame->epoch);
  pthread_mutex_lock(&rsm_lock);
  if (segment->fd < 0) return true; /* disconnected meanwhile */
  if (code != RSM_SUCCESS) return false;
  RSM_COUNT(segment->shown, imported.rebinds);
  struct rsm_frame answer = rsm_frame_of(RSM_FRAME_REBOUND);
  answer.epoch = frame->epoch;
  return rsm_wire_send(segment->fd, &answer, NULL, 0) == 0;
}

static bool is_of_locks(const struct rsm_frame *frame) {
  return frame->type == RSM_FRAME_GRANTED || frame->type == RSM_FRAME_CANCELLED;
}

void rsm_import_ready(void *subject, bool expired) {
  struct rsm_import *segment = subject;
  struct rsm_frame frame;
  int descriptors[RSM_FRAME_DESCRIPTORS];
  size_t count;
  (void)expired; /* an import has no deadline */
  int result = rsm_wire_receive_with(segment->fd, &frame, descriptors, &count);
  if (result == -EAGAIN) return;
  segment->references++;
  if (result == 1 && frame.type == RSM_FRAME_REBIND) {
    if (!rebind(segment, &frame, descriptors, count)) abort_import(segment, false);
  } else if (result == 1 && is_of_locks(&frame) && count == 0) {
    if (!rsm_lock_heard(segment, &frame)) abort_import(segment, false);
  } else {
    for (size_t i = 0; result == 1 && i < count; i++) rsm_discard_received(descriptors[i]);
    bool asked = result == 1 && frame.type == RSM_FRAME_WITHDRAW && count == 0;
    abort_import(segment, asked);
  }
  rsm_import_drop(segment);
}

void rsm_import_drop(struct rsm_import *segment) {
  if (--segment->references > 0) return;
  if (segment->control != NULL) munmap(segment->control, RSM_CONTROL_BYTES);
  if (segment->events != NULL) rsm_events_drop(segment->events);
  pthread_mutex_destroy(&segment->mapping_lock);
  rsm_env_drop_locked(segment->env);
  free(segment);
}

void rsm_import_disconnect(struct rsm_import *segment) {
  pthread_mutex_lock(&rsm_lock);
  if (segment->ended) {
    pthread_mutex_unlock(&rsm_lock);
    return;
  }
  segment->ended = true;
  if (segment->control != NULL) mark_withdrawn(segment); /* NULL: a connect that failed early */
  rsm_list_remove(&segment->link);
  pthread_mutex_unlock(&rsm_lock);
  /* First the mapping, then the socket: the exporter takes an end of file for "it has let go". */
  int code = rsm_mapping_lose(segment, true);
  pthread_mutex_lock(&rsm_lock);
  if (code != RSM_SUCCESS) say(segment, RSM_FRAME_WITHDRAWN, code);
  hang_up(segment);
  rsm_hide(&segment->shown, segment->events);
  rsm_import_drop(segment);
  pthread_mutex_unlock(&rsm_lock);
}

void rsm_import_release(struct rsm_import *segment) {
  rsm_import_disconnect(segment);
  pthread_mutex_lock(&rsm_lock);
  rsm_import_drop(segment);
  pthread_mutex_unlock(&rsm_lock);
}

uint64_t rsm_import_length(const struct rsm_import *segment) {
  return segment->length;
}

uid_t rsm_import_owner_uid(const struct rsm_import *segment) {
  return segment->uid;
}

pid_t rsm_import_owner_pid(const struct rsm_import *segment) {
  return segment->pid;
}

void *rsm_import_control(const struct rsm_import *segment) {
  return segment->control;
}

void rsm_import_keep(struct rsm_import *segment) {
  pthread_mutex_lock(&rsm_lock);
  segment->references++;
  pthread_mutex_unlock(&rsm_lock);
}

void rsm_import_let_go(struct rsm_import *segment) {
  pthread_mutex_lock(&rsm_lock);
  rsm_import_drop(segment);
  pthread_mutex_unlock(&rsm_lock);
}

struct rsm_events *rsm_import_events(struct rsm_import *segment) {
  return segment->events;
}
