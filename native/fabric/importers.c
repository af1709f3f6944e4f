/* Importers: how they come in, and how they go. */
#include <stdlib.h>
#include <string.h>

#include "../loopback/codes.h"
#include "../loopback/wait.h"
#include "target_state.h"

#define READ_AT_ONCE 16
/* Rounds of that many before others have their turn. */
#define READ_ROUNDS 4
/* Of those rounds, for who leaves: more than an initiator has messages under way (endpoint.c). */
#define LAST_TURNS 8

static struct rsm_importer *find(const struct rsm_target *target, uint32_t number) {
  RSM_LIST_EACH(struct rsm_importer, importer, &target->importers, link) {
    if (importer->number == number) return importer;
  }
  return NULL;
}

struct rsm_importer *rsm_importer_of_endpoint(struct rsm_target *target, const struct fid *endpoint) {
  RSM_LIST_EACH(struct rsm_importer, importer, &target->importers, link) {
    struct fid_ep *own = importer->connection.endpoint;
    if (own != NULL && &own->fid == endpoint) return importer;
  }
  return NULL;
}

void rsm_importer_active(struct rsm_importer *importer) {
  if (rsm_list_empty(&importer->active)) rsm_list_add(&importer->target->active, &importer->active);
}

/* ---- admission ---- */

static int admit(struct rsm_target *target, const uint8_t *ticket, int64_t expires_ms, uint32_t *number) {
  struct rsm_importer *importer = calloc(1, sizeof *importer);
  if (importer == NULL) return RSMERR_INSUFFICIENT_MEM;
  rsm_list_init(&importer->link);
  rsm_list_init(&importer->active);
  rsm_list_init(&importer->grants);
  rsm_list_init(&importer->locks);
  rsm_list_init(&importer->locks_answered);
  importer->target = target;
  importer->state = RSM_IMPORTER_ADMITTED;
  memcpy(importer->ticket, ticket, RSM_TICKET_BYTES);
  importer->deadline_ns = rsm_deadline_ns(expires_ms);
  for (int i = 0; i < RSM_REQUESTS_LIMIT; i++) importer->answers[i].operation.kind = RSM_OPERATION_SEND;
  importer->news.operation.kind = RSM_OPERATION_SEND;
  int result = rsm_link_open(&importer->connection, target->fabric, target->info);
  if (result == 0) {
    result = rsm_target_watch(target, &importer->source, RSM_SOURCE_IMPORTER, importer->connection.alarm.fd);
    if (result != 0) rsm_link_close(&importer->connection);
  }
  if (result != 0) {
    free(importer);
    return RSMERR_INSUFFICIENT_RESOURCES;
  }
  importer->number = *number = ++target->last_importer;
  rsm_list_add(&target->importers, &importer->link);
  rsm_importer_active(importer);
  rsm_target_due(target, importer->deadline_ns);
  return RSM_SUCCESS;
}

int rsm_target_admit(struct rsm_target *target, const uint8_t ticket[RSM_TICKET_BYTES], int64_t expires_ms,
                     uint32_t *importer) {
  rsm_target_lock(target);
  int code = admit(target, ticket, expires_ms, importer);
  rsm_target_unlock(target);
  return code;
}

/* In a time that tells nothing of how much of it was right. */
static bool is_ticket(const uint8_t *ticket, const uint8_t *presented) {
  uint8_t difference = 0;
  for (size_t i = 0; i < RSM_TICKET_BYTES; i++) difference |= ticket[i] ^ presented[i];
  return difference == 0;
}

static struct rsm_importer *find_by_ticket(const struct rsm_target *target, const void *ticket, size_t length) {
  if (length < RSM_TICKET_BYTES) return NULL; /* a provider may deliver more than was sent */
  struct rsm_importer *found = NULL;
  RSM_LIST_EACH(struct rsm_importer, importer, &target->importers, link) {
    if (importer->state == RSM_IMPORTER_ADMITTED && is_ticket(importer->ticket, ticket)) found = importer;
  }
  return found;
}

void rsm_importer_requested(struct rsm_target *target, struct fi_info *info, const void *data, size_t length) {
  struct rsm_importer *importer = find_by_ticket(target, data, length);
  if (importer == NULL) {
    fi_reject(target->listener, info->handle, NULL, 0);
    rsm_target_tell_refusal(target, info->dest_addr);
  } else {
    importer->state = RSM_IMPORTER_ACCEPTED; /* the ticket is used up */
    importer->deadline_ns = rsm_deadline_ns(RSM_ACCEPT_MS);
    rsm_target_due(target, importer->deadline_ns);
    int result = rsm_link_join(&importer->connection, info, target->queue);
    if (result == 0) result = fi_accept(importer->connection.endpoint, NULL, 0);
    if (result != 0) rsm_importer_end(importer);
    else rsm_importer_active(importer);
  }
  rsm_library()->freeinfo(info);
}

void rsm_importer_connected(struct rsm_importer *importer) {
  if (importer->state != RSM_IMPORTER_ACCEPTED) return;
  importer->state = RSM_IMPORTER_CONNECTED;
  rsm_importer_active(importer);
  rsm_target_tell(importer->target, RSM_TARGET_CONNECTED, importer->number, 0);
  rsm_importer_send_news(importer);
}

/* ---- the end ---- */

void rsm_importer_end(struct rsm_importer *importer) {
  struct rsm_target *target = importer->target;
  if (importer->state == RSM_IMPORTER_ENDED) return;
  importer->state = RSM_IMPORTER_ENDED;
  rsm_link_cut(&importer->connection); /* first: an access in flight goes on after its region is closed */
  RSM_LIST_EACH(struct rsm_granted, granted, &importer->grants, link) rsm_granted_end(granted);
  rsm_target_unwatch(target, &importer->source);
  rsm_link_close(&importer->connection);
  rsm_list_remove(&importer->active);
  rsm_list_remove(&importer->link);
  rsm_list_add(&target->dead, &importer->link);
  rsm_target_tell(target, RSM_TARGET_ENDED, importer->number, 0);
  rsm_target_wake(target);
}

void rsm_importer_leave(struct rsm_importer *importer) {
  for (int turn = 0; turn < LAST_TURNS && rsm_importer_progress(importer); turn++) {
    if (importer->state == RSM_IMPORTER_ENDED) return;
  }
  rsm_importer_end(importer);
}

void rsm_target_end_importer(struct rsm_target *target, uint32_t number) {
  rsm_target_lock(target);
  struct rsm_importer *importer = find(target, number);
  if (importer != NULL) rsm_importer_leave(importer);
  rsm_target_unlock(target);
}

void rsm_importers_expire(struct rsm_target *target, int64_t now_ns) {
  target->look_ns = RSM_NO_DEADLINE;
  RSM_LIST_EACH(struct rsm_importer, importer, &target->importers, link) {
    if (importer->state != RSM_IMPORTER_CONNECTED && now_ns >= importer->deadline_ns) {
      rsm_importer_end(importer);
    } else {
      if (importer->state != RSM_IMPORTER_CONNECTED) rsm_target_due(target, importer->deadline_ns);
      rsm_granted_expire(importer, now_ns);
    }
  }
}

/* ---- progress ---- */

void rsm_importer_send(struct rsm_importer *importer, struct rsm_send *send) {
  struct iovec part = {.iov_base = &send->message, .iov_len = sizeof send->message};
  struct fi_msg message = {.msg_iov = &part, .iov_count = 1, .context = send};
  send->busy = true;
  /* The queue has room for all that one importer has of them. */
  if (fi_sendmsg(importer->connection.endpoint, &message, FI_COMPLETION) == 0) return;
  importer->broken = true;
  rsm_importer_active(importer);
  rsm_target_wake(importer->target);
}

/* False: the importer has to go. */
static bool complete(struct rsm_importer *importer, struct rsm_operation *operation) {
  if (operation->kind == RSM_OPERATION_SEND) {
    struct rsm_send *send = (struct rsm_send *)operation;
    send->busy = false;
    if (send == &importer->news) rsm_importer_send_news(importer);
    return true;
  }
  struct rsm_receive *receive = (struct rsm_receive *)operation;
  if (rsm_serve(importer, &receive->message)) return rsm_link_receive(&importer->connection, receive) == 0;
  rsm_target_tell(importer->target, RSM_TARGET_CHEATED, importer->number, 0);
  return false;
}

bool rsm_importer_progress(struct rsm_importer *importer) {
  struct fi_cq_entry entries[READ_AT_ONCE];
  bool any = false, good = !importer->broken;
  for (int round = 0; round < READ_ROUNDS && good; round++) {
    ssize_t count = fi_cq_read(importer->connection.queue, entries, READ_AT_ONCE);
    if (count <= 0 && count != -FI_EAVAIL) break;
    any = true;
    good = count > 0;
    for (ssize_t i = 0; i < count && good; i++) {
      good = complete(importer, entries[i].op_context) && !importer->broken;
    }
  }
  if (!good) rsm_importer_end(importer); /* an error is of the whole connection */
  return any;
}

/* ---- grants of one importer ---- */

void rsm_target_revoke(struct rsm_target *target, uint32_t number, uint32_t segment) {
  rsm_target_lock(target);
  struct rsm_importer *importer = find(target, number);
  struct rsm_granted *granted = importer == NULL ? NULL : rsm_granted_find(importer, segment);
  if (granted != NULL) rsm_granted_withdraw(granted);
  rsm_target_unlock(target);
}

int rsm_target_grant(struct rsm_target *target, uint32_t number, const struct rsm_port *port,
                     uint32_t permission, struct rsm_grant *grant) {
  rsm_target_lock(target);
  struct rsm_importer *importer = find(target, number);
  int code = importer == NULL ? RSMERR_BAD_SEG_HNDL : rsm_granted_make(importer, port, permission, grant);
  rsm_target_unlock(target);
  return code;
}
