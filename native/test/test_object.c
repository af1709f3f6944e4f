/* Memory objects: made, mapped, mapped over. */
// sources: object object_map memfd room
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/time.h>

#include "object_rig.h"

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
  CHECK_EQ(rsm_scratch_over(bytes, object->length, true), RSM_SUCCESS);
  bytes[PAGE] = 9;
  char *again = map_whole(received, RSM_PERM_READ);
  CHECK_EQ(again[PAGE], 7);
  CHECK(munmap(again, object->length) == 0 && munmap(bytes, object->length) == 0);
  rsm_object_drop(received);
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
    if (i % 16 == 0) CHECK_EQ(rsm_scratch_over(address, 4 * PAGE, true), RSM_SUCCESS);
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
  CHECK_EQ(rsm_scratch_over(address, length, true), RSM_SUCCESS);
  address[0] = address[length / 2] = address[length - 1] = 1;
  CHECK(munmap(address, length) == 0);
}

static unsigned pages_of(const char *address, size_t length) {
  unsigned char there[64];
  unsigned count = 0;
  CHECK(length <= sizeof there * PAGE);
  CHECK(mincore((void *)address, length, there) == 0);
  for (size_t i = 0; i < length / PAGE; i++) count += there[i] & 1;
  return count;
}

/* A mapping that was reserved for shows the same few pages over and over; what lies around it stays. */
static void test_reserved_scratch_pages_are_few(void) {
  size_t length = 64 * PAGE, reserved = (size_t)16 << 20;
  char *address = mmap(NULL, reserved + 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(address != MAP_FAILED);
  address[0] = address[reserved + PAGE] = 7;
  CHECK_EQ(rsm_scratch_reserve(reserved), RSM_SUCCESS);
  CHECK_EQ(rsm_scratch_over(address + PAGE, reserved, true), RSM_SUCCESS);
  memset(address + PAGE, 1, reserved / 64);
  for (size_t at = 0; at + length <= reserved; at += length) CHECK_EQ(pages_of(address + PAGE + at, length), 64);
  CHECK_EQ(address[reserved], 1);
  CHECK_EQ(address[0], 7);
  CHECK_EQ(address[reserved + PAGE], 7);
  CHECK(munmap(address, reserved + 2 * PAGE) == 0);
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
  CHECK_EQ(rsm_scratch_over(window, PAGE, true), RSM_SUCCESS);
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
  make_scratch();
  int descriptors = count_descriptors();
  RUN(test_a_new_object_is_zeroed_sealed_and_private);
  RUN(test_more_than_there_is_is_insufficient_mem);
  RUN(test_a_file_size_limit_is_an_error_and_no_signal);
  RUN(test_no_descriptor_is_insufficient_resources);
  RUN(test_huge_pages_are_whole_or_insufficient_mem);
  RUN(test_a_window_outside_the_object_is_refused);
  RUN(test_C_052_map_over_under_a_reader);
  RUN(test_a_failing_map_over_leaves_the_old_mapping);
  RUN(test_scratch_pages_take_stores_anywhere);
  RUN(test_reserved_scratch_pages_are_few);
  RUN(test_windows_of_system_v_memory);
  RUN(test_control_pages);
  RUN(test_pages_are_reserved_under_a_storm_of_signals);
  check_nothing_is_left(descriptors);
  return 0;
}
