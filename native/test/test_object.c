// sources: object object_map memfd
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>

#include "../loopback/codes.h"
#include "../loopback/object.h"
#include "check.h"

#define PAGE 4096u

static struct rsm_object *make_object(uint64_t length) {
  struct rsm_object *object;
  CHECK_EQ(rsm_object_create(length, 0, &object), RSM_SUCCESS);
  return object;
}

static char *map_whole(const struct rsm_object *object, uint32_t permission) {
  void *address;
  CHECK_EQ(rsm_object_map(object, 0, object->length, permission, &address), RSM_SUCCESS);
  return address;
}

static struct rsm_object *receive(const struct rsm_object *object, uint32_t permission) {
  int fd = rsm_object_descriptor(object, permission);
  CHECK(fd >= 0);
  struct rsm_object *received;
  CHECK_EQ(rsm_object_of_descriptor(fd, object->length, permission, &received), RSM_SUCCESS);
  return received;
}

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

static void test_a_new_object_is_zeroed_sealed_and_private(void) {
  struct rsm_object *object = make_object(3 * PAGE);
  struct stat status;
  CHECK(fstat(object->fd, &status) == 0);
  CHECK_EQ(status.st_mode & 07777, 0600);
  CHECK_EQ(status.st_size, 3 * PAGE);
  CHECK_EQ(status.st_blocks, 3 * PAGE / 512); /* its pages are there */
  CHECK_EQ(fcntl(object->fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
  CHECK(ftruncate(object->fd, PAGE) != 0 && errno == EPERM);
  CHECK(ftruncate(object->fd, 4 * PAGE) != 0 && errno == EPERM);
  char *bytes = map_whole(object, RSM_PERM_RDWR);
  for (size_t i = 0; i < 3 * PAGE; i++) CHECK_EQ(bytes[i], 0);
  CHECK(munmap(bytes, 3 * PAGE) == 0);
  rsm_object_drop(object);
}

static void test_more_than_there_is_is_insufficient_mem(void) {
  struct rsm_object *object;
  CHECK_EQ(rsm_object_create(0, 0, &object), RSMERR_INSUFFICIENT_MEM);
  CHECK_EQ(rsm_object_create((uint64_t)1 << 46, 0, &object), RSMERR_INSUFFICIENT_MEM);
  CHECK_EQ(rsm_object_create(UINT64_MAX - PAGE + 1, 0, &object), RSMERR_INSUFFICIENT_MEM);
  CHECK_EQ(rsm_object_create((uint64_t)1 << 46, RSM_MEMORY_HUGE, &object), RSMERR_INSUFFICIENT_MEM);
}

static void test_a_file_size_limit_is_an_error_and_no_signal(void) {
  struct rlimit before, limit;
  CHECK(getrlimit(RLIMIT_FSIZE, &before) == 0);
  limit = before;
  limit.rlim_cur = PAGE;
  CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);
  struct rsm_object *object;
  CHECK_EQ(rsm_object_create(2 * PAGE, 0, &object), RSMERR_INSUFFICIENT_MEM);
  CHECK(setrlimit(RLIMIT_FSIZE, &before) == 0);
}

static void test_no_descriptor_is_insufficient_resources(void) {
  struct rlimit before, limit;
  CHECK(getrlimit(RLIMIT_NOFILE, &before) == 0);
  limit = before;
  limit.rlim_cur = 0;
  CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
  struct rsm_object *object;
  int code = rsm_object_create(PAGE, 0, &object);
  CHECK(setrlimit(RLIMIT_NOFILE, &before) == 0);
  CHECK_EQ(code, RSMERR_INSUFFICIENT_RESOURCES);
}

static void test_huge_pages_are_whole_or_insufficient_mem(void) {
  struct rsm_object *object;
  int code = rsm_object_create(PAGE, RSM_MEMORY_HUGE, &object);
  if (code != RSM_SUCCESS) {
    CHECK_EQ(code, RSMERR_INSUFFICIENT_MEM);
    return;
  }
  CHECK_EQ(object->length, 2 << 20);
  char *bytes = map_whole(object, RSM_PERM_RDWR);
  bytes[PAGE] = 7;
  struct rsm_object *received = receive(object, RSM_PERM_RDWR);
  CHECK_EQ(received->granule, 2 << 20);
  void *window;
  CHECK_EQ(rsm_object_map(received, PAGE, PAGE, RSM_PERM_RDWR, &window), RSMERR_MAP_FAILED);
  CHECK_EQ(rsm_scratch_over(bytes, object->length), RSM_SUCCESS);
  bytes[PAGE] = 9;
  char *again = map_whole(received, RSM_PERM_READ);
  CHECK_EQ(again[PAGE], 7);
  CHECK(munmap(again, object->length) == 0 && munmap(bytes, object->length) == 0);
  rsm_object_drop(received);
  rsm_object_drop(object);
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

static void test_a_window_outside_the_object_is_refused(void) {
  struct rsm_object *object = make_object(2 * PAGE);
  void *address;
  CHECK_EQ(rsm_object_map(object, 2 * PAGE, PAGE, RSM_PERM_RDWR, &address), RSMERR_MAP_FAILED);
  CHECK_EQ(rsm_object_map(object, PAGE, 2 * PAGE, RSM_PERM_RDWR, &address), RSMERR_MAP_FAILED);
  CHECK_EQ(rsm_object_map(object, UINT64_MAX - PAGE + 1, PAGE, RSM_PERM_RDWR, &address), RSMERR_MAP_FAILED);
  CHECK_EQ(rsm_object_map(object, 0, UINT64_MAX, RSM_PERM_RDWR, &address), RSMERR_MAP_FAILED);
  CHECK_EQ(rsm_object_map(object, 1, PAGE, RSM_PERM_RDWR, &address), RSMERR_MAP_FAILED);
  CHECK_EQ(rsm_object_map(object, 0, 0, RSM_PERM_RDWR, &address), RSMERR_MAP_FAILED);
  rsm_object_drop(object);
}

struct reader {
  _Atomic uint32_t *word;
  _Atomic int done;
  unsigned seen[3], foreign;
};

static void *read_on(void *hint) {
  struct reader *reader = hint;
  while (!atomic_load(&reader->done)) {
    uint32_t value = atomic_load(reader->word);
    if (value < 3) reader->seen[value]++;
    else reader->foreign++;
  }
  return NULL;
}

/* Objects 0 and 1 and scratch pages (0) take turns under a reader, who never faults nor misreads. */
static void test_C_052_map_over_under_a_reader(void) {
  struct rsm_object *objects[2] = {make_object(4 * PAGE), make_object(4 * PAGE)};
  for (uint32_t i = 0; i < 2; i++) {
    char *bytes = map_whole(objects[i], RSM_PERM_RDWR);
    *(uint32_t *)(bytes + PAGE) = i + 1;
    CHECK(munmap(bytes, 4 * PAGE) == 0);
  }
  char *address = map_whole(objects[0], RSM_PERM_RDWR);
  struct reader reader = {.word = (_Atomic uint32_t *)(address + PAGE)};
  pthread_t thread;
  CHECK(pthread_create(&thread, NULL, read_on, &reader) == 0);
  for (int i = 0; i < 3000; i++) {
    uint32_t permission = i % 2 ? RSM_PERM_RDWR : RSM_PERM_READ;
    CHECK_EQ(rsm_object_map_over(objects[i % 2], 0, 4 * PAGE, permission, address), RSM_SUCCESS);
    if (i % 16 == 0) CHECK_EQ(rsm_scratch_over(address, 4 * PAGE), RSM_SUCCESS);
  }
  CHECK_EQ(*reader.word, 2);
  atomic_store(&reader.done, 1);
  CHECK(pthread_join(thread, NULL) == 0);
  CHECK_EQ(reader.foreign, 0);
  CHECK(reader.seen[1] + reader.seen[2] > 0);
  CHECK(munmap(address, 4 * PAGE) == 0);
  rsm_object_drop(objects[0]);
  rsm_object_drop(objects[1]);
}

static void test_a_failing_map_over_leaves_the_old_mapping(void) {
  struct rsm_object *object = make_object(PAGE);
  char *address = map_whole(object, RSM_PERM_RDWR);
  address[3] = 4;
  CHECK_EQ(rsm_object_map_over(object, PAGE, PAGE, RSM_PERM_RDWR, address), RSMERR_MAP_FAILED);
  int before = count_mappings("memfd:rsm");
  CHECK_EQ(rsm_object_map_over(object, 0, PAGE, RSM_PERM_RDWR, address + 1), RSMERR_MAP_FAILED);
  CHECK_EQ(count_mappings("memfd:rsm"), before);
  CHECK_EQ(address[3], 4);
  CHECK(munmap(address, PAGE) == 0);
  rsm_object_drop(object);
}

static void test_scratch_pages_take_stores_anywhere(void) {
  size_t length = (size_t)1 << 36; /* more than there is memory: only touched pages count */
  char *address = mmap(NULL, length, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  CHECK(address != MAP_FAILED);
  CHECK_EQ(rsm_scratch_over(address, length), RSM_SUCCESS);
  address[0] = address[length / 2] = address[length - 1] = 1;
  CHECK(munmap(address, length) == 0);
}

static int system_v(size_t length) {
  int shmid = shmget(IPC_PRIVATE, length, IPC_CREAT | 0600);
  CHECK(shmid >= 0);
  return shmid;
}

static unsigned attachments(int shmid) {
  struct shmid_ds status;
  CHECK(shmctl(shmid, IPC_STAT, &status) == 0);
  return (unsigned)status.shm_nattch;
}

static void test_windows_of_system_v_memory(void) {
  int shmid = system_v(4 * PAGE - 100);
  char *whole = shmat(shmid, NULL, 0);
  CHECK(whole != (void *)-1);
  for (size_t i = 0; i < 4; i++) whole[i * PAGE] = (char)(i + 1);
  struct rsm_object *object;
  CHECK_EQ(rsm_object_of_sysv(shmid, 0, PAGE, 3 * PAGE, &object), RSM_SUCCESS);
  void *address;
  CHECK_EQ(rsm_object_map(object, PAGE, PAGE, RSM_PERM_RDWR, &address), RSM_SUCCESS);
  char *window = address;
  CHECK_EQ(window[0], 3);
  window[1] = 9;
  CHECK_EQ(whole[2 * PAGE + 1], 9);
  CHECK_EQ(rsm_object_map_over(object, 0, PAGE, RSM_PERM_RDWR, window), RSM_SUCCESS);
  CHECK_EQ(window[0], 2);
  CHECK_EQ(rsm_scratch_over(window, PAGE), RSM_SUCCESS);
  CHECK_EQ(attachments(shmid), 1);
  CHECK_EQ(rsm_object_seal(object, true), RSMERR_MAP_FAILED);
  CHECK_EQ(rsm_object_descriptor(object, RSM_PERM_READ), -1);
  rsm_object_punch(object);
  CHECK_EQ(whole[PAGE], 2);
  CHECK(munmap(window, PAGE) == 0);
  rsm_object_drop(object);

  /* A peer that names more than the segment has. */
  CHECK_EQ(rsm_object_of_sysv(shmid, 0, PAGE, 4 * PAGE, &object), RSM_SUCCESS);
  CHECK_EQ(rsm_object_map(object, 0, 4 * PAGE, RSM_PERM_RDWR, &address), RSMERR_MAP_FAILED);
  CHECK_EQ(attachments(shmid), 1);
  rsm_object_drop(object);
  CHECK_EQ(rsm_object_of_sysv(shmid, 0, 1, PAGE, &object), RSMERR_MAP_FAILED);
  CHECK_EQ(rsm_object_of_sysv(-1, 0, 0, PAGE, &object), RSMERR_MAP_FAILED);
  CHECK_EQ(rsm_object_of_sysv(shmid, 0, UINT64_MAX - PAGE + 1, PAGE, &object), RSMERR_MAP_FAILED);
  CHECK(shmdt(whole) == 0 && shmctl(shmid, IPC_RMID, NULL) == 0);
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

static void test_control_pages(void) {
  char *ours;
  int fd;
  CHECK_EQ(rsm_control_page(true, (void **)&ours, &fd), RSM_SUCCESS);
  ours[0] = 1;
  CHECK(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED);
  char *theirs = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);
  CHECK(theirs != MAP_FAILED && theirs[0] == 1);
  CHECK(mprotect(theirs, PAGE, PROT_READ | PROT_WRITE) != 0);
  CHECK(munmap(theirs, PAGE) == 0 && munmap(ours, PAGE) == 0 && close(fd) == 0);

  CHECK_EQ(rsm_control_page(false, (void **)&ours, &fd), RSM_SUCCESS);
  struct rsm_object *received;
  CHECK_EQ(rsm_object_of_descriptor(fd, PAGE, RSM_PERM_RDWR, &received), RSM_SUCCESS);
  theirs = map_whole(received, RSM_PERM_RDWR);
  theirs[5] = 6;
  CHECK_EQ(ours[5], 6);
  CHECK(munmap(theirs, PAGE) == 0 && munmap(ours, PAGE) == 0);
  rsm_object_drop(received);
}

static void ignore(int number) {
  (void)number;
}

/* Before Linux 6.8 a profiler's signals undo a fallocate: it must still come to an end, with all pages. */
static void test_pages_are_reserved_under_a_storm_of_signals(void) {
  struct sigaction action = {.sa_handler = ignore}, before;
  struct itimerval storm = {{0, 1000}, {0, 1000}}, none = {{0, 0}, {0, 0}};
  CHECK(sigaction(SIGALRM, &action, &before) == 0 && setitimer(ITIMER_REAL, &storm, NULL) == 0);
  struct rsm_object *object = make_object(64 << 20);
  CHECK(setitimer(ITIMER_REAL, &none, NULL) == 0 && sigaction(SIGALRM, &before, NULL) == 0);
  struct stat status;
  CHECK(fstat(object->fd, &status) == 0);
  CHECK_EQ(status.st_blocks, (64 << 20) / 512);
  rsm_object_drop(object);
}

int main(void) {
  test_scratch_pages_take_stores_anywhere(); /* from now on the scratch file is open */
  int descriptors = count_descriptors();
  RUN(test_a_new_object_is_zeroed_sealed_and_private);
  RUN(test_more_than_there_is_is_insufficient_mem);
  RUN(test_a_file_size_limit_is_an_error_and_no_signal);
  RUN(test_no_descriptor_is_insufficient_resources);
  RUN(test_huge_pages_are_whole_or_insufficient_mem);
  RUN(test_sealing_is_final_and_says_which);
  RUN(test_read_only_holds_against_everybody_but_the_owner);
  RUN(test_a_stray_store_of_a_reader_does_not_fault_nor_arrive);
  RUN(test_another_uid_cannot_reopen_a_read_only_descriptor);
  RUN(test_hostile_descriptors_are_refused);
  RUN(test_a_window_outside_the_object_is_refused);
  RUN(test_C_052_map_over_under_a_reader);
  RUN(test_a_failing_map_over_leaves_the_old_mapping);
  RUN(test_scratch_pages_take_stores_anywhere);
  RUN(test_windows_of_system_v_memory);
  RUN(test_the_kernels_rights_on_system_v_memory_hold);
  RUN(test_control_pages);
  RUN(test_pages_are_reserved_under_a_storm_of_signals);
  CHECK_EQ(count_descriptors(), descriptors); /* nothing is left */
  CHECK_EQ(count_mappings("memfd:"), 0);
  CHECK_EQ(count_mappings("SYSV"), 0);
  return 0;
}
