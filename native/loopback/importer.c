/* Connecting: on the caller's thread (a JavaScript thread or one of a pool) until the import is whole;
 * then its socket is the agent's. Whoever answers is hostile until everything it sent is checked. */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "codes.h"
#include "received.h"
#include "room.h"
#include "state.h"
#include "wait.h"
#include "wire.h"

#define CONTROL_MAPPINGS 3 /* its pages have three owners */

/* What came with an answer; a descriptor that was taken is -1. */
struct answer {
  struct rsm_frame frame;
  int fd[RSM_FRAME_DESCRIPTORS];
  size_t count;
};

static int code_of_errno(int error) {
  switch (error) {
    case ENOENT:
    case ECONNREFUSED: return RSMERR_SEG_NOT_PUBLISHED; /* the exporter has gone since the claim was read */
    case ECANCELED:
    case EINTR:
    case ECONNRESET:
    case EPIPE: return RSMERR_INTERRUPTED; /* cancelled; or it went during the hand-shake (2.5, step 8) */
    case EMFILE:
    case ENFILE:
    case ENOBUFS: return RSMERR_INSUFFICIENT_RESOURCES;
    case ENOMEM: return RSMERR_INSUFFICIENT_MEM;
    /* The deadline; and rubbish: whoever listens there does not speak our protocol, so that no exporter
     * of this node can be reached there. */
    default: return RSMERR_REMOTE_NODE_UNREACHABLE;
  }
}

/* ---- the conversation ---- */

static int dial(const struct rsm_connect *request, int64_t deadline_ns, int *fd) {
  *fd = rsm_socket_connect(request->socket_path, deadline_ns, request->cancel_fd);
  return *fd < 0 ? code_of_errno(-*fd) : RSM_SUCCESS;
}

/* It tells importers apart that are one process to the exporter, as those of another PID namespace are. Not 0. */
static uint64_t new_number(void) {
  uint64_t number;
  if (getrandom(&number, sizeof number, GRND_NONBLOCK) != sizeof number) number = (uint64_t)rsm_now_ns();
  return number | 1;
}

/* Before the connection that it is for. A socket of ours alone: what the exporter does with its own end, or with the
 * pages that it reads into, never keeps us in the kernel. */
static int dial_bell(const struct rsm_connect *request, int64_t deadline_ns, uint64_t number, int *bell) {
  int code = dial(request, deadline_ns, bell);
  if (code != RSM_SUCCESS) return code;
  rsm_wire_refuse_descriptors(*bell);
  struct rsm_frame frame = rsm_frame_of(RSM_FRAME_BELL);
  frame.memory_offset = number;
  int result = rsm_wire_send(*bell, &frame, NULL, 0);
  /* Sent away already: so will be the connection, which is told why. */
  return result == 0 || result == -EPIPE || result == -ECONNRESET ? RSM_SUCCESS : code_of_errno(-result);
}

static int dial_exporter(const struct rsm_connect *request, int64_t deadline_ns, struct rsm_import *segment) {
  struct rsm_peer peer;
  int code = dial(request, deadline_ns, &segment->fd);
  if (code != RSM_SUCCESS) return code;
  /* Of a listener the kernel tells who it was when it began to listen: in a directory that others can
   * write to, a name proves nothing. */
  if (rsm_peer_of_socket(segment->fd, &peer) != 0 || peer.uid != request->owner) return RSMERR_SEG_NOT_PUBLISHED;
  segment->uid = peer.uid;
  segment->pid = peer.pid;
  return RSM_SUCCESS;
}

static void assert_identity(struct rsm_frame *frame, const struct rsm_behalf *behalf) {
  frame->asserted = 1;
  frame->uid = behalf->uid;
  frame->gid = behalf->gid;
  frame->group_count = behalf->group_count;
  for (uint32_t i = 0; i < behalf->group_count; i++) frame->groups[i] = behalf->groups[i];
}

static int ask(const struct rsm_connect *request, int64_t deadline_ns, uint64_t number, int fd,
               struct answer *answer) {
  struct rsm_frame frame = rsm_frame_of(RSM_FRAME_CONNECT);
  frame.node = request->node;
  frame.segment_id = request->segment_id;
  frame.permission = request->permission;
  frame.memory_offset = number;
  if (request->behalf != NULL) assert_identity(&frame, request->behalf);
  int result = rsm_wire_send(fd, &frame, NULL, 0);
  /* EPIPE: it refused before it was asked, and the refusal can be read. */
  if (result != 0 && result != -EPIPE && result != -ECONNRESET) return code_of_errno(-result);
  do {
    struct pollfd entries[] = {{.fd = fd, .events = POLLIN}, {.fd = request->cancel_fd, .events = POLLIN}};
    int ready = rsm_poll(entries, 2, deadline_ns, NULL, NULL);
    if (ready == 0) return RSMERR_REMOTE_NODE_UNREACHABLE;
    if (ready < 0) return code_of_errno(-ready);
    if (entries[1].revents != 0) return RSMERR_INTERRUPTED;
    result = rsm_wire_receive_with(fd, &answer->frame, answer->fd, &answer->count);
    if (result == -ECONNRESET) { /* told once, before the refusal that may have been sent */
      result = rsm_wire_receive_with(fd, &answer->frame, answer->fd, &answer->count);
    }
  } while (result == -EAGAIN);
  if (result == 0) return RSMERR_INTERRUPTED; /* the exporter went during the hand-shake */
  return result < 0 ? code_of_errno(-result) : RSM_SUCCESS;
}

/* Any other code would be passed on to a program that cannot have it. */
static int refusal(uint32_t code) {
  switch (code) {
    case RSMERR_SEG_NOT_PUBLISHED:
    case RSMERR_SEG_NOT_PUBLISHED_TO_NODE:
    case RSMERR_PERM_DENIED:
    case RSMERR_INSUFFICIENT_RESOURCES:
    case RSMERR_INSUFFICIENT_MEM: return (int)code;
    default: return RSMERR_REMOTE_NODE_UNREACHABLE;
  }
}

static int check(const struct rsm_connect *request, const struct answer *answer) {
  const struct rsm_frame *frame = &answer->frame;
  if (frame->type == RSM_FRAME_REFUSE && answer->count == 0) return refusal(frame->code);
  size_t expected = frame->shmid < 0 ? RSM_FRAME_DESCRIPTORS : RSM_FRAME_DESCRIPTORS - 1;
  bool valid = frame->type == RSM_FRAME_ACCEPT && answer->count == expected && frame->code == 0 &&
               frame->node == request->node && frame->segment_id == request->segment_id &&
               frame->permission == request->permission;
  return valid ? RSM_SUCCESS : RSMERR_REMOTE_NODE_UNREACHABLE;
}

/* ---- what an ACCEPT brings ---- */

static int take(struct answer *answer, size_t index) {
  int fd = answer->fd[index];
  answer->fd[index] = -1;
  return fd;
}

static int of_peer(int code) {
  return code == RSMERR_MAP_FAILED ? RSMERR_REMOTE_NODE_UNREACHABLE : code; /* not what it should be */
}

/* Both pages begin with their magic and version. */
static int take_page(int fd, uint32_t permission, uint32_t magic, uint8_t *address) {
  struct rsm_object *page;
  int code = rsm_object_of_descriptor(fd, RSM_PAGE_BYTES, permission, &page);
  if (code != RSM_SUCCESS) return of_peer(code);
  int protection = permission & RSM_PERM_WRITE ? PROT_READ | PROT_WRITE : PROT_READ;
  void *mapped = mmap(address, RSM_PAGE_BYTES, protection, MAP_SHARED | MAP_FIXED, page->fd, 0);
  rsm_object_drop(page);
  if (mapped == MAP_FAILED) return RSMERR_INSUFFICIENT_RESOURCES;
  const volatile uint32_t *words = mapped;
  return words[0] == magic && words[1] == RSM_LAYOUT_VERSION ? RSM_SUCCESS : RSMERR_REMOTE_NODE_UNREACHABLE;
}

static int take_control(struct rsm_import *segment, struct answer *answer) {
  if (!rsm_room_for_mappings(CONTROL_MAPPINGS)) return RSMERR_INSUFFICIENT_RESOURCES;
  void *control = mmap(NULL, RSM_CONTROL_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (control == MAP_FAILED) return RSMERR_INSUFFICIENT_RESOURCES;
  segment->control = control;
  int code = take_page(take(answer, 0), RSM_PERM_READ, RSM_STATUS_MAGIC, segment->control + RSM_PAGE_BYTES);
  if (code != RSM_SUCCESS) return code;
  code = take_page(take(answer, 1), RSM_PERM_RDWR, RSM_MAILBOX_MAGIC, segment->control + 2 * RSM_PAGE_BYTES);
  if (code != RSM_SUCCESS) return code;
  const struct rsm_status_page *status = (const struct rsm_status_page *)(segment->control + RSM_PAGE_BYTES);
  segment->lock_owner = status->lock_owner & RSM_LOCK_OWNER;
  struct rsm_local_page *local = control;
  atomic_store(&local->state, RSM_CONNECTED);
  return RSM_SUCCESS;
}

static int join_bell(struct rsm_import *segment, int *bell) {
  struct rsm_status_page *status = (struct rsm_status_page *)(segment->control + RSM_PAGE_BYTES);
  struct rsm_mailbox_page *mailbox = (struct rsm_mailbox_page *)(segment->control + 2 * RSM_PAGE_BYTES);
  segment->events = rsm_events_create();
  if (segment->events == NULL) return RSMERR_INSUFFICIENT_MEM;
  segment->channel = rsm_events_attach(segment->events, &status->events, &mailbox->events, *bell);
  if (segment->channel == NULL) return RSMERR_INSUFFICIENT_MEM;
  *bell = -1; /* the channel's now */
  return RSM_SUCCESS;
}

static int take_memory(struct rsm_import *segment, struct answer *answer) {
  const struct rsm_frame *frame = &answer->frame;
  segment->length = frame->length_bytes;
  segment->permission = frame->permission;
  int code;
  if (frame->shmid >= 0) {
    code = rsm_object_of_sysv(frame->shmid, segment->uid, frame->memory_offset, segment->length, &segment->object);
  } else {
    code = rsm_object_of_descriptor(take(answer, 2), frame->length_bytes, frame->permission, &segment->object);
  }
  return of_peer(code);
}

static int take_all(const struct rsm_connect *request, struct rsm_import *segment, struct answer *answer,
                    int *bell) {
  int code = check(request, answer);
  if (code == RSM_SUCCESS) code = take_control(segment, answer);
  if (code == RSM_SUCCESS) code = take_memory(segment, answer);
  if (code == RSM_SUCCESS) code = join_bell(segment, bell);
  for (size_t i = 0; i < answer->count; i++) {
    if (answer->fd[i] >= 0) rsm_discard_received(answer->fd[i]);
  }
  return code;
}

/* ---- the import ---- */

static struct rsm_import *create(struct rsm_env *env, int *code) {
  struct rsm_import *segment = calloc(1, sizeof *segment);
  *code = RSMERR_INSUFFICIENT_MEM;
  if (segment == NULL) return NULL;
  segment->references = 2;
  segment->env = env;
  segment->fd = -1;
  rsm_list_init(&segment->link);
  pthread_mutex_init(&segment->mapping_lock, NULL);
  pthread_mutex_lock(&rsm_lock);
  bool open = !env->closed;
  if (open) env->references++;
  pthread_mutex_unlock(&rsm_lock);
  if (open) return segment;
  pthread_mutex_destroy(&segment->mapping_lock);
  free(segment);
  *code = RSMERR_INTERRUPTED;
  return NULL;
}

static int join(struct rsm_import *segment) {
  int code = RSM_SUCCESS;
  pthread_mutex_lock(&rsm_lock);
  if (segment->env->closed) {
    code = RSMERR_INTERRUPTED;
  } else {
    segment->watch = rsm_agent_watch(segment->fd, rsm_import_ready, segment, -1);
    if (segment->watch == 0) code = RSMERR_INSUFFICIENT_RESOURCES;
    else rsm_list_add(&segment->env->imports, &segment->link);
  }
  pthread_mutex_unlock(&rsm_lock);
  return code;
}

int rsm_import_connect(struct rsm_env *env, const struct rsm_connect *request,
                       struct rsm_import **out) {
  int64_t deadline_ns = rsm_deadline_ns(request->timeout_ms);
  struct answer answer = {.count = 0};
  int code;
  struct rsm_import *segment = create(env, &code);
  if (segment == NULL) return code;
  segment->node = request->node;
  segment->id = request->segment_id;
  uint64_t number = new_number();
  int bell = -1;
  code = dial_bell(request, deadline_ns, number, &bell);
  if (code == RSM_SUCCESS) code = dial_exporter(request, deadline_ns, segment);
  if (code == RSM_SUCCESS) code = ask(request, deadline_ns, number, segment->fd, &answer);
  if (code == RSM_SUCCESS) code = take_all(request, segment, &answer, &bell);
  if (bell >= 0) close(bell);
  if (code == RSM_SUCCESS) code = join(segment);
  if (code == RSM_SUCCESS) *out = segment;
  else rsm_import_release(segment);
  return code;
}
