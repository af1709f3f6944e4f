// sources: access agent connection event_set event_wait events exporter handshake imported importer listener
// sources: mapping memfd room
// sources: memory memory_regions memory_sources object object_map process rebind record record_wait serve shown slots
// sources: locks lock_requests wait wire
#define _GNU_SOURCE
/* Exporters that do not keep to the protocol. */
#include <fcntl.h>
#include <netinet/in.h>

#include "../loopback/memfd.h"
#include "rig.h"

#define LENGTH (4 * PAGE)

static void send_bytes(int fd, const void *bytes, size_t length) {
  CHECK(send(fd, bytes, length, MSG_NOSIGNAL) == (ssize_t)length);
}

enum trick {
  HONEST,
  CLOSES, RUBBISH, ODD_REFUSAL, WRONG_TYPE,
  MEMORY_FILE, MEMORY_PIPE, MEMORY_UNSEALED, MEMORY_SHORT, MEMORY_READ_ONLY, MEMORY_LINGERS,
  LENGTH_ZERO, LENGTH_HUGE, OTHER_PERMISSION, OTHER_ID,
  STATUS_UNSEALED, STATUS_SHORT, STATUS_MAGIC, MAILBOX_VERSION,
  TOO_MANY, TOO_FEW, NONE,
  TRICKS
};

static int sealed(size_t length, int seals) {
  int fd = rsm_memfd_open(false);
  CHECK(fd >= 0);
  CHECK(rsm_memfd_resize(fd, length) == 0);
  if (seals != 0) CHECK(rsm_memfd_seal(fd, seals) == 0);
  return fd;
}

#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

static int page_with(uint32_t magic, uint32_t version, size_t length, int seals) {
  uint32_t words[4] = {magic, version, RSM_CONNECTED, 0};
  int fd = sealed(length, seals);
  CHECK(pwrite(fd, words, sizeof words, 0) == sizeof words);
  return fd;
}

/* Whoever closes it last would wait an hour. Its other end stays open, as long as this process lives. */
static int lingering(void) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t length = sizeof address;
  static char bytes[65536];
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  CHECK(listen(listener, 1) == 0 && getsockname(listener, (struct sockaddr *)&address, &length) == 0);
  CHECK(connect(fd, (struct sockaddr *)&address, length) == 0);
  CHECK(accept4(listener, NULL, NULL, SOCK_CLOEXEC) >= 0);
  close(listener);
  while (send(fd, bytes, sizeof bytes, MSG_DONTWAIT) > 0) continue;
  struct linger hour = {.l_onoff = 1, .l_linger = 3600};
  CHECK(setsockopt(fd, SOL_SOCKET, SO_LINGER, &hour, sizeof hour) == 0);
  return fd;
}

static int memory_for(enum trick trick) {
  int pipes[2];
  char path[80];
  switch (trick) {
    case MEMORY_FILE:
      snprintf(path, sizeof path, "%s/file", directory);
      pipes[0] = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
      CHECK(pipes[0] >= 0 && unlink(path) == 0 && ftruncate(pipes[0], LENGTH) == 0);
      return pipes[0];
    case MEMORY_PIPE:
      CHECK(pipe2(pipes, O_CLOEXEC) == 0);
      close(pipes[1]);
      return pipes[0];
    case MEMORY_LINGERS: return lingering();
    case MEMORY_UNSEALED: return sealed(LENGTH, 0);
    case MEMORY_SHORT: return sealed(LENGTH - PAGE, SEALS);
    case MEMORY_READ_ONLY:
      pipes[1] = sealed(LENGTH, SEALS);
      snprintf(path, sizeof path, "/proc/self/fd/%d", pipes[1]);
      pipes[0] = open(path, O_RDONLY | O_CLOEXEC);
      close(pipes[1]);
      return pipes[0];
    default: return sealed(LENGTH, SEALS);
  }
}

static void send_many(int fd, const struct rsm_frame *frame, const int *descriptors, size_t count) {
  char control[CMSG_SPACE(8 * sizeof(int))] = {0};
  struct iovec part = {.iov_base = (void *)frame, .iov_len = sizeof *frame};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
  message.msg_control = control;
  message.msg_controllen = CMSG_SPACE(count * sizeof(int));
  struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  *header = (struct cmsghdr){CMSG_LEN(count * sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
  memcpy(CMSG_DATA(header), descriptors, count * sizeof(int));
  CHECK(sendmsg(fd, &message, MSG_NOSIGNAL) == sizeof *frame);
}

static void send_accept(int fd, enum trick trick, struct rsm_frame frame) {
  int descriptors[4];
  frame.type = trick == WRONG_TYPE ? RSM_FRAME_REBIND : RSM_FRAME_ACCEPT;
  frame.length_bytes = trick == LENGTH_ZERO ? 0 : trick == LENGTH_HUGE ? UINT64_MAX - 4095 : LENGTH;
  if (trick == OTHER_PERMISSION) frame.permission = 0400;
  if (trick == OTHER_ID) frame.segment_id++;
  descriptors[0] = page_with(RSM_STATUS_MAGIC + (trick == STATUS_MAGIC), RSM_LAYOUT_VERSION,
                             trick == STATUS_SHORT ? 64 : PAGE, trick == STATUS_UNSEALED ? 0 : SEALS);
  descriptors[1] = page_with(RSM_MAILBOX_MAGIC, RSM_LAYOUT_VERSION + (trick == MAILBOX_VERSION), PAGE, SEALS);
  descriptors[2] = memory_for(trick);
  descriptors[3] = sealed(PAGE, SEALS);
  size_t count = trick == TOO_MANY ? 4 : trick == TOO_FEW ? 2 : trick == NONE ? 0 : 3;
  if (count > 0) send_many(fd, &frame, descriptors, count);
  else CHECK_EQ(rsm_wire_send(fd, &frame, NULL, 0), 0);
  for (int i = 0; i < 4; i++) close(descriptors[i]);
}

static int accept_one(int listener, enum rsm_frame_type type, struct rsm_frame *frame) {
  int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC), result;
  CHECK(fd >= 0);
  AWAIT((result = rsm_wire_receive(fd, frame)) != -EAGAIN);
  CHECK_EQ(result, 1);
  CHECK_EQ(frame->type, type);
  return fd;
}

/* Nobody rings here. */
static int accept_connect(int listener, struct rsm_frame *frame) {
  close(accept_one(listener, RSM_FRAME_BELL, frame));
  return accept_one(listener, RSM_FRAME_CONNECT, frame);
}

static int listen_as(struct rsm_record_files *files, const char *name) {
  int error;
  CHECK_EQ(rsm_record_files_create(directory, name, files, &error), RSM_SUCCESS);
  CHECK(fcntl(files->listen_fd, F_SETFL, 0) == 0); /* this one may wait */
  return files->listen_fd;
}

static void cheat(int unused) {
  struct rsm_record_files files;
  int listener = listen_as(&files, "cheat");
  (void)unused;
  for (enum trick trick = HONEST; trick < TRICKS; trick++) {
    struct rsm_frame frame;
    int fd = accept_connect(listener, &frame);
    if (trick == RUBBISH) {
      send_bytes(fd, "rubbish", 7);
    } else if (trick == ODD_REFUSAL) {
      frame.type = RSM_FRAME_REFUSE;
      frame.code = 4711;
      CHECK_EQ(rsm_wire_send(fd, &frame, NULL, 0), 0);
    } else if (trick != CLOSES) {
      send_accept(fd, trick, frame);
    }
    close(fd);
  }
  rsm_record_files_remove(&files);
}

static void whatever_an_exporter_sends_is_checked(void) {
  rig_up();
  pid_t cheating = start(cheat, 0);
  env = open_env();
  int descriptors = 0, mappings = 0;
  for (enum trick trick = HONEST; trick < TRICKS; trick++) {
    struct rsm_import *import = NULL;
    int code = 0;
    /* The socket may not be there yet; afterwards it always answers. */
    AWAIT((code = try_connect(env, "cheat", ID, 0600, 0, &import)) != RSMERR_SEG_NOT_PUBLISHED);
    if (trick == HONEST) {
      CHECK_EQ(code, RSM_SUCCESS);
      rsm_import_release(import);
      descriptors = count_descriptors();
      mappings = count_mappings("memfd");
      continue;
    }
    if (code != (trick == CLOSES ? RSMERR_INTERRUPTED : RSMERR_REMOTE_NODE_UNREACHABLE)) printf("# trick %d\n", trick);
    CHECK_EQ(code, trick == CLOSES ? RSMERR_INTERRUPTED : RSMERR_REMOTE_NODE_UNREACHABLE);
    CHECK(import == NULL);
    CHECK_EQ(count_descriptors(), descriptors);
    CHECK_EQ(count_mappings("memfd"), mappings);
  }
  rsm_env_close(env);
  expect_exit(cheating);
  rig_down(false);
}

static void silent(int unused) {
  (void)unused;
  struct rsm_record_files files;
  (void)listen_as(&files, "silent");
  board->ready = 1;
  AWAIT(board->step == 1);
  rsm_record_files_remove(&files);
}

static void C_105_an_exporter_that_says_nothing_is_waited_for_no_longer_than_asked(void) {
  rig_up();
  pid_t other = start(silent, 0);
  AWAIT(board->ready == 1);
  env = open_env();
  char path[128];
  int cancel[2];
  struct rsm_import *import;
  CHECK(pipe2(cancel, O_CLOEXEC) == 0);
  snprintf(path, sizeof path, "%s/silent.s", directory);
  struct rsm_connect request = {.socket_path = path, .segment_id = ID, .permission = 0600, .timeout_ms = 150,
                                .cancel_fd = cancel[0]};
  int64_t before = rsm_now_ns();
  CHECK_EQ(rsm_import_connect(env, &request, &import), RSMERR_REMOTE_NODE_UNREACHABLE);
  CHECK(rsm_now_ns() - before >= 150 * 1000000);
  request.timeout_ms = PATIENCE_MS;
  CHECK(write(cancel[1], "", 1) == 1);
  CHECK_EQ(rsm_import_connect(env, &request, &import), RSMERR_INTERRUPTED);
  rsm_env_keep(env);
  rsm_env_close(env);
  CHECK_EQ(rsm_import_connect(env, &request, &import), RSMERR_INTERRUPTED);
  rsm_env_drop(env);
  close(cancel[0]);
  close(cancel[1]);
  board->step = 1;
  expect_exit(other);
  rig_down(false);
}

/* After an honest ACCEPT: a REBIND that is not one. */
static void late_cheat(int unused) {
  (void)unused;
  struct rsm_record_files files;
  int listener = listen_as(&files, "cheat");
  for (int trick = 0; trick < 8; trick++) {
    struct rsm_frame frame;
    int fd = accept_connect(listener, &frame);
    send_accept(fd, HONEST, frame);
    frame.type = RSM_FRAME_REBIND;
    frame.epoch = trick == 0 ? 2 : 1;
    frame.length_bytes = trick == 1 ? PAGE : LENGTH;
    if (trick == 2) frame.permission = 0400;
    static const enum trick memories[8] = {[3] = MEMORY_UNSEALED, [4] = MEMORY_SHORT, [7] = MEMORY_LINGERS};
    int descriptor = memory_for(memories[trick]);
    if (trick == 5) send_bytes(fd, "rubbish", 7);
    else if (trick == 6) send_many(fd, &frame, (int[]){descriptor, descriptor}, 2);
    else send_many(fd, &frame, &descriptor, 1);
    close(descriptor);
    raw_expect_end(fd);
  }
  rsm_record_files_remove(&files);
}

static void a_rebind_that_is_none_aborts_the_import(void) {
  rig_up();
  pid_t cheating = start(late_cheat, 0);
  env = open_env();
  make_scratch();
  int descriptors = count_descriptors(), mappings = count_mappings("memfd");
  for (int trick = 0; trick < 8; trick++) {
    struct rsm_import *import = connect_to(env, "cheat", ID);
    void *control = rsm_import_control(import), *bytes = NULL;
    if (rsm_import_map(import, 0, LENGTH, 0600, false, NULL, &bytes) != RSM_SUCCESS) bytes = NULL;
    AWAIT(!is_connected(control));
    if (bytes != NULL) ((volatile uint8_t *)bytes)[LENGTH - 1] = 1;
    end_import(import, bytes, LENGTH);
  }
  CHECK_EQ(count_descriptors(), descriptors);
  CHECK_EQ(count_mappings("memfd"), mappings);
  rsm_env_close(env);
  expect_exit(cheating);
  rig_down(false);
}

int main(void) {
  RUN(whatever_an_exporter_sends_is_checked);
  RUN(C_105_an_exporter_that_says_nothing_is_waited_for_no_longer_than_asked);
  RUN(a_rebind_that_is_none_aborts_the_import);
  return 0;
}
