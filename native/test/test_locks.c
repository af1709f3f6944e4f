// sources: access agent connection events exporter handshake imported importer listener mapping memfd
// sources: memory memory_regions memory_sources object object_map process rebind record record_wait serve shown slots
// sources: locks lock_requests wait wire
/* Locks between processes that keep to the protocol, die, or do not. */
#include "../loopback/locks.h"
#include "rig.h"

#define LENGTH (4 * PAGE)
#define WORD 64u /* where the lock is */
#define DATA 128u /* what it guards */

/* ---- one side of a lock, as TypeScript has it ---- */

struct side {
  struct rsm_env *env;
  struct rsm_lock_place place;
  uint32_t owner, ticket;
  volatile uint8_t *bytes;
};

static _Atomic uint32_t *word_of(const struct side *side) {
  return (_Atomic uint32_t *)(side->bytes + side->place.offset);
}

static volatile uint32_t *data_of(const struct side *side) {
  return (volatile uint32_t *)(side->bytes + DATA);
}

static struct side side_of_import(struct rsm_env *mine, struct rsm_import *segment) {
  return (struct side){.env = mine, .place = {.imported = segment, .offset = WORD}, .bytes = map_whole(segment, 0600),
                       .owner = rsm_import_lock_owner(segment)};
}

static struct side side_of_export(struct rsm_env *mine, struct rsm_export *segment, uint8_t *memory) {
  return (struct side){.env = mine, .place = {.exported = segment, .offset = WORD}, .bytes = memory,
                       .owner = rsm_export_lock_owner(segment)};
}

static bool take_free(const struct side *side) {
  uint32_t none = 0;
  return atomic_compare_exchange_strong(word_of(side), &none, side->owner);
}

static uint32_t ask(struct side *side) {
  CHECK_EQ(rsm_lock_request(&side->place, ++side->ticket, false), RSM_SUCCESS);
  return side->ticket;
}

static struct rsm_lock_answer await_answer(const struct side *side, uint32_t ticket) {
  return rsm_lock_wait(side->env, ticket, PATIENCE_MS, NULL, NULL);
}

/* Whether the previous owner died. */
static bool acquire(struct side *side) {
  if (take_free(side)) return false;
  struct rsm_lock_answer answer = await_answer(side, ask(side));
  CHECK_EQ(answer.code, RSM_SUCCESS);
  CHECK_EQ(atomic_load(word_of(side)) & RSM_LOCK_OWNER, side->owner);
  return answer.owner_died;
}

static int try_at_once(struct side *side, bool *died) {
  *died = false;
  if (take_free(side)) return RSM_SUCCESS;
  CHECK_EQ(rsm_lock_request(&side->place, ++side->ticket, true), RSM_SUCCESS);
  struct rsm_lock_answer answer = await_answer(side, side->ticket);
  *died = answer.owner_died;
  return answer.code;
}

static void release(const struct side *side) {
  uint32_t owned = side->owner;
  if (!atomic_compare_exchange_strong(word_of(side), &owned, 0)) rsm_lock_release(&side->place, false);
}

/* What it has said so far was heard. */
static void be_heard(struct side *side) {
  struct side other = *side;
  bool died;
  other.place.offset += 4;
  other.ticket += 50000;
  CHECK(*word_of(&other) == 0);
  CHECK_EQ(rsm_lock_request(&other.place, ++other.ticket, true), RSM_SUCCESS);
  CHECK_EQ(await_answer(&other, other.ticket).code, RSM_SUCCESS);
  CHECK_EQ(try_at_once(&other, &died), RSMERR_TIMEOUT);
  release(&other);
}

static bool is_asked_for(const struct side *side) {
  return atomic_load(word_of(side)) & RSM_LOCK_CONTENDED;
}

static uint8_t *memory;
static struct rsm_export *segment;

static struct rsm_export *lockable(struct rsm_env *mine, void *address) {
  struct rsm_export *made;
  CHECK_EQ(rsm_export_create(mine, address, LENGTH, RSM_CREATE_LOCK_OPS, &made), RSM_SUCCESS);
  return made;
}

static void serve(void) {
  rig_up();
  make_scratch();
  host("self");
  memory = allocate(LENGTH);
  segment = lockable(env, memory);
  CHECK_EQ(publish(segment, record, ID, 0600), RSM_SUCCESS);
}

static void serve_no_more(bool killed) {
  rsm_export_release(segment);
  leave();
  give_back(memory);
  rig_down(killed);
}

/* An importer of this process. */
static struct side importer(void) {
  return side_of_import(env, connect_to(env, "self", ID));
}

static void end(struct side *side) {
  end_import(side->place.imported, NULL, side->bytes, LENGTH);
}

/* ---- one process ---- */

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

/* ---- who does not keep to the protocol ---- */

static struct rsm_frame lock_frame(enum rsm_frame_type type, uint64_t offset, uint32_t ticket) {
  struct rsm_frame frame = rsm_frame_of(type);
  frame.memory_offset = offset;
  frame.epoch = ticket;
  return frame;
}

static void expect_end_after(uint32_t id, uint32_t permission, struct rsm_frame frame) {
  int fd = raw_connect("self", id, permission);
  CHECK_EQ(rsm_wire_send(fd, &frame, NULL, 0), 0);
  raw_expect_end(fd);
  close(raw_memory);
  munmap((void *)raw_status, PAGE);
}

static void frames_that_make_no_sense_end_the_connection(void) {
  serve();
  uint8_t *other = allocate(LENGTH);
  struct rsm_export *plain = export_of(env, other, LENGTH);
  CHECK_EQ(publish(plain, record, ID + 1, 0600), RSM_SUCCESS);
  int descriptors = count_descriptors();
  enum rsm_frame_type types[] = {RSM_FRAME_LOCK, RSM_FRAME_CANCEL, RSM_FRAME_UNLOCK};
  for (int i = 0; i < 3; i++) {
    expect_end_after(ID + 1, 0600, lock_frame(types[i], WORD, 1));
    expect_end_after(ID, 0400, lock_frame(types[i], WORD, 1));
    expect_end_after(ID, 0200, lock_frame(types[i], WORD, 1));
    uint64_t offsets[] = {1, 2, WORD + 3, LENGTH, LENGTH - 2, UINT64_MAX - 3, UINT64_MAX, 1ull << 63};
    for (int j = 0; j < 8; j++) expect_end_after(ID, 0600, lock_frame(types[i], offsets[j], 1));
    struct rsm_frame frame = lock_frame(types[i], WORD, 1);
    frame.code = 2;
    expect_end_after(ID, 0600, frame);
  }
  expect_end_after(ID, 0600, lock_frame(RSM_FRAME_GRANTED, WORD, 1));
  expect_end_after(ID, 0600, lock_frame(RSM_FRAME_CANCELLED, WORD, 1));
  AWAIT(count_descriptors() == descriptors);
  AWAIT(rsm_export_importers(segment) == 0);
  rsm_export_release(plain);
  give_back(other);
  serve_no_more(false);
}

static void more_requests_than_allowed_end_the_connection_and_nobody_elses(void) {
  serve();
  struct side own = side_of_export(env, segment, memory), a = importer();
  CHECK(!acquire(&own));
  uint32_t ticket = ask(&a);
  int fd = raw_connect("self", ID, 0600);
  for (uint32_t i = 0; i <= RSM_LOCK_WAITS + 1; i++) { /* the second is granted */
    struct rsm_frame frame = lock_frame(RSM_FRAME_LOCK, WORD + 4 * (i % 2), 7);
    CHECK_EQ(rsm_wire_send(fd, &frame, NULL, 0), 0);
  }
  raw_expect_end(fd);
  release(&own);
  CHECK_EQ(await_answer(&a, ticket).code, RSM_SUCCESS);
  release(&a);
  for (int i = 0; i < RSM_LOCK_WAITS; i++) {
    a.place.offset = own.place.offset = 256 + (uint64_t)i * 4;
    CHECK(take_free(&own));
    ask(&a);
  }
  CHECK_EQ(rsm_lock_request(&a.place, ++a.ticket, false), RSMERR_INSUFFICIENT_RESOURCES);
  CHECK_EQ(rsm_export_importers(segment), 1);
  end(&a);
  close(raw_memory);
  munmap((void *)raw_status, PAGE);
  serve_no_more(false);
}

static void only_the_owner_can_unlock(void) {
  serve();
  struct side own = side_of_export(env, segment, memory), a = importer();
  CHECK(!acquire(&own));
  int fd = raw_connect("self", ID, 0600);
  struct rsm_frame frame = lock_frame(RSM_FRAME_UNLOCK, WORD, 0);
  CHECK_EQ(rsm_wire_send(fd, &frame, NULL, 0), 0);
  uint32_t ticket = ask(&a);
  CHECK_EQ(rsm_lock_wait(env, ticket, 100, NULL, NULL).code, RSMERR_TIMEOUT);
  CHECK_EQ(*word_of(&own) & RSM_LOCK_OWNER, own.owner);
  release(&own);
  /* Whatever somebody writes into a word, the next who asks gets it; rubbish counts as an owner who died. */
  uint32_t rubbish[] = {RSM_LOCK_CONTENDED, RSM_LOCK_OWNER_DIED, 0x7fffffff, 0xffffffff};
  for (int i = 0; i < 4; i++) {
    *word_of(&own) = rubbish[i];
    CHECK_EQ(acquire(&a), rubbish[i] != RSM_LOCK_CONTENDED);
    release(&a);
    AWAIT(*word_of(&own) == 0);
  }
  end(&a);
  close(fd);
  close(raw_memory);
  munmap((void *)raw_status, PAGE);
  serve_no_more(false);
}

static void asks_and_does_not_read(int unused) {
  (void)unused;
  int fd = raw_connect("self", ID, 0600);
  for (uint32_t i = 0; i < 2000; i++) { /* taken, given back, and never listened to */
    struct rsm_frame frame = lock_frame(i % 2 == 0 ? RSM_FRAME_LOCK : RSM_FRAME_UNLOCK, WORD, i);
    int result;
    while ((result = rsm_wire_send(fd, &frame, NULL, 0)) == -EAGAIN) nap();
    CHECK(result == 0 || result == -EPIPE || result == -ECONNRESET);
  }
  board->ready = 1;
  AWAIT(board->step == 1);
}

static void who_does_not_listen_gets_nothing_and_holds_nobody_up(void) {
  rig_up();
  pid_t deaf = start(asks_and_does_not_read, 0);
  make_scratch();
  host("self");
  memory = allocate(LENGTH);
  segment = lockable(env, memory);
  CHECK_EQ(publish(segment, record, ID, 0600), RSM_SUCCESS);
  AWAIT(board->ready == 1);
  struct side a = importer();
  acquire(&a);
  release(&a);
  board->step = 1;
  expect_exit(deaf);
  end(&a);
  serve_no_more(false);
}

/* ---- processes ---- */

static void hosts_and_stops(int unused) {
  (void)unused;
  host("self");
  memory = allocate(LENGTH);
  segment = lockable(env, memory);
  CHECK_EQ(publish(segment, record, ID, 0600), RSM_SUCCESS);
  AWAIT(board->step == 1);
  rsm_export_release(segment);
  leave();
  give_back(memory);
}

static void an_exporter_that_is_stopped_cannot_stop_its_importers(void) {
  rig_up();
  pid_t exporter = start(hosts_and_stops, 0);
  struct rsm_env *mine = open_env();
  struct side a = side_of_import(mine, connect_to(mine, "self", ID)), b = side_of_import(mine, connect_to(mine, "self", ID));
  void *control = rsm_import_control(a.place.imported);
  CHECK(!acquire(&a));
  CHECK(kill(exporter, SIGSTOP) == 0);
  b.ticket = 100;
  CHECK_EQ(rsm_lock_request(&b.place, ++b.ticket, true), RSM_SUCCESS);
  CHECK_EQ(rsm_lock_wait(mine, b.ticket, 50, NULL, NULL).code, RSMERR_TIMEOUT);
  release(&a); /* not contended: needs nobody */
  CHECK(take_free(&b));
  release(&b);
  for (int i = 0; i < 5000; i++) rsm_lock_release(&a.place, false); /* it reads none of this */
  AWAIT(!is_connected(control));
  CHECK(kill(exporter, SIGCONT) == 0);
  board->step = 1;
  expect_exit(exporter);
  end_import(a.place.imported, control, a.bytes, LENGTH);
  end(&b);
  rsm_env_close(mine);
  rig_down(false);
}

#define CONTENDERS 6

/* Adds one to the data, without any atomic operation, as long as it may. */
static void contends(int number) {
  struct rsm_env *mine = open_env();
  struct side side = side_of_import(mine, connect_to(mine, "self", ID));
  unsigned turns = 0;
  while (!board->stop) {
    bool died = acquire(&side);
    volatile uint32_t *data = data_of(&side);
    CHECK(died || data[1] == 0); /* set while somebody holds it */
    if (died) board->done++; /* one report for one death */
    data[1] = 1;
    uint32_t before = data[0];
    if (turns % 7 == 0) nap();
    data[0] = before + 1;
    board->count++;
    if (number == CONTENDERS - 1 && ++turns > 20) {
      data[1] = 0;
      board->ready++;
      kill(getpid(), SIGKILL); /* with the lock */
    }
    data[1] = 0;
    release(&side);
  }
  end(&side);
  rsm_env_close(mine);
}

static void no_two_processes_have_it_and_each_death_is_told_once(void) {
  rig_up();
  pid_t pids[CONTENDERS];
  int deaths = 0;
  for (int i = 0; i < CONTENDERS; i++) pids[i] = start(contends, i);
  pid_t exporter = start(hosts_and_stops, 0);
  for (; deaths < 8; deaths++) {
    expect_killed(pids[CONTENDERS - 1]);
    AWAIT(board->done == deaths + 1);
    pids[CONTENDERS - 1] = start(contends, CONTENDERS - 1);
  }
  expect_killed(pids[CONTENDERS - 1]);
  AWAIT(board->done == deaths + 1);
  board->stop = 1;
  for (int i = 0; i < CONTENDERS - 1; i++) expect_exit(pids[i]);
  struct rsm_env *mine = open_env();
  struct side last = side_of_import(mine, connect_to(mine, "self", ID));
  CHECK(!acquire(&last));
  CHECK_EQ(data_of(&last)[0], board->count);
  release(&last);
  end(&last);
  rsm_env_close(mine);
  board->step = 1;
  expect_exit(exporter);
  rig_down(false);
}

/* ---- threads, each with an environment as workers have ---- */

#define THREADS 4
#define ROUNDS 300

static void *contends_here(void *argument) {
  bool exports = argument != NULL;
  struct rsm_env *mine = open_env();
  struct rsm_export *other = exports ? lockable(mine, memory) : NULL;
  struct side side = exports ? side_of_export(mine, other, memory) : side_of_import(mine, connect_to(mine, "self", ID));
  for (int i = 0; i < ROUNDS; i++) {
    if (i % 3 == 2 && !take_free(&side)) { /* gives up, before or after it was granted */
      rsm_lock_wait(mine, ask(&side), i % 2, NULL, NULL);
      continue;
    }
    if (i % 3 != 2) acquire(&side);
    atomic_store((_Atomic uint32_t *)data_of(&side), atomic_load((_Atomic uint32_t *)data_of(&side)) + 1);
    board->count++;
    release(&side);
  }
  if (exports) rsm_export_release(other);
  else end(&side);
  rsm_env_close(mine);
  return NULL;
}

static void threads_contend_like_processes(void) {
  serve();
  pthread_t threads[THREADS];
  for (int i = 0; i < THREADS; i++) CHECK(pthread_create(&threads[i], NULL, contends_here, i == 0 ? memory : NULL) == 0);
  for (int i = 0; i < THREADS; i++) CHECK(pthread_join(threads[i], NULL) == 0);
  struct side own = side_of_export(env, segment, memory);
  acquire(&own);
  CHECK_EQ(*data_of(&own), board->count);
  release(&own);
  serve_no_more(false);
}

int main(void) {
  RUN(no_two_processes_have_it_and_each_death_is_told_once);
  RUN(an_exporter_that_is_stopped_cannot_stop_its_importers);
  RUN(who_does_not_listen_gets_nothing_and_holds_nobody_up);
  RUN(numbers_are_of_segments_with_lock_operations_only);
  RUN(who_waits_is_served_in_the_order_of_asking);
  RUN(a_grant_that_nobody_wants_passes_on);
  RUN(withdrawal_ends_the_wait_and_the_end_of_a_segment_forgets_it);
  RUN(after_a_rebind_the_words_are_those_of_the_new_memory);
  RUN(two_segments_on_one_memory_share_its_locks);
  RUN(answers_are_told_and_taken_once);
  RUN(frames_that_make_no_sense_end_the_connection);
  RUN(more_requests_than_allowed_end_the_connection_and_nobody_elses);
  RUN(only_the_owner_can_unlock);
  RUN(threads_contend_like_processes);
  return 0;
}
