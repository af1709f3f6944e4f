/* The exporter's side of its importers: who is connected, what they owe, and how they go. */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "codes.h"
#include "state.h"
#include "wire.h"

static struct rsm_list half_open = {&half_open, &half_open};

void rsm_connection_end(struct rsm_connection *connection) {
  rsm_agent_unwatch(&connection->watch);
  rsm_list_remove(&connection->link);
  if (connection->segment != NULL) rsm_lock_owner_gone(connection->segment, connection);
  rsm_hide(&connection->shown, NULL);
  if (connection->accepted) rsm_show_importers(connection->segment, -1);
  if (connection->status != NULL) atomic_store(&connection->status->state, RSM_WITHDRAWN);
  if (connection->channel != NULL) rsm_events_detach(connection->segment->events, connection->channel);
  if (connection->status != NULL) munmap(connection->status, RSM_PAGE_BYTES);
  if (connection->mailbox != NULL) munmap(connection->mailbox, RSM_PAGE_BYTES);
  close(connection->fd);
  free(connection);
  pthread_cond_broadcast(&rsm_changed);
}

void rsm_connection_abort(struct rsm_connection *connection) {
  struct rsm_export *segment = connection->segment;
  if (segment != NULL) {
    RSM_COUNT(segment->shown, exported.aborts);
    segment->object->exposed = true;
    if (segment->previous != NULL) segment->previous->exposed = true;
  }
  rsm_connection_end(connection);
}

bool rsm_connection_owes(const struct rsm_connection *connection) {
  return connection->withdrawn || connection->acknowledged != connection->epoch;
}

/* code: an importer that could not let go of its mapping says so instead of acknowledging. */
static bool acknowledges(const struct rsm_connection *connection, const struct rsm_frame *frame) {
  if (frame->code != 0) return false;
  if (frame->type == RSM_FRAME_WITHDRAWN) return connection->withdrawn;
  return frame->type == RSM_FRAME_REBOUND && connection->acknowledged != connection->epoch &&
         frame->epoch == connection->acknowledged + 1;
}

static bool is_of_locks(const struct rsm_frame *frame) {
  return frame->type >= RSM_FRAME_LOCK && frame->type <= RSM_FRAME_UNLOCK;
}

static unsigned half_open_of(uid_t uid, bool bells) {
  unsigned count = 0;
  RSM_LIST_EACH(struct rsm_connection, connection, &half_open, link) {
    count += connection->uid == uid && (connection->bell_number != 0) == bells;
  }
  return count;
}

/* The bell with that number from where the other connection comes from; or NULL. */
static struct rsm_connection *waiting_bell(const struct rsm_connection *of, uint64_t number) {
  RSM_LIST_EACH(struct rsm_connection, bell, &half_open, link) {
    bool same = bell->record == of->record && bell->uid == of->uid && bell->pid == of->pid;
    if (same && bell->bell_number != 0 && bell->bell_number == number) return bell;
  }
  return NULL;
}

static bool begin_to_wait(struct rsm_connection *bell, uint64_t number) {
  if (number == 0 || waiting_bell(bell, number) != NULL) return false;
  if (half_open_of(bell->uid, true) >= RSM_WAITING_BELLS_LIMIT) return false;
  bell->bell_number = number;
  rsm_agent_set_deadline(bell->watch, RSM_WAITING_BELL_MS);
  return true;
}

static bool half_open_ready(struct rsm_connection *connection, const struct rsm_frame *frame) {
  if (connection->bell_number != 0) return false; /* a bell says nothing more before it belongs to a connection */
  if (frame->type == RSM_FRAME_CONNECT) return rsm_serve_connect(connection, frame);
  return frame->type == RSM_FRAME_BELL && begin_to_wait(connection, frame->memory_offset);
}

static void connection_ready(void *subject, bool expired) {
  struct rsm_connection *connection = subject;
  struct rsm_frame frame;
  int result = expired ? 0 : rsm_wire_receive(connection->fd, &frame);
  if (result == -EAGAIN) return;
  if (connection->segment == NULL) {
    if (result != 1 || !half_open_ready(connection, &frame)) rsm_connection_end(connection);
  } else if (result != 1) {
    /* Rubbish, or an end of file: an importer takes its mappings away before it closes, dead or alive. */
    if (result == -EPROTO) rsm_connection_abort(connection);
    else rsm_connection_end(connection);
  } else if (is_of_locks(&frame)) {
    if (!rsm_lock_asked(connection, &frame)) rsm_connection_abort(connection);
  } else if (!acknowledges(connection, &frame)) {
    rsm_connection_abort(connection);
  } else if (frame.type == RSM_FRAME_WITHDRAWN) {
    rsm_connection_end(connection);
  } else {
    connection->acknowledged++;
    pthread_cond_broadcast(&rsm_changed);
  }
}

int rsm_connection_take_bell(const struct rsm_connection *of, uint64_t number) {
  struct rsm_connection *bell = waiting_bell(of, number);
  if (bell == NULL) return -1;
  int fd = bell->fd;
  rsm_agent_unwatch(&bell->watch);
  rsm_list_remove(&bell->link);
  free(bell);
  return fd;
}

void rsm_connection_accept(struct rsm_record *record, int fd) {
  struct rsm_peer peer;
  struct rsm_connection *connection = NULL;
  if (rsm_peer_of_socket(fd, &peer) == 0 && half_open_of(peer.uid, false) < RSM_HALF_OPEN_LIMIT) {
    connection = calloc(1, sizeof *connection);
  }
  if (connection != NULL) {
    *connection = (struct rsm_connection){.record = record, .fd = fd, .uid = peer.uid, .pid = peer.pid};
    connection->watch = rsm_agent_watch(fd, connection_ready, connection, RSM_HALF_OPEN_MS);
    if (connection->watch != 0) {
      rsm_list_add(&half_open, &connection->link);
      return;
    }
    free(connection);
  }
  rsm_count_refusal(record, NULL, RSMERR_INSUFFICIENT_RESOURCES);
  rsm_serve_refuse(fd, RSMERR_INSUFFICIENT_RESOURCES);
  close(fd);
}

void rsm_half_open_end(struct rsm_record *record) {
  RSM_LIST_EACH(struct rsm_connection, connection, &half_open, link) {
    if (connection->record == record) rsm_connection_end(connection);
  }
}
