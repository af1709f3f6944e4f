/* Requests for locks that the exporters' agents answer, sooner or later. */
#include <stdlib.h>

#include "../loopback/codes.h"
#include "../loopback/object.h"
#include "target_state.h"

/* With rsm_lock of loopback held: it only wakes. */
static void wake(void *target) {
  rsm_target_wake(target);
}

void rsm_granted_listen_for_locks(struct rsm_granted *granted) {
  if (granted->calls->lock_owner(granted->import) == 0) return;
  granted->calls->listen_for_locks(granted->import, wake, granted->importer->target);
}

static void answer(struct rsm_lock_wait *wait, const struct rsm_lock_answer *answer) {
  struct rsm_importer *importer = wait->granted->importer;
  wait->answer = *answer;
  rsm_list_remove(&wait->link);
  rsm_list_add(&importer->locks_answered, &wait->link);
  rsm_importer_send_news(importer);
}

bool rsm_serve_lock(struct rsm_importer *importer, struct rsm_granted *granted, const struct rsm_message *message) {
  bool allowed = granted->permission == RSM_PERM_RDWR && granted->calls->lock_owner(granted->import) != 0;
  struct rsm_lock_wait *wait = allowed && importer->lock_count < RSM_LOCKS_LIMIT ? calloc(1, sizeof *wait) : NULL;
  if (wait == NULL) return false;
  *wait = (struct rsm_lock_wait){.granted = granted, .theirs = message->ticket,
                                 .ticket = ++importer->target->last_lock};
  rsm_list_add(&importer->locks, &wait->link);
  importer->lock_count++;
  struct rsm_lock_answer at_once = {.ticket = wait->ticket};
  at_once.code = granted->calls->lock(granted->import, message->offset, wait->ticket,
                                      (message->flags & RSM_MESSAGE_AT_ONCE) != 0);
  if (at_once.code != RSM_SUCCESS) answer(wait, &at_once);
  return at_once.code != RSMERR_BAD_ADDR;
}

static void drop(struct rsm_lock_wait *wait) {
  wait->granted->importer->lock_count--;
  rsm_list_remove(&wait->link);
  free(wait);
}

/* What was answered meanwhile stays so: the initiator gives back what it was granted when it hears of it. */
void rsm_serve_cancel(struct rsm_importer *importer, const struct rsm_message *message) {
  RSM_LIST_EACH(struct rsm_lock_wait, wait, &importer->locks, link) {
    if (wait->theirs != message->ticket) continue;
    struct rsm_lock_answer given_up = {.ticket = wait->ticket, .code = RSMERR_TIMEOUT};
    wait->granted->calls->cancel_lock(wait->granted->import, wait->ticket);
    answer(wait, &given_up);
    return;
  }
}

static struct rsm_lock_wait *find(struct rsm_target *target, uint32_t ticket) {
  RSM_LIST_EACH(struct rsm_importer, importer, &target->importers, link) {
    RSM_LIST_EACH(struct rsm_lock_wait, wait, &importer->locks, link) {
      if (wait->ticket == ticket) return wait;
    }
  }
  return NULL;
}

static struct rsm_granted *any_that_waits(struct rsm_target *target) {
  RSM_LIST_EACH(struct rsm_importer, importer, &target->importers, link) {
    if (rsm_list_empty(&importer->locks)) continue;
    return RSM_LIST_ITEM(importer->locks.next, struct rsm_lock_wait, link)->granted;
  }
  return NULL;
}

/* All imports are of one environment: the answers come to whichever asks. */
void rsm_target_take_lock_answers(struct rsm_target *target) {
  struct rsm_granted *granted;
  struct rsm_lock_answer taken;
  while ((granted = any_that_waits(target)) != NULL && granted->calls->take_lock_answer(granted->import, &taken)) {
    struct rsm_lock_wait *wait = find(target, taken.ticket);
    if (wait != NULL) answer(wait, &taken);
  }
}

void rsm_granted_drop_locks(struct rsm_granted *granted) {
  RSM_LIST_EACH(struct rsm_lock_wait, wait, &granted->importer->locks, link) {
    if (wait->granted != granted) continue;
    granted->calls->cancel_lock(granted->import, wait->ticket);
    drop(wait);
  }
  RSM_LIST_EACH(struct rsm_lock_wait, wait, &granted->importer->locks_answered, link) {
    if (wait->granted == granted) drop(wait);
  }
}

bool rsm_importer_take_lock_answer(struct rsm_importer *importer, struct rsm_message *message) {
  if (rsm_list_empty(&importer->locks_answered)) return false;
  struct rsm_lock_wait *wait = RSM_LIST_ITEM(importer->locks_answered.next, struct rsm_lock_wait, link);
  bool granted = wait->answer.code == RSM_SUCCESS;
  *message = (struct rsm_message){.type = granted ? RSM_MESSAGE_GRANTED : RSM_MESSAGE_CANCELLED,
                                  .flags = wait->answer.owner_died ? RSM_MESSAGE_OWNER_DIED : 0,
                                  .segment = wait->granted->number, .ticket = wait->theirs,
                                  .code = (uint32_t)wait->answer.code};
  drop(wait);
  return true;
}
