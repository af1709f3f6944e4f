// sources: access agent connection event_set event_wait events exporter handshake imported importer listener
// sources: mapping memfd
// sources: memory memory_regions memory_sources object object_map process rebind record record_wait serve shown slots
// sources: locks lock_requests port room wait wire
// fabric: alarm endpoint grants importers library link remote remote_locks serve target target_locks transfer
/* Who may come in over the fabric, and what becomes of the others when somebody goes, stops or cheats. */
#include "../fabric/initiator_state.h"
#include "fabric_rig.h"

static uint64_t value = 1;

static void fabric_down_without(pid_t killed) {
  kill(killed, SIGCONT);
  kill(killed, SIGKILL);
  expect_killed(killed);
  if (killed != gateway_pid) {
    CHECK_EQ(ask(LEAVE), RSM_SUCCESS);
    expect_exit(gateway_pid);
  }
  if (killed != exporter_pid) {
    *request = GO;
    expect_exit(exporter_pid);
  }
  rig_down(true);
}

static void expect_refusal(int expected) {
  int code;
  CHECK(try_endpoint(&code) == NULL);
  CHECK_EQ(code, expected);
}

/* ---- admission ---- */

static void only_a_fresh_ticket_lets_in_and_only_once(void) {
  fabric_up();
  expect_refusal(RSMERR_REMOTE_NODE_UNREACHABLE); /* nobody was admitted */
  AWAIT(fabric->told[RSM_TARGET_REFUSED] == 1);
  CHECK(strcmp(fabric->from, "127.0.0.1") == 0);
  admit();
  fabric->ticket[0] ^= 1;
  expect_refusal(RSMERR_REMOTE_NODE_UNREACHABLE);
  fabric->ticket[0] ^= 1;
  int code;
  struct rsm_endpoint *endpoint = try_endpoint(&code);
  CHECK(endpoint != NULL);
  expect_refusal(RSMERR_REMOTE_NODE_UNREACHABLE); /* used up */
  fabric->expires_ms = 1;
  admit();
  AWAIT(fabric->told[RSM_TARGET_ENDED] == 1);
  expect_refusal(RSMERR_REMOTE_NODE_UNREACHABLE); /* expired */
  fabric->importer--; /* the one that was let in is well */
  struct rsm_remote *remote = open_remote(endpoint, ID, 0600);
  CHECK_EQ(put(remote, 0, &value, 8, true), RSM_SUCCESS);
  rsm_remote_close(remote);
  rsm_endpoint_close(endpoint);
  fabric_down();
}

static void nobody_there_is_an_answer_too(void) {
  fabric_up();
  struct rsm_address there = fabric->address;
  fabric->address.port = 1;
  expect_refusal(RSMERR_REMOTE_NODE_UNREACHABLE);
  snprintf(fabric->address.host, sizeof fabric->address.host, "not an address");
  expect_refusal(RSMERR_REMOTE_NODE_UNREACHABLE);
  snprintf(fabric->address.provider, sizeof fabric->address.provider, "nonsense");
  expect_refusal(RSMERR_CTLR_NOT_PRESENT);
  fabric->address = there;
  fabric_down();
}

/* ---- ends ---- */

static void C_201_the_gateway_is_killed(void) {
  fabric_up();
  struct rsm_endpoint *endpoint = connect_endpoint();
  struct rsm_remote *remote = open_remote(endpoint, ID, 0600);
  CHECK_EQ(put(remote, 0, &value, 8, true), RSM_SUCCESS);
  kill(gateway_pid, SIGKILL);
  int code;
  while ((code = put(remote, 0, &value, 8, true)) == RSM_SUCCESS) nap();
  CHECK_EQ(code, RSMERR_CONN_ABORTED);
  CHECK(rsm_endpoint_is_broken(endpoint));
  CHECK_EQ(get(remote, 0, &value, 8, false), RSMERR_CONN_ABORTED);
  CHECK_EQ(check(remote), RSMERR_CONN_ABORTED);
  CHECK_EQ(rsm_remote_post(remote, false), RSMERR_CONN_ABORTED);
  uint64_t old;
  CHECK_EQ(rsm_remote_atomic(remote, RSM_ATOMIC_ADD, 8, 0, 1, 0, &old), RSMERR_CONN_ABORTED);
  CHECK(!rsm_remote_take(remote));
  CHECK_EQ(rsm_remote_wait(remote, 10, NULL, NULL), RSMERR_TIMEOUT);
  rsm_remote_close(remote);
  rsm_endpoint_close(endpoint);
  fabric_down_without(gateway_pid);
}

static void an_idle_importer_learns_that_the_gateway_was_killed(void) {
  fabric_up();
  struct rsm_endpoint *endpoint = connect_endpoint();
  struct rsm_remote *remote = open_remote(endpoint, ID, 0600);
  rsm_endpoint_arm(endpoint);
  struct pollfd entry = {.fd = rsm_endpoint_descriptor(endpoint), .events = POLLIN};
  kill(gateway_pid, SIGKILL);
  CHECK_EQ(poll(&entry, 1, PATIENCE_MS), 1);
  AWAIT((rsm_endpoint_progress(endpoint), rsm_endpoint_is_broken(endpoint)));
  CHECK(!rsm_remote_is_whole(remote));
  rsm_endpoint_close(endpoint); /* before the remote, for once */
  rsm_remote_close(remote);
  fabric_down_without(gateway_pid);
}

/* Every thread of it has stopped when this returns. */
static void stop_gateway(void) {
  int status;
  kill(gateway_pid, SIGSTOP);
  CHECK_EQ(waitpid(gateway_pid, &status, WUNTRACED), gateway_pid);
  CHECK(WIFSTOPPED(status));
}

/* Nothing tells of a peer that is stopped: the deadline does. */
static void the_gateway_is_stopped(void) {
  static uint8_t bytes[LENGTH];
  fabric_up();
  struct rsm_endpoint *endpoint = connect_endpoint();
  struct rsm_remote *remote = open_remote(endpoint, ID, 0600);
  struct rsm_transfer transfer = {.remote = remote, .direction = RSM_GET, .checked = true, .local = (char *)bytes,
                                  .length = LENGTH};
  stop_gateway();
  rsm_transfer_begin(&transfer);
  CHECK_EQ(put(remote, 0, bytes, LENGTH, true), RSMERR_CONN_ABORTED);
  CHECK(rsm_endpoint_take_finished(endpoint) == &transfer);
  CHECK_EQ(transfer.code, RSMERR_CONN_ABORTED);
  rsm_remote_close(remote);
  rsm_endpoint_close(endpoint);
  kill(gateway_pid, SIGCONT);
  AWAIT(fabric->told[RSM_TARGET_ENDED] == 1);
  /* And a later one succeeds. */
  endpoint = connect_endpoint();
  remote = open_remote(endpoint, ID, 0600);
  CHECK_EQ(put(remote, 0, bytes, LENGTH, true), RSM_SUCCESS);
  rsm_remote_close(remote);
  rsm_endpoint_close(endpoint);
  fabric_down();
}

static void posts_without_end_to_a_stopped_gateway_have_one(void) {
  fabric_up();
  struct rsm_endpoint *endpoint = connect_endpoint();
  struct rsm_remote *remote = open_remote(endpoint, ID, 0600);
  stop_gateway();
  int code;
  while ((code = rsm_remote_post(remote, false)) == RSM_SUCCESS) continue;
  CHECK_EQ(code, RSMERR_CONN_ABORTED);
  rsm_remote_close(remote);
  rsm_endpoint_close(endpoint);
  kill(gateway_pid, SIGCONT);
  fabric_down();
}

/* Posting waits for nobody; what was posted arrives all the same. Often: the last message and the end of the connection
 * have to come at once. */
static void events_of_who_goes_at_once_arrive(void) {
  enum { TIMES = 100 };
  fabric_up();
  for (uint32_t i = 1; i <= TIMES; i++) {
    struct rsm_endpoint *endpoint = connect_endpoint();
    struct rsm_remote *remote = open_remote(endpoint, ID, 0600);
    CHECK_EQ(check(remote), RSM_SUCCESS);
    CHECK_EQ(rsm_remote_post(remote, false), RSM_SUCCESS);
    rsm_remote_close(remote);
    rsm_endpoint_close(endpoint);
    AWAIT(fabric->told[RSM_TARGET_ENDED] == i);
    CHECK_EQ(request_of_exporter(TAKE), 1);
  }
  fabric_down();
}

/* Of what epoll tells at once the first may end what the second is about: nothing of it is touched any more. */
static void an_event_comes_with_the_end_of_its_importer(void) {
  enum { TIMES = 20 };
  fabric_up();
  for (uint32_t i = 1; i <= TIMES; i++) {
    struct rsm_endpoint *endpoint = connect_endpoint();
    struct rsm_remote *remote = open_remote(endpoint, ID, 0600);
    CHECK_EQ(check(remote), RSM_SUCCESS);
    kill(gateway_pid, SIGSTOP);
    rsm_remote_close(remote);
    rsm_endpoint_close(endpoint);
    request_of_exporter(POST);
    kill(gateway_pid, SIGCONT);
    AWAIT(fabric->told[RSM_TARGET_ENDED] == i);
  }
  fabric_down();
}

static void C_201_the_exporter_is_killed(void) {
  fabric_up();
  struct rsm_endpoint *endpoint = connect_endpoint();
  struct rsm_remote *remote = open_remote(endpoint, ID, 0600);
  CHECK_EQ(put(remote, 0, &value, 8, true), RSM_SUCCESS);
  kill(exporter_pid, SIGKILL);
  AWAIT(put(remote, 0, &value, 8, true) == RSMERR_CONN_ABORTED);
  CHECK(!rsm_endpoint_is_broken(endpoint));
  rsm_remote_close(remote);
  AWAIT(fabric->told[RSM_TARGET_RELEASED] == 1);
  rsm_endpoint_close(endpoint);
  fabric_down_without(exporter_pid);
}

static void an_importer(int unused) {
  (void)unused;
  static uint8_t bytes[LENGTH];
  struct rsm_endpoint *endpoint = connect_endpoint();
  struct rsm_remote *remote = open_remote(endpoint, ID, 0600);
  for (;;) {
    CHECK_EQ(put(remote, 0, bytes, LENGTH, false), RSM_SUCCESS);
    board->count++;
  }
}

static void importers_are_killed_and_leave_nothing(void) {
  fabric_up();
  int before = 0;
  for (uint32_t i = 1; i <= 10; i++) {
    pid_t pid = start(an_importer, 0);
    uint64_t count = board->count;
    AWAIT(board->count > count + 10);
    kill(pid, SIGKILL);
    expect_killed(pid);
    AWAIT(fabric->told[RSM_TARGET_ENDED] == i);
    CHECK_EQ(ask(LOOK), RSM_SUCCESS); /* it has looked */
    if (i == 1) before = fabric->descriptors;
    CHECK_EQ(fabric->descriptors, before);
  }
  fabric_down();
}

static void an_importer_is_cut_off(void) {
  static uint8_t bytes[LENGTH];
  fabric_up();
  struct rsm_endpoint *endpoint = connect_endpoint();
  struct rsm_remote *remote = open_remote(endpoint, ID, 0600);
  for (int i = 0; i < 10; i++) CHECK_EQ(put(remote, 0, bytes, LENGTH, false), RSM_SUCCESS);
  CHECK_EQ(ask(END_IMPORTER), RSM_SUCCESS);
  CHECK_EQ(put(remote, 0, bytes, LENGTH, true), RSMERR_CONN_ABORTED);
  CHECK_EQ(fabric->told[RSM_TARGET_ENDED], 1);
  rsm_remote_close(remote);
  rsm_endpoint_close(endpoint);
  fabric_down();
}

/* ---- cheats ---- */

/* What an honest initiator never sends costs the connection, and nothing else. */
static void expect_cut_off(struct rsm_endpoint *endpoint, struct rsm_remote *remote) {
  AWAIT((rsm_endpoint_progress(endpoint), rsm_endpoint_is_broken(endpoint)));
  rsm_remote_close(remote);
  rsm_endpoint_close(endpoint);
}

/* Of more than a word, which would go as a message. */
static void accesses_beyond_what_was_granted(void) {
  uint64_t pair[2] = {0};
  fabric_up();
  struct rsm_endpoint *honest = connect_endpoint();
  struct rsm_remote *kept = open_remote(honest, ID, 0600);
  CHECK_EQ(put(kept, 0, &value, 8, true), RSM_SUCCESS);
  for (int cheat = 0; cheat < 7; cheat++) {
    struct rsm_endpoint *endpoint = connect_endpoint();
    struct rsm_remote *remote = open_remote(endpoint, ID, cheat == 3 ? 0400 : cheat == 4 ? 0200 : 0600);
    uint64_t offset = 0;
    if (cheat == 0) offset = LENGTH;
    if (cheat == 1) offset = LENGTH - 4;
    if (cheat == 2) offset = (uint64_t)-8;
    if (cheat == 5) remote->grant.data = kept->grant.data; /* the key of another importer */
    if (cheat == 6) remote->grant.data.key++;
    int code = cheat == 4 ? get(remote, offset, pair, 16, true) : put(remote, offset, pair, 16, true);
    CHECK_EQ(code, RSMERR_CONN_ABORTED);
    expect_cut_off(endpoint, remote);
    CHECK_EQ(put(kept, 0, &value, 8, true), RSM_SUCCESS);
  }
  rsm_remote_close(kept);
  rsm_endpoint_close(honest);
  fabric_down();
}

static void messages_that_break_the_rules(void) {
  static const struct rsm_message messages[] = {
      {.type = 0, .segment = 1},
      {.type = 99, .segment = 1},
      {.type = RSM_MESSAGE_EVENT, .segment = 1},
      {.type = RSM_MESSAGE_POST, .segment = 0},
      {.type = RSM_MESSAGE_POST, .segment = 2},
      {.type = RSM_MESSAGE_ATOMIC, .segment = 1, .width = 2},
      {.type = RSM_MESSAGE_ATOMIC, .segment = 1, .width = 16},
      {.type = RSM_MESSAGE_ATOMIC, .segment = 1, .width = 8, .offset = LENGTH},
      {.type = RSM_MESSAGE_ATOMIC, .segment = 1, .width = 8, .offset = LENGTH - 4},
      {.type = RSM_MESSAGE_ATOMIC, .segment = 1, .width = 8, .offset = (uint64_t)-8},
      {.type = RSM_MESSAGE_ATOMIC, .segment = 1, .width = 8, .operation = 6},
      {.type = RSM_MESSAGE_ATOMIC, .segment = 1, .width = 8, .operation = RSM_ATOMIC_ADD}, /* read-only */
  };
  fabric_up();
  for (size_t i = 0; i < sizeof messages / sizeof messages[0]; i++) {
    struct rsm_endpoint *endpoint = connect_endpoint();
    struct rsm_remote *remote = open_remote(endpoint, ID, 0400);
    CHECK_EQ(fi_inject(endpoint->connection.endpoint, &messages[i], sizeof messages[i], 0), 0);
    expect_cut_off(endpoint, remote);
    AWAIT(fabric->told[RSM_TARGET_ENDED] == i + 1);
    CHECK_EQ(fabric->told[RSM_TARGET_CHEATED], i + 1);
  }
  fabric_down();
}

/* More than there is room for in the answers, from one that does not read them. */
static void a_flood_of_requests(void) {
  fabric_up();
  struct rsm_endpoint *endpoint = connect_endpoint();
  struct rsm_remote *remote = open_remote(endpoint, ID, 0600);
  struct rsm_message message = {.type = RSM_MESSAGE_ATOMIC, .segment = 1, .width = 8, .operation = RSM_ATOMIC_ADD};
  for (int i = 0; i < 100000; i++) {
    if (fi_inject(endpoint->connection.endpoint, &message, sizeof message, 0) != 0) break;
  }
  expect_cut_off(endpoint, remote); /* here at the latest, by answers to what was not asked */
  AWAIT(fabric->told[RSM_TARGET_ENDED] == 1);
  fabric_down();
}

int main(void) {
  RUN(only_a_fresh_ticket_lets_in_and_only_once);
  RUN(nobody_there_is_an_answer_too);
  RUN(C_201_the_gateway_is_killed);
  RUN(an_idle_importer_learns_that_the_gateway_was_killed);
  RUN(the_gateway_is_stopped);
  RUN(posts_without_end_to_a_stopped_gateway_have_one);
  RUN(events_of_who_goes_at_once_arrive);
  RUN(an_event_comes_with_the_end_of_its_importer);
  RUN(C_201_the_exporter_is_killed);
  RUN(importers_are_killed_and_leave_nothing);
  RUN(an_importer_is_cut_off);
  RUN(accesses_beyond_what_was_granted);
  RUN(messages_that_break_the_rules);
  RUN(a_flood_of_requests);
  return 0;
}
