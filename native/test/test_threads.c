// sources: access agent connection event_set event_wait events exporter handshake imported importer listener
// sources: mapping memfd room
// sources: memory memory_regions memory_sources object object_map process rebind record record_wait serve shown slots
// sources: locks lock_requests wait wire
/* Threads that do everything at once, each in an environment of its own as worker threads are. */
#include "rig.h"

#define LENGTH (4 * PAGE)
#define ROUNDS 60

static void *run_exporter(void *argument) {
  const char *name = argument;
  struct rsm_env *env = open_env();
  struct rsm_record *record = open_record(env, name);
  uint8_t *a = allocate(LENGTH), *b = allocate(LENGTH);
  for (int i = 0; i < ROUNDS; i++) {
    struct rsm_export *segment = export_of(env, a, LENGTH);
    CHECK_EQ(publish(segment, record, ID + (uint32_t)(name[1]), 0600), RSM_SUCCESS);
    nap();
    CHECK_EQ(rsm_export_rebind(segment, b), RSM_SUCCESS);
    rsm_events_post(rsm_export_events(segment), true);
    if (i % 3 != 0) CHECK_EQ(rsm_export_unpublish(segment), RSM_SUCCESS);
    rsm_export_release(segment);
  }
  board->done++;
  rsm_env_close(env);
  rsm_record_release(record);
  give_back(a);
  give_back(b);
  return NULL;
}

static void *run_importer(void *argument) {
  const char *name = argument;
  struct rsm_env *env = open_env();
  while (board->done < 2) {
    struct rsm_import *segment;
    int code = try_connect(env, name, ID + (uint32_t)(name[1]), 0600, 0, &segment);
    if (code != RSM_SUCCESS) {
      CHECK(code == RSMERR_SEG_NOT_PUBLISHED || code == RSMERR_INTERRUPTED);
      continue;
    }
    void *bytes = NULL;
    if (rsm_import_map(segment, 0, LENGTH, 0600, false, NULL, &bytes) == RSM_SUCCESS) {
      ((volatile uint8_t *)bytes)[PAGE] += 1;
    } else {
      bytes = NULL; /* withdrawn again */
    }
    board->count++;
    end_import(segment, bytes, LENGTH);
  }
  rsm_env_close(env);
  return NULL;
}

static void run_all(void *(*body[])(void *), void *argument[], int count) {
  pthread_t thread[8];
  for (int i = 0; i < count; i++) CHECK(pthread_create(&thread[i], NULL, body[i], argument[i]) == 0);
  for (int i = 0; i < count; i++) CHECK(pthread_join(thread[i], NULL) == 0);
}

static void publish_and_connect_race(void) {
  rig_up();
  make_scratch();
  int descriptors = count_descriptors(), mappings = count_mappings("memfd");
  void *(*body[])(void *) = {run_exporter, run_exporter, run_importer, run_importer, run_importer};
  void *names[] = {"t1", "t2", "t1", "t2", "t1"};
  run_all(body, names, 5);
  CHECK(board->count > 0);
  CHECK_EQ(count_descriptors(), descriptors);
  CHECK_EQ(count_mappings("memfd"), mappings);
  CHECK_EQ(count_agents(), 0);
  rig_down(false);
}

static void *come_and_go(void *name) {
  for (int i = 0; i < ROUNDS; i++) {
    struct rsm_env *env = open_env();
    struct rsm_record *record = open_record(env, name);
    uint8_t *memory = allocate(LENGTH);
    struct rsm_export *segment = export_of(env, memory, LENGTH);
    CHECK_EQ(publish(segment, record, ID + (uint32_t)((char *)name)[1], 0600), RSM_SUCCESS);
    struct rsm_import *import = connect_to(env, name, ID + (uint32_t)((char *)name)[1]);
    volatile uint8_t *bytes = map_whole(import, 0600);
    memory[0] = 9;
    CHECK_EQ(bytes[0], 9);
    if (i % 2) rsm_import_disconnect(import);
    rsm_env_close(env);
    if (i % 3) give_back(memory); /* before or after what stood on it */
    end_import(import, bytes, LENGTH);
    rsm_export_release(segment);
    rsm_record_release(record);
    if (i % 3 == 0) give_back(memory);
  }
  return NULL;
}

static void environments_come_and_go(void) {
  rig_up();
  make_scratch();
  int descriptors = count_descriptors(), mappings = count_mappings("memfd");
  void *(*body[])(void *) = {come_and_go, come_and_go, come_and_go, come_and_go};
  void *names[] = {"e1", "e2", "e3", "e4"};
  run_all(body, names, 4);
  CHECK_EQ(count_descriptors(), descriptors);
  CHECK_EQ(count_mappings("memfd"), mappings);
  CHECK_EQ(count_agents(), 0);
  rig_down(false);
}

/* ---- moves that meet each other ---- */

static uint8_t *common, *elsewhere;
static pthread_mutex_t raw = PTHREAD_MUTEX_INITIALIZER;

/* Somebody who breaks the protocol: from then on the memory counts as exposed. */
static void expose(const char *name, uint32_t id) {
  pthread_mutex_lock(&raw);
  int fd = raw_connect(name, id, 0600);
  close(raw_memory);
  munmap((void *)raw_status, PAGE);
  pthread_mutex_unlock(&raw);
  CHECK(send(fd, "rubbish", 7, MSG_NOSIGNAL) == 7);
  raw_expect_end(fd);
}

static void *publish_exposed(void *argument) {
  const char *name = argument;
  uint32_t slot = (uint32_t)name[1], id = ID + slot;
  struct rsm_env *env = open_env();
  struct rsm_record *record = open_record(env, name);
  struct rsm_export *segment = export_of(env, common, LENGTH);
  for (int i = 0; i < ROUNDS / 2; i++) {
    CHECK_EQ(publish(segment, record, id, 0600), RSM_SUCCESS);
    struct rsm_import *import = connect_to(env, name, id);
    void *control = rsm_import_control(import);
    volatile uint8_t *bytes = map_whole(import, 0600);
    expose(name, id);
    if (i % 2) CHECK_EQ(rsm_export_rebind(segment, elsewhere), RSM_SUCCESS);
    CHECK_EQ(bytes[7], i % 2 ? 222 : 111);
    CHECK(is_connected(control));
    /* Not lost for ever: only a store that meets the copying of a move is. */
    volatile uint8_t *mine = i % 2 ? NULL : &common[slot];
    if (mine != NULL) AWAIT((bytes[slot] = (uint8_t)i, *mine == (uint8_t)i));
    CHECK_EQ(rsm_export_unpublish(segment), RSM_SUCCESS);
    CHECK(!is_connected(control));
    if (i % 2) CHECK_EQ(rsm_export_rebind(segment, common), RSM_SUCCESS);
    end_import(import, bytes, LENGTH);
  }
  rsm_export_release(segment);
  rsm_env_close(env);
  rsm_record_release(record);
  return NULL;
}

static void segments_on_the_same_memory_move_together(void) {
  rig_up();
  make_scratch();
  common = allocate(LENGTH);
  elsewhere = allocate(LENGTH);
  common[7] = 111, elsewhere[7] = 222;
  int descriptors = count_descriptors(), mappings = count_mappings("memfd");
  void *(*body[])(void *) = {publish_exposed, publish_exposed, publish_exposed};
  void *names[] = {"m1", "m2", "m3"};
  run_all(body, names, 3);
  CHECK_EQ(common[7], 111);
  CHECK_EQ(elsewhere[7], 222);
  CHECK_EQ(count_descriptors(), descriptors);
  CHECK_EQ(count_mappings("memfd"), mappings);
  give_back(common);
  give_back(elsewhere);
  rig_down(false);
}

int main(void) {
  RUN(publish_and_connect_race);
  RUN(environments_come_and_go);
  RUN(segments_on_the_same_memory_move_together);
  return 0;
}
