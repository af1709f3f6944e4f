/* The exporter's messages to all importers of a segment, and the wait for their acknowledgements. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "codes.h"
#include "state.h"
#include "wait.h"
#include "wire.h"

/* How often a process that is late is looked at again. */
#define LOOK_AGAIN_MS 100

void rsm_export_begin(struct rsm_export *segment) {
  while (segment->busy) rsm_wait_changed(RSM_NO_DEADLINE); /* ends: every operation has its deadlines */
  segment->busy = true;
}

void rsm_export_finish(struct rsm_export *segment) {
  segment->busy = false;
  segment->previous = NULL;
  pthread_cond_broadcast(&rsm_changed);
}

void rsm_withdraw(struct rsm_export *segment) {
  struct rsm_frame frame = rsm_frame_of(RSM_FRAME_WITHDRAW);
  frame.segment_id = segment->id;
  rsm_list_remove(&segment->published_link);
  rsm_lock_withdraw(segment);
  RSM_LIST_EACH(struct rsm_connection, connection, &segment->connections, link) {
    atomic_store(&connection->status->state, RSM_WITHDRAWN);
  }
  /* A barrier that still closes well did so before what the application reads or writes from here on. */
  __sync_synchronize();
  RSM_LIST_EACH(struct rsm_connection, connection, &segment->connections, link) {
    connection->withdrawn = true;
    if (rsm_wire_send(connection->fd, &frame, NULL, 0) != 0) rsm_connection_abort(connection);
  }
}

/* ---- rebind ---- */

static int handout(struct rsm_handouts *handouts, uint32_t permission) {
  int *fd = permission & RSM_PERM_WRITE ? &handouts->writable : &handouts->readable;
  if (*fd < 0) *fd = rsm_object_descriptor(handouts->object, permission);
  return *fd;
}

int rsm_handouts_prepare(struct rsm_handouts *handouts, const struct rsm_export *segment) {
  if (handouts->object->kind == RSM_OBJECT_SYSV) return RSM_SUCCESS;
  RSM_LIST_EACH(struct rsm_connection, connection, &segment->connections, link) {
    if (handout(handouts, connection->permission) < 0) return RSMERR_INSUFFICIENT_RESOURCES;
  }
  return RSM_SUCCESS;
}

void rsm_handouts_close(struct rsm_handouts *handouts) {
  if (handouts->readable >= 0) close(handouts->readable);
  if (handouts->writable >= 0) close(handouts->writable);
}

void rsm_frame_memory(struct rsm_frame *frame, const struct rsm_export *segment) {
  frame->shmid = segment->object->shmid;
  frame->length_bytes = segment->length;
  frame->memory_offset = segment->object->memory_offset;
}

static bool send_rebind(const struct rsm_connection *connection, const struct rsm_export *segment,
                        struct rsm_handouts *handouts) {
  struct rsm_frame frame = rsm_frame_of(RSM_FRAME_REBIND);
  frame.segment_id = segment->id;
  frame.permission = connection->permission;
  frame.epoch = connection->epoch;
  rsm_frame_memory(&frame, segment);
  if (segment->object->kind == RSM_OBJECT_SYSV) return rsm_wire_send(connection->fd, &frame, NULL, 0) == 0;
  int fd = handout(handouts, connection->permission);
  return fd >= 0 && rsm_wire_send(connection->fd, &frame, &fd, 1) == 0;
}

void rsm_announce_rebind(struct rsm_export *segment, struct rsm_handouts *handouts) {
  RSM_LIST_EACH(struct rsm_connection, connection, &segment->connections, link) {
    if (connection->withdrawn) continue;
    connection->epoch++;
    atomic_store(&connection->status->rebind_epoch, connection->epoch);
    if (connection->uid != geteuid()) segment->object->exposed = true;
    if (!send_rebind(connection, segment, handouts)) rsm_connection_abort(connection);
  }
}

/* ---- acknowledgements ---- */

/* Whether it will not answer for as long as it likes: stopped, a zombie or gone. When that cannot be
 * known (no such pid here, no descriptor to look with) it counts as running. */
static bool is_stopped(pid_t pid) {
  char path[32], text[256];
  if (pid <= 0) return false;
  snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return errno == ENOENT && kill(pid, 0) != 0 && errno == ESRCH;
  ssize_t length = read(fd, text, sizeof text - 1);
  close(fd);
  if (length <= 0) return length < 0 && errno == ESRCH;
  text[length] = '\0';
  const char *name_end = strrchr(text, ')'); /* the name may hold anything */
  return name_end != NULL && name_end[1] == ' ' && strchr("TtZXx", name_end[2]) != NULL;
}

static bool anybody_owes(const struct rsm_export *segment) {
  RSM_LIST_EACH(struct rsm_connection, connection, &segment->connections, link) {
    if (rsm_connection_owes(connection)) return true;
  }
  return false;
}

static void give_up(struct rsm_export *segment, bool on_everybody) {
  RSM_LIST_EACH(struct rsm_connection, connection, &segment->connections, link) {
    if (rsm_connection_owes(connection) && (on_everybody || is_stopped(connection->pid))) {
      rsm_connection_abort(connection);
    }
  }
}

void rsm_await_acknowledgements(struct rsm_export *segment) {
  int64_t look_ns = rsm_deadline_ns(RSM_ACKNOWLEDGE_MS);
  int64_t limit_ns = rsm_deadline_ns(RSM_ACKNOWLEDGE_LIMIT_MS);
  while (anybody_owes(segment)) {
    int64_t now_ns = rsm_now_ns();
    if (now_ns < look_ns && now_ns < limit_ns) {
      rsm_wait_changed(look_ns < limit_ns ? look_ns : limit_ns);
    } else {
      give_up(segment, now_ns >= limit_ns);
      look_ns = rsm_deadline_ns(LOOK_AGAIN_MS);
    }
  }
}
