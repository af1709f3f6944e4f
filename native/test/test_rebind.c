// sources: access agent connection event_set event_wait events exporter handshake imported importer listener
// sources: mapping memfd room
// sources: memory memory_regions memory_sources object object_map process rebind record record_wait serve shown slots
// sources: locks lock_requests wait wire
/* Memory exchanged under live importers. */
#include <sys/ipc.h>
#include <sys/shm.h>

#include "rig.h"

#define PAGES 16
#define LENGTH (PAGES * PAGE)
#define WORDS (LENGTH / sizeof(uint64_t))
#define MARK_A 0xaaaaaaaaaaaaaaaaull
#define MARK_B 0xbbbbbbbbbbbbbbbbull

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
  for (int i = 0; i < how_many; i++) end_import(segment[i], view[i].words, view[i].count * 8);
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
  end_import(import, bytes, LENGTH);
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
  CHECK_EQ(rsm_export_rebind(segment, (void *)b), RSM_SUCCESS);
  CHECK_EQ(rsm_import_map(reader, 0, PAGE, 0400, false, NULL, &attached), RSM_SUCCESS);
  volatile uint8_t *frozen = attached;
  CHECK_EQ(rsm_export_importers(segment), 2);
  CHECK_EQ(rsm_export_rebind(segment, (void *)a), RSM_SUCCESS);
  CHECK_EQ(rsm_export_importers(segment), 1); /* a window that would fault is aborted instead */
  frozen[0] = 4;
  CHECK_EQ(a[0], 0);
  rsm_export_release(segment);
  CHECK_EQ(a[PAGE], 3);
  end_import(import, window, PAGE);
  end_import(reader, frozen, PAGE);
  leave();
  give_back((void *)a);
  give_back((void *)b);
  CHECK(shmctl(shmid, IPC_RMID, NULL) == 0);
  rig_down(false);
}

int main(void) {
  RUN(C_051_C_052_C_060_rebind_under_one_importer);
  RUN(C_051_C_052_C_060_rebind_under_32_importers);
  RUN(C_061_C_064_a_failed_rebind_changes_nothing);
  RUN(C_031_C_063_rebind_between_system_v_and_other_memory);
  return 0;
}
