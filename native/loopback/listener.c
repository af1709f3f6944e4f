/* Records: what an environment shows in the runtime directory, and the socket it listens on. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "codes.h"
#include "state.h"
#include "wait.h"

#define ACCEPTS_AT_ONCE 16 /* then others get a turn */
#define REST_MS 100        /* with no descriptor at all, a waiting connect would wake us without end */

/* Given up to accept a connection only to refuse it, when the descriptors have run out. */
static int spare_fd = -1;

static void hold_spare(void) {
  if (spare_fd < 0) spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static bool refuse_with_spare(struct rsm_record *record) {
  if (spare_fd < 0) return false;
  close(spare_fd);
  spare_fd = -1;
  int fd = accept4(record->files.listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (fd >= 0) {
    rsm_count_refusal(record, NULL, RSMERR_INSUFFICIENT_RESOURCES);
    rsm_serve_refuse(fd, RSMERR_INSUFFICIENT_RESOURCES);
    close(fd);
  }
  hold_spare();
  return fd >= 0;
}

static void listener_ready(void *subject, bool expired) {
  struct rsm_record *record = subject;
  (void)expired; /* a listener has no deadline */
  hold_spare();
  record->references++;
  rsm_record_make_room(record);
  for (int i = 0; i < ACCEPTS_AT_ONCE && !record->ended; i++) {
    int fd = accept4(record->files.listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd >= 0) {
      rsm_connection_accept(record, fd);
    } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
      if (!refuse_with_spare(record)) rsm_agent_rest(record->watch, REST_MS);
      break;
    } else if (errno != EINTR && errno != ECONNABORTED) {
      break;
    }
  }
  rsm_record_drop(record);
}

void rsm_listener_stop(void) {
  if (spare_fd >= 0) close(spare_fd);
  spare_fd = -1;
}

int rsm_record_open(struct rsm_env *env, const struct rsm_place *place, struct rsm_record **out, int *error) {
  struct rsm_record *record = calloc(1, sizeof *record);
  *error = 0;
  if (record == NULL) return RSMERR_INSUFFICIENT_MEM;
  int code = rsm_record_files_create(place->directory, place->name, &record->files, error);
  if (code != RSM_SUCCESS) {
    free(record);
    return code;
  }
  *error = -rsm_slots_open(&record->slots, record->files.record_fd);
  if (*error != 0) {
    rsm_record_files_remove(&record->files);
    free(record);
    return RSMERR_INSUFFICIENT_RESOURCES;
  }
  record->references = 2;
  record->env = env;
  record->node = place->node;
  record->gateway = place->gateway;
  for (unsigned i = 0; i < RSM_PUBLISHED_LISTS; i++) rsm_list_init(&record->published[i]);
  pthread_mutex_lock(&rsm_lock);
  hold_spare();
  record->watch = rsm_agent_watch(record->files.listen_fd, listener_ready, record, -1);
  if (record->watch != 0) {
    env->references++;
    rsm_list_add(&env->records, &record->link);
  }
  pthread_mutex_unlock(&rsm_lock);
  if (record->watch == 0) {
    rsm_slots_close(&record->slots);
    rsm_record_files_remove(&record->files);
    free(record);
    return RSMERR_INSUFFICIENT_RESOURCES;
  }
  *out = record;
  return RSM_SUCCESS;
}

void rsm_record_drop(struct rsm_record *record) {
  if (--record->references > 0) return;
  rsm_slots_close(&record->slots);
  rsm_env_drop_locked(record->env);
  free(record);
}

/* Releases rsm_lock meanwhile. */
static void withdraw_all(struct rsm_list *published) {
  while (!rsm_list_empty(published)) {
    struct rsm_export *segment = RSM_LIST_ITEM(published->next, struct rsm_export, published_link);
    segment->references++;
    pthread_mutex_unlock(&rsm_lock);
    rsm_withdraw_now(segment);
    pthread_mutex_lock(&rsm_lock);
    rsm_export_drop(segment);
  }
}

void rsm_record_end(struct rsm_record *record) {
  pthread_mutex_lock(&rsm_lock);
  if (record->ended) {
    pthread_mutex_unlock(&rsm_lock);
    return;
  }
  record->ended = true;
  rsm_list_remove(&record->link);
  rsm_agent_unwatch(&record->watch);
  rsm_half_open_end(record);
  for (unsigned i = 0; i < RSM_PUBLISHED_LISTS; i++) withdraw_all(&record->published[i]);
  while (record->growing) rsm_wait_changed(RSM_NO_DEADLINE); /* it uses the file */
  pthread_mutex_unlock(&rsm_lock);
  rsm_record_files_remove(&record->files);
  pthread_mutex_lock(&rsm_lock);
  rsm_record_drop(record);
  pthread_mutex_unlock(&rsm_lock);
}

void rsm_record_release(struct rsm_record *record) {
  rsm_record_end(record);
  pthread_mutex_lock(&rsm_lock);
  rsm_record_drop(record);
  pthread_mutex_unlock(&rsm_lock);
}
