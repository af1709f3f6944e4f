/* Where memory comes from: fresh pages, a file, System V. */
// sources: memory memory_regions memory_sources object object_map memfd room
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/shm.h>
#include <sys/stat.h>

#include "memory_rig.h"

static void test_memory_that_is_not_there(void) {
  void *address;
  CHECK_EQ(rsm_memory_allocate(0, 0, &address), RSMERR_BAD_LENGTH);
  CHECK_EQ(rsm_memory_allocate(SIZE_MAX, 0, &address), RSMERR_INSUFFICIENT_MEM);
  CHECK_EQ(rsm_memory_allocate((size_t)1 << 46, 0, &address), RSMERR_INSUFFICIENT_MEM);
  char *memory = allocate(1);
  CHECK_EQ(rsm_memory_check(memory, PAGE, false), RSM_SUCCESS);
  rsm_memory_forget(memory);
  rsm_memory_forget(memory); /* unknown by now: nothing happens */
}

static int map_file(const char *path, uint64_t offset, uint64_t length, char **address, size_t *mapped,
                    int *error) {
  return rsm_memory_map_file(path, offset, length, (void **)address, mapped, error);
}

static void test_a_file_is_copied(void) {
  char path[] = "/tmp/rsm-memory-XXXXXX", *copy;
  int fd = mkstemp(path), error;
  size_t length;
  CHECK(fd >= 0 && write(fd, "0123456789", 10) == 10);
  CHECK_EQ(map_file(path, 0, UINT64_MAX, &copy, &length, &error), RSM_SUCCESS);
  CHECK(length == 10 && error == 0 && memcmp(copy, "0123456789\0", 11) == 0);
  copy[0] = 'x'; /* private, and a shorter file is no SIGBUS */
  CHECK(ftruncate(fd, 9) == 0);
  CHECK_EQ(copy[9], '9');
  rsm_memory_forget(copy);
  CHECK_EQ(map_file(path, 3, 4, &copy, &length, &error), RSM_SUCCESS);
  CHECK(length == 4 && memcmp(copy, "3456\0", 5) == 0);
  rsm_memory_forget(copy);
  CHECK_EQ(map_file(path, 3, 7, &copy, &length, &error), RSMERR_BAD_LENGTH);
  CHECK_EQ(map_file(path, 9, UINT64_MAX, &copy, &length, &error), RSMERR_BAD_LENGTH);
  CHECK_EQ(map_file(path, UINT64_MAX, 1, &copy, &length, &error), RSMERR_BAD_LENGTH);
  CHECK_EQ(map_file(path, 0, 0, &copy, &length, &error), RSMERR_BAD_LENGTH);
  CHECK(unlink(path) == 0 && close(fd) == 0);
  CHECK_EQ(map_file(path, 0, 1, &copy, &length, &error), RSMERR_BAD_ADDR);
  CHECK_EQ(error, ENOENT);
  CHECK_EQ(map_file("/tmp", 0, 1, &copy, &length, &error), RSMERR_BAD_ADDR);
  CHECK_EQ(error, 0);
  CHECK(mkfifo(path, 0600) == 0); /* nobody writes: it must not wait */
  CHECK_EQ(map_file(path, 0, 1, &copy, &length, &error), RSMERR_BAD_ADDR);
  CHECK(unlink(path) == 0);
}

static void test_a_file_without_the_right_is_denied(void) {
  char path[] = "/tmp/rsm-memory-XXXXXX", *copy;
  int fd = mkstemp(path), error;
  size_t length;
  CHECK(fd >= 0 && write(fd, "x", 1) == 1 && seteuid(65534) == 0);
  int code = map_file(path, 0, 1, &copy, &length, &error);
  CHECK(seteuid(0) == 0 && unlink(path) == 0 && close(fd) == 0);
  CHECK_EQ(code, RSMERR_PERM_DENIED);
  CHECK_EQ(error, EACCES);
}

static void test_system_v_memory(void) {
  int shmid = shmget(IPC_PRIVATE, 4 * PAGE - 5, IPC_CREAT | 0600), error;
  CHECK(shmid >= 0);
  void *address;
  size_t length;
  CHECK_EQ(rsm_memory_attach_sysv(shmid, &address, &length, &error), RSM_SUCCESS);
  CHECK_EQ(length, 4 * PAGE);
  char *memory = address;
  memory[PAGE] = 5;
  struct rsm_object *part = hold(memory + PAGE, 2 * PAGE, false), *fresh;
  CHECK(part->kind == RSM_OBJECT_SYSV && part->shmid == shmid && part->memory_offset == PAGE);
  CHECK_EQ(peer_reads(part, 0), 5);
  cannot_hold(memory, 2 * PAGE, false, RSMERR_INSUFFICIENT_RESOURCES);
  cannot_hold(memory, PAGE, true, RSMERR_INSUFFICIENT_RESOURCES);
  CHECK_EQ(rsm_memory_move(memory + PAGE, 2 * PAGE, &fresh), RSMERR_MAP_FAILED);
  CHECK_EQ(rsm_memory_lend(memory, PAGE), RSMERR_BAD_ADDR);
  CHECK_EQ(rsm_memory_release(memory), RSMERR_INSUFFICIENT_RESOURCES);
  let_go(memory + PAGE, 2 * PAGE, part);
  struct rsm_object *tail = hold(memory + 2 * PAGE, 2 * PAGE, false), *whole;
  CHECK_EQ(tail->memory_offset, 2 * PAGE);
  let_go(memory + 2 * PAGE, 2 * PAGE, tail);
  whole = hold(memory, 4 * PAGE, false);
  CHECK_EQ(whole->memory_offset, 0);
  CHECK_EQ(peer_reads(whole, 1), 5);
  let_go(memory, 4 * PAGE, whole);
  rsm_memory_forget(memory);

  CHECK_EQ(rsm_memory_attach_sysv(shmid, &address, &length, &error), RSM_SUCCESS);
  CHECK_EQ(rsm_memory_release(address), RSM_SUCCESS);
  struct shmid_ds status;
  CHECK(shmctl(shmid, IPC_STAT, &status) == 0);
  CHECK_EQ(status.shm_nattch, 0);
  rsm_memory_forget(address);
  CHECK(seteuid(65534) == 0);
  int denied = rsm_memory_attach_sysv(shmid, &address, &length, &error);
  CHECK(seteuid(0) == 0);
  CHECK_EQ(denied, RSMERR_PERM_DENIED);
  CHECK(shmctl(shmid, IPC_RMID, NULL) == 0);
  CHECK_EQ(rsm_memory_attach_sysv(shmid, &address, &length, &error), RSMERR_BAD_ADDR);
  CHECK(error != 0);
}

int main(void) {
  make_scratch();
  int descriptors = count_descriptors();
  RUN(test_memory_that_is_not_there);
  RUN(test_a_file_is_copied);
  RUN(test_a_file_without_the_right_is_denied);
  RUN(test_system_v_memory);
  check_nothing_is_left(descriptors);
  return 0;
}
