/* The answer to CONNECT, on the agent's thread and under rsm_lock throughout: a rebind or a withdrawal
 * sees an importer either not at all or with everything it was given. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "codes.h"
#include "state.h"
#include "wire.h"

/* The descriptors of an ACCEPT, in the order of layout.h; all are closed once it is sent. */
struct offer {
  int fd[RSM_FRAME_DESCRIPTORS];
  size_t count;
};

void rsm_serve_refuse(int fd, int code) {
  struct rsm_frame frame = rsm_frame_of(RSM_FRAME_REFUSE);
  frame.code = (uint32_t)code;
  (void)rsm_wire_send(fd, &frame, NULL, 0); /* the connection ends whether it is heard or not */
}

static struct rsm_export *find_published(struct rsm_record *record, uint32_t id) {
  RSM_LIST_EACH(struct rsm_export, segment, rsm_published_list(record, id), published_link) {
    if (segment->id == id) return segment;
  }
  return NULL;
}

/* Who asks, and on which node. The kernel knows both of a process of this node, whatever it says; only the
 * gateway can speak for others, and only for those of other nodes. */
static bool identify(struct rsm_connection *connection, const struct rsm_frame *request, struct rsm_peer *peer) {
  const struct rsm_record *record = connection->record;
  if (rsm_peer_of_socket(connection->fd, peer) != 0) return false;
  connection->node = record->node;
  if (request->asserted != 0) {
    if (peer->uid != record->gateway || request->node == record->node) return false;
    if (request->asserted != 1 || request->group_count > RSM_FRAME_GROUPS) return false;
    connection->node = request->node;
    *peer = (struct rsm_peer){.uid = request->uid, .gid = request->gid, .group_count = request->group_count};
    memcpy(peer->groups, request->groups, sizeof request->groups);
  }
  connection->importer_uid = peer->uid;
  connection->importer_pid = peer->pid;
  return true;
}

static int decide(struct rsm_connection *connection, const struct rsm_export *segment,
                  const struct rsm_frame *request) {
  struct rsm_peer peer;
  if (segment == NULL) return RSMERR_SEG_NOT_PUBLISHED;
  if (request->permission == 0 || (request->permission & ~(uint32_t)RSM_PERM_RDWR) != 0) {
    return RSMERR_PERM_DENIED;
  }
  if (!identify(connection, request, &peer)) return RSMERR_PERM_DENIED;
  return rsm_access_decide(&segment->grants, &peer, connection->node, request->permission);
}

/* Status and mailbox page. What fails is left to rsm_connection_end and rsm_serve_connect. */
static int make_pages(struct rsm_connection *connection, struct offer *offer) {
  void *page;
  int code = rsm_control_page(true, &page, &offer->fd[0]);
  if (code != RSM_SUCCESS) return code;
  offer->count = 1;
  connection->status = page;
  code = rsm_control_page(false, &page, &offer->fd[1]);
  if (code != RSM_SUCCESS) return code;
  offer->count = 2;
  connection->mailbox = page;
  connection->status->magic = RSM_STATUS_MAGIC;
  connection->status->version = RSM_LAYOUT_VERSION;
  connection->status->length_bytes = connection->segment->length;
  if (connection->segment->lock_owner != 0) connection->lock_owner = rsm_lock_new_owner();
  connection->status->lock_owner = connection->lock_owner;
  atomic_store(&connection->status->state, RSM_CONNECTED);
  connection->mailbox->magic = RSM_MAILBOX_MAGIC;
  connection->mailbox->version = RSM_LAYOUT_VERSION;
  return RSM_SUCCESS;
}

/* It may have been sent away, where descriptors or memory have run out. */
static int join_bell(struct rsm_connection *connection, uint64_t number) {
  int bell = rsm_connection_take_bell(connection, number);
  if (bell < 0) return RSMERR_INSUFFICIENT_RESOURCES;
  connection->channel = rsm_events_attach(connection->segment->events, &connection->mailbox->events,
                                          &connection->status->events, bell);
  if (connection->channel != NULL) return RSM_SUCCESS;
  close(bell);
  return RSMERR_INSUFFICIENT_MEM;
}

static int make_offer(struct rsm_connection *connection, uint64_t number, struct offer *offer) {
  const struct rsm_object *object = connection->segment->object;
  int code = make_pages(connection, offer);
  if (code == RSM_SUCCESS) code = join_bell(connection, number);
  if (code != RSM_SUCCESS || object->kind == RSM_OBJECT_SYSV) return code;
  int fd = rsm_object_descriptor(object, connection->permission);
  if (fd < 0) return errno == EPERM ? RSMERR_PERM_DENIED : RSMERR_INSUFFICIENT_RESOURCES;
  offer->fd[offer->count++] = fd;
  return RSM_SUCCESS;
}

static int send_offer(struct rsm_connection *connection, const struct rsm_frame *request,
                      const struct offer *offer) {
  struct rsm_export *segment = connection->segment;
  struct rsm_frame frame = rsm_frame_of(RSM_FRAME_ACCEPT);
  frame.node = request->node;
  frame.segment_id = request->segment_id;
  frame.permission = request->permission;
  rsm_frame_memory(&frame, segment);
  if (connection->uid != geteuid()) segment->object->exposed = true;
  /* EAGAIN cannot be: nothing was sent before. ETOOMANYREFS and the like are shortages. */
  return rsm_wire_send(connection->fd, &frame, offer->fd, offer->count) == 0 ? RSM_SUCCESS
                                                                              : RSMERR_INSUFFICIENT_RESOURCES;
}

bool rsm_serve_connect(struct rsm_connection *connection, const struct rsm_frame *request) {
  struct rsm_export *segment = find_published(connection->record, request->segment_id);
  int code = decide(connection, segment, request);
  if (code == RSM_SUCCESS) {
    struct offer offer = {.count = 0};
    connection->segment = segment;
    connection->permission = request->permission;
    code = make_offer(connection, request->memory_offset, &offer);
    if (code == RSM_SUCCESS) code = send_offer(connection, request, &offer);
    for (size_t i = 0; i < offer.count; i++) close(offer.fd[i]);
  }
  if (code != RSM_SUCCESS) {
    rsm_count_refusal(connection->record, segment, code);
    rsm_serve_refuse(connection->fd, code);
    return false;
  }
  rsm_agent_set_deadline(connection->watch, -1);
  rsm_list_remove(&connection->link);
  rsm_list_add(&segment->connections, &connection->link);
  connection->accepted = true;
  rsm_show_connection(connection);
  rsm_show_importers(segment, 1);
  return true;
}
