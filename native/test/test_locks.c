// sources: access agent connection event_set event_wait events exporter handshake imported importer listener
// sources: mapping memfd room
// sources: memory memory_regions memory_sources object object_map process rebind record record_wait serve shown slots
// sources: locks lock_requests wait wire
/* Locks of who keeps to the protocol, or ends. */
#include "lock_rig.h"

static void numbers_are_of_segments_with_lock_operations_only(void) {
  serve();
  struct side a = importer(), b = importer();
  CHECK(a.owner != 0 && b.owner != 0 && a.owner != b.owner && a.owner != rsm_export_lock_owner(segment));
  CHECK(a.owner > RSM_LOCK_OWNER_DIED && (a.owner & RSM_LOCK_CONTENDED) == 0);
  end(&a), end(&b);
  uint8_t *other = allocate(LENGTH);
  struct rsm_export *plain = export_of(env, other, LENGTH);
  CHECK_EQ(rsm_export_lock_owner(plain), 0);
  CHECK_EQ(publish(plain, record, ID + 1, 0600), RSM_SUCCESS);
  struct rsm_import *import = connect_to(env, "self", ID + 1);
  CHECK_EQ(rsm_import_lock_owner(import), 0);
  rsm_import_release(import);
  rsm_export_release(plain);
  give_back(other);
  serve_no_more(false);
}

static void who_waits_is_served_in_the_order_of_asking(void) {
  serve();
  struct side own = side_of_export(env, segment, memory), sides[4] = {importer(), importer(), importer(), importer()};
  CHECK(!acquire(&own));
  uint32_t tickets[5];
  for (int i = 0; i < 4; i++) {
    sides[i].ticket = (uint32_t)i * 100;
    tickets[i] = ask(&sides[i]);
    CHECK_EQ(rsm_lock_wait(env, tickets[i], 30, NULL, NULL).code, RSMERR_TIMEOUT); /* gives it up */
    tickets[i] = ask(&sides[i]);
    bool died;
    CHECK_EQ(try_at_once(&sides[i], &died), RSMERR_TIMEOUT);
    CHECK(is_asked_for(&own));
  }
  release(&own);
  own.ticket = 1000;
  tickets[4] = ask(&own);
  for (int i = 0; i < 4; i++) {
    struct rsm_lock_answer answer = await_answer(&sides[i], tickets[i]);
    CHECK(answer.code == RSM_SUCCESS && !answer.owner_died);
    CHECK_EQ(*word_of(&own), sides[i].owner | RSM_LOCK_CONTENDED);
    CHECK(!take_free(&sides[(i + 1) % 4]));
    release(&sides[i]);
  }
  CHECK_EQ(await_answer(&own, tickets[4]).code, RSM_SUCCESS);
  CHECK_EQ(*word_of(&own), own.owner); /* nobody waits any more */
  release(&own);
  CHECK_EQ(*word_of(&own), 0);
  for (int i = 0; i < 4; i++) end(&sides[i]);
  serve_no_more(false);
}

static void a_grant_that_nobody_wants_passes_on(void) {
  serve();
  struct side own = side_of_export(env, segment, memory), a = importer(), b = importer(), c = importer();
  CHECK(!acquire(&a));
  b.ticket = 100, c.ticket = 200;
  uint32_t first = ask(&b);
  be_heard(&b);
  uint32_t second = ask(&c);
  be_heard(&c);
  end(&a);
  AWAIT((*word_of(&own) & RSM_LOCK_OWNER) == b.owner);
  rsm_lock_cancel(env, first); /* perhaps answered already, perhaps not: b never had it */
  struct rsm_lock_answer answer = await_answer(&c, second);
  CHECK_EQ(answer.code, RSM_SUCCESS);
  CHECK(answer.owner_died);
  release(&c);

  CHECK(!acquire(&own));
  uint32_t ticket = ask(&b);
  AWAIT(is_asked_for(&own));
  rsm_lock_cancel(env, ticket);
  rsm_lock_cancel(env, ticket);
  release(&own);
  AWAIT(*word_of(&own) == 0);

  a = importer(); /* and dies; nobody is there to be told, until somebody comes */
  CHECK(!acquire(&a));
  end(&a);
  own.ticket = 300;
  uint32_t unwanted = ask(&own);
  AWAIT(*word_of(&own) == own.owner); /* granted; the answer was not taken */
  rsm_lock_cancel(env, unwanted);
  CHECK_EQ(*word_of(&own), RSM_LOCK_OWNER_DIED);
  bool died;
  CHECK_EQ(try_at_once(&b, &died), RSM_SUCCESS);
  CHECK(died);
  release(&b);
  CHECK(!acquire(&c));
  release(&c);
  end(&b), end(&c);
  serve_no_more(false);
}

static void withdrawal_ends_the_wait_and_the_end_of_a_segment_forgets_it(void) {
  serve();
  struct side own = side_of_export(env, segment, memory), a = importer(), b = importer();
  CHECK(!acquire(&own));
  b.ticket = 100;
  uint32_t ticket = ask(&a), forgotten = ask(&b);
  AWAIT(is_asked_for(&own));
  end(&b);
  CHECK_EQ(rsm_lock_wait(env, forgotten, 0, NULL, NULL).code, RSMERR_TIMEOUT);
  CHECK_EQ(rsm_export_unpublish(segment), RSM_SUCCESS);
  CHECK_EQ(await_answer(&a, ticket).code, RSMERR_CONN_ABORTED);
  CHECK_EQ(rsm_lock_request(&a.place, ++a.ticket, false), RSMERR_CONN_ABORTED);
  rsm_lock_release(&a.place, false);
  end(&a);
  release(&own);
  CHECK_EQ(*word_of(&own), 0);
  CHECK_EQ(publish(segment, record, ID, 0600), RSM_SUCCESS);
  a = importer();
  CHECK(!acquire(&a));
  ticket = ask(&own);
  end(&a); /* its lock passes on to the exporter itself */
  CHECK(await_answer(&own, ticket).owner_died);
  a = importer();
  ticket = ask(&a);
  AWAIT(is_asked_for(&own));
  serve_no_more(false); /* with a waiter and an owner */
  CHECK_EQ(rsm_lock_wait(env, ticket, 0, NULL, NULL).code, RSMERR_TIMEOUT);
  end(&a);
}

static void after_a_rebind_the_words_are_those_of_the_new_memory(void) {
  serve();
  uint8_t *fresh = allocate(LENGTH);
  struct side own = side_of_export(env, segment, memory), a = importer(), b = importer();
  CHECK(!acquire(&own));
  b.ticket = 100;
  uint32_t first = ask(&a), second = ask(&b);
  be_heard(&a);
  CHECK_EQ(rsm_lock_wait(env, second, 30, NULL, NULL).code, RSMERR_TIMEOUT);
  second = ask(&b);
  be_heard(&b);
  CHECK_EQ(rsm_export_rebind(segment, fresh), RSM_SUCCESS);
  CHECK_EQ(await_answer(&a, first).code, RSM_SUCCESS); /* free there */
  release(&own); /* of the old memory: nothing of the new one */
  rsm_lock_release(&own.place, false);
  own.bytes = fresh;
  AWAIT(is_asked_for(&own));
  CHECK_EQ(*word_of(&own), a.owner | RSM_LOCK_CONTENDED);
  release(&a);
  CHECK_EQ(await_answer(&b, second).code, RSM_SUCCESS);
  release(&b);
  end(&a), end(&b);
  rsm_export_release(segment);
  give_back(fresh);
  leave();
  give_back(memory);
  rig_down(false);
}

/* Memory is exchanged around a grant that nobody wants and the next one, which must stay. */
static void what_is_granted_after_an_abandoned_request_stays(void) {
  serve();
  uint8_t *memories[] = {memory, allocate(LENGTH)};
  struct side own = side_of_export(env, segment, memory), a = importer();
  for (int i = 1; i <= 300; i++) {
    CHECK(take_free(&own));
    uint32_t unwanted = ask(&a);
    if (i % 3 > 0) AWAIT(is_asked_for(&own));
    release(&own);
    rsm_lock_cancel(env, unwanted);
    uint32_t wanted = ask(&a);
    own.bytes = memories[i % 2];
    *word_of(&own) = 12345; /* nobody: what is granted there is told of a death */
    CHECK_EQ(rsm_export_rebind(segment, (void *)own.bytes), RSM_SUCCESS);
    struct rsm_lock_answer answer = await_answer(&a, wanted);
    CHECK_EQ(answer.code, RSM_SUCCESS);
    be_heard(&a);
    if (answer.owner_died) CHECK_EQ(*word_of(&own), a.owner);
    *word_of(&own) = 0;
  }
  end(&a);
  rsm_export_release(segment);
  leave();
  give_back(memories[0]), give_back(memories[1]);
  rig_down(false);
}

static void two_segments_on_one_memory_share_its_locks(void) {
  serve();
  struct rsm_export *other = lockable(env, memory);
  CHECK_EQ(publish(other, record, ID + 1, 0600), RSM_SUCCESS);
  struct side own = side_of_export(env, other, memory), a = importer();
  struct side b = side_of_import(env, connect_to(env, "self", ID + 1));
  CHECK(!acquire(&a));
  b.ticket = 100, own.ticket = 200;
  uint32_t first = ask(&b);
  AWAIT(is_asked_for(&own));
  CHECK_EQ(rsm_lock_wait(env, first, 30, NULL, NULL).code, RSMERR_TIMEOUT); /* a is alive */
  first = ask(&b);
  be_heard(&b);
  uint32_t second = ask(&own);
  release(&a);
  CHECK_EQ(await_answer(&b, first).code, RSM_SUCCESS);
  release(&b);
  CHECK_EQ(await_answer(&own, second).code, RSM_SUCCESS);
  end(&a), end(&b);
  a = importer();
  uint32_t ticket = ask(&a);
  rsm_export_release(other); /* the owner */
  CHECK(await_answer(&a, ticket).owner_died);
  release(&a);
  end(&a);
  serve_no_more(false);
}

static _Atomic int woken;

static void wake(void *hint) {
  CHECK(hint == &woken);
  woken++;
}

static int yes(void *hint) {
  (void)hint;
  return 1;
}

static void answers_are_told_and_taken_once(void) {
  serve();
  struct side own = side_of_export(env, segment, memory), a = importer();
  struct rsm_lock_answer answer;
  rsm_lock_listen(env, wake, &woken);
  CHECK(!acquire(&a));
  uint32_t ticket = ask(&own);
  CHECK_EQ(rsm_lock_wait(env, ticket, -1, yes, NULL).code, RSMERR_INTERRUPTED);
  ticket = ask(&own);
  CHECK(!rsm_lock_take_answer(env, &answer));
  release(&a);
  AWAIT(woken > 0);
  CHECK(rsm_lock_take_answer(env, &answer));
  CHECK(answer.ticket == ticket && answer.code == RSM_SUCCESS && !answer.owner_died);
  CHECK(!rsm_lock_take_answer(env, &answer));
  rsm_lock_cancel(env, ticket); /* too late: it is ours */
  CHECK_EQ(*word_of(&own), own.owner);
  release(&own);
  end(&a);
  serve_no_more(false);
}

int main(void) {
  RUN(numbers_are_of_segments_with_lock_operations_only);
  RUN(who_waits_is_served_in_the_order_of_asking);
  RUN(a_grant_that_nobody_wants_passes_on);
  RUN(withdrawal_ends_the_wait_and_the_end_of_a_segment_forgets_it);
  RUN(after_a_rebind_the_words_are_those_of_the_new_memory);
  RUN(what_is_granted_after_an_abandoned_request_stays);
  RUN(two_segments_on_one_memory_share_its_locks);
  RUN(answers_are_told_and_taken_once);
  return 0;
}
