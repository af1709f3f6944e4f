/* What importers ask for in messages, carried out on the exporter's pages. */
#include "../loopback/codes.h"
#include "../loopback/layout.h"
#include "../loopback/object.h"
#include "target_state.h"

/* ---- atomics ---- */

/* One function for each width; the old value. */
#define DEFINE_APPLY(bits)                                                                                      \
  static uint64_t apply##bits(uint##bits##_t *at, const struct rsm_message *message) {                          \
    uint##bits##_t operand = (uint##bits##_t)message->operand, expected = (uint##bits##_t)message->comparand;   \
    switch (message->operation) {                                                                               \
      case RSM_ATOMIC_ADD: return __atomic_fetch_add(at, operand, __ATOMIC_SEQ_CST);                            \
      case RSM_ATOMIC_AND: return __atomic_fetch_and(at, operand, __ATOMIC_SEQ_CST);                            \
      case RSM_ATOMIC_OR: return __atomic_fetch_or(at, operand, __ATOMIC_SEQ_CST);                              \
      case RSM_ATOMIC_XOR: return __atomic_fetch_xor(at, operand, __ATOMIC_SEQ_CST);                            \
      case RSM_ATOMIC_EXCHANGE: return __atomic_exchange_n(at, operand, __ATOMIC_SEQ_CST);                      \
      default: /* compare and exchange: expected becomes what was found */                                      \
        __atomic_compare_exchange_n(at, &expected, operand, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);         \
        return expected;                                                                                        \
    }                                                                                                           \
  }
DEFINE_APPLY(32)
DEFINE_APPLY(64)

static bool is_allowed(const struct rsm_granted *granted, const struct rsm_message *message) {
  uint8_t width = message->width;
  return (width == 4 || width == 8) && message->operation <= RSM_ATOMIC_COMPARE_EXCHANGE &&
         message->offset % width == 0 && message->offset < granted->length && /* which is whole pages */
         granted->permission == RSM_PERM_RDWR;
}

/* The words that a barrier compares, after the access. */
static bool is_whole(const struct rsm_granted *granted) {
  const char *control = granted->calls->control(granted->import);
  const struct rsm_local_page *local = (const void *)control;
  const struct rsm_status_page *status = (const void *)(control + RSM_PAGE_BYTES);
  return atomic_load(&local->state) == RSM_CONNECTED && atomic_load(&status->state) == RSM_CONNECTED;
}

static struct rsm_send *free_answer(struct rsm_importer *importer) {
  for (int i = 0; i < RSM_REQUESTS_LIMIT; i++) {
    if (!importer->answers[i].busy) return &importer->answers[i];
  }
  return NULL;
}

/* granted NULL: it was released or withdrawn. */
static bool serve_atomic(struct rsm_importer *importer, const struct rsm_granted *granted,
                         const struct rsm_message *message) {
  struct rsm_send *answer = free_answer(importer);
  if (answer == NULL || (granted != NULL && !is_allowed(granted, message))) return false;
  answer->message = (struct rsm_message){.type = RSM_MESSAGE_ANSWER, .segment = message->segment,
                                         .ticket = message->ticket, .code = RSMERR_CONN_ABORTED};
  if (granted != NULL && !granted->withdrawn) {
    void *at = (char *)granted->memory + message->offset;
    answer->message.operand = message->width == 4 ? apply32(at, message) : apply64(at, message);
    if (is_whole(granted)) answer->message.code = RSM_SUCCESS;
  }
  rsm_importer_send(importer, answer);
  return true;
}

static void serve_release(struct rsm_importer *importer, struct rsm_granted *granted) {
  if (!granted->withdrawn) {
    rsm_target_tell(importer->target, RSM_TARGET_RELEASED, importer->number, granted->number);
  }
  rsm_granted_end(granted);
}

bool rsm_serve(struct rsm_importer *importer, const struct rsm_message *message) {
  struct rsm_granted *granted = rsm_granted_find(importer, message->segment);
  if (granted == NULL && (message->segment == 0 || message->segment > importer->last_segment)) return false;
  switch (message->type) {
    case RSM_MESSAGE_ATOMIC: return serve_atomic(importer, granted, message);
    case RSM_MESSAGE_POST:
      if (granted != NULL && !granted->withdrawn) {
        granted->calls->post(granted->import, (message->flags & RSM_MESSAGE_COALESCED) != 0);
      }
      return true;
    case RSM_MESSAGE_LOCK: return granted == NULL || granted->withdrawn || rsm_serve_lock(importer, granted, message);
    case RSM_MESSAGE_UNLOCK:
      if (granted != NULL && !granted->withdrawn) {
        granted->calls->unlock(granted->import, message->offset, (message->flags & RSM_MESSAGE_OWNER_DIED) != 0);
      }
      return true;
    case RSM_MESSAGE_CANCEL: rsm_serve_cancel(importer, message); return true;
    case RSM_MESSAGE_RELEASE:
      if (granted != NULL) serve_release(importer, granted);
      return true;
    default: return false;
  }
}
