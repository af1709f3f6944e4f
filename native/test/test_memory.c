/* Allocations as regions with objects: held, moved, lent, released. */
// sources: memory memory_regions memory_sources object object_map memfd room
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "memory_rig.h"

static uint64_t pages_of(int fd) {
  struct stat status;
  CHECK(fstat(fd, &status) == 0);
  return (uint64_t)status.st_blocks * 512 / PAGE;
}

static void test_C_029_a_whole_allocation_is_exported_without_a_copy(void) {
  char *memory = numbered(3);
  struct stat before, after;
  char line[64];
  snprintf(line, sizeof line, "/proc/self/map_files/%lx-%lx", (long)memory, (long)memory + 3 * PAGE);
  CHECK(stat(line, &before) == 0);
  struct rsm_object *object = hold(memory, 3 * PAGE, false);
  CHECK(fstat(object->fd, &after) == 0);
  CHECK_EQ(after.st_ino, before.st_ino);
  memory[2 * PAGE] = 77;
  CHECK_EQ(peer_reads(object, 2), 77);
  CHECK(ftruncate(object->fd, 0) != 0);
  CHECK(fcntl(object->fd, F_ADD_SEALS, F_SEAL_WRITE) != 0 && errno == EPERM); /* sealed for good */
  let_go(memory, 3 * PAGE, object);
  rsm_memory_forget(memory);
}

static void test_a_part_moves_to_an_object_of_its_own(void) {
  char *memory = numbered(4);
  struct rsm_object *part = hold(memory + PAGE, 2 * PAGE, false);
  check_numbers(memory, 4);
  memory[PAGE] = 50;
  CHECK_EQ(peer_reads(part, 0), 50);
  CHECK_EQ(peer_reads(part, 1), 3);
  struct rsm_object *head = hold(memory, PAGE, false), *tail = hold(memory + 3 * PAGE, PAGE, false);
  CHECK(head != part && tail != head);
  CHECK_EQ(peer_reads(head, 0), 1);
  CHECK_EQ(peer_reads(tail, 0), 4);
  let_go(memory, PAGE, head);
  let_go(memory + PAGE, 2 * PAGE, part);
  let_go(memory + 3 * PAGE, PAGE, tail);
  rsm_memory_forget(memory);
}

static void test_the_object_left_behind_gives_its_pages_back(void) {
  char *memory = numbered(4);
  struct rsm_object *whole = hold(memory, 4 * PAGE, false);
  rsm_memory_let_go(memory, 4 * PAGE);
  CHECK_EQ(pages_of(whole->fd), 4);
  struct rsm_object *part = hold(memory + PAGE, 2 * PAGE, false);
  CHECK_EQ(pages_of(whole->fd), 2); /* and an old importer of the whole no longer sees the part */
  CHECK_EQ(peer_reads(whole, 1), 0);
  check_numbers(memory, 4);
  let_go(memory + PAGE, 2 * PAGE, part);
  rsm_object_drop(whole);
  rsm_memory_forget(memory);
}

static void test_a_range_over_several_regions_is_joined(void) {
  char *memory = numbered(4);
  struct rsm_object *part = hold(memory + PAGE, PAGE, false);
  let_go(memory + PAGE, PAGE, part);
  struct rsm_object *most = hold(memory, 3 * PAGE, false);
  check_numbers(memory, 4);
  for (size_t i = 0; i < 3; i++) CHECK_EQ(peer_reads(most, i), (int)i + 1);
  let_go(memory, 3 * PAGE, most);
  struct rsm_object *whole = hold(memory, 4 * PAGE, false);
  check_numbers(memory, 4);
  CHECK_EQ(peer_reads(whole, 3), 4);
  let_go(memory, 4 * PAGE, whole);
  rsm_memory_forget(memory);
}

static void test_D_52_the_same_range_is_shared_an_overlap_refused(void) {
  char *memory = numbered(4);
  struct rsm_object *one = hold(memory + PAGE, 2 * PAGE, false), *two = hold(memory + PAGE, 2 * PAGE, false);
  CHECK(one == two);
  cannot_hold(memory, 4 * PAGE, false, RSMERR_INSUFFICIENT_RESOURCES);
  cannot_hold(memory, 2 * PAGE, false, RSMERR_INSUFFICIENT_RESOURCES);
  cannot_hold(memory + 2 * PAGE, 2 * PAGE, false, RSMERR_INSUFFICIENT_RESOURCES);
  cannot_hold(memory + PAGE, PAGE, false, RSMERR_INSUFFICIENT_RESOURCES);
  cannot_hold(memory + PAGE, 2 * PAGE, true, RSMERR_INSUFFICIENT_RESOURCES);
  let_go(memory + PAGE, 2 * PAGE, one);
  cannot_hold(memory, 4 * PAGE, false, RSMERR_INSUFFICIENT_RESOURCES); /* the second still has it */
  let_go(memory + PAGE, 2 * PAGE, two);
  CHECK_EQ(rsm_memory_check(memory, 4 * PAGE, false), RSM_SUCCESS);
  check_numbers(memory, 4);
  rsm_memory_forget(memory);
}

static void test_C_025_what_is_not_wholly_ours_is_bad_addr(void) {
  char *memory = allocate(2 * PAGE), *last = (char *)(UINTPTR_MAX - PAGE + 1);
  char *foreign = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(foreign != MAP_FAILED);
  cannot_hold(foreign, PAGE, false, RSMERR_BAD_ADDR);
  cannot_hold(NULL, PAGE, false, RSMERR_BAD_ADDR);
  cannot_hold(last, PAGE, false, RSMERR_BAD_ADDR);
  cannot_hold(memory, 3 * PAGE, false, RSMERR_BAD_ADDR);
  cannot_hold(memory + PAGE, 2 * PAGE, false, RSMERR_BAD_ADDR);
  cannot_hold(memory + PAGE, (size_t)0 - PAGE, false, RSMERR_BAD_ADDR);
  cannot_hold(memory + 1, PAGE, false, RSMERR_BAD_ADDR);
  cannot_hold(memory, 1, false, RSMERR_BAD_ADDR);
  cannot_hold(memory, 0, false, RSMERR_BAD_ADDR);
  CHECK(munmap(foreign, PAGE) == 0);
  rsm_memory_forget(memory);
  cannot_hold(memory, PAGE, false, RSMERR_BAD_ADDR);
}

static void test_read_only_changes_by_a_copy_while_unexported(void) {
  char *memory = numbered(2);
  struct rsm_object *sealed = hold(memory, 2 * PAGE, true);
  CHECK(sealed->read_only && rsm_object_descriptor(sealed, RSM_PERM_RDWR) < 0);
  memory[0] = 9;
  CHECK_EQ(peer_reads(sealed, 0), 9);
  cannot_hold(memory, 2 * PAGE, false, RSMERR_INSUFFICIENT_RESOURCES);
  rsm_memory_let_go(memory, 2 * PAGE);

  struct rsm_object *writable = hold(memory, 2 * PAGE, false);
  CHECK(writable != sealed && !writable->read_only);
  CHECK_EQ(peer_reads(writable, 0), 9);
  CHECK_EQ(peer_reads(sealed, 0), 0); /* what was left is wiped, seal or not */
  rsm_memory_let_go(memory, 2 * PAGE);

  struct rsm_object *again = hold(memory, 2 * PAGE, true);
  CHECK(again->read_only && memory[0] == 9 && memory[PAGE] == 2);
  memory[PAGE] = 8;
  CHECK_EQ(peer_reads(again, 1), 8);
  let_go(memory, 2 * PAGE, again);
  rsm_object_drop(sealed);
  rsm_object_drop(writable);
  rsm_memory_forget(memory);
}

static void test_an_exposed_object_is_not_exported_again(void) {
  char *memory = numbered(1);
  struct rsm_object *exposed = hold(memory, PAGE, false);
  exposed->exposed = true;
  rsm_memory_let_go(memory, PAGE);
  struct rsm_object *fresh = hold(memory, PAGE, false);
  CHECK(fresh != exposed && !fresh->exposed);
  CHECK(memory[0] == 1 && peer_reads(fresh, 0) == 1 && peer_reads(exposed, 0) == 0);
  let_go(memory, PAGE, fresh);
  rsm_object_drop(exposed);
  rsm_memory_forget(memory);
}

static void test_C_045_moving_keeps_the_bytes_and_frees_the_old_object(void) {
  for (int read_only = 0; read_only < 2; read_only++) {
    char *memory = numbered(3);
    struct rsm_object *old = hold(memory + PAGE, 2 * PAGE, read_only), *fresh;
    CHECK_EQ(rsm_memory_move(memory, 3 * PAGE, &fresh), RSMERR_BAD_ADDR);
    CHECK_EQ(rsm_memory_move(memory + PAGE, PAGE, &fresh), RSMERR_BAD_ADDR);
    CHECK_EQ(rsm_memory_move(memory, PAGE, &fresh), RSMERR_BAD_ADDR);
    CHECK_EQ(rsm_memory_move(memory + PAGE, 2 * PAGE, &fresh), RSM_SUCCESS);
    CHECK(fresh->read_only == read_only && !fresh->exposed);
    rsm_object_punch(old);
    check_numbers(memory, 3);
    memory[PAGE] = 60;
    CHECK_EQ(peer_reads(fresh, 0), 60);
    CHECK_EQ(peer_reads(old, 1), 0);
    CHECK(fcntl(fresh->fd, F_ADD_SEALS, F_SEAL_WRITE) != 0 && errno == EPERM);
    rsm_object_drop(old);
    let_go(memory + PAGE, 2 * PAGE, fresh);
    rsm_memory_forget(memory);
  }
}

static void test_release_is_refused_while_exported_or_lent(void) {
  char *memory = numbered(2);
  CHECK_EQ(rsm_memory_release(memory + PAGE), RSMERR_BAD_ADDR);
  CHECK_EQ(rsm_memory_release(NULL), RSMERR_BAD_ADDR);
  struct rsm_object *object = hold(memory, PAGE, false);
  CHECK_EQ(rsm_memory_release(memory), RSMERR_INSUFFICIENT_RESOURCES);
  check_numbers(memory, 2);
  let_go(memory, PAGE, object);
  CHECK_EQ(rsm_memory_lend(memory + PAGE, PAGE), RSM_SUCCESS);
  CHECK_EQ(rsm_memory_release(memory), RSMERR_INSUFFICIENT_RESOURCES);
  rsm_memory_unlend(memory + PAGE, PAGE);
  int descriptors = count_descriptors();
  CHECK_EQ(rsm_memory_release(memory), RSM_SUCCESS);
  CHECK(count_descriptors() < descriptors + 1); /* its objects went; the scratch file may have come */
  memory[0] = 1;                                /* a stale view does no harm */
  CHECK_EQ(rsm_memory_release(memory), RSMERR_BAD_ADDR);
  cannot_hold(memory, PAGE, false, RSMERR_BAD_ADDR);
  CHECK_EQ(rsm_memory_lend(memory, PAGE), RSMERR_BAD_ADDR);
  rsm_memory_forget(memory);
  CHECK(msync(memory, PAGE, MS_ASYNC) != 0 && errno == ENOMEM); /* unmapped */
}

static void test_forgotten_memory_lives_until_it_is_let_go(void) {
  char *memory = numbered(3);
  struct rsm_object *one = hold(memory, PAGE, false), *two = hold(memory, PAGE, false);
  CHECK_EQ(rsm_memory_lend(memory + PAGE, PAGE), RSM_SUCCESS);
  rsm_memory_forget(memory);
  cannot_hold(memory, PAGE, false, RSMERR_BAD_ADDR);
  CHECK_EQ(rsm_memory_release(memory), RSMERR_BAD_ADDR);
  let_go(memory, PAGE, one);
  memory[0] = 70;
  CHECK_EQ(peer_reads(two, 0), 70);
  struct rsm_object *fresh;
  CHECK_EQ(rsm_memory_move(memory, PAGE, &fresh), RSM_SUCCESS);
  rsm_object_drop(two);
  let_go(memory, PAGE, fresh);
  CHECK_EQ(memory[0], 70); /* still lent in part */
  rsm_memory_take_back(memory + PAGE, PAGE);
  CHECK(msync(memory, 3 * PAGE, MS_ASYNC) != 0 && errno == ENOMEM);
}

static void test_lent_pages_come_back_zeroed(void) {
  char *memory = numbered(4);
  struct rsm_object *sealed = hold(memory + PAGE, PAGE, true); /* cannot be mapped for writing again */
  let_go(memory + PAGE, PAGE, sealed);
  struct rsm_object *import;
  CHECK_EQ(rsm_object_create(2 * PAGE, 0, &import), RSM_SUCCESS);
  CHECK_EQ(rsm_memory_lend(memory + PAGE, 2 * PAGE), RSM_SUCCESS);
  check_numbers(memory, 4); /* lending itself changes nothing */
  CHECK_EQ(rsm_object_map_over(import, 0, 2 * PAGE, RSM_PERM_RDWR, memory + PAGE), RSM_SUCCESS);
  memory[PAGE] = 30;
  CHECK_EQ(peer_reads(import, 0), 30);
  cannot_hold(memory + PAGE, 2 * PAGE, false, RSMERR_BAD_ADDR);
  cannot_hold(memory, 4 * PAGE, false, RSMERR_BAD_ADDR);
  CHECK_EQ(rsm_memory_lend(memory + 2 * PAGE, 2 * PAGE), RSMERR_BAD_ADDR);
  rsm_memory_take_back(memory + PAGE, 2 * PAGE);
  CHECK(memory[0] == 1 && memory[PAGE] == 0 && memory[2 * PAGE] == 0 && memory[3 * PAGE] == 4);
  memory[PAGE] = 31;
  CHECK_EQ(peer_reads(import, 0), 30);
  rsm_object_drop(import);
  struct rsm_object *whole = hold(memory, 4 * PAGE, false);
  CHECK_EQ(peer_reads(whole, 1), 31);
  CHECK_EQ(rsm_memory_lend(memory, PAGE), RSMERR_BAD_ADDR); /* exported */
  let_go(memory, 4 * PAGE, whole);
  rsm_memory_forget(memory);
}

static void test_an_unused_loan_costs_no_copy(void) {
  char *memory = numbered(3);
  struct rsm_object *before = hold(memory, 3 * PAGE, false);
  rsm_memory_let_go(memory, 3 * PAGE);
  CHECK_EQ(rsm_memory_lend(memory + PAGE, PAGE), RSM_SUCCESS);
  rsm_memory_unlend(memory + PAGE, PAGE);
  struct rsm_object *after = hold(memory, 3 * PAGE, false);
  CHECK(after == before);
  check_numbers(memory, 3);
  rsm_object_drop(before);
  let_go(memory, 3 * PAGE, after);
  rsm_memory_forget(memory);
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) /* they make mlock do nothing */
static void test_locked_memory_stays_locked_when_it_moves(void) {
  void *address;
  CHECK_EQ(rsm_memory_allocate(2 * PAGE, RSM_MEMORY_LOCK, &address), RSM_SUCCESS);
  struct rsm_object *object = hold((char *)address + PAGE, PAGE, false);
  CHECK_EQ(madvise((char *)address + PAGE, PAGE, MADV_DONTNEED), -1); /* EINVAL says: it is locked */
  CHECK_EQ(errno, EINVAL);
  let_go((char *)address + PAGE, PAGE, object);
  rsm_memory_forget(address);
}
#define MLOCK_WORKS
#endif

/* A failing hold in the middle of memory leaves bytes and registry as they were. */
static void test_a_hold_without_descriptors_changes_nothing(void) {
  char *memory = numbered(3);
  struct rlimit before, limit;
  CHECK(getrlimit(RLIMIT_NOFILE, &before) == 0);
  limit = before;
  limit.rlim_cur = 0;
  CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
  struct rsm_object *object;
  int code = rsm_memory_hold(memory + PAGE, PAGE, false, &object);
  int whole = rsm_memory_hold(memory, 3 * PAGE, false, &object); /* needs no new object */
  CHECK(setrlimit(RLIMIT_NOFILE, &before) == 0);
  CHECK_EQ(code, RSMERR_INSUFFICIENT_RESOURCES);
  CHECK_EQ(whole, RSM_SUCCESS);
  check_numbers(memory, 3);
  let_go(memory, 3 * PAGE, object);
  rsm_memory_forget(memory);
}

int main(void) {
  alarm(300);
  make_scratch();
  int descriptors = count_descriptors();
  RUN(test_C_029_a_whole_allocation_is_exported_without_a_copy);
  RUN(test_a_part_moves_to_an_object_of_its_own);
  RUN(test_the_object_left_behind_gives_its_pages_back);
  RUN(test_a_range_over_several_regions_is_joined);
  RUN(test_D_52_the_same_range_is_shared_an_overlap_refused);
  RUN(test_C_025_what_is_not_wholly_ours_is_bad_addr);
  RUN(test_read_only_changes_by_a_copy_while_unexported);
  RUN(test_an_exposed_object_is_not_exported_again);
  RUN(test_C_045_moving_keeps_the_bytes_and_frees_the_old_object);
  RUN(test_release_is_refused_while_exported_or_lent);
  RUN(test_forgotten_memory_lives_until_it_is_let_go);
  RUN(test_lent_pages_come_back_zeroed);
  RUN(test_an_unused_loan_costs_no_copy);
#ifdef MLOCK_WORKS
  RUN(test_locked_memory_stays_locked_when_it_moves);
#endif
  RUN(test_a_hold_without_descriptors_changes_nothing);
  check_nothing_is_left(descriptors);
  return 0;
}
