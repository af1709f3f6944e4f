// sources: access agent connection event_set event_wait events exporter handshake imported importer listener
// sources: mapping memfd room
// sources: memory memory_regions memory_sources object object_map process rebind record record_wait serve shown slots
// sources: locks lock_requests wait wire
#define _GNU_SOURCE
/* Importers that do not keep to the protocol. */
#include <fcntl.h>
#include <sys/resource.h>

#include "rig.h"

#define LENGTH (4 * PAGE)

static struct rsm_export *segment;
static uint8_t *memory;

static void serve(void) {
  if (directory[0] == '\0') rig_up();
  make_scratch();
  host("self");
  memory = allocate(LENGTH);
  segment = export_of(env, memory, LENGTH);
  CHECK_EQ(publish(segment, record, ID, 0600), RSM_SUCCESS);
}

static void serve_no_more(void) {
  rsm_export_release(segment);
  leave();
  give_back(memory);
  rig_down(false);
}

static void send_bytes(int fd, const void *bytes, size_t length) {
  CHECK(send(fd, bytes, length, MSG_NOSIGNAL) == (ssize_t)length);
}

static bool can_refuse_descriptors(void) {
  int pair[2];
  CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) == 0);
  struct rsm_frame frame = rsm_frame_of(RSM_FRAME_CONNECT);
  rsm_wire_refuse_descriptors(pair[1]);
  bool can = rsm_wire_send(pair[0], &frame, (int[]){0}, 1) != 0;
  close(pair[0]);
  close(pair[1]);
  return can;
}

static void still_serves(void) {
  struct rsm_import *import = connect_to(env, "self", ID);
  rsm_import_release(import);
}

static void what_is_not_a_connect_ends_that_connection_only(void) {
  serve();
  int descriptors = count_descriptors(), fd;
  struct rsm_frame good = rsm_frame_of(RSM_FRAME_CONNECT), bad;
  good.segment_id = ID;
  good.permission = 0600;

  fd = raw_dial("self");
  send_bytes(fd, "GET / HTTP/1.1\r\n\r\n", 18);
  raw_expect_end(fd);

  fd = raw_dial("self");
  send_bytes(fd, &good, sizeof good / 2); /* a packet is a frame: the rest will not do */
  raw_expect_end(fd);

  fd = raw_dial("self");
  bad = good, bad.version = 9;
  send_bytes(fd, &bad, sizeof bad);
  raw_expect_end(fd);

  for (uint16_t type = RSM_FRAME_ACCEPT; type <= RSM_FRAME_WITHDRAWN; type++) {
    fd = raw_dial("self");
    bad = good, bad.type = type;
    send_bytes(fd, &bad, sizeof bad);
    raw_expect_end(fd);
  }

  fd = raw_dial("self");
  int sent = rsm_wire_send(fd, &good, (int[]){0, 1, 2}, 3); /* our descriptors are of no interest */
  if (sent == 0) raw_expect_end(fd);
  else close(fd); /* Linux 6.16: they do not even come to the exporter */
  CHECK_EQ(sent, can_refuse_descriptors() ? -EPERM : 0);

  char *huge = calloc(1, 100000);
  fd = raw_dial("self");
  send_bytes(fd, huge, 100000);
  raw_expect_end(fd);
  free(huge);

  fd = raw_dial("self");
  close(fd);
  still_serves();
  AWAIT(rsm_export_importers(segment) == 0);
  AWAIT(count_descriptors() == descriptors);
  serve_no_more();
}

static void who_says_nothing_is_sent_away(void) {
  serve();
  int fd[RSM_HALF_OPEN_LIMIT], descriptors = count_descriptors();
  bool refused = false;
  for (int attempt = 0; attempt < 20 && !refused; attempt++) { /* all at once, if we are quick enough */
    for (int i = 0; i < RSM_HALF_OPEN_LIMIT; i++) fd[i] = raw_dial("self");
    struct rsm_import *import;
    int code = try_connect(env, "self", ID, 0600, 0, &import);
    if (code == RSM_SUCCESS) rsm_import_release(import);
    else CHECK_EQ(code, RSMERR_INSUFFICIENT_RESOURCES);
    refused = code != RSM_SUCCESS;
    for (int i = 0; i < RSM_HALF_OPEN_LIMIT; i++) raw_expect_end(fd[i]);
  }
  CHECK(refused);
  still_serves();
  AWAIT(count_descriptors() == descriptors);
  serve_no_more();
}

static void a_connected_importer_may_only_acknowledge_what_it_was_asked(void) {
  serve();
  int descriptors = count_descriptors();
  enum rsm_frame_type types[] = {RSM_FRAME_CONNECT, RSM_FRAME_REBOUND, RSM_FRAME_WITHDRAWN, RSM_FRAME_ACCEPT};
  memory[0] = 42;
  for (int i = 0; i < 4; i++) {
    struct rsm_frame frame = rsm_frame_of(types[i]);
    frame.epoch = 1;
    frame.segment_id = ID;
    frame.permission = 0600;
    int fd = raw_connect("self", ID, 0600);
    volatile uint8_t *bytes = mmap(NULL, LENGTH, PROT_READ | PROT_WRITE, MAP_SHARED, raw_memory, 0);
    CHECK_EQ(bytes[0], 42);
    CHECK_EQ(rsm_wire_send(fd, &frame, NULL, 0), 0);
    raw_expect_end(fd);
    CHECK_EQ(rsm_export_unpublish(segment), RSM_SUCCESS);
    CHECK_EQ(bytes[0], 0); /* it never said that it let go */
    CHECK_EQ(memory[0], 42);
    CHECK_EQ(publish(segment, record, ID, 0600), RSM_SUCCESS);
    munmap((void *)bytes, LENGTH);
    close(raw_memory);
    munmap((void *)raw_status, PAGE);
  }
  AWAIT(count_descriptors() == descriptors);
  serve_no_more();
}

/* A socket whose close waits would wait in whoever receives it. */
static void nobody_takes_descriptors_from_a_bell(void) {
  serve();
  int descriptors = count_descriptors();
  struct rsm_frame request = rsm_frame_of(RSM_FRAME_CONNECT), answer;
  request.memory_offset = raw_dial_bell("self");
  int fd = raw_dial("self"), offered[RSM_FRAME_DESCRIPTORS];
  size_t count;
  request.segment_id = ID;
  request.permission = 0600;
  CHECK_EQ(rsm_wire_send(fd, &request, NULL, 0), 0);
  CHECK_EQ(raw_receive(fd, &answer, offered, &count), 1);
  CHECK_EQ(count, RSM_FRAME_DESCRIPTORS);
  CHECK_EQ(rsm_wire_send(raw_bell, &request, (int[]){0}, 1), can_refuse_descriptors() ? -EPERM : 0);
  CHECK_EQ(rsm_events_take(rsm_export_events(segment)), 0);
  for (size_t i = 0; i < count; i++) close(offered[i]);
  close(fd);
  close(raw_bell);
  AWAIT(count_descriptors() == descriptors);
  serve_no_more();
}

/* Of the same process and with the number asked for, once; else the connect is refused, and the bell stays its own. */
static void only_the_bell_that_was_dialled_for_it_belongs_to_a_connection(void) {
  serve();
  int descriptors = count_descriptors(), offered[RSM_FRAME_DESCRIPTORS];
  struct rsm_frame request = rsm_frame_of(RSM_FRAME_CONNECT), answer;
  size_t count;
  request.segment_id = ID;
  request.permission = 0600;
  uint64_t number = raw_dial_bell("self");
  uint64_t numbers[] = {0, number + 1, number, number};
  for (int i = 0; i < 4; i++) {
    int fd = raw_dial("self");
    request.memory_offset = numbers[i];
    CHECK_EQ(rsm_wire_send(fd, &request, NULL, 0), 0);
    CHECK_EQ(raw_receive(fd, &answer, offered, &count), 1);
    CHECK_EQ(answer.type, i == 2 ? RSM_FRAME_ACCEPT : RSM_FRAME_REFUSE);
    if (i != 2) CHECK_EQ(answer.code, RSMERR_INSUFFICIENT_RESOURCES);
    for (size_t j = 0; j < count; j++) close(offered[j]);
    close(fd);
  }
  close(raw_bell);

  number = raw_dial_bell("self"); /* rings before there is anybody to hear */
  CHECK(send(raw_bell, "", 1, MSG_NOSIGNAL) == 1);
  raw_expect_end(raw_bell);
  struct rsm_frame bell = rsm_frame_of(RSM_FRAME_BELL); /* without a number */
  int fd = raw_dial("self");
  CHECK_EQ(rsm_wire_send(fd, &bell, NULL, 0), 0);
  raw_expect_end(fd);
  number = bell.memory_offset = raw_dial_bell("self"); /* the same once more: which is whose could not be told */
  fd = raw_dial("self");
  CHECK_EQ(rsm_wire_send(fd, &bell, NULL, 0), 0);
  raw_expect_end(fd);
  close(raw_bell);
  still_serves();
  AWAIT(count_descriptors() == descriptors);
  serve_no_more();
}

/* As many connects as there are places, all between their two sockets; and those who say nothing are counted apart. */
static void bells_that_wait_keep_nobody_away_until_there_are_too_many(void) {
  serve();
  static int bells[RSM_WAITING_BELLS_LIMIT];
  int descriptors = count_descriptors();
  struct rlimit limit, large;
  CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
  large = limit;
  large.rlim_cur = 4 * RSM_WAITING_BELLS_LIMIT;
  CHECK(setrlimit(RLIMIT_NOFILE, &large) == 0);
  for (int i = 0; i < RSM_WAITING_BELLS_LIMIT - 1; i++) {
    (void)raw_dial_bell("self");
    bells[i] = raw_bell;
  }
  still_serves();
  (void)raw_dial_bell("self");
  bells[RSM_WAITING_BELLS_LIMIT - 1] = raw_bell;
  struct rsm_import *import;
  CHECK_EQ(try_connect(env, "self", ID, 0600, 0, &import), RSMERR_INSUFFICIENT_RESOURCES);
  for (int i = 0; i < RSM_WAITING_BELLS_LIMIT; i++) close(bells[i]);
  AWAIT(count_descriptors() == descriptors);
  CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
  still_serves();
  serve_no_more();
}

static void connects_again_and_again(int unused) {
  (void)unused;
  struct rsm_env *mine = open_env();
  struct rsm_import *import;
  AWAIT(board->step == 1);
  for (int i = 0; i < 20; i++) {
    CHECK_EQ(try_connect(mine, "self", ID, 0600, 0, &import), RSMERR_INSUFFICIENT_RESOURCES);
  }
  board->ready = 1;
  AWAIT(board->step == 2);
  for (int i = 0; i < 20; i++) { /* with a little room, every step of an answer fails once */
    int code = try_connect(mine, "self", ID, 0600, 0, &import);
    if (code == RSM_SUCCESS) rsm_import_release(import);
    else CHECK_EQ(code, RSMERR_INSUFFICIENT_RESOURCES);
    board->ready = 2 + i;
    AWAIT(board->step == 3 + i);
  }
  rsm_env_close(mine);
}

static void without_descriptors_connects_are_refused(void) {
  rig_up();
  pid_t importer = start(connects_again_and_again, 0);
  serve();
  int fds[64], count = 0, descriptors = count_descriptors();
  struct rlimit limit, small;
  CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
  small = limit;
  small.rlim_cur = (rlim_t)descriptors + 20;
  CHECK(setrlimit(RLIMIT_NOFILE, &small) == 0);
  while (count < 64 && (fds[count] = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0) count++;
  CHECK(count >= 20 && count < 64);
  board->step = 1;
  AWAIT(board->ready == 1);
  CHECK_EQ(rsm_export_importers(segment), 0);
  board->step = 2;
  for (int i = 0; i < 20; i++) {
    AWAIT(board->ready == 2 + i);
    close(fds[--count]);
    board->step = 3 + i;
  }
  while (count > 0) close(fds[--count]);
  CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
  expect_exit(importer);
  still_serves();
  AWAIT(count_descriptors() == descriptors);
  serve_no_more();
}

int main(void) {
  RUN(what_is_not_a_connect_ends_that_connection_only);
  RUN(who_says_nothing_is_sent_away);
  RUN(a_connected_importer_may_only_acknowledge_what_it_was_asked);
  RUN(nobody_takes_descriptors_from_a_bell);
  RUN(only_the_bell_that_was_dialled_for_it_belongs_to_a_connection);
  RUN(bells_that_wait_keep_nobody_away_until_there_are_too_many);
  RUN(without_descriptors_connects_are_refused);
  return 0;
}
