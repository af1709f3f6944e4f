// sources: access agent connection event_set event_wait events exporter handshake imported importer listener
// sources: mapping memfd room
// sources: memory memory_regions memory_sources object object_map process rebind record record_wait serve shown slots
// sources: locks lock_requests wait wire
/* Locks of who does not keep to the protocol. */
#include "../loopback/state.h"
#include "lock_rig.h"

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
  for (uint32_t i = 0; i <= RSM_LOCK_WAITS_LIMIT + 1; i++) { /* the second is granted */
    struct rsm_frame frame = lock_frame(RSM_FRAME_LOCK, WORD + 4 * (i % 2), 7);
    CHECK_EQ(rsm_wire_send(fd, &frame, NULL, 0), 0);
  }
  raw_expect_end(fd);
  release(&own);
  CHECK_EQ(await_answer(&a, ticket).code, RSM_SUCCESS);
  release(&a);
  for (int i = 0; i < RSM_LOCK_WAITS_LIMIT; i++) {
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
  AWAIT(*word_of(&own) == 0); /* a's request may have been granted before it was cancelled */
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

/* ---- releases that come late ---- */

static _Atomic uint32_t *raw_word(void) {
  void *mapped = mmap(NULL, LENGTH, PROT_READ | PROT_WRITE, MAP_SHARED, raw_memory, 0);
  CHECK(mapped != MAP_FAILED);
  return (_Atomic uint32_t *)((char *)mapped + WORD);
}

static void raw_unlock(int fd, uint32_t epoch) {
  struct rsm_frame frame = lock_frame(RSM_FRAME_UNLOCK, WORD, epoch);
  CHECK_EQ(rsm_wire_send(fd, &frame, NULL, 0), 0);
}

/* What was said before has been heard once this is answered. */
static void raw_is_heard(int fd) {
  struct rsm_frame frame = lock_frame(RSM_FRAME_LOCK, WORD + 4, 1);
  int descriptors[RSM_FRAME_DESCRIPTORS];
  size_t count;
  CHECK_EQ(rsm_wire_send(fd, &frame, NULL, 0), 0);
  CHECK_EQ(raw_receive(fd, &frame, descriptors, &count), 1);
  CHECK_EQ(frame.type, RSM_FRAME_GRANTED);
}

/* An importer with a lock when the memory is exchanged; its release of that lock is heard at last. */
static void releases_late(int has_new_words) {
  int fd = raw_connect("self", ID, 0600);
  uint32_t owner = raw_status->lock_owner;
  atomic_store(raw_word(), owner);
  board->ready = 1;
  raw_answer(fd, RSM_FRAME_REBIND, RSM_FRAME_REBOUND);
  _Atomic uint32_t *word = raw_word();
  CHECK_EQ(atomic_load(word), has_new_words ? 0 : owner);
  atomic_store(word, owner);
  board->ready = 2;
  AWAIT(atomic_load(word) & RSM_LOCK_CONTENDED);
  raw_unlock(fd, 0);
  if (has_new_words) {
    raw_is_heard(fd);
    CHECK_EQ(atomic_load(word), owner | RSM_LOCK_CONTENDED);
    raw_unlock(fd, 1);
  }
  AWAIT((atomic_load(word) & RSM_LOCK_OWNER) != owner);
}

static void serve_late_release(bool has_new_words) {
  rig_up();
  pid_t late = start(releases_late, has_new_words);
  make_scratch();
  host("self");
  memory = allocate(LENGTH);
  uint8_t *other = allocate(LENGTH);
  segment = lockable(env, memory);
  CHECK_EQ(publish(segment, record, ID, 0600), RSM_SUCCESS);
  AWAIT(board->ready == 1);
  struct rsm_object *first = rsm_object_keep(segment->object);
  if (has_new_words) CHECK_EQ(rsm_export_rebind(segment, other), RSM_SUCCESS);
  else rsm_move_exposed(first, memory, LENGTH);
  rsm_object_drop(first);
  AWAIT(board->ready == 2);
  struct side a = importer();
  CHECK(!acquire(&a)); /* once it has been released in the memory that is there now */
  release(&a);
  expect_exit(late);
  end(&a);
  serve_no_more(false);
  give_back(other);
}

static void a_release_from_before_a_rebind_frees_nothing_of_the_new_memory(void) {
  serve_late_release(true);
}

static void a_release_from_before_a_move_frees_the_lock_that_moved_along(void) {
  serve_late_release(false);
}

static void a_release_from_the_future_ends_the_connection(void) {
  serve();
  expect_end_after(ID, 0600, lock_frame(RSM_FRAME_UNLOCK, WORD, 1));
  expect_end_after(ID, 0600, lock_frame(RSM_FRAME_UNLOCK, WORD, INT32_MAX));
  serve_no_more(false);
}

static void an_importer_says_in_which_memory_its_lock_was(void) {
  serve();
  uint8_t *other = allocate(LENGTH);
  struct side a = importer();
  uint32_t epoch;
  CHECK(!acquire(&a));
  CHECK(rsm_mapping_has_lock(a.place.imported, WORD, &epoch));
  CHECK_EQ(epoch, 0);
  CHECK_EQ(rsm_export_rebind(segment, other), RSM_SUCCESS);
  CHECK(!rsm_mapping_has_lock(a.place.imported, WORD, &epoch)); /* it stayed behind */
  CHECK_EQ(epoch, 1);
  CHECK(!acquire(&a));
  CHECK(rsm_mapping_has_lock(a.place.imported, WORD, &epoch));
  rsm_import_unmap(a.place.imported, true);
  CHECK(rsm_mapping_has_lock(a.place.imported, WORD, &epoch)); /* for all that it sees */
  CHECK_EQ(epoch, 1);
  rsm_lock_release(&a.place, false);
  AWAIT(*(_Atomic uint32_t *)(other + WORD) == 0);
  end(&a);
  rsm_export_release(segment);
  leave();
  give_back(memory);
  give_back(other);
  rig_down(false);
}

int main(void) {
  RUN(a_release_from_before_a_rebind_frees_nothing_of_the_new_memory);
  RUN(a_release_from_before_a_move_frees_the_lock_that_moved_along);
  RUN(a_release_from_the_future_ends_the_connection);
  RUN(an_importer_says_in_which_memory_its_lock_was);
  RUN(who_does_not_listen_gets_nothing_and_holds_nobody_up);
  RUN(frames_that_make_no_sense_end_the_connection);
  RUN(more_requests_than_allowed_end_the_connection_and_nobody_elses);
  RUN(only_the_owner_can_unlock);
  return 0;
}
