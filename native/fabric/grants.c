/* What importers were granted: regions of the exporter's pages, and the events that come from there. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/random.h>

#include "../loopback/codes.h"
#include "../loopback/layout.h"
#include "../loopback/object.h"
#include "../loopback/wait.h"
#include "target_state.h"

struct rsm_granted *rsm_granted_find(const struct rsm_importer *importer, uint32_t number) {
  RSM_LIST_EACH(struct rsm_granted, granted, &importer->grants, link) {
    if (granted->number == number) return granted;
  }
  return NULL;
}

static uint64_t random_key(void) {
  uint64_t key = 0;
  while (key == 0 || key == FI_KEY_NOTAVAIL) {
    if (getrandom(&key, sizeof key, 0) != sizeof key) key = 0; /* a signal */
  }
  return key;
}

static int register_region(struct rsm_importer *importer, void *address, size_t length, uint64_t access,
                           uint64_t *key, struct fid_mr **region) {
  *key = random_key();
  int result = fi_mr_reg(importer->connection.domain, address, length, access, 0, *key, 0, region, NULL);
  if (result != 0) *region = NULL;
  return result == 0 ? RSM_SUCCESS : RSMERR_INSUFFICIENT_RESOURCES;
}

static uint64_t access_of(uint32_t permission) {
  return (permission & RSM_PERM_READ ? FI_REMOTE_READ : 0) | (permission & RSM_PERM_WRITE ? FI_REMOTE_WRITE : 0);
}

static int open_granted(struct rsm_importer *importer, struct rsm_granted *granted) {
  int code = granted->calls->map(granted->import, granted->permission, &granted->memory);
  if (code != RSM_SUCCESS) {
    granted->memory = NULL;
    return code;
  }
  code = register_region(importer, granted->memory, granted->length, access_of(granted->permission),
                         &granted->data_key, &granted->data);
  if (code != RSM_SUCCESS) return code;
  code = register_region(importer, granted->calls->control(granted->import), 2 * RSM_PAGE_BYTES, FI_REMOTE_READ,
                         &granted->control_key, &granted->control);
  if (code != RSM_SUCCESS) return code;
  int fd = granted->calls->event_descriptor(granted->import);
  bool watched = fd >= 0 && rsm_target_watch(importer->target, &granted->source, RSM_SOURCE_GRANT, fd) == 0;
  return watched ? RSM_SUCCESS : RSMERR_INSUFFICIENT_RESOURCES;
}

int rsm_granted_make(struct rsm_importer *importer, const struct rsm_port *port, uint32_t permission,
                     struct rsm_grant *grant) {
  struct rsm_granted *granted = calloc(1, sizeof *granted);
  if (granted == NULL) return RSMERR_INSUFFICIENT_MEM;
  granted->source = (struct rsm_source){.kind = RSM_SOURCE_GRANT, .fd = -1};
  granted->importer = importer;
  granted->permission = permission;
  granted->calls = port->calls;
  granted->import = port->import;
  granted->length = port->calls->length(port->import);
  granted->calls->keep(granted->import);
  rsm_list_init(&granted->link);
  int code = open_granted(importer, granted);
  if (code != RSM_SUCCESS) {
    rsm_granted_end(granted);
    return code;
  }
  rsm_granted_listen_for_locks(granted);
  granted->number = ++importer->last_segment;
  rsm_list_add(&importer->grants, &granted->link);
  *grant = (struct rsm_grant){.segment = granted->number, .permission = permission, .length = granted->length,
                              .lock_owner = granted->calls->lock_owner(granted->import),
                              .data = {.key = granted->data_key}, .control = {.key = granted->control_key}};
  return RSM_SUCCESS;
}

void rsm_granted_end(struct rsm_granted *granted) {
  rsm_granted_drop_locks(granted);
  rsm_target_unwatch(granted->importer->target, &granted->source);
  if (granted->data != NULL) fi_close(&granted->data->fid);
  if (granted->control != NULL) fi_close(&granted->control->fid);
  if (granted->memory != NULL) {
    granted->calls->unmap(granted->import); /* or a rebind would be mapped over what comes there next */
    munmap(granted->memory, granted->length);
  }
  granted->calls->let_go(granted->import);
  rsm_list_remove(&granted->link);
  rsm_list_add(&granted->importer->target->dead, &granted->link);
}

void rsm_granted_withdraw(struct rsm_granted *granted) {
  if (granted->withdrawn) return;
  rsm_granted_collect(granted); /* what was posted before is told before */
  granted->withdrawn = true;
  rsm_granted_drop_locks(granted); /* the importer knows that without being told */
  rsm_target_unwatch(granted->importer->target, &granted->source);
  granted->deadline_ns = rsm_deadline_ns(RSM_WITHDRAWN_MS);
  rsm_target_due(granted->importer->target, granted->deadline_ns);
  rsm_importer_send_news(granted->importer);
}

void rsm_granted_expire(struct rsm_importer *importer, int64_t now_ns) {
  RSM_LIST_EACH(struct rsm_granted, granted, &importer->grants, link) {
    if (!granted->withdrawn) continue;
    if (now_ns >= granted->deadline_ns) rsm_granted_end(granted);
    else rsm_target_due(importer->target, granted->deadline_ns);
  }
}

/* ---- what the importer is told ---- */

void rsm_granted_collect(struct rsm_granted *granted) {
  uint64_t posted;
  bool coalesced;
  granted->calls->collect(granted->import, &posted, &coalesced);
  granted->posted += posted;
  granted->coalesced = granted->coalesced || coalesced;
  rsm_importer_send_news(granted->importer);
}

static bool has_news(const struct rsm_granted *granted) {
  return granted->posted > 0 || granted->coalesced || (granted->withdrawn && !granted->withdrawal_told);
}

static void take_news(struct rsm_granted *granted, struct rsm_message *message) {
  *message = (struct rsm_message){.segment = granted->number};
  if (granted->posted > 0 || granted->coalesced) {
    message->type = RSM_MESSAGE_EVENT;
    message->operand = granted->posted;
    message->flags = granted->coalesced ? RSM_MESSAGE_COALESCED : 0;
    granted->posted = 0;
    granted->coalesced = false;
  } else {
    message->type = RSM_MESSAGE_WITHDRAWN;
    granted->withdrawal_told = true;
  }
}

void rsm_importer_send_news(struct rsm_importer *importer) {
  if (importer->state != RSM_IMPORTER_CONNECTED || importer->news.busy) return;
  if (rsm_importer_take_lock_answer(importer, &importer->news.message)) {
    rsm_importer_send(importer, &importer->news);
    return;
  }
  RSM_LIST_EACH(struct rsm_granted, granted, &importer->grants, link) {
    if (!has_news(granted)) continue;
    take_news(granted, &importer->news.message);
    /* To the end of the list: one that posts without end does not keep the others from being heard. */
    rsm_list_remove(&granted->link);
    rsm_list_add(&importer->grants, &granted->link);
    rsm_importer_send(importer, &importer->news);
    return;
  }
}
