// sources: access agent connection events exporter handshake imported importer listener mapping memfd
// sources: memory memory_regions memory_sources object object_map process rebind record record_wait serve wait wire
/* Memory exchanged under live importers, and memory taken away from those who would keep it. */
#include <sys/ipc.h>
#include <sys/shm.h>

#include "rig.h"

#define PAGES 16
#define LENGTH (PAGES * PAGE)
#define WORDS (LENGTH / sizeof(uint64_t))
#define MARK_A 0xaaaaaaaaaaaaaaaaull
#define MARK_B 0xbbbbbbbbbbbbbbbbull

static struct rsm_env *env;
static struct rsm_record *record;

static void host(const char *name) {
  env = open_env();
  record = open_record(env, name);
}

static void leave(void) {
  rsm_env_close(env);
  rsm_record_release(record);
}

/* ---- live importers ---- */

/* The first page counts; the others carry a mark. */
struct view {
  volatile uint64_t *words;
  size_t count;
  bool counts;
};

static void *use(void *argument) {
  struct view *view = argument;
  uint64_t added = 0;
  while (!board->stop) {
    for (size_t i = view->counts ? PAGE / 8 : 0; i < view->count; i += 61) {
      uint64_t word = view->words[i];
      CHECK(word == MARK_A || word == MARK_B);
    }
    if (!view->counts) continue;
    for (int i = 0; i < 100; i++, added++) {
      atomic_fetch_add((_Atomic uint64_t *)&view->words[0], 1);
    }
  }
  atomic_fetch_add(&board->count, added);
  return NULL;
}

static void importers(int how_many) {
  struct rsm_env *mine = open_env();
  struct rsm_import *segment[8];
  void *address, *control[8];
  pthread_t thread[8];
  struct view view[8];
  for (int i = 0; i < how_many; i++) {
    segment[i] = connect_to(mine, "exporter", ID);
    control[i] = rsm_import_control(segment[i]);
    if (i % 3 == 2) continue; /* not mapped */
    uint64_t offset = i % 3 == 0 ? 0 : 5 * PAGE, length = i % 3 == 0 ? LENGTH : 3 * PAGE;
    CHECK_EQ(rsm_import_map(segment[i], offset, length, 0600, false, NULL, &address), RSM_SUCCESS);
    view[i] = (struct view){address, length / 8, offset == 0};
    CHECK(pthread_create(&thread[i], NULL, use, &view[i]) == 0);
  }
  board->ready++;
  AWAIT(board->stop);
  for (int i = 0; i < how_many; i++) {
    CHECK(is_connected(control[i])); /* C-051 */
    if (i % 3 == 2) view[i] = (struct view){(void *)map_whole(segment[i], 0600), LENGTH / 8, true};
    else CHECK(pthread_join(thread[i], NULL) == 0);
    CHECK(view[i].words[view[i].count - 1] == MARK_B); /* C-052, C-053 */
  }
  rsm_env_close(mine);
  for (int i = 0; i < how_many; i++) end_import(segment[i], control[i], view[i].words, view[i].count * 8);
}

static volatile uint64_t *marked(uint64_t mark) {
  volatile uint64_t *words = (void *)allocate(LENGTH);
  for (size_t i = PAGE / 8; i < WORDS; i++) words[i] = mark;
  return words;
}

/* processes, importers in each, rebinds */
static void rebind_under(int processes, int each, int times) {
  pid_t pids[4];
  rig_up();
  for (int i = 0; i < processes; i++) pids[i] = start(importers, each);
  host("exporter");
  volatile uint64_t *a = marked(MARK_A), *b = marked(MARK_B);
  struct rsm_export *segment = export_of(env, (void *)a, LENGTH);
  CHECK_EQ(publish(segment, record, ID, 0600), RSM_SUCCESS);
  AWAIT(board->ready == processes);
  CHECK_EQ(rsm_export_importers(segment), processes * each);
  for (int i = 0; i < times; i++) {
    CHECK_EQ(rsm_export_rebind(segment, (void *)(i % 2 ? a : b)), RSM_SUCCESS);
  }
  CHECK_EQ(rsm_export_rebind(segment, (void *)b), RSM_SUCCESS);
  CHECK_EQ(rsm_export_importers(segment), processes * each);
  board->stop = 1;
  for (int i = 0; i < processes; i++) expect_exit(pids[i]);
  CHECK_EQ(a[0] + b[0], board->count); /* every addition went to the one or the other */
  CHECK(board->count > 0);
  AWAIT(rsm_export_importers(segment) == 0);
  rsm_export_release(segment);
  leave();
  CHECK_EQ(a[WORDS - 1], MARK_A);
  CHECK_EQ(b[WORDS - 1], MARK_B);
  give_back((void *)a);
  give_back((void *)b);
  rig_down(false);
}

/* The parent of these tests has the agent, and a fork would not: the tests run in children. */
static void rebind_one(int unused) {
  (void)unused;
  rebind_under(1, 1, 300);
}

static void rebind_many(int unused) {
  (void)unused;
  rebind_under(4, 8, 30);
}

static void C_051_C_052_C_060_rebind_under_one_importer(void) {
  expect_exit(start(rebind_one, 0));
}

static void C_051_C_052_C_060_rebind_under_32_importers(void) {
  expect_exit(start(rebind_many, 0));
}

/* ---- a failing rebind, and other kinds of memory ---- */

static void C_061_C_064_a_failed_rebind_changes_nothing(void) {
  rig_up();
  host("self");
  volatile uint8_t *a = allocate(LENGTH), *b = allocate(LENGTH);
  struct rsm_export *segment = export_of(env, (void *)a, LENGTH), *blocking = export_of(env, (void *)b, PAGE);
  CHECK_EQ(publish(segment, record, ID, 0600), RSM_SUCCESS);
  struct rsm_import *import = connect_to(env, "self", ID);
  volatile uint8_t *bytes = map_whole(import, 0600);
  static _Alignas(PAGE) uint8_t foreign[LENGTH];
  CHECK_EQ(rsm_export_rebind(segment, foreign), RSMERR_BAD_ADDR);
  CHECK_EQ(rsm_export_rebind(segment, (void *)b), RSMERR_INSUFFICIENT_RESOURCES); /* D-52 */
  a[3] = 3;
  CHECK_EQ(bytes[3], 3);
  rsm_export_release(blocking);
  CHECK_EQ(rsm_export_rebind(segment, (void *)b), RSM_SUCCESS);
  a[3] = 4;
  CHECK_EQ(bytes[3], 0);
  rsm_export_release(segment);
  end_import(import, NULL, bytes, LENGTH);
  leave();
  give_back((void *)a);
  give_back((void *)b);
  rig_down(false);
}

static void C_031_C_063_rebind_between_system_v_and_other_memory(void) {
  rig_up();
  host("self");
  int shmid = shmget(IPC_PRIVATE, LENGTH, IPC_CREAT | 0600), error;
  void *attached;
  size_t length;
  CHECK(shmid >= 0);
  CHECK_EQ(rsm_memory_attach_sysv(shmid, &attached, &length, &error), RSM_SUCCESS);
  volatile uint8_t *a = attached, *b = allocate(LENGTH);
  a[PAGE] = 1;
  b[PAGE] = 2;
  struct rsm_export *segment = export_of(env, (void *)b, LENGTH);
  CHECK_EQ(rsm_export_rebind(segment, (void *)a), RSM_SUCCESS);
  CHECK_EQ(publish(segment, record, ID, 0600), RSM_SUCCESS);
  struct rsm_import *import = connect_to(env, "self", ID), *reader;
  CHECK_EQ(try_connect(env, "self", ID, 0400, 0, &reader), RSM_SUCCESS);
  CHECK_EQ(rsm_import_map(reader, 0, PAGE, 0400, false, NULL, &attached), RSMERR_MAP_FAILED);
  CHECK_EQ(rsm_import_map(import, PAGE, PAGE, 0600, false, NULL, &attached), RSM_SUCCESS);
  volatile uint8_t *window = attached;
  CHECK_EQ(window[0], 1);
  CHECK_EQ(rsm_export_rebind(segment, (void *)b), RSM_SUCCESS);
  CHECK_EQ(window[0], 2);
  CHECK_EQ(rsm_export_rebind(segment, (void *)a), RSM_SUCCESS);
  window[0] = 3;
  CHECK_EQ(a[PAGE], 3);
  rsm_export_release(segment);
  CHECK_EQ(a[PAGE], 3);
  end_import(import, NULL, window, PAGE);
  rsm_import_release(reader);
  leave();
  give_back((void *)a);
  give_back((void *)b);
  CHECK(shmctl(shmid, IPC_RMID, NULL) == 0);
  rig_down(false);
}

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
  end_import(segment, control, bytes, LENGTH);
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
  end_import(segment, control, bytes, LENGTH);
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

/* Acknowledges everything and lets go of nothing. mine: its uid. */
static void keeper(int uid) {
  int memory;
  if (uid != 0) CHECK(setgid(uid) == 0 && setuid(uid) == 0);
  int fd = raw_connect("exporter", ID, 0600, &memory);
  volatile uint8_t *kept = mmap(NULL, LENGTH, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
  CHECK(kept != MAP_FAILED);
  CHECK_EQ(kept[0], 66);
  board->ready++;
  raw_answer(fd, RSM_FRAME_REBIND, RSM_FRAME_REBOUND);
  AWAIT(board->step == 1);
  CHECK_EQ(kept[0], 0);
  kept[1] = 99;
  raw_answer(fd, RSM_FRAME_WITHDRAW, RSM_FRAME_WITHDRAWN);
  AWAIT(board->step == 2);
  CHECK_EQ(kept[0], 0);
  volatile uint8_t *again = mmap(NULL, LENGTH, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
  CHECK(again != MAP_FAILED);
  CHECK_EQ(again[0], 0);
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
  CHECK(is_connected(control));
  rsm_export_release(segment);
  rsm_export_release(twin);
  CHECK_EQ(a[0], 66);
  end_import(honest, control, bytes, LENGTH);
  leave();
  give_back((void *)a);
  give_back((void *)b);
  rig_down(false);
}

static void reader_who_keeps(int unused) {
  (void)unused;
  int memory;
  CHECK(setgid(OTHER_UID) == 0 && setuid(OTHER_UID) == 0);
  int fd = raw_connect("exporter", ID, 0400, &memory);
  CHECK(mmap(NULL, LENGTH, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0) == MAP_FAILED);
  volatile uint8_t *kept = mmap(NULL, LENGTH, PROT_READ, MAP_SHARED, memory, 0);
  CHECK(kept != MAP_FAILED);
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

static void deaf_importer(int unused) {
  (void)unused;
  int memory, fd = raw_connect("exporter", ID, 0600, &memory);
  volatile uint8_t *kept = mmap(NULL, LENGTH, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
  board->ready++;
  AWAIT(board->step == 1);
  CHECK_EQ(kept[0], 0);
  raw_expect_end(fd);
}

static void who_runs_and_never_answers_is_aborted_at_the_limit(void) {
  rig_up();
  pid_t deaf = start(deaf_importer, 0);
  host("exporter");
  volatile uint8_t *a = allocate(LENGTH);
  a[0] = 66;
  struct rsm_export *segment = export_of(env, (void *)a, LENGTH);
  CHECK_EQ(publish(segment, record, ID, 0600), RSM_SUCCESS);
  AWAIT(board->ready == 1);
  int64_t before = rsm_now_ns();
  CHECK_EQ(rsm_export_unpublish(segment), RSM_SUCCESS);
  CHECK(rsm_now_ns() - before >= RSM_ACKNOWLEDGE_LIMIT_MS * 1000000ll); /* not at the earlier deadline */
  CHECK_EQ(rsm_export_importers(segment), 0);
  CHECK_EQ(a[0], 66);
  board->step = 1;
  expect_exit(deaf);
  rsm_export_release(segment);
  leave();
  give_back((void *)a);
  rig_down(false);
}

int main(void) {
  RUN(C_051_C_052_C_060_rebind_under_one_importer);
  RUN(C_051_C_052_C_060_rebind_under_32_importers);
  RUN(C_061_C_064_a_failed_rebind_changes_nothing);
  RUN(C_031_C_063_rebind_between_system_v_and_other_memory);
  RUN(a_stopped_importer_is_aborted_and_the_others_are_not);
  RUN(C_045_C_050_what_another_user_keeps_is_empty_and_the_exporter_has_its_bytes);
  RUN(what_another_user_could_only_read_is_empty_too);
  RUN(who_runs_and_never_answers_is_aborted_at_the_limit);
  return 0;
}
