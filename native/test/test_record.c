// sources: record record_wait wait wire
#define _GNU_SOURCE
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "../loopback/codes.h"
#include "../loopback/record.h"
#include "../loopback/wait.h"
#include "check.h"

static char directory[] = "/tmp/rsm-record-XXXXXX";

static const char *path_of(const char *name) {
  static _Thread_local char path[PATH_MAX];
  snprintf(path, sizeof path, "%s/%s", directory, name);
  return path;
}

static struct rsm_record_files create(const char *name) {
  struct rsm_record_files files;
  int error = -1;
  CHECK_EQ(rsm_record_files_create(directory, name, &files, &error), RSM_SUCCESS);
  CHECK_EQ(error, 0);
  return files;
}

static int error_of_create(const char *where, const char *name) {
  struct rsm_record_files files;
  int error = 0, before = count_descriptors();
  CHECK(rsm_record_files_create(where, name, &files, &error) != RSM_SUCCESS);
  CHECK_EQ(count_descriptors(), before);
  return error;
}

static int entries(void) {
  DIR *listing = opendir(directory);
  CHECK(listing != NULL);
  int count = -2;
  while (readdir(listing) != NULL) count++;
  closedir(listing);
  return count;
}

static int open_record(const char *name) {
  int fd = open(path_of(name), O_RDWR | O_CLOEXEC);
  CHECK(fd >= 0);
  return fd;
}

static void test_a_record_is_locked_and_anybody_may_connect(void) {
  mode_t mask = umask(077);
  struct rsm_record_files files = create("r1");
  CHECK_EQ(umask(mask), 077); /* not touched */
  struct stat status;
  CHECK(lstat(path_of("r1"), &status) == 0 && S_ISREG(status.st_mode));
  CHECK_EQ(status.st_mode & 07777, 0644);
  CHECK(lstat(path_of("r1.s"), &status) == 0 && S_ISSOCK(status.st_mode));
  CHECK_EQ(status.st_mode & 07777, 0666);
  CHECK(fcntl(files.listen_fd, F_GETFL) & O_NONBLOCK);
  CHECK(fcntl(files.listen_fd, F_GETFD) & FD_CLOEXEC && fcntl(files.record_fd, F_GETFD) & FD_CLOEXEC);
  CHECK(fcntl(files.dirfd, F_GETFD) & FD_CLOEXEC);
  int fd = open_record("r1");
  CHECK_EQ(rsm_file_is_locked(fd), 1);
  CHECK_EQ(rsm_file_is_locked(files.record_fd), 0); /* its own lock is not somebody else's */
  int client = rsm_socket_connect(path_of("r1.s"), rsm_deadline_ns(5000), -1);
  CHECK(client >= 0);
  int served = accept4(files.listen_fd, NULL, NULL, SOCK_CLOEXEC);
  CHECK(served >= 0);
  CHECK(fcntl(client, F_GETFL) & O_NONBLOCK && fcntl(client, F_GETFD) & FD_CLOEXEC);
  close(served);
  close(client);
  rsm_record_files_remove(&files);
  CHECK_EQ(rsm_file_is_locked(fd), 0);
  CHECK_EQ(files.listen_fd, -1);
  close(fd);
  CHECK_EQ(entries(), 0);
}

static void test_what_is_there_stays(void) {
  struct rsm_record_files files = create("r1");
  CHECK_EQ(error_of_create(directory, "r1"), EEXIST);
  CHECK_EQ(entries(), 2);
  CHECK(symlink("elsewhere", path_of("r2")) == 0);
  CHECK_EQ(error_of_create(directory, "r2"), EEXIST);
  CHECK(unlink(path_of("r2")) == 0);
  rsm_record_files_remove(&files);
  CHECK_EQ(entries(), 0);
}

static void test_a_socket_without_its_process_is_replaced(void) {
  struct rsm_record_files files = create("r1");
  CHECK(unlink(path_of("r1")) == 0);
  struct rsm_record_files again = create("r1");
  rsm_record_files_remove(&files); /* these are no longer its files */
  CHECK_EQ(entries(), 2);
  int client = rsm_socket_connect(path_of("r1.s"), rsm_deadline_ns(5000), -1);
  CHECK(client >= 0);
  close(client);
  rsm_record_files_remove(&again);
  CHECK_EQ(entries(), 0);
}

static void test_bad_names_and_directories(void) {
  char long_name[128];
  memset(long_name, 'n', sizeof long_name);
  long_name[RSM_RECORD_NAME_BYTES - 2] = '\0';
  CHECK_EQ(error_of_create(directory, long_name), ENAMETOOLONG);
  CHECK_EQ(error_of_create(directory, ""), EINVAL);
  CHECK_EQ(error_of_create(directory, "../r"), EINVAL);
  CHECK_EQ(error_of_create(directory, "a/b"), EINVAL);
  CHECK_EQ(error_of_create("/nowhere/at/all", "r"), ENOENT);
  CHECK(symlink(directory, path_of("link")) == 0);
  char link[PATH_MAX];
  snprintf(link, sizeof link, "%s", path_of("link"));
  CHECK_EQ(error_of_create(link, "r"), ENOTDIR); /* a link is not followed */
  CHECK(unlink(link) == 0);
  CHECK_EQ(entries(), 0);
  long_name[RSM_RECORD_NAME_BYTES - 3] = '\0';
  struct rsm_record_files files = create(long_name);
  CHECK_EQ(entries(), 2);
  rsm_record_files_remove(&files);
}

/* Does what whoever meets a record does: lock it if it can, remove it if it is unlocked. */
static void *sweep(void *hint) {
  _Atomic int *done = hint;
  while (!*done) {
    int fd = open(path_of("r1"), O_RDWR | O_CLOEXEC);
    if (fd < 0) continue;
    if (rsm_lock_file(fd, true, 0) == 0) {
      struct stat ours, named;
      CHECK(fstat(fd, &ours) == 0);
      if (lstat(path_of("r1"), &named) == 0 && named.st_ino == ours.st_ino) unlink(path_of("r1"));
    }
    close(fd);
  }
  return NULL;
}

static void test_a_record_survives_a_sweeper(void) {
  static _Atomic int done;
  pthread_t thread;
  CHECK(pthread_create(&thread, NULL, sweep, (void *)&done) == 0);
  int created = 0;
  for (int i = 0; i < 300; i++) {
    struct rsm_record_files files;
    int error;
    if (rsm_record_files_create(directory, "r1", &files, &error) != RSM_SUCCESS) {
      CHECK_EQ(error, EBUSY);
      continue;
    }
    created++;
    struct stat ours, named;
    CHECK(fstat(files.record_fd, &ours) == 0 && fstatat(files.dirfd, "r1", &named, 0) == 0);
    CHECK_EQ(ours.st_ino, named.st_ino);
    rsm_record_files_remove(&files);
  }
  done = 1;
  CHECK(pthread_join(thread, NULL) == 0);
  CHECK(created > 0);
  CHECK_EQ(entries(), 0);
}

static void test_claims_name_the_record(void) {
  struct rsm_record_files files = create("r1"), other = create("r2");
  char text[64] = "";
  CHECK_EQ(rsm_claim_create(&files, "c100"), 0);
  CHECK_EQ(readlink(path_of("c100"), text, sizeof text), 2);
  CHECK(strcmp(text, "r1") == 0);
  CHECK_EQ(rsm_claim_create(&other, "c100"), -EEXIST);
  CHECK_EQ(rsm_claim_create(&files, "a/b"), -EINVAL);
  CHECK_EQ(rsm_claim_create(&files, ".."), -EINVAL);
  rsm_claim_remove(&other, "c100"); /* not its own */
  CHECK(readlink(path_of("c100"), text, sizeof text) == 2);
  rsm_claim_remove(&files, "c100");
  CHECK(readlink(path_of("c100"), text, sizeof text) < 0);
  rsm_claim_remove(&files, "c100");
  rsm_record_files_remove(&files);
  rsm_record_files_remove(&other);
  CHECK_EQ(entries(), 0);
}

static void test_locks_have_a_deadline(void) {
  int made = open(path_of("lock"), O_RDWR | O_CREAT | O_CLOEXEC, 0600), one = open_record("lock");
  int two = open_record("lock");
  CHECK(made >= 0);
  CHECK_EQ(rsm_lock_file(one, true, 0), 0);
  CHECK_EQ(rsm_file_is_locked(two), 1);
  CHECK_EQ(rsm_lock_file(two, true, 0), -EAGAIN);
  int64_t start = rsm_now_ns();
  CHECK_EQ(rsm_lock_file(two, false, 60), -EAGAIN);
  CHECK(rsm_now_ns() - start >= 60000000);
  CHECK_EQ(rsm_unlock_file(one), 0);
  CHECK_EQ(rsm_file_is_locked(two), 0);
  CHECK_EQ(rsm_lock_file(one, false, 0), 0);
  CHECK_EQ(rsm_lock_file(two, false, 0), 0);
  CHECK_EQ(rsm_file_is_locked(made), 0); /* read locks do not count */
  CHECK_EQ(rsm_lock_file(two, true, 0), -EAGAIN);
  close(one);
  CHECK_EQ(rsm_lock_file(two, true, 0), 0); /* closing drops it */
  close(two);
  close(made);
  CHECK_EQ(rsm_lock_file(made, true, 0), -EBADF);
  CHECK_EQ(rsm_file_is_locked(made), -EBADF);
  CHECK(unlink(path_of("lock")) == 0);
}

static void test_the_kernel_drops_the_lock_of_the_dead(void) {
  int ready[2];
  CHECK(pipe2(ready, O_CLOEXEC) == 0);
  pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    create("dead");
    CHECK(write(ready[1], "x", 1) == 1);
    for (;;) pause();
  }
  char byte;
  CHECK(read(ready[0], &byte, 1) == 1);
  int fd = open_record("dead");
  CHECK_EQ(rsm_file_is_locked(fd), 1);
  CHECK(kill(child, SIGKILL) == 0 && waitpid(child, NULL, 0) == child);
  CHECK_EQ(rsm_lock_file(fd, true, 10000), 0);
  CHECK_EQ(rsm_socket_connect(path_of("dead.s"), rsm_deadline_ns(5000), -1), -ECONNREFUSED);
  close(fd);
  close(ready[0]);
  close(ready[1]);
  CHECK(unlink(path_of("dead")) == 0 && unlink(path_of("dead.s")) == 0);
}

static void test_paths_longer_than_an_address(void) {
  struct rsm_record_files files = create("r1");
  char path[PATH_MAX];
  int length = snprintf(path, sizeof path, "%s", directory);
  while (length < 300) length += snprintf(path + length, sizeof path - (size_t)length, "/.");
  snprintf(path + length, sizeof path - (size_t)length, "/r1.s");
  int before = count_descriptors();
  int client = rsm_socket_connect(path, rsm_deadline_ns(5000), -1);
  CHECK(client >= 0);
  CHECK_EQ(count_descriptors(), before + 1);
  close(client);
  memset(path + length + 1, 'n', 200);
  path[length + 201] = '\0';
  CHECK_EQ(rsm_socket_connect(path, rsm_deadline_ns(5000), -1), -ENAMETOOLONG);
  CHECK_EQ(rsm_socket_connect("", rsm_deadline_ns(5000), -1), -ENOENT);
  CHECK_EQ(rsm_socket_connect(path_of("none.s"), rsm_deadline_ns(5000), -1), -ENOENT);
  CHECK_EQ(count_descriptors(), before);
  rsm_record_files_remove(&files);
}

static void *cancel_soon(void *hint) {
  usleep(20000);
  CHECK(write(*(int *)hint, "x", 1) == 1);
  return NULL;
}

static void *accept_soon(void *hint) {
  usleep(20000);
  int served = accept4(*(int *)hint, NULL, NULL, SOCK_CLOEXEC);
  CHECK(served >= 0);
  close(served);
  return NULL;
}

static void test_a_full_backlog_is_waited_for(void) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  snprintf(address.sun_path, sizeof address.sun_path, "%s", path_of("full.s"));
  int listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0), clients[8], count = 0, cancel[2];
  CHECK(listener >= 0 && bind(listener, (struct sockaddr *)&address, sizeof address) == 0);
  CHECK(listen(listener, 0) == 0 && pipe2(cancel, O_CLOEXEC) == 0);
  int64_t start = rsm_now_ns();
  do {
    start = rsm_now_ns();
    clients[count] = rsm_socket_connect(address.sun_path, rsm_deadline_ns(50), cancel[0]);
  } while (clients[count] >= 0 && ++count < 8);
  CHECK(count < 8);
  CHECK_EQ(clients[count], -ETIMEDOUT);
  CHECK(rsm_now_ns() - start >= 50000000);

  pthread_t thread;
  CHECK(pthread_create(&thread, NULL, accept_soon, &listener) == 0);
  int client = rsm_socket_connect(address.sun_path, rsm_deadline_ns(60000), cancel[0]);
  CHECK(client >= 0 && pthread_join(thread, NULL) == 0);
  clients[count++] = client;

  CHECK(pthread_create(&thread, NULL, cancel_soon, &cancel[1]) == 0);
  CHECK_EQ(rsm_socket_connect(address.sun_path, rsm_deadline_ns(60000), cancel[0]), -ECANCELED);
  CHECK(pthread_join(thread, NULL) == 0);
  CHECK_EQ(rsm_socket_connect(path_of("full.s"), rsm_deadline_ns(60000), cancel[0]), -ECANCELED);
  while (count > 0) close(clients[--count]);
  close(listener);
  close(cancel[0]);
  close(cancel[1]);
  CHECK(unlink(path_of("full.s")) == 0);
}

static void test_another_user_may_connect_and_look_but_not_lock(void) {
  CHECK(chmod(directory, 0755) == 0);
  struct rsm_record_files files = create("r1");
  pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    CHECK(setgid(65534) == 0 && setuid(65534) == 0);
    CHECK(rsm_socket_connect(path_of("r1.s"), rsm_deadline_ns(5000), -1) >= 0);
    CHECK(open(path_of("r1"), O_RDWR | O_CLOEXEC) < 0);
    int fd = open(path_of("r1"), O_RDONLY | O_CLOEXEC);
    CHECK(fd >= 0);
    CHECK_EQ(rsm_file_is_locked(fd), 1);
    CHECK_EQ(rsm_lock_file(fd, true, 0), -EBADF);
    CHECK_EQ(error_of_create(directory, "r2"), EACCES);
    _exit(0);
  }
  int status;
  CHECK(waitpid(child, &status, 0) == child);
  CHECK_EQ(status, 0);
  rsm_record_files_remove(&files);
}

int main(void) {
  alarm(300);
  CHECK(mkdtemp(directory) != NULL);
  int descriptors = count_descriptors();
  RUN(test_a_record_is_locked_and_anybody_may_connect);
  RUN(test_what_is_there_stays);
  RUN(test_a_socket_without_its_process_is_replaced);
  RUN(test_bad_names_and_directories);
  RUN(test_claims_name_the_record);
  RUN(test_locks_have_a_deadline);
  RUN(test_the_kernel_drops_the_lock_of_the_dead);
  RUN(test_paths_longer_than_an_address);
  RUN(test_another_user_may_connect_and_look_but_not_lock);
  RUN(test_a_full_backlog_is_waited_for);
  RUN(test_a_record_survives_a_sweeper);
  CHECK_EQ(count_descriptors(), descriptors); /* nothing is left */
  CHECK_EQ(entries(), 0);
  CHECK(rmdir(directory) == 0);
  return 0;
}
