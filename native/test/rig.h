/*
 * Tests of several processes. Every process of a test is forked from the test program while it has no
 * threads; they meet on a shared board, and whoever waits gives up after a long time. Directories are
 * made fresh and must be empty when a test ends.
 */
#ifndef RSM_RIG_H
#define RSM_RIG_H

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "../loopback/codes.h"
#include "../loopback/layout.h"
#include "../loopback/memory.h"
#include "../loopback/process.h"
#include "../loopback/record.h"
#include "../loopback/wait.h"
#include "../loopback/wire.h"
#include "leftovers.h"

#define PATIENCE_MS 60000
#define ID 0x400001u
#define OTHER_UID 12345

/* What the processes of a test share. */
struct board {
  _Atomic int step;
  _Atomic int ready;
  _Atomic int done;
  _Atomic int stop;
  _Atomic uint64_t count;
};

static struct board *board;
static char directory[64];

static inline void nap(void) {
  nanosleep(&(struct timespec){.tv_nsec = 500000}, NULL);
}

#define AWAIT(condition)                                                                             \
  do {                                                                                               \
    struct timespec await_start, await_now;                                                          \
    clock_gettime(CLOCK_MONOTONIC, &await_start);                                                    \
    while (!(condition)) {                                                                           \
      clock_gettime(CLOCK_MONOTONIC, &await_now);                                                    \
      CHECK((await_now.tv_sec - await_start.tv_sec) * 1000 < PATIENCE_MS && #condition);             \
      nap();                                                                                         \
    }                                                                                                \
  } while (0)

/* In a process that serves others for as long as the test takes: minutes where many share a processor. The test's own
 * process has limits to its waits, and takes this one along. */
#define SERVE_UNTIL(condition) \
  while (!(condition)) nap()

static inline void rig_up(void) {
  if (board == NULL) {
    board = mmap(NULL, sizeof *board, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(board != MAP_FAILED);
  }
  *board = (struct board){0};
  snprintf(directory, sizeof directory, "/tmp/rsm-rig-XXXXXX");
  CHECK(mkdtemp(directory) != NULL);
  CHECK(chmod(directory, 0755) == 0);
}

/* killed: records and sockets of dead processes are for others to remove (TypeScript does). */
static inline void rig_down(bool killed) {
  DIR *entries = opendir(directory);
  CHECK(entries != NULL);
  struct dirent *entry;
  while ((entry = readdir(entries)) != NULL) {
    if (entry->d_name[0] == '.') continue;
    CHECK(killed && "left behind in the runtime directory");
    CHECK(unlinkat(dirfd(entries), entry->d_name, 0) == 0);
  }
  closedir(entries);
  CHECK(rmdir(directory) == 0);
  directory[0] = '\0';
}

static inline pid_t start(void (*body)(int), int argument) {
  fflush(stdout);
  pid_t pid = fork();
  CHECK(pid >= 0);
  if (pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    body(argument);
    exit(0);
  }
  return pid;
}

static inline void expect_exit(pid_t pid) {
  int status;
  CHECK(waitpid(pid, &status, 0) == pid);
  CHECK(WIFEXITED(status));
  CHECK_EQ(WEXITSTATUS(status), 0);
}

static inline void expect_killed(pid_t pid) {
  int status;
  CHECK(waitpid(pid, &status, 0) == pid);
  CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

/* ---- a process of the node ---- */

static inline struct rsm_env *open_env(void) {
  struct rsm_env *env = rsm_env_open(NULL, NULL);
  CHECK(env != NULL);
  return env;
}

static inline struct rsm_record *open_record(struct rsm_env *env, const char *name) {
  struct rsm_record *record;
  struct rsm_place place = {.directory = directory, .name = name, .gateway = RSM_NOBODY};
  int error;
  CHECK_EQ(rsm_record_open(env, &place, &record, &error), RSM_SUCCESS);
  return record;
}

/* The environment of a process that needs only one. */
static struct rsm_env *env;
static struct rsm_record *record;

static inline void host(const char *name) {
  env = open_env();
  record = open_record(env, name);
}

static inline void leave(void) {
  rsm_env_close(env);
  rsm_record_release(record);
}

static inline struct rsm_grants grants_of(uint32_t permission) {
  return (struct rsm_grants){.uid = geteuid(), .gid = getegid(), .default_permission = permission};
}

static inline void claim_of(uint32_t id, char *out, size_t size) {
  snprintf(out, size, "id-%x", id);
}

static inline int publish(struct rsm_export *segment, struct rsm_record *record, uint32_t id, uint32_t permission) {
  char claim[32];
  struct rsm_grants grants = grants_of(permission);
  claim_of(id, claim, sizeof claim);
  return rsm_export_publish(segment, record, id, claim, &grants);
}

static inline uint8_t *allocate(size_t length) {
  void *address;
  CHECK_EQ(rsm_memory_allocate(length, 0, &address), RSM_SUCCESS);
  return address;
}

static inline void give_back(void *address) {
  CHECK_EQ(rsm_memory_release(address), RSM_SUCCESS);
  rsm_memory_forget(address);
}

static inline struct rsm_export *export_of(struct rsm_env *env, void *address, size_t length) {
  struct rsm_export *segment;
  CHECK_EQ(rsm_export_create(env, address, length, false, &segment), RSM_SUCCESS);
  return segment;
}

/* owner: who must be listening. */
static inline int try_connect(struct rsm_env *env, const char *record, uint32_t id, uint32_t permission,
                              uid_t owner, struct rsm_import **out) {
  char path[128];
  snprintf(path, sizeof path, "%s/%s.s", directory, record);
  struct rsm_connect request = {.socket_path = path, .owner = owner, .node = 0, .segment_id = id,
                                .permission = permission, .timeout_ms = PATIENCE_MS, .cancel_fd = -1};
  return rsm_import_connect(env, &request, out);
}

/* Waits for it to be published. */
static inline struct rsm_import *connect_to(struct rsm_env *env, const char *record, uint32_t id) {
  struct rsm_import *segment;
  int code;
  AWAIT((code = try_connect(env, record, id, 0600, 0, &segment)) != RSMERR_SEG_NOT_PUBLISHED);
  CHECK_EQ(code, RSM_SUCCESS);
  return segment;
}

static inline volatile uint8_t *map_whole(struct rsm_import *segment, uint32_t permission) {
  void *address;
  CHECK_EQ(rsm_import_map(segment, 0, rsm_import_length(segment), permission, false, NULL, &address),
           RSM_SUCCESS);
  return address;
}

/* What a barrier asks (design 3.6), of an import that is not released yet. */
static inline bool is_connected(void *control) {
  __sync_synchronize();
  struct rsm_local_page *local = control;
  struct rsm_status_page *status = (void *)((char *)control + RSM_PAGE_BYTES);
  return atomic_load(&local->state) == RSM_CONNECTED && atomic_load(&status->state) == RSM_CONNECTED;
}

static inline void end_import(struct rsm_import *segment, volatile void *mapped, size_t length) {
  rsm_import_release(segment);
  if (mapped != NULL) munmap((void *)mapped, length);
}

/* ---- an importer that does what it likes ---- */

static const struct rsm_status_page *raw_status; /* of its last connection */
static int raw_memory;                           /* the descriptor it was given last */
static int raw_bell;                             /* that it has dialled last */

static inline int raw_dial(const char *record) {
  char path[128];
  snprintf(path, sizeof path, "%s/%s.s", directory, record);
  int fd;
  AWAIT((fd = rsm_socket_connect(path, rsm_deadline_ns(PATIENCE_MS), -1)) >= 0);
  return fd;
}

/* The number to CONNECT with. */
static inline uint64_t raw_dial_bell(const char *record) {
  static uint64_t last;
  struct rsm_frame frame = rsm_frame_of(RSM_FRAME_BELL);
  frame.memory_offset = ++last;
  raw_bell = raw_dial(record);
  CHECK_EQ(rsm_wire_send(raw_bell, &frame, NULL, 0), 0);
  return last;
}

static inline int raw_receive(int fd, struct rsm_frame *frame, int *descriptors, size_t *count) {
  int result;
  AWAIT((result = rsm_wire_receive_with(fd, frame, descriptors, count)) != -EAGAIN);
  return result;
}

/* Connects by the book, once it is published. The socket. */
static inline int raw_connect(const char *record, uint32_t id, uint32_t permission) {
  struct rsm_frame request = rsm_frame_of(RSM_FRAME_CONNECT), frame;
  int fd, descriptors[RSM_FRAME_DESCRIPTORS];
  size_t count;
  request.segment_id = id;
  request.permission = permission;
  for (;;) {
    request.memory_offset = raw_dial_bell(record);
    fd = raw_dial(record);
    CHECK_EQ(rsm_wire_send(fd, &request, NULL, 0), 0);
    CHECK_EQ(raw_receive(fd, &frame, descriptors, &count), 1);
    if (frame.type != RSM_FRAME_REFUSE) break;
    CHECK_EQ(frame.code, RSMERR_SEG_NOT_PUBLISHED);
    close(fd);
    close(raw_bell);
    nap();
  }
  close(raw_bell);
  CHECK_EQ(frame.type, RSM_FRAME_ACCEPT);
  CHECK_EQ(count, RSM_FRAME_DESCRIPTORS);
  raw_status = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, descriptors[0], 0);
  CHECK(raw_status != MAP_FAILED);
  for (size_t i = 0; i + 1 < count; i++) close(descriptors[i]);
  raw_memory = descriptors[RSM_FRAME_DESCRIPTORS - 1];
  return fd;
}

/* Waits for that frame and says what is expected, true or not. */
static inline void raw_answer(int fd, enum rsm_frame_type expected, enum rsm_frame_type type) {
  struct rsm_frame frame, answer = rsm_frame_of(type);
  int descriptors[RSM_FRAME_DESCRIPTORS];
  size_t count;
  CHECK_EQ(raw_receive(fd, &frame, descriptors, &count), 1);
  CHECK_EQ(frame.type, expected);
  if (expected == RSM_FRAME_WITHDRAW) CHECK_EQ(raw_status->state, RSM_WITHDRAWN); /* before it was told */
  if (count > 0) raw_memory = descriptors[0];
  answer.epoch = frame.epoch;
  CHECK_EQ(rsm_wire_send(fd, &answer, NULL, 0), 0);
}

static inline void raw_expect_end(int fd) {
  struct rsm_frame frame;
  int descriptors[RSM_FRAME_DESCRIPTORS], result;
  size_t count;
  while ((result = raw_receive(fd, &frame, descriptors, &count)) == 1) {
    for (size_t i = 0; i < count; i++) close(descriptors[i]);
  }
  CHECK(result == 0 || result == -ECONNRESET);
  close(fd);
}

/* By name: a sanitizer has a thread of its own. */
static inline int count_agents(void) {
  DIR *tasks = opendir("/proc/self/task");
  CHECK(tasks != NULL);
  struct dirent *task;
  int count = 0;
  while ((task = readdir(tasks)) != NULL) {
    char path[300], name[32] = "";
    snprintf(path, sizeof path, "/proc/self/task/%s/comm", task->d_name);
    FILE *file = fopen(path, "re");
    if (file == NULL) continue;
    if (fgets(name, sizeof name, file) != NULL) count += strcmp(name, "rsm-agent\n") == 0;
    fclose(file);
  }
  closedir(tasks);
  return count;
}

#endif
