// sources: access agent connection event_set event_wait events exporter handshake imported importer listener
// sources: mapping memfd room
// sources: memory memory_regions memory_sources object object_map process rebind record record_wait serve shown slots
// sources: locks lock_requests wait wire
/* Connecting, sharing and parting, between processes and within one. */
#include "rig.h"

#define LENGTH (4 * PAGE)

/* ---- codes of connect ---- */

static void exporter_of_codes(int unused) {
  (void)unused;
  host("exporter");
  uint8_t *memory = allocate(LENGTH);
  struct rsm_export *segment = export_of(env, memory, LENGTH);
  struct rsm_grants grants = grants_of(0640);
  CHECK_EQ(rsm_export_publish(segment, record, ID, "a", &grants), RSM_SUCCESS);
  board->ready = 1;
  AWAIT(board->step == 1);
  grants.count = 1;
  grants.entry[0].node = 3;
  grants.entry[0].permission = 0666;
  CHECK_EQ(rsm_export_republish(segment, &grants), RSM_SUCCESS);
  board->ready = 2;
  AWAIT(board->step == 2);
  CHECK_EQ(rsm_export_importers(segment), 1);
  CHECK_EQ(rsm_export_unpublish(segment), RSM_SUCCESS);
  CHECK_EQ(rsm_export_importers(segment), 0);
  CHECK_EQ(rsm_export_unpublish(segment), RSMERR_SEG_NOT_PUBLISHED);
  CHECK_EQ(rsm_export_republish(segment, &grants), RSMERR_SEG_NOT_PUBLISHED);
  board->ready = 3;
  AWAIT(board->step == 3);
  leave();
  rsm_export_release(segment);
  rsm_memory_forget(memory);
}

static void importer_as_other(int permission) {
  CHECK(setgid(OTHER_UID) == 0 && setuid(OTHER_UID) == 0);
  env = open_env();
  struct rsm_import *segment;
  int code = try_connect(env, "exporter", ID, (uint32_t)permission, 0, &segment);
  CHECK_EQ(code, RSMERR_PERM_DENIED);
  rsm_env_close(env);
}

static void C_104_C_084_C_086_C_096_connect_is_answered_with_the_code_that_is_due(void) {
  rig_up();
  pid_t exporter = start(exporter_of_codes, 0);
  AWAIT(board->ready == 1);
  expect_exit(start(importer_as_other, 0400));
  struct rsm_env *mine = open_env();
  struct rsm_import *segment, *refused = NULL;
  CHECK_EQ(try_connect(mine, "exporter", ID + 1, 0600, 0, &refused), RSMERR_SEG_NOT_PUBLISHED);
  CHECK_EQ(try_connect(mine, "nobody", ID, 0600, 0, &refused), RSMERR_SEG_NOT_PUBLISHED);
  CHECK_EQ(try_connect(mine, "exporter", ID, 0600, 77, &refused), RSMERR_SEG_NOT_PUBLISHED);
  CHECK_EQ(try_connect(mine, "exporter", ID, 0700, 0, &refused), RSMERR_PERM_DENIED);
  CHECK_EQ(try_connect(mine, "exporter", ID, 0, 0, &refused), RSMERR_PERM_DENIED);
  CHECK_EQ(try_connect(mine, "exporter", ID, 0600, 0, &segment), RSM_SUCCESS);
  CHECK_EQ(rsm_import_length(segment), LENGTH);
  CHECK_EQ(rsm_import_owner_uid(segment), 0);
  CHECK_EQ(rsm_import_owner_pid(segment), exporter);
  board->step = 1;
  AWAIT(board->ready == 2);
  CHECK_EQ(try_connect(mine, "exporter", ID, 0600, 0, &refused), RSMERR_SEG_NOT_PUBLISHED_TO_NODE);
  void *control = rsm_import_control(segment);
  CHECK(is_connected(control)); /* C-095 */
  board->step = 2;
  AWAIT(board->ready == 3);
  CHECK(!is_connected(control));
  CHECK_EQ(try_connect(mine, "exporter", ID, 0600, 0, &refused), RSMERR_SEG_NOT_PUBLISHED);
  CHECK(refused == NULL);
  rsm_env_close(mine);
  board->step = 3;
  expect_exit(exporter);
  end_import(segment, NULL, 0);
  rig_down(false);
}

/* ---- bytes ---- */

static void exporter_of_bytes(int unused) {
  (void)unused;
  host("exporter");
  volatile uint8_t *memory = allocate(LENGTH);
  struct rsm_export *segment = export_of(env, (void *)memory, LENGTH);
  memory[0] = 11;
  CHECK_EQ(publish(segment, record, ID, 0600), RSM_SUCCESS);
  board->ready = 1;
  AWAIT(board->step == 1);
  CHECK_EQ(memory[LENGTH - 1], 22);
  memory[PAGE] = 33;
  board->ready = 2;
  CHECK_EQ(rsm_events_wait(rsm_export_events(segment), PATIENCE_MS, NULL, NULL), RSM_SUCCESS);
  CHECK_EQ(rsm_events_take(rsm_export_events(segment)), 0);
  rsm_events_post(rsm_export_events(segment), false);
  AWAIT(board->step == 2);
  rsm_export_destroy(segment);
  CHECK_EQ(memory[0], 11); /* C-045 */
  CHECK_EQ(memory[LENGTH - 1], 22);
  board->ready = 3;
  rsm_export_release(segment);
  leave();
  give_back((void *)memory);
}

static void on_aborted(void *hint, struct rsm_import *segment) {
  _Atomic(struct rsm_import *) *aborted = hint;
  *aborted = segment;
}

static void C_029_C_042_C_161_bytes_go_both_ways_until_the_segment_is_withdrawn(void) {
  rig_up();
  pid_t exporter = start(exporter_of_bytes, 0);
  AWAIT(board->ready == 1);
  _Atomic(struct rsm_import *) aborted = NULL;
  struct rsm_env *mine = rsm_env_open(on_aborted, &aborted);
  struct rsm_import *segment = connect_to(mine, "exporter", ID), *reader;
  CHECK_EQ(try_connect(mine, "exporter", ID, 0400, 0, &reader), RSM_SUCCESS);
  void *control = rsm_import_control(segment), *window;
  volatile uint8_t *bytes = map_whole(segment, 0600), *shown = map_whole(reader, 0400);
  CHECK_EQ(bytes[0], 11);
  bytes[LENGTH - 1] = 22;
  CHECK_EQ(shown[LENGTH - 1], 22);
  board->step = 1;
  AWAIT(board->ready == 2);
  CHECK_EQ(bytes[PAGE], 33);
  rsm_events_post(rsm_import_events(segment), false);
  CHECK_EQ(rsm_events_wait(rsm_import_events(segment), PATIENCE_MS, NULL, NULL), RSM_SUCCESS);
  CHECK_EQ(rsm_events_wait(rsm_import_events(reader), PATIENCE_MS, NULL, NULL), RSM_SUCCESS);
  shown[0] = 99; /* a stray store: neither a fault nor seen by the exporter (design 3.2) */
  rsm_import_disconnect(reader);
  board->step = 2;
  AWAIT(board->ready == 3);
  CHECK(!is_connected(control));
  CHECK(bytes[0] != 11);
  bytes[0] = 55;
  AWAIT(aborted != NULL);
  CHECK(aborted == segment);
  rsm_import_unmap(segment, true);
  CHECK_EQ(rsm_import_map(segment, 0, PAGE, 0600, false, NULL, &window), RSMERR_CONN_ABORTED);
  end_import(segment, bytes, LENGTH);
  end_import(reader, shown, LENGTH);
  rsm_env_close(mine);
  expect_exit(exporter);
  rig_down(false);
}

/* ---- in one process ---- */

static void C_107_C_043_a_process_imports_its_own_export(void) {
  rig_up();
  host("self");
  volatile uint8_t *memory = allocate(LENGTH), *other = allocate(LENGTH);
  struct rsm_export *segment = export_of(env, (void *)memory, LENGTH);
  CHECK_EQ(publish(segment, record, ID, 0600), RSM_SUCCESS);
  struct rsm_import *first = connect_to(env, "self", ID), *second = connect_to(env, "self", ID);
  void *control = rsm_import_control(first);
  volatile uint8_t *bytes = map_whole(first, 0600);
  bytes[1] = 7;
  CHECK_EQ(memory[1], 7);
  other[1] = 8;
  CHECK_EQ(rsm_export_rebind(segment, (void *)memory), RSM_SUCCESS); /* C-059 */
  CHECK_EQ(bytes[1], 7);
  CHECK_EQ(rsm_export_rebind(segment, (void *)other), RSM_SUCCESS);
  CHECK_EQ(bytes[1], 8);
  CHECK(is_connected(control)); /* C-051 */
  volatile uint8_t *later = map_whole(second, 0600); /* C-053 */
  CHECK_EQ(later[1], 8);
  memory[1] = 9;
  CHECK_EQ(bytes[1], 8); /* C-050 */
  rsm_export_destroy(segment);
  CHECK(!is_connected(control));
  end_import(first, bytes, LENGTH);
  end_import(second, later, LENGTH);
  rsm_export_release(segment);
  leave();
  CHECK_EQ(other[1], 8);
  give_back((void *)memory);
  give_back((void *)other);
  rig_down(false);
}

static void C_155_C_159_a_window_at_a_fixed_address(void) {
  rig_up();
  host("self");
  volatile uint8_t *memory = allocate(LENGTH), *place = allocate(LENGTH);
  struct rsm_export *segment = export_of(env, (void *)memory, LENGTH);
  CHECK_EQ(publish(segment, record, ID, 0600), RSM_SUCCESS);
  struct rsm_import *import = connect_to(env, "self", ID);
  void *address;
  memory[2 * PAGE] = 5;
  place[0] = 1;
  place[2 * PAGE] = 2;
  CHECK_EQ(rsm_import_map(import, 0, PAGE, 0600, false, (void *)memory, &address), RSMERR_BAD_ADDR);
  CHECK_EQ(rsm_import_map(import, 2 * PAGE, PAGE, 0600, false, (void *)(place + PAGE), &address), RSM_SUCCESS);
  CHECK(address == place + PAGE);
  CHECK_EQ(place[PAGE], 5);
  CHECK_EQ(rsm_import_map(import, 0, PAGE, 0600, false, NULL, &address), RSMERR_MAP_FAILED);
  rsm_import_unmap(import, true);
  CHECK_EQ(place[PAGE], 0);
  CHECK_EQ(place[0], 1);
  CHECK_EQ(place[2 * PAGE], 2);
  CHECK_EQ(rsm_import_map(import, 2 * PAGE, PAGE, 0600, false, (void *)(place + PAGE), &address), RSM_SUCCESS);
  rsm_export_destroy(segment);
  CHECK(place[PAGE] != 5);
  rsm_import_disconnect(import);
  CHECK_EQ(place[PAGE], 0);
  rsm_import_release(import);
  rsm_export_release(segment);
  leave();
  give_back((void *)place);
  give_back((void *)memory);
  rig_down(false);
}

static void C_076_C_091_an_id_is_free_again_after_unpublish(void) {
  rig_up();
  host("self");
  struct rsm_record *second = open_record(env, "second");
  uint8_t *memory = allocate(2 * PAGE);
  struct rsm_export *one = export_of(env, memory, PAGE), *two = export_of(env, memory + PAGE, PAGE);
  struct rsm_import *import;
  CHECK_EQ(publish(one, record, ID, 0600), RSM_SUCCESS);
  CHECK_EQ(publish(two, second, ID, 0600), RSMERR_SEGID_IN_USE);
  CHECK_EQ(try_connect(env, "second", ID, 0600, 0, &import), RSMERR_SEG_NOT_PUBLISHED);
  CHECK_EQ(publish(two, second, ID + 1, 0600), RSM_SUCCESS);
  CHECK_EQ(try_connect(env, "self", ID + 1, 0600, 0, &import), RSMERR_SEG_NOT_PUBLISHED);
  CHECK_EQ(rsm_export_unpublish(one), RSM_SUCCESS);
  CHECK_EQ(publish(one, record, ID, 0600), RSM_SUCCESS);
  rsm_record_release(second); /* takes its publications with it */
  CHECK_EQ(rsm_export_unpublish(two), RSMERR_SEG_NOT_PUBLISHED);
  rsm_export_destroy(one);
  rsm_export_destroy(one);
  rsm_export_release(one);
  rsm_export_release(two);
  leave();
  give_back(memory);
  rig_down(false);
}

static void an_environment_ends_before_what_it_made_is_released(void) {
  rig_up();
  make_scratch();
  int descriptors = count_descriptors();
  host("self");
  uint8_t *memory = allocate(LENGTH);
  struct rsm_export *segment = export_of(env, memory, LENGTH);
  CHECK_EQ(publish(segment, record, ID, 0600), RSM_SUCCESS);
  struct rsm_env *mine = open_env();
  struct rsm_import *import = connect_to(mine, "self", ID);
  volatile uint8_t *bytes = map_whole(import, 0600);
  void *control = rsm_import_control(import);
  memory[0] = 201;
  CHECK_EQ(bytes[0], 201);
  rsm_env_close(env);
  AWAIT(!is_connected(control));
  AWAIT(bytes[0] != 201);
  CHECK_EQ(rsm_export_unpublish(segment), RSMERR_SEG_NOT_PUBLISHED);
  CHECK_EQ(rsm_export_rebind(segment, memory), RSMERR_BAD_SEG_HNDL);
  CHECK_EQ(publish(segment, record, ID, 0600), RSMERR_BAD_SEG_HNDL);
  CHECK_EQ(count_agents(), 1);
  rsm_env_close(mine);
  CHECK_EQ(count_agents(), 0);
  rsm_import_disconnect(import);
  end_import(import, bytes, LENGTH);
  rsm_record_release(record);
  rsm_export_release(segment);
  give_back(memory);
  CHECK_EQ(count_descriptors(), descriptors);
  rig_down(false);
}

static _Atomic int inside, left;

static void slow_callback(void *hint, struct rsm_import *import) {
  (void)hint;
  (void)import;
  inside = 1;
  AWAIT(board->step == 1);
  left = 1;
}

static void *close_env(void *mine) {
  rsm_env_close(mine);
  CHECK(left); /* nobody uses the hint any more */
  board->done = 1;
  return NULL;
}

static void an_environment_waits_for_its_callback(void) {
  rig_up();
  host("self");
  uint8_t *memory = allocate(LENGTH);
  struct rsm_export *segment = export_of(env, memory, LENGTH);
  CHECK_EQ(publish(segment, record, ID, 0600), RSM_SUCCESS);
  struct rsm_env *mine = rsm_env_open(slow_callback, NULL);
  struct rsm_import *import = connect_to(mine, "self", ID);
  CHECK_EQ(rsm_export_unpublish(segment), RSM_SUCCESS);
  AWAIT(inside);
  pthread_t thread;
  CHECK(pthread_create(&thread, NULL, close_env, mine) == 0);
  for (int i = 0; i < 50; i++) nap();
  CHECK(!board->done);
  board->step = 1;
  CHECK(pthread_join(thread, NULL) == 0);
  rsm_import_release(import);
  rsm_export_release(segment);
  leave();
  give_back(memory);
  rig_down(false);
}

int main(void) {
  RUN(an_environment_waits_for_its_callback);
  RUN(C_104_C_084_C_086_C_096_connect_is_answered_with_the_code_that_is_due);
  RUN(C_029_C_042_C_161_bytes_go_both_ways_until_the_segment_is_withdrawn);
  RUN(C_107_C_043_a_process_imports_its_own_export);
  RUN(C_155_C_159_a_window_at_a_fixed_address);
  RUN(C_076_C_091_an_id_is_free_again_after_unpublish);
  RUN(an_environment_ends_before_what_it_made_is_released);
  return 0;
}
