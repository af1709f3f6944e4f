// sources: access agent connection event_set event_wait events exporter handshake imported importer listener
// sources: mapping memfd room
// sources: memory memory_regions memory_sources object object_map process rebind record record_wait serve shown slots
// sources: locks lock_requests wait wire
/* Memory taken away from those who would keep it: the stopped, the deaf, and cheats of other users. */
#include "rig.h"

#define LENGTH (16 * PAGE)

/* ---- the deaf ---- */

static void stopped_importer(int unused) {
  (void)unused;
  struct rsm_env *mine = open_env();
  struct rsm_import *segment = connect_to(mine, "exporter", ID);
  volatile uint8_t *bytes = map_whole(segment, 0600);
  void *control = rsm_import_control(segment);
  board->ready++;
  raise(SIGSTOP);
  AWAIT(!is_connected(control));
  AWAIT(bytes[0] != 66 && bytes[0] != 77); /* neither old nor new memory is shown any more */
  end_import(segment, bytes, LENGTH);
  rsm_env_close(mine);
}

static void healthy_importer(int unused) {
  (void)unused;
  struct rsm_env *mine = open_env();
  struct rsm_import *segment = connect_to(mine, "exporter", ID);
  volatile uint8_t *bytes = map_whole(segment, 0600);
  void *control = rsm_import_control(segment);
  board->ready++;
  AWAIT(bytes[1] == 2);
  CHECK(is_connected(control));
  board->ready++;
  AWAIT(!is_connected(control));
  end_import(segment, bytes, LENGTH);
  rsm_env_close(mine);
}

static void exporter_of_the_stopped(int unused) {
  (void)unused;
  host("exporter");
  volatile uint8_t *a = allocate(LENGTH), *b = allocate(LENGTH);
  a[0] = 66, b[0] = 77, b[1] = 2;
  struct rsm_export *segment = export_of(env, (void *)a, LENGTH);
  CHECK_EQ(publish(segment, record, ID, 0600), RSM_SUCCESS);
  AWAIT(board->step == 1);
  CHECK_EQ(rsm_export_importers(segment), 2);
  CHECK_EQ(rsm_export_rebind(segment, (void *)b), RSM_SUCCESS);
  CHECK_EQ(rsm_export_importers(segment), 1);
  AWAIT(board->ready == 3);
  CHECK_EQ(a[0], 66); /* C-045: moved away from the stopped one, not punched under us */
  CHECK_EQ(rsm_export_unpublish(segment), RSM_SUCCESS);
  CHECK_EQ(b[0], 77);
  board->step = 2;
  AWAIT(board->step == 3);
  rsm_export_release(segment);
  leave();
  give_back((void *)a);
  give_back((void *)b);
}

static void a_stopped_importer_is_aborted_and_the_others_are_not(void) {
  rig_up();
  pid_t exporter = start(exporter_of_the_stopped, 0);
  pid_t stopped = start(stopped_importer, 0), healthy = start(healthy_importer, 0);
  AWAIT(board->ready == 2);
  CHECK(waitpid(stopped, NULL, WUNTRACED) == stopped);
  board->step = 1;
  AWAIT(board->step == 2);
  kill(stopped, SIGCONT);
  expect_exit(stopped);
  expect_exit(healthy);
  board->step = 3;
  expect_exit(exporter);
  rig_down(false);
}

/* ---- those who keep what they were given ---- */

static volatile uint8_t *map_raw(int protection) {
  void *mapped = mmap(NULL, LENGTH, protection, MAP_SHARED, raw_memory, 0);
  CHECK(mapped != MAP_FAILED);
  return mapped;
}

/* Acknowledges everything and lets go of nothing. */
static void keeper(int uid) {
  CHECK(setgid((gid_t)uid) == 0 && setuid((uid_t)uid) == 0);
  int fd = raw_connect("exporter", ID, 0600);
  volatile uint8_t *old = map_raw(PROT_READ | PROT_WRITE);
  CHECK_EQ(old[0], 66);
  board->ready++;
  raw_answer(fd, RSM_FRAME_REBIND, RSM_FRAME_REBOUND);
  volatile uint8_t *fresh = map_raw(PROT_READ | PROT_WRITE);
  AWAIT(board->step == 1);
  CHECK_EQ(old[0], 0);
  CHECK_EQ(fresh[0], 77);
  old[1] = 99;
  raw_answer(fd, RSM_FRAME_WITHDRAW, RSM_FRAME_WITHDRAWN);
  AWAIT(board->step == 2);
  CHECK_EQ(old[0], 0);
  CHECK_EQ(fresh[0], 0);
  fresh[1] = 99;
  CHECK_EQ(map_raw(PROT_READ | PROT_WRITE)[0], 0);
}

static void C_045_C_050_what_another_user_keeps_is_empty_and_the_exporter_has_its_bytes(void) {
  rig_up();
  pid_t cheat = start(keeper, OTHER_UID);
  host("exporter");
  volatile uint8_t *a = allocate(LENGTH), *b = allocate(LENGTH);
  a[0] = 66, b[0] = 77;
  struct rsm_export *segment = export_of(env, (void *)a, LENGTH), *twin = export_of(env, (void *)a, LENGTH);
  CHECK_EQ(publish(twin, record, ID + 1, 0600), RSM_SUCCESS);
  struct rsm_import *honest = connect_to(env, "exporter", ID + 1);
  volatile uint8_t *bytes = map_whole(honest, 0600);
  void *control = rsm_import_control(honest);
  CHECK_EQ(publish(segment, record, ID, 0666), RSM_SUCCESS);
  AWAIT(board->ready == 1);
  CHECK_EQ(rsm_export_rebind(segment, (void *)b), RSM_SUCCESS);
  CHECK_EQ(a[0], 66);
  CHECK_EQ(bytes[0], 66);
  bytes[2] = 12; /* the segment on the same memory moved with it */
  CHECK_EQ(a[2], 12);
  board->step = 1;
  CHECK_EQ(rsm_export_unpublish(segment), RSM_SUCCESS);
  CHECK_EQ(b[0], 77);
  CHECK_EQ(a[1], 0);
  board->step = 2;
  expect_exit(cheat);
  CHECK_EQ(b[1], 0);
  CHECK(is_connected(control));
  rsm_export_release(segment);
  rsm_export_release(twin);
  CHECK_EQ(a[0], 66);
  end_import(honest, bytes, LENGTH);
  leave();
  give_back((void *)a);
  give_back((void *)b);
  rig_down(false);
}

static void reader_who_keeps(int unused) {
  (void)unused;
  CHECK(setgid(OTHER_UID) == 0 && setuid(OTHER_UID) == 0);
  int fd = raw_connect("exporter", ID, 0400);
  CHECK(mmap(NULL, LENGTH, PROT_READ | PROT_WRITE, MAP_SHARED, raw_memory, 0) == MAP_FAILED);
  volatile uint8_t *kept = map_raw(PROT_READ);
  CHECK_EQ(kept[0], 66);
  board->ready++;
  raw_answer(fd, RSM_FRAME_WITHDRAW, RSM_FRAME_WITHDRAWN);
  AWAIT(board->step == 1);
  CHECK_EQ(kept[0], 0);
}

static void what_another_user_could_only_read_is_empty_too(void) {
  rig_up();
  pid_t cheat = start(reader_who_keeps, 0);
  host("exporter");
  volatile uint8_t *a = allocate(LENGTH);
  a[0] = 66;
  struct rsm_export *segment;
  CHECK_EQ(rsm_export_create(env, (void *)a, LENGTH, true, &segment), RSM_SUCCESS);
  CHECK_EQ(publish(segment, record, ID, 0444), RSM_SUCCESS);
  AWAIT(board->ready == 1);
  rsm_export_destroy(segment);
  CHECK_EQ(a[0], 66);
  a[0] = 67;
  board->step = 1;
  expect_exit(cheat);
  rsm_export_release(segment);
  leave();
  give_back((void *)a);
  rig_down(false);
}

/* Never answers: because it is stopped, or as it likes. */
static void deaf_importer(int stopped) {
  int fd = raw_connect("exporter", ID, 0600);
  volatile uint8_t *kept = map_raw(PROT_READ | PROT_WRITE);
  CHECK_EQ(kept[0], 66);
  board->ready++;
  if (stopped) raise(SIGSTOP);
  AWAIT(board->step == 1);
  CHECK_EQ(kept[0], 0);
  raw_expect_end(fd);
}

static void *rebind_in_thread(void *argument) {
  void **arguments = argument;
  CHECK_EQ(rsm_export_rebind(arguments[0], arguments[1]), RSM_SUCCESS);
  board->done = 1;
  return NULL;
}

static void who_never_answers_is_aborted_at_once_if_stopped_and_else_at_the_limit(void) {
  rig_up();
  pid_t deaf = start(deaf_importer, false), stopped = start(deaf_importer, true);
  host("exporter");
  volatile uint8_t *a = allocate(LENGTH), *b = allocate(LENGTH);
  a[0] = 66;
  struct rsm_export *segment = export_of(env, (void *)a, LENGTH);
  CHECK_EQ(publish(segment, record, ID, 0600), RSM_SUCCESS);
  AWAIT(board->ready == 2);
  CHECK(waitpid(stopped, NULL, WUNTRACED) == stopped);
  pthread_t thread;
  int64_t before = rsm_now_ns();
  void *arguments[] = {segment, (void *)b};
  CHECK(pthread_create(&thread, NULL, rebind_in_thread, arguments) == 0);
  AWAIT(rsm_export_importers(segment) == 1);
  CHECK(!board->done);
  CHECK(pthread_join(thread, NULL) == 0);
  CHECK(rsm_now_ns() - before >= RSM_ACKNOWLEDGE_LIMIT_MS * 1000000ll);
  CHECK_EQ(rsm_export_importers(segment), 0);
  CHECK_EQ(a[0], 66);
  kill(stopped, SIGCONT);
  board->step = 1;
  expect_exit(deaf);
  expect_exit(stopped);
  rsm_export_release(segment);
  leave();
  give_back((void *)a);
  give_back((void *)b);
  rig_down(false);
}

/* ---- the end of an environment ---- */

static void keeper_of_the_last(int unused) {
  (void)unused;
  CHECK(setgid(OTHER_UID) == 0 && setuid(OTHER_UID) == 0);
  int fd = raw_connect("exporter", ID, 0600);
  volatile uint8_t *kept = map_raw(PROT_READ | PROT_WRITE);
  CHECK_EQ(kept[0], 66);
  board->ready++;
  AWAIT(board->step == 1);
  CHECK_EQ(kept[0], 0);
  raw_expect_end(fd);
}

static void what_another_user_keeps_is_empty_when_the_environment_has_gone(void) {
  rig_up();
  pid_t cheat = start(keeper_of_the_last, 0);
  host("exporter");
  volatile uint8_t *a = allocate(LENGTH);
  a[0] = 66;
  struct rsm_export *segment = export_of(env, (void *)a, LENGTH);
  CHECK_EQ(publish(segment, record, ID, 0666), RSM_SUCCESS);
  AWAIT(board->ready == 1);
  leave();
  board->step = 1;
  expect_exit(cheat);
  rsm_export_release(segment);
  give_back((void *)a);
  rig_down(false);
}

int main(void) {
  RUN(a_stopped_importer_is_aborted_and_the_others_are_not);
  RUN(C_045_C_050_what_another_user_keeps_is_empty_and_the_exporter_has_its_bytes);
  RUN(what_another_user_could_only_read_is_empty_too);
  RUN(who_never_answers_is_aborted_at_once_if_stopped_and_else_at_the_limit);
  RUN(what_another_user_keeps_is_empty_when_the_environment_has_gone);
  return 0;
}
