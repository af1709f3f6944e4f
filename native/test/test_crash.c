// sources: access agent connection event_set event_wait events exporter handshake imported importer listener
// sources: mapping memfd room
// sources: memory memory_regions memory_sources object object_map process rebind record record_wait serve shown slots
// sources: locks lock_requests wait wire
/* kill -9 at random moments, of either side. What the dead leave in the directory is TypeScript's to sweep. */
#include "rig.h"

#define LENGTH (8 * PAGE)
#define ROUNDS 25

/* Microseconds. Random on purpose: the seed of a failing run is printed. */
static void random_pause(unsigned *seed) {
  nanosleep(&(struct timespec){.tv_nsec = (long)(rand_r(seed) % 12000) * 1000}, NULL);
}

static void busy_exporter(int round) {
  char name[32], claim[32];
  struct rsm_env *env = open_env();
  snprintf(name, sizeof name, "exporter%d", round);
  struct rsm_record *record = open_record(env, name);
  uint8_t *a = allocate(LENGTH), *b = allocate(LENGTH);
  struct rsm_export *segment = export_of(env, a, LENGTH);
  struct rsm_grants grants = grants_of(0600);
  snprintf(claim, sizeof claim, "claim%d", round);
  board->step = getpid(); /* whom to kill: before anybody is told to begin */
  for (int i = 0;; i++) {
    CHECK_EQ(rsm_export_publish(segment, record, ID, claim, &grants), RSM_SUCCESS);
    for (int k = 0; k < 20; k++) {
      CHECK_EQ(rsm_export_rebind(segment, (i + k) % 2 ? a : b), RSM_SUCCESS);
      rsm_events_post(rsm_export_events(segment), false);
      board->ready = round;
      nap();
    }
    CHECK_EQ(rsm_export_unpublish(segment), RSM_SUCCESS);
  }
}

/* Until the exporter is dead; every import made meanwhile must come to an end, and be usable till then. */
static void importer_of_the_dying(struct rsm_env *env, pid_t exporter, int round, unsigned *seed) {
  char name[32];
  snprintf(name, sizeof name, "exporter%d", round);
  bool killed = false;
  int connected = 0;
  while (!killed || connected == 0) {
    struct rsm_import *segment;
    int code = try_connect(env, name, ID, 0600, 0, &segment);
    if (code == RSM_SUCCESS) {
      connected++;
      void *control = rsm_import_control(segment), *bytes = NULL;
      if (rsm_import_map(segment, 0, LENGTH, 0600, false, NULL, &bytes) != RSM_SUCCESS) bytes = NULL;
      if (!killed && rand_r(seed) % 4 == 0) {
        random_pause(seed);
        CHECK(kill(exporter, SIGKILL) == 0);
        killed = true;
      }
      while (killed && is_connected(control)) {
        if (bytes != NULL) ((volatile uint8_t *)bytes)[PAGE] += 1;
      }
      if (bytes != NULL) ((volatile uint8_t *)bytes)[LENGTH - 1] = 1;
      end_import(segment, bytes, LENGTH);
    } else {
      CHECK(code == RSMERR_SEG_NOT_PUBLISHED || code == RSMERR_INTERRUPTED);
      CHECK(!killed || connected > 0);
    }
  }
}

static void importer_process(int seed_value) {
  unsigned seed = (unsigned)seed_value;
  make_scratch();
  struct rsm_env *env = open_env();
  int descriptors = count_descriptors(), mappings = count_mappings("memfd");
  for (int round = 1; round <= ROUNDS; round++) {
    AWAIT(board->ready == round);
    importer_of_the_dying(env, board->step, round, &seed);
    board->done = round;
  }
  CHECK_EQ(count_descriptors(), descriptors);
  CHECK_EQ(count_mappings("memfd"), mappings);
  rsm_env_close(env);
}

static void C_030_importers_outlive_an_exporter_that_is_killed(void) {
  rig_up();
  unsigned seed = (unsigned)time(NULL);
  printf("# seed %u\n", seed);
  pid_t importer = start(importer_process, (int)seed);
  for (int round = 1; round <= ROUNDS; round++) {
    pid_t exporter = start(busy_exporter, round);
    expect_killed(exporter);
    AWAIT(board->done == round);
  }
  expect_exit(importer);
  rig_down(true);
}

static void doomed_importer(int unused) {
  (void)unused;
  struct rsm_env *env = open_env();
  struct rsm_import *segment[3];
  for (int i = 0;; i++) {
    if (i >= 3) rsm_import_release(segment[i % 3]);
    segment[i % 3] = connect_to(env, "exporter", ID);
    if (i % 2) map_whole(segment[i % 3], 0600)[0] = 1;
    board->ready = 1;
  }
}

static void patient_exporter(int unused) {
  (void)unused;
  make_scratch();
  struct rsm_env *env = open_env();
  struct rsm_record *record = open_record(env, "exporter");
  uint8_t *a = allocate(LENGTH), *b = allocate(LENGTH);
  struct rsm_export *segment = export_of(env, a, LENGTH);
  int descriptors = count_descriptors();
  board->step = 1;
  CHECK_EQ(publish(segment, record, ID, 0600), RSM_SUCCESS);
  for (int i = 0; !board->stop; i++) {
    CHECK_EQ(rsm_export_rebind(segment, i % 2 ? a : b), RSM_SUCCESS);
    rsm_events_post(rsm_export_events(segment), i % 2);
  }
  AWAIT(rsm_export_importers(segment) == 0);
  rsm_export_release(segment);
  CHECK_EQ(count_descriptors(), descriptors);
  rsm_env_close(env);
  rsm_record_release(record);
  give_back(a);
  give_back(b);
}

static void C_116_an_exporter_outlives_importers_that_are_killed(void) {
  rig_up();
  unsigned seed = (unsigned)time(NULL);
  printf("# seed %u\n", seed);
  pid_t exporter = start(patient_exporter, 0);
  AWAIT(board->step == 1);
  for (int round = 0; round < ROUNDS; round++) {
    board->ready = 0;
    pid_t one = start(doomed_importer, 0), two = start(doomed_importer, 0);
    AWAIT(board->ready == 1);
    random_pause(&seed);
    CHECK(kill(one, SIGKILL) == 0 && kill(two, SIGKILL) == 0);
    expect_killed(one);
    expect_killed(two);
  }
  board->stop = 1;
  expect_exit(exporter);
  rig_down(false);
}

int main(void) {
  RUN(C_030_importers_outlive_an_exporter_that_is_killed);
  RUN(C_116_an_exporter_outlives_importers_that_are_killed);
  return 0;
}
