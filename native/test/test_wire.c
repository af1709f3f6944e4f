// sources: wire
/* Frames and what is none. */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "../loopback/wire.h"
#include "check.h"

static int pair[2];

static void open_pair(void) {
  CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0);
}

static void close_pair(void) {
  close(pair[0]);
  close(pair[1]);
}

/* Past our own sender, which would not send it. */
static void send_raw(const void *bytes, size_t length, size_t descriptors) {
  char control[CMSG_SPACE(16 * sizeof(int))] = {0};
  struct iovec part = {.iov_base = (void *)bytes, .iov_len = length};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
  if (descriptors > 0) {
    message.msg_control = control;
    message.msg_controllen = CMSG_SPACE(descriptors * sizeof(int));
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    *header = (struct cmsghdr){CMSG_LEN(descriptors * sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
    for (size_t i = 0; i < descriptors; i++) ((int *)(void *)CMSG_DATA(header))[i] = pair[0];
  }
  CHECK(sendmsg(pair[0], &message, 0) == (ssize_t)length);
}

static void a_frame_arrives_as_it_was_sent(void) {
  open_pair();
  struct rsm_frame sent = rsm_frame_of(RSM_FRAME_CONNECT), got;
  sent.segment_id = 77;
  sent.length_bytes = UINT64_MAX;
  CHECK_EQ(rsm_wire_receive(pair[1], &got), -EAGAIN);
  CHECK_EQ(rsm_wire_send(pair[0], &sent, NULL, 0), 0);
  CHECK_EQ(rsm_wire_send(pair[0], &sent, NULL, 0), 0);
  CHECK_EQ(rsm_wire_receive(pair[1], &got), 1);
  CHECK(memcmp(&sent, &got, sizeof got) == 0);
  CHECK_EQ(rsm_wire_receive(pair[1], &got), 1);
  CHECK_EQ(rsm_wire_receive(pair[1], &got), -EAGAIN);
  close(pair[0]);
  CHECK_EQ(rsm_wire_receive(pair[1], &got), 0);
  CHECK_EQ(rsm_wire_send(pair[1], &sent, NULL, 0), -EPIPE);
  close(pair[1]);
}

static void a_peer_that_does_not_read_is_not_waited_for(void) {
  open_pair();
  struct rsm_frame frame = rsm_frame_of(RSM_FRAME_REBIND);
  int result, sent = 0;
  while ((result = rsm_wire_send(pair[0], &frame, NULL, 0)) == 0) sent++;
  CHECK_EQ(result, -EAGAIN);
  CHECK(sent > 8); /* more than are ever under way at once */
  close_pair();
}

static void what_is_not_a_frame_is_rubbish(void) {
  open_pair();
  struct rsm_frame good = rsm_frame_of(RSM_FRAME_CONNECT), bad, got;
  uint8_t longer[sizeof good + 1] = {0};
  memcpy(longer, &good, sizeof good);
  send_raw(&good, sizeof good - 1, 0);
  send_raw(longer, sizeof longer, 0);
  bad = good, bad.magic++;
  send_raw(&bad, sizeof bad, 0);
  bad = good, bad.version = RSM_FRAME_VERSION + 1;
  send_raw(&bad, sizeof bad, 0);
  bad = good, bad.type = 0;
  send_raw(&bad, sizeof bad, 0);
  bad = good, bad.type = RSM_FRAME_BELL + 1;
  send_raw(&bad, sizeof bad, 0);
  send_raw("x", 1, 0);
  send_raw(&good, sizeof good, 1); /* descriptors where none are taken */
  for (int i = 0; i < 8; i++) CHECK_EQ(rsm_wire_receive(pair[1], &got), -EPROTO);
  send_raw(&good, sizeof good, 0);
  CHECK_EQ(rsm_wire_receive(pair[1], &got), 1);
  close_pair();
}

static void descriptors_come_close_on_exec_and_none_is_lost(void) {
  open_pair();
  int before = count_descriptors(), descriptors[RSM_FRAME_DESCRIPTORS];
  size_t count;
  struct rsm_frame frame = rsm_frame_of(RSM_FRAME_ACCEPT), got;
  int two[] = {pair[0], pair[1]};
  CHECK_EQ(rsm_wire_send(pair[0], &frame, two, 2), 0);
  CHECK_EQ(rsm_wire_receive_with(pair[1], &got, descriptors, &count), 1);
  CHECK_EQ(count, 2);
  for (size_t i = 0; i < count; i++) {
    CHECK_EQ(fcntl(descriptors[i], F_GETFD), FD_CLOEXEC);
    close(descriptors[i]);
  }
  CHECK_EQ(rsm_wire_receive_with(pair[1], &got, descriptors, &count), -EAGAIN);
  CHECK_EQ(rsm_wire_send(pair[0], &frame, NULL, 0), 0);
  CHECK_EQ(rsm_wire_receive_with(pair[1], &got, descriptors, &count), 1);
  CHECK_EQ(count, 0);
  send_raw(&frame, sizeof frame, RSM_FRAME_DESCRIPTORS + 1);
  send_raw(&frame, sizeof frame, 16);
  frame.magic = 0;
  send_raw(&frame, sizeof frame, RSM_FRAME_DESCRIPTORS);
  for (int i = 0; i < 3; i++) {
    CHECK_EQ(rsm_wire_receive_with(pair[1], &got, descriptors, &count), -EPROTO);
    CHECK_EQ(count, 0);
  }
  CHECK_EQ(count_descriptors(), before);
  close_pair();
}

static void a_full_descriptor_table_is_not_the_peers_fault(void) {
  open_pair();
  int before = count_descriptors(), descriptors[RSM_FRAME_DESCRIPTORS];
  size_t count;
  struct rsm_frame frame = rsm_frame_of(RSM_FRAME_ACCEPT), got;
  struct rlimit limit, small;
  CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
  small = limit;
  small.rlim_cur = (rlim_t)pair[1] + 3; /* room for two of three */
  send_raw(&frame, sizeof frame, RSM_FRAME_DESCRIPTORS);
  CHECK(setrlimit(RLIMIT_NOFILE, &small) == 0);
  int result = rsm_wire_receive_with(pair[1], &got, descriptors, &count);
  CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
  CHECK_EQ(result, -EMFILE);
  CHECK_EQ(count_descriptors(), before);
  close_pair();
}

/* What the last call left on the stack was taken for descriptors, and closed. */
static void a_receive_that_fails_takes_no_descriptors(void) {
  open_pair();
  int sent[RSM_FRAME_DESCRIPTORS] = {pair[1], pair[1], pair[1]};
  int descriptors[RSM_FRAME_DESCRIPTORS], none[RSM_FRAME_DESCRIPTORS];
  size_t count;
  struct rsm_frame frame = rsm_frame_of(RSM_FRAME_ACCEPT), got;
  CHECK_EQ(rsm_wire_send(pair[0], &frame, sent, RSM_FRAME_DESCRIPTORS), 0);
  CHECK_EQ(rsm_wire_send(pair[1], &frame, NULL, 0), 0);
  CHECK_EQ(rsm_wire_receive_with(pair[1], &got, descriptors, &count), 1);
  close(pair[0]); /* with our frame unread: a reset */
  CHECK_EQ(rsm_wire_receive_with(pair[1], &got, none, &count), -ECONNRESET);
  CHECK_EQ(count, 0);
  for (size_t i = 0; i < RSM_FRAME_DESCRIPTORS; i++) CHECK(close(descriptors[i]) == 0);
  close(pair[1]);
}

int main(void) {
  RUN(a_frame_arrives_as_it_was_sent);
  RUN(a_peer_that_does_not_read_is_not_waited_for);
  RUN(what_is_not_a_frame_is_rubbish);
  RUN(descriptors_come_close_on_exec_and_none_is_lost);
  RUN(a_full_descriptor_table_is_not_the_peers_fault);
  RUN(a_receive_that_fails_takes_no_descriptors);
  return 0;
}
