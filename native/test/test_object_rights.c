/* What holds against whom: seals, descriptors, rights; and what is not believed of a peer. */
// sources: object object_map memfd room
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "object_rig.h"

/* Runs body in a process of uid 65534; its exit status. */
static int as_nobody(int (*body)(int fd), int fd) {
  pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    CHECK(setgid(65534) == 0 && setuid(65534) == 0);
    _exit(body(fd));
  }
  int status;
  CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status));
  return WEXITSTATUS(status);
}

static void test_sealing_is_final_and_says_which(void) {
  struct rsm_object *object = make_object(PAGE);
  CHECK_EQ(rsm_object_seal(object, false), RSM_SUCCESS);
  CHECK_EQ(rsm_object_seal(object, false), RSM_SUCCESS);
  CHECK_EQ(rsm_object_seal(object, true), RSMERR_MAP_FAILED);
  CHECK(fcntl(object->fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE) != 0 && errno == EPERM);
  rsm_object_drop(object);
}

static void test_read_only_holds_against_everybody_but_the_owner(void) {
  struct rsm_object *object = make_object(2 * PAGE);
  char *bytes = map_whole(object, RSM_PERM_RDWR);
  CHECK_EQ(rsm_object_seal(object, true), RSM_SUCCESS);
  CHECK(object->read_only);
  CHECK_EQ(rsm_object_seal(object, false), RSMERR_MAP_FAILED);
  bytes[1] = 5; /* the older mapping still writes */
  CHECK_EQ(rsm_object_descriptor(object, RSM_PERM_RDWR), -1);

  struct rsm_object *received = receive(object, RSM_PERM_READ);
  char *theirs = map_whole(received, RSM_PERM_READ);
  CHECK_EQ(theirs[1], 5);
  void *none;
  CHECK_EQ(rsm_object_map(received, 0, PAGE, RSM_PERM_RDWR, &none), RSMERR_MAP_FAILED);
  CHECK(fallocate(object->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, PAGE) != 0);

  bytes[PAGE] = 6;
  rsm_object_punch_range(object, 0, PAGE);
  CHECK_EQ(theirs[1], 0);
  CHECK_EQ(theirs[PAGE], 6);
  rsm_object_punch(object);
  CHECK_EQ(theirs[PAGE], 0);
  CHECK(munmap(theirs, 2 * PAGE) == 0 && munmap(bytes, 2 * PAGE) == 0);
  rsm_object_drop(received);
  rsm_object_drop(object);
}

static void test_a_stray_store_of_a_reader_does_not_fault_nor_arrive(void) {
  struct rsm_object *object = make_object(2 * PAGE);
  char *bytes = map_whole(object, RSM_PERM_RDWR);
  struct rsm_object *received = receive(object, RSM_PERM_READ);
  char *theirs = map_whole(received, RSM_PERM_READ);
  theirs[0] = 1;
  CHECK_EQ(bytes[0], 0);
  bytes[PAGE] = 2;
  CHECK_EQ(theirs[PAGE], 2);
  CHECK(munmap(theirs, 2 * PAGE) == 0 && munmap(bytes, 2 * PAGE) == 0);
  rsm_object_drop(received);
  rsm_object_drop(object);
}

static int reopen_and_chmod(int fd) {
  char path[32];
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  if (open(path, O_RDWR | O_CLOEXEC) >= 0) return 1;
  if (fchmod(fd, 0666) == 0) return 2;
  if (mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) != MAP_FAILED) return 3;
  void *shared = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);
  if (shared == MAP_FAILED) return 4;
  return mprotect(shared, PAGE, PROT_READ | PROT_WRITE) == 0 ? 5 : 0;
}

static void test_another_uid_cannot_reopen_a_read_only_descriptor(void) {
  struct rsm_object *object = make_object(PAGE);
  CHECK_EQ(rsm_object_seal(object, false), RSM_SUCCESS);
  int fd = rsm_object_descriptor(object, RSM_PERM_READ);
  CHECK(fd >= 0);
  CHECK_EQ(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDONLY);
  CHECK_EQ(as_nobody(reopen_and_chmod, fd), 0);
  close(fd);
  rsm_object_drop(object);
}

static int refused(int fd, uint64_t length, uint32_t permission) {
  int watch = fcntl(fd, F_DUPFD_CLOEXEC, 3), before = count_descriptors();
  struct rsm_object *object;
  CHECK(fd >= 0 && watch >= 0);
  CHECK_EQ(rsm_object_of_descriptor(fd, length, permission, &object), RSMERR_MAP_FAILED);
  CHECK_EQ(count_descriptors(), before - 1); /* it is closed in every case */
  close(watch);
  return 1;
}

static int sealed_memfd(uint64_t length, int seals) {
  int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  CHECK(fd >= 0 && ftruncate(fd, (off_t)length) == 0 && fcntl(fd, F_ADD_SEALS, seals) == 0);
  return fd;
}

static int reopened(int fd, int mode) {
  char path[32];
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  int again = open(path, mode | O_CLOEXEC);
  close(fd);
  CHECK(again >= 0);
  return again;
}

static void test_hostile_descriptors_are_refused(void) {
  int both = F_SEAL_SHRINK | F_SEAL_GROW, ends[2];
  CHECK(refused(open("/dev/zero", O_RDWR | O_CLOEXEC), PAGE, RSM_PERM_READ));
  CHECK(refused(open("/dev/shm", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600), PAGE, RSM_PERM_READ));
  CHECK(refused(open("/tmp", O_DIRECTORY | O_RDONLY | O_CLOEXEC), PAGE, RSM_PERM_READ));
  CHECK(pipe2(ends, O_CLOEXEC) == 0);
  CHECK(refused(ends[0], PAGE, RSM_PERM_READ));
  close(ends[1]);
  CHECK(refused(sealed_memfd(PAGE, F_SEAL_GROW), PAGE, RSM_PERM_READ));
  CHECK(refused(sealed_memfd(PAGE, F_SEAL_SHRINK), PAGE, RSM_PERM_READ));
  CHECK(refused(sealed_memfd(PAGE, both), 2 * PAGE, RSM_PERM_READ)); /* short */
  CHECK(refused(sealed_memfd(2 * PAGE, both), PAGE, RSM_PERM_READ)); /* long */
  CHECK(refused(sealed_memfd(0, both), 0, RSM_PERM_READ));
  CHECK(refused(sealed_memfd(PAGE, both | F_SEAL_WRITE), PAGE, RSM_PERM_RDWR));
  CHECK(refused(sealed_memfd(PAGE, both | F_SEAL_FUTURE_WRITE), PAGE, RSM_PERM_WRITE));
  CHECK(refused(reopened(sealed_memfd(PAGE, both), O_RDONLY), PAGE, RSM_PERM_RDWR));
  CHECK(refused(reopened(sealed_memfd(PAGE, both), O_WRONLY), PAGE, RSM_PERM_WRITE));
  CHECK(refused(reopened(sealed_memfd(PAGE, both), O_WRONLY), PAGE, RSM_PERM_READ));
  CHECK(refused(reopened(sealed_memfd(PAGE, both), O_PATH), PAGE, RSM_PERM_READ));
  struct rsm_object *object; /* the same, honest */
  CHECK_EQ(rsm_object_of_descriptor(sealed_memfd(PAGE, both | F_SEAL_WRITE), PAGE, RSM_PERM_READ, &object),
           RSM_SUCCESS);
  rsm_object_drop(object);
}

static int attach_both_ways(int shmid) {
  struct rsm_object *object;
  void *address;
  if (rsm_object_of_sysv(shmid, 0, 0, PAGE, &object) != RSM_SUCCESS) return 1;
  if (rsm_object_map(object, 0, PAGE, RSM_PERM_RDWR, &address) != RSMERR_MAP_FAILED) return 2;
  if (rsm_object_map(object, 0, PAGE, RSM_PERM_READ, &address) != RSM_SUCCESS) return 3;
  if (mprotect(address, PAGE, PROT_READ | PROT_WRITE) == 0) return 4;
  rsm_object_drop(object);
  return munmap(address, PAGE);
}

static void test_the_kernels_rights_on_system_v_memory_hold(void) {
  int shmid = shmget(IPC_PRIVATE, PAGE, IPC_CREAT | 0644);
  CHECK(shmid >= 0);
  CHECK_EQ(as_nobody(attach_both_ways, shmid), 0);
  CHECK(shmctl(shmid, IPC_RMID, NULL) == 0);
}

int main(void) {
  make_scratch();
  int descriptors = count_descriptors();
  RUN(test_sealing_is_final_and_says_which);
  RUN(test_read_only_holds_against_everybody_but_the_owner);
  RUN(test_a_stray_store_of_a_reader_does_not_fault_nor_arrive);
  RUN(test_another_uid_cannot_reopen_a_read_only_descriptor);
  RUN(test_hostile_descriptors_are_refused);
  RUN(test_the_kernels_rights_on_system_v_memory_hold);
  check_nothing_is_left(descriptors);
  return 0;
}
