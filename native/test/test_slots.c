// sources: access agent connection event_set event_wait events exporter handshake imported importer listener
// sources: mapping memfd room
// sources: memory memory_regions memory_sources object object_map process rebind record record_wait serve shown slots
// sources: locks lock_requests wait wire
/* What others see in the record of a process: always whole, whatever the process is doing. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/resource.h>

#include "../loopback/slots.h"
#include "rig.h"

#define IMPORTERS 150u /* more than a chunk has room for, with the export */

static int record_fd(const char *name) {
  char path[128];
  snprintf(path, sizeof path, "%s/%s", directory, name);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  CHECK(fd >= 0);
  return fd;
}

static struct rsm_slot slot_of(int fd, uint32_t number) {
  struct rsm_slot slot;
  off_t at = RSM_RECORD_HEADER_BYTES + (off_t)number * RSM_SLOT_BYTES;
  CHECK_EQ(pread(fd, &slot, sizeof slot, at), sizeof slot);
  return slot;
}

static struct rsm_record_header header_of(int fd) {
  struct rsm_record_header header;
  CHECK_EQ(pread(fd, &header, sizeof header, 0), sizeof header);
  CHECK_EQ(header.magic, RSM_RECORD_MAGIC);
  CHECK_EQ(header.version, RSM_RECORD_VERSION);
  return header;
}

static uint32_t count_kind(int fd, enum rsm_slot_kind kind) {
  uint32_t found = 0, slots = header_of(fd).slot_count;
  for (uint32_t i = 0; i < slots; i++) found += slot_of(fd, i).kind == kind;
  return found;
}

static void test_a_segment_is_shown_from_create_to_destroy(void) {
  rig_up();
  struct rsm_env *env = open_env();
  struct rsm_record *record = open_record(env, "r");
  int fd = record_fd("r");
  CHECK_EQ(header_of(fd).pid, getpid());
  uint8_t *memory = allocate(2 * PAGE), *other = allocate(2 * PAGE);
  struct rsm_export *segment = export_of(env, memory, 2 * PAGE);
  uint32_t number = 99, again;
  CHECK_EQ(rsm_export_show(segment, record, &number), RSM_SUCCESS);
  CHECK_EQ(rsm_export_show(segment, record, &again), RSMERR_INSUFFICIENT_RESOURCES);
  struct rsm_slot slot = slot_of(fd, number);
  CHECK_EQ(slot.kind, RSM_SLOT_EXPORT);
  CHECK_EQ(slot.exported.id, 0);
  CHECK_EQ(slot.exported.length_bytes, 2 * PAGE);
  CHECK_EQ(publish(segment, record, ID, 0600), RSM_SUCCESS);
  slot = slot_of(fd, number);
  CHECK_EQ(slot.exported.id, ID);
  CHECK_EQ(slot.exported.default_permission, 0600);
  CHECK(slot.exported.published_ms >= slot.since_ms && slot.since_ms > 0);

  struct rsm_import *import = connect_to(env, "r", ID);
  uint32_t importing;
  CHECK_EQ(rsm_import_show(import, record, &importing), RSM_SUCCESS);
  void *mapped = (void *)map_whole(import, 0600);
  rsm_events_post(rsm_import_events(import), false);
  AWAIT(rsm_events_take(rsm_export_events(segment)) == 1);
  CHECK_EQ(rsm_export_rebind(segment, other), RSM_SUCCESS);
  slot = slot_of(fd, importing);
  CHECK_EQ(slot.kind, RSM_SLOT_IMPORT);
  CHECK_EQ(slot.imported.id, ID);
  CHECK_EQ(slot.imported.owner_pid, getpid());
  CHECK_EQ(slot.imported.state, RSM_CONNECTED);
  CHECK_EQ(slot.imported.map_length, 2 * PAGE);
  CHECK_EQ(slot.imported.rebinds, 1);
  CHECK_EQ(slot.imported.events.posts, 1);
  slot = slot_of(fd, number);
  CHECK_EQ(slot.exported.importers, 1);
  CHECK_EQ(slot.exported.connects, 1);
  CHECK_EQ(slot.exported.rebinds, 1);
  CHECK_EQ(slot.exported.events.waits, 1);
  CHECK_EQ(count_kind(fd, RSM_SLOT_CONNECTION), 1);

  struct rsm_import *refused;
  CHECK_EQ(try_connect(env, "r", ID + 1, 0600, 0, &refused), RSMERR_SEG_NOT_PUBLISHED);
  CHECK_EQ(header_of(fd).refusals[RSMERR_SEG_NOT_PUBLISHED], 1);

  CHECK_EQ(rsm_export_unpublish(segment), RSM_SUCCESS);
  CHECK_EQ(slot_of(fd, importing).imported.state, RSM_WITHDRAWN);
  slot = slot_of(fd, number);
  CHECK_EQ(slot.exported.id, 0);
  CHECK_EQ(slot.exported.importers, 0);
  CHECK_EQ(count_kind(fd, RSM_SLOT_CONNECTION), 0);
  end_import(import, mapped, 2 * PAGE);
  rsm_export_release(segment);
  CHECK_EQ(count_kind(fd, RSM_SLOT_FREE), RSM_CHUNK_SLOTS);
  close(fd);
  rsm_record_release(record);
  rsm_env_close(env);
  give_back(memory);
  give_back(other);
  rig_down(false);
}

static void test_the_agent_makes_room_for_all_importers(void) {
  rig_up();
  struct rsm_env *env = open_env();
  struct rsm_record *record = open_record(env, "r");
  int fd = record_fd("r");
  uint8_t *memory = allocate(PAGE);
  struct rsm_export *segment = export_of(env, memory, PAGE);
  uint32_t number;
  CHECK_EQ(rsm_export_show(segment, record, &number), RSM_SUCCESS);
  CHECK_EQ(publish(segment, record, ID, 0600), RSM_SUCCESS);
  struct rsm_import *imports[IMPORTERS];
  for (uint32_t i = 0; i < IMPORTERS; i++) imports[i] = connect_to(env, "r", ID);
  AWAIT(count_kind(fd, RSM_SLOT_CONNECTION) == IMPORTERS);
  CHECK(header_of(fd).slot_count > IMPORTERS);
  CHECK_EQ(slot_of(fd, number).exported.importers, IMPORTERS);
  for (uint32_t i = 0; i < IMPORTERS; i++) rsm_import_release(imports[i]);
  AWAIT(slot_of(fd, number).exported.importers == 0);
  CHECK_EQ(slot_of(fd, number).exported.connects, IMPORTERS);
  CHECK_EQ(count_kind(fd, RSM_SLOT_CONNECTION), 0);
  rsm_export_release(segment);
  close(fd);
  rsm_record_release(record);
  rsm_env_close(env);
  give_back(memory);
  rig_down(false);
}

/* ---- a reader beside threads that show and hide ---- */

static struct rsm_env *shared_env;
static struct rsm_record *shared_record;

/* Segments whose id and length say the same thing: k pages, and ID + k. */
static void *come_and_go(void *argument) {
  uint32_t pages = *(uint32_t *)argument;
  uint8_t *memory = allocate(pages * PAGE);
  for (int i = 0; i < 300; i++) {
    struct rsm_export *segment = export_of(shared_env, memory, pages * PAGE);
    uint32_t number;
    CHECK_EQ(rsm_export_show(segment, shared_record, &number), RSM_SUCCESS);
    CHECK_EQ(publish(segment, shared_record, ID + pages, 0600), RSM_SUCCESS);
    rsm_export_release(segment);
  }
  give_back(memory);
  atomic_fetch_add(&board->done, 1);
  return NULL;
}

static void test_a_reader_never_sees_a_mixture(void) {
  rig_up();
  shared_env = open_env();
  shared_record = open_record(shared_env, "r");
  int fd = record_fd("r");
  pthread_t threads[3];
  uint32_t pages[3] = {1, 2, 3};
  for (int i = 0; i < 3; i++) CHECK_EQ(pthread_create(&threads[i], NULL, come_and_go, &pages[i]), 0);
  while (board->done < 3) {
    for (uint32_t i = 0; i < 4 && header_of(fd).slot_count > 0; i++) {
      struct rsm_slot before = slot_of(fd, i), slot = slot_of(fd, i), after = slot_of(fd, i);
      if (before.sequence % 2 != 0 || before.sequence != after.sequence || slot.kind == RSM_SLOT_FREE) continue;
      CHECK_EQ(slot.kind, RSM_SLOT_EXPORT);
      CHECK(slot.since_ms > 0);
      CHECK(slot.exported.id == 0 || slot.exported.id - ID == slot.exported.length_bytes / PAGE);
      CHECK((slot.exported.id == 0) == (slot.exported.published_ms == 0));
      board->count++;
    }
  }
  CHECK(board->count > 0);
  for (int i = 0; i < 3; i++) CHECK_EQ(pthread_join(threads[i], NULL), 0);
  close(fd);
  rsm_record_release(shared_record);
  rsm_env_close(shared_env);
  rig_down(false);
}

static void test_without_room_a_segment_is_not_shown_and_works(void) {
  rig_up();
  struct rsm_env *env = open_env();
  struct rsm_record *record = open_record(env, "r");
  uint8_t *memory = allocate(PAGE);
  struct rsm_export *segment = export_of(env, memory, PAGE);
  struct rlimit before, small;
  CHECK(getrlimit(RLIMIT_FSIZE, &before) == 0);
  signal(SIGXFSZ, SIG_IGN);
  small = (struct rlimit){RSM_RECORD_HEADER_BYTES + PAGE, before.rlim_max}; /* as a nearly full file system */
  CHECK(setrlimit(RLIMIT_FSIZE, &small) == 0);
  uint32_t number;
  CHECK_EQ(rsm_export_show(segment, record, &number), RSMERR_INSUFFICIENT_RESOURCES);
  CHECK_EQ(publish(segment, record, ID, 0600), RSM_SUCCESS);
  struct rsm_import *import = connect_to(env, "r", ID);
  CHECK_EQ(rsm_import_show(import, record, &number), RSMERR_INSUFFICIENT_RESOURCES);
  volatile uint8_t *mapped = map_whole(import, 0600);
  mapped[0] = 7;
  CHECK_EQ(memory[0], 7);
  int fd = record_fd("r");
  CHECK_EQ(lseek(fd, 0, SEEK_END), RSM_RECORD_HEADER_BYTES); /* the page that there was room for was given back */
  CHECK(setrlimit(RLIMIT_FSIZE, &before) == 0);
  CHECK_EQ(rsm_export_show(segment, record, &number), RSM_SUCCESS);
  CHECK_EQ(count_kind(fd, RSM_SLOT_EXPORT), 1);
  close(fd);
  end_import(import, mapped, PAGE);
  rsm_export_release(segment);
  rsm_record_release(record);
  rsm_env_close(env);
  give_back(memory);
  rig_down(false);
}

static void test_parts_stay_mapped_while_they_are_held(void) {
  rig_up();
  struct rsm_env *env = open_env();
  struct rsm_record *record = open_record(env, "r");
  size_t length;
  volatile uint32_t *header = rsm_record_part(record, 0, &length);
  CHECK_EQ(length, RSM_RECORD_HEADER_BYTES);
  CHECK(rsm_record_part(record, 1, &length) == NULL);
  rsm_record_release(record);
  rsm_env_close(env);
  header[0] = 5;
  CHECK_EQ(header[0], 5);
  int mappings = count_mappings("/r");
  rsm_record_part_release(record);
  CHECK_EQ(count_mappings("/r"), mappings - 1);
  rig_down(false);
}

int main(void) {
  RUN(test_a_segment_is_shown_from_create_to_destroy);
  RUN(test_the_agent_makes_room_for_all_importers);
  RUN(test_a_reader_never_sees_a_mixture);
  RUN(test_without_room_a_segment_is_not_shown_and_works);
  RUN(test_parts_stay_mapped_while_they_are_held);
  return 0;
}
