// sources: access agent connection event_set event_wait events exporter handshake imported importer listener
// sources: mapping memfd
// sources: memory memory_regions memory_sources object object_map process rebind record record_wait serve shown slots
// sources: locks lock_requests port room wait wire
// fabric: alarm endpoint grants importers library link remote remote_locks serve target target_locks transfer
/* Locks of importers of another node: who has one, who waits, who gives up, who goes, and who cheats. */
#include "../fabric/initiator_state.h"
#include "fabric_rig.h"

#define LOCKABLE (ID + 1)
#define WORD 64u
#define OTHER 128u

/* An importer with a connection of its own. */
struct side {
  struct rsm_endpoint *endpoint;
  struct rsm_remote *remote;
  uint32_t owner, ticket;
};

static struct side importer(void) {
  struct side side = {.endpoint = connect_endpoint()};
  side.remote = open_remote(side.endpoint, LOCKABLE, 0600);
  side.owner = fabric->grant.lock_owner;
  CHECK(side.owner != 0);
  return side;
}

static void end(struct side *side) {
  rsm_remote_close(side->remote);
  rsm_endpoint_close(side->endpoint);
}

/* What was in the word at `offset`. */
static uint32_t exchange_at(struct side *side, uint64_t offset, uint32_t expected, uint32_t replacement) {
  uint64_t old;
  CHECK_EQ(rsm_remote_atomic(side->remote, RSM_ATOMIC_COMPARE_EXCHANGE, 4, offset, replacement, expected, &old),
           RSM_SUCCESS);
  return (uint32_t)old;
}

static uint32_t exchange_if(struct side *side, uint32_t expected, uint32_t replacement) {
  return exchange_at(side, WORD, expected, replacement);
}

static uint32_t word_of(struct side *side) {
  return exchange_if(side, 0, 0);
}

static void take_free(struct side *side) {
  CHECK_EQ(exchange_if(side, 0, side->owner), 0);
}

static struct rsm_answer await_answer(struct side *side, uint32_t ticket) {
  return rsm_remote_wait_lock(side->remote, ticket, PATIENCE_MS, NULL, NULL);
}

/* The exporter answers one importer in the order of what it says: all of it was heard, before whoever asks next. Twice,
 * because a request is kept back by the gateway until the answer to one that was given up has come. */
static void be_heard(struct side *side) {
  for (int turn = 0; turn < 2; turn++) {
    CHECK_EQ(rsm_remote_lock(side->remote, OTHER, ++side->ticket, true), RSM_SUCCESS);
    CHECK_EQ(await_answer(side, side->ticket).code, RSM_SUCCESS);
    CHECK_EQ(exchange_at(side, OTHER, side->owner, 0), side->owner);
  }
}

static uint32_t ask_for(struct side *side) {
  uint32_t ticket = ++side->ticket;
  CHECK_EQ(rsm_remote_lock(side->remote, WORD, ticket, false), RSM_SUCCESS);
  be_heard(side);
  return ticket;
}

static void expect_granted(struct side *side, uint32_t ticket, bool owner_died) {
  struct rsm_answer answer = await_answer(side, ticket);
  CHECK_EQ(answer.code, RSM_SUCCESS);
  CHECK_EQ(answer.owner_died, owner_died);
  CHECK_EQ(word_of(side) & RSM_LOCK_OWNER, side->owner);
}

static void release(struct side *side) {
  if (exchange_if(side, side->owner, 0) != side->owner) rsm_remote_unlock(side->remote, WORD, false);
}

static void who_waits_is_served_in_the_order_of_asking(void) {
  fabric_up();
  struct side sides[4] = {importer(), importer(), importer(), importer()};
  uint32_t tickets[4];
  take_free(&sides[0]);
  for (int i = 1; i < 4; i++) {
    tickets[i] = ask_for(&sides[i]);
    CHECK_EQ(rsm_remote_wait_lock(sides[i].remote, tickets[i], 20, NULL, NULL).code, RSMERR_TIMEOUT);
    CHECK_EQ(await_answer(&sides[i], tickets[i]).code, RSMERR_TIMEOUT); /* it was given up, and is unknown */
  }
  for (int i = 1; i < 4; i++) tickets[i] = ask_for(&sides[i]);
  for (int i = 1; i < 4; i++) {
    release(&sides[i - 1]);
    expect_granted(&sides[i], tickets[i], false);
    CHECK((word_of(&sides[i]) & RSM_LOCK_CONTENDED) == (i < 3 ? RSM_LOCK_CONTENDED : 0));
  }
  release(&sides[3]);
  CHECK_EQ(word_of(&sides[0]), 0);
  for (int i = 0; i < 4; i++) end(&sides[i]);
  fabric_down();
}

static void at_once_or_not_at_all(void) {
  fabric_up();
  struct side a = importer(), b = importer();
  take_free(&a);
  CHECK_EQ(rsm_remote_lock(b.remote, WORD, ++b.ticket, true), RSM_SUCCESS);
  CHECK_EQ(await_answer(&b, b.ticket).code, RSMERR_TIMEOUT);
  release(&a);
  CHECK_EQ(rsm_remote_lock(b.remote, WORD, ++b.ticket, true), RSM_SUCCESS);
  expect_granted(&b, b.ticket, false);
  end(&a), end(&b);
  fabric_down();
}

static int interrupted(void *unused) {
  (void)unused;
  return 1;
}

static void who_gives_up_does_not_get_it_later(void) {
  fabric_up();
  struct side a = importer(), b = importer(), c = importer();
  take_free(&a);
  uint32_t first = ask_for(&b), second = ask_for(&c);
  CHECK_EQ(rsm_remote_wait_lock(b.remote, first, PATIENCE_MS, interrupted, NULL).code, RSMERR_INTERRUPTED);
  release(&a);
  expect_granted(&c, second, false);
  /* It is granted, and b has not heard of that when it gives up. */
  first = ask_for(&b), second = ask_for(&a);
  release(&c);
  AWAIT((word_of(&c) & RSM_LOCK_OWNER) == b.owner);
  rsm_remote_cancel_lock(b.remote, first);
  rsm_remote_cancel_lock(b.remote, first);
  expect_granted(&a, second, false);
  release(&a);
  CHECK_EQ(word_of(&a), 0);
  end(&a), end(&b), end(&c);
  fabric_down();
}

static void who_has_it_and_goes_is_told_to_the_next(void) {
  fabric_up();
  struct side a = importer(), b = importer(), c = importer();
  take_free(&a);
  uint32_t first = ask_for(&b), second = ask_for(&c);
  end(&a);
  expect_granted(&b, first, true);
  rsm_endpoint_close(b.endpoint); /* and nothing is said of the segment */
  rsm_remote_close(b.remote);
  expect_granted(&c, second, true);
  end(&c);
  fabric_down();
}

static void who_waits_and_goes_is_passed_over(void) {
  fabric_up();
  struct side a = importer(), b = importer(), c = importer();
  take_free(&a);
  ask_for(&b);
  uint32_t ticket = ask_for(&c);
  end(&b);
  AWAIT(request_of_exporter(IMPORTERS) == 2); /* else it gets the lock, and dies with it */
  release(&a);
  expect_granted(&c, ticket, false);
  end(&a), end(&c);
  fabric_down();
}

static void a_withdrawal_answers_who_waits(void) {
  fabric_up();
  struct side a = importer(), b = importer();
  take_free(&a);
  uint32_t first = ask_for(&b), second = ask_for(&b);
  request_of_exporter(UNPUBLISH_SECOND);
  CHECK_EQ(await_answer(&b, first).code, RSMERR_CONN_ABORTED);
  struct rsm_answer answer;
  AWAIT((rsm_endpoint_progress(b.endpoint), rsm_endpoint_take_lock(b.endpoint, &answer)));
  CHECK(answer.ticket == second && answer.code == RSMERR_CONN_ABORTED);
  fabric->segment = fabric->grant.segment;
  CHECK_EQ(ask(REVOKE), RSM_SUCCESS);
  AWAIT((rsm_endpoint_progress(b.endpoint), !rsm_remote_is_whole(b.remote)));
  CHECK_EQ(rsm_remote_lock(b.remote, WORD, ++b.ticket, false), RSMERR_CONN_ABORTED);
  end(&a), end(&b);
  fabric_down();
}

static void there_is_a_limit_to_requests(void) {
  fabric_up();
  struct side a = importer(), b = importer();
  take_free(&a);
  uint32_t first = b.ticket + 1;
  int code;
  do code = rsm_remote_lock(b.remote, WORD, ++b.ticket, false);
  while (code == RSM_SUCCESS);
  CHECK_EQ(code, RSMERR_INSUFFICIENT_RESOURCES);
  CHECK_EQ(b.ticket - first, RSM_LOCKS_LIMIT);
  /* The gateway's connection to the exporter has less. */
  CHECK_EQ(await_answer(&b, b.ticket - 1).code, RSMERR_INSUFFICIENT_RESOURCES);
  release(&a);
  expect_granted(&b, first, false);
  end(&a), end(&b);
  fabric_down();
}

/* Sends that so often, and hears nothing meanwhile. It is cut off. */
static void cheat(uint32_t id, uint32_t permission, struct rsm_message message, int times) {
  struct rsm_endpoint *endpoint = connect_endpoint();
  struct rsm_remote *remote = open_remote(endpoint, id, permission);
  uint32_t ended = fabric->told[RSM_TARGET_ENDED];
  message.segment = fabric->grant.segment;
  for (int i = 0; i < times; i++) {
    message.ticket = (uint32_t)i;
    if (fi_inject(endpoint->connection.endpoint, &message, sizeof message, 0) != 0) break;
  }
  AWAIT((rsm_endpoint_progress(endpoint), rsm_endpoint_is_broken(endpoint)));
  AWAIT(fabric->told[RSM_TARGET_ENDED] == ended + 1);
  rsm_remote_close(remote);
  rsm_endpoint_close(endpoint);
}

static void who_cheats_is_cut_off_and_nobody_else(void) {
  fabric_up();
  struct side a = importer();
  take_free(&a);
  uint32_t number = fabric->importer;
  cheat(ID, 0600, (struct rsm_message){.type = RSM_MESSAGE_LOCK, .offset = WORD}, 1); /* no lock operations */
  cheat(LOCKABLE, 0400, (struct rsm_message){.type = RSM_MESSAGE_LOCK, .offset = WORD}, 1);
  cheat(LOCKABLE, 0600, (struct rsm_message){.type = RSM_MESSAGE_LOCK, .offset = WORD + 1}, 1);
  cheat(LOCKABLE, 0600, (struct rsm_message){.type = RSM_MESSAGE_LOCK, .offset = LENGTH}, 1);
  cheat(LOCKABLE, 0600, (struct rsm_message){.type = RSM_MESSAGE_LOCK, .offset = WORD}, 100 * RSM_LOCKS_LIMIT);
  CHECK(number < fabric->importer);
  CHECK_EQ(word_of(&a) & RSM_LOCK_OWNER, a.owner);
  /* Somebody else's lock is not given back by who says so. */
  struct side b = importer();
  rsm_remote_unlock(b.remote, WORD, false);
  rsm_remote_unlock(b.remote, WORD + 1, false);
  rsm_remote_unlock(b.remote, LENGTH, true);
  CHECK_EQ(check(b.remote), RSM_SUCCESS);
  CHECK_EQ(word_of(&a) & RSM_LOCK_OWNER, a.owner);
  end(&a), end(&b);
  fabric_down();
}

int main(void) {
  RUN(who_waits_is_served_in_the_order_of_asking);
  RUN(at_once_or_not_at_all);
  RUN(who_gives_up_does_not_get_it_later);
  RUN(who_has_it_and_goes_is_told_to_the_next);
  RUN(who_waits_and_goes_is_passed_over);
  RUN(a_withdrawal_answers_who_waits);
  RUN(there_is_a_limit_to_requests);
  RUN(who_cheats_is_cut_off_and_nobody_else);
  return 0;
}
