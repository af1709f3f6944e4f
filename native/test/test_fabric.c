// sources: access agent connection event_set event_wait events exporter handshake imported importer listener
// sources: mapping memfd
// sources: memory memory_regions memory_sources object object_map process rebind record record_wait serve shown slots
// sources: locks lock_requests port room wait wire
// fabric: alarm endpoint grants importers library link remote remote_locks serve target target_locks transfer
/* Transfers, atomics and events over the fabric, and how they end. */
#include "fabric_rig.h"

/* ---- bytes ---- */

static void fill(uint8_t *bytes, size_t length, unsigned seed) {
  for (size_t i = 0; i < length; i++) bytes[i] = (uint8_t)(i * 31 + seed);
}

static void what_is_put_is_there(void) {
  static const size_t lengths[] = {1, 7, 8, 128, 129, PAGE, 3 * PAGE + 5, LENGTH};
  static uint8_t bytes[LENGTH], back[LENGTH];
  fabric_up();
  struct rsm_endpoint *endpoint = connect_endpoint();
  struct rsm_remote *remote = open_remote(endpoint, ID, 0600);
  for (unsigned i = 0; i < 4 * sizeof lengths / sizeof lengths[0]; i++) {
    size_t length = lengths[i / 4], offset = (i * 97) % (LENGTH - length + 1);
    fill(bytes, length, i);
    CHECK_EQ(put(remote, offset, bytes, length, i % 2 == 0), RSM_SUCCESS);
    memset(back, 0, length);
    CHECK_EQ(get(remote, offset, back, length, i / 2 % 2 == 0), RSM_SUCCESS);
    CHECK(memcmp(bytes, back, length) == 0);
    CHECK_EQ(check(remote), RSM_SUCCESS);
  }
  uint64_t sum = 0;
  for (size_t i = 0; i < LENGTH; i++) bytes[i] = (uint8_t)i, sum += bytes[i];
  CHECK_EQ(put(remote, 0, bytes, LENGTH, true), RSM_SUCCESS);
  CHECK_EQ(request_of_exporter(SUM), sum);
  CHECK_EQ(put(remote, LENGTH, bytes, 0, true), RSM_SUCCESS);
  rsm_remote_close(remote);
  AWAIT(fabric->told[RSM_TARGET_RELEASED] == 1);
  rsm_endpoint_close(endpoint);
  AWAIT(fabric->told[RSM_TARGET_ENDED] == 1);
  fabric_down();
}

/* Unchecked puts overwrite one another in order; a check tells of all of them. */
static void C_167_many_small_puts_and_one_check(void) {
  fabric_up();
  struct rsm_endpoint *endpoint = connect_endpoint();
  struct rsm_remote *remote = open_remote(endpoint, ID, 0600);
  uint64_t value, found;
  for (value = 1; value <= 5000; value++) CHECK_EQ(put(remote, 8 * (value % 64), &value, 8, false), RSM_SUCCESS);
  CHECK_EQ(check(remote), RSM_SUCCESS);
  for (uint64_t i = 0; i < 64; i++) {
    CHECK_EQ(get(remote, 8 * i, &found, 8, true), RSM_SUCCESS);
    CHECK_EQ(found % 64, i);
    CHECK(found > 5000 - 64);
  }
  rsm_remote_close(remote);
  rsm_endpoint_close(endpoint);
  fabric_down();
}

static void transfers_go_on_by_themselves_and_end_in_order(void) {
  enum { COUNT = 600 };
  static struct rsm_transfer transfer[COUNT];
  static uint8_t bytes[LENGTH], back[LENGTH];
  fabric_up();
  struct rsm_endpoint *endpoint = connect_endpoint();
  struct rsm_remote *remote = open_remote(endpoint, ID, 0600);
  fill(bytes, LENGTH, 5);
  for (int i = 0; i < COUNT; i++) {
    bool puts = i < COUNT / 2;
    transfer[i] = (struct rsm_transfer){.remote = remote, .direction = puts ? RSM_PUT : RSM_GET, .checked = true,
                                        .local = (char *)(puts ? bytes : back), .offset = 0, .length = LENGTH};
    rsm_transfer_begin(&transfer[i]);
  }
  for (int i = 0; i < COUNT; i++) {
    struct rsm_transfer *finished;
    AWAIT((rsm_endpoint_progress(endpoint), finished = rsm_endpoint_take_finished(endpoint)) != NULL);
    CHECK(finished == &transfer[i]);
    CHECK_EQ(finished->code, RSM_SUCCESS);
  }
  CHECK(memcmp(bytes, back, LENGTH) == 0);
  /* Closing while some are under way. */
  for (int i = 0; i < COUNT; i++) {
    transfer[i] = (struct rsm_transfer){.remote = remote, .direction = RSM_GET, .checked = true, .local = (char *)back,
                                        .length = LENGTH};
    rsm_transfer_begin(&transfer[i]);
  }
  rsm_remote_close(remote);
  for (int i = 0; i < COUNT; i++) CHECK(rsm_endpoint_take_finished(endpoint) == &transfer[i]);
  rsm_endpoint_close(endpoint);
  fabric_down();
}

/* ---- atomics ---- */

static uint64_t atomic(struct rsm_remote *remote, enum rsm_atomic operation, uint8_t width, uint64_t offset,
                       uint64_t operand, uint64_t comparand) {
  uint64_t old = 77;
  CHECK_EQ(rsm_remote_atomic(remote, operation, width, offset, operand, comparand, &old), RSM_SUCCESS);
  return old;
}

static void atomics_of_both_widths(void) {
  fabric_up();
  struct rsm_endpoint *endpoint = connect_endpoint();
  struct rsm_remote *remote = open_remote(endpoint, ID, 0600);
  for (uint8_t width = 4; width <= 8; width *= 2) {
    uint64_t at = 8u * width, most = width == 8 ? UINT64_MAX : UINT32_MAX, word = 0;
    CHECK_EQ(atomic(remote, RSM_ATOMIC_ADD, width, at, most, 0), 0);
    CHECK_EQ(atomic(remote, RSM_ATOMIC_ADD, width, at, 1, 0), most);
    CHECK_EQ(atomic(remote, RSM_ATOMIC_EXCHANGE, width, at, 12, 0), 0);
    CHECK_EQ(atomic(remote, RSM_ATOMIC_COMPARE_EXCHANGE, width, at, 1, 11), 12);
    CHECK_EQ(atomic(remote, RSM_ATOMIC_COMPARE_EXCHANGE, width, at, 6, 12), 12);
    CHECK_EQ(atomic(remote, RSM_ATOMIC_AND, width, at, 3, 0), 6);
    CHECK_EQ(atomic(remote, RSM_ATOMIC_OR, width, at, 8, 0), 2);
    CHECK_EQ(atomic(remote, RSM_ATOMIC_XOR, width, at, 9, 0), 10);
    CHECK_EQ(get(remote, at, &word, width, true), RSM_SUCCESS);
    CHECK_EQ(word, 3);
    CHECK_EQ(get(remote, at + width, &word, width, true), RSM_SUCCESS);
    CHECK_EQ(word, 0);
  }
  rsm_remote_close(remote);
  rsm_endpoint_close(endpoint);
  fabric_down();
}

/* ---- events ---- */

static void events_in_both_directions(void) {
  fabric_up();
  struct rsm_endpoint *endpoint = connect_endpoint();
  struct rsm_remote *remote = open_remote(endpoint, ID, 0600);
  CHECK_EQ(rsm_remote_wait(remote, 0, NULL, NULL), RSMERR_TIMEOUT);
  CHECK_EQ(rsm_remote_wait(remote, 20, NULL, NULL), RSMERR_TIMEOUT);
  for (int i = 0; i < 3; i++) request_of_exporter(POST);
  for (int i = 0; i < 3; i++) CHECK_EQ(rsm_remote_wait(remote, PATIENCE_MS, NULL, NULL), RSM_SUCCESS);
  CHECK(!rsm_remote_take(remote));
  /* Whether the events of before have been told does not matter: a coalesced one is dropped where one is pending. */
  for (int i = 0; i < 3; i++) request_of_exporter(POST_COALESCED);
  CHECK_EQ(rsm_remote_wait(remote, PATIENCE_MS, NULL, NULL), RSM_SUCCESS);
  CHECK_EQ(check(remote), RSM_SUCCESS);
  request_of_exporter(POST);
  CHECK_EQ(rsm_remote_wait(remote, PATIENCE_MS, NULL, NULL), RSM_SUCCESS);
  CHECK_EQ(check(remote), RSM_SUCCESS);
  while (rsm_remote_take(remote)) continue;
  /* By its descriptor. */
  int fd = rsm_remote_descriptor(remote);
  struct pollfd entry = {.fd = fd, .events = POLLIN};
  CHECK(fd >= 0 && fd == rsm_remote_descriptor(remote));
  AWAIT((rsm_remote_take(remote), poll(&entry, 1, 0)) == 0);
  request_of_exporter(POST);
  bool taken = false;
  while (!taken) {
    CHECK_EQ(poll(&entry, 1, PATIENCE_MS), 1);
    taken = rsm_remote_take(remote);
  }
  /* The other way. */
  for (int i = 0; i < 3; i++) CHECK_EQ(rsm_remote_post(remote, false), RSM_SUCCESS);
  CHECK_EQ(check(remote), RSM_SUCCESS);
  for (int i = 0; i < 3; i++) AWAIT(request_of_exporter(TAKE) == 1);
  CHECK_EQ(request_of_exporter(TAKE), 0);
  rsm_remote_close(remote);
  rsm_endpoint_close(endpoint);
  fabric_down();
}

/* ---- withdrawal and rebind ---- */

static void C_045_a_withdrawn_segment_ends_and_no_other(void) {
  uint64_t value = 1;
  static uint8_t bytes[LENGTH];
  struct rsm_remote *kinds[3];
  fabric_up();
  struct rsm_endpoint *endpoint = connect_endpoint();
  struct rsm_remote *first = open_remote(endpoint, ID, 0600);
  uint32_t number = fabric->grant.segment;
  struct rsm_remote *second = open_remote(endpoint, ID + 1, 0600);
  for (int i = 0; i < 3; i++) kinds[i] = open_remote(endpoint, ID, 0600);
  CHECK_EQ(put(first, 0, &value, 8, true), RSM_SUCCESS);
  request_of_exporter(UNPUBLISH);
  CHECK_EQ(put(first, 0, &value, 8, true), RSMERR_CONN_ABORTED); /* though nobody has told yet */
  CHECK_EQ(put(kinds[0], 0, bytes, LENGTH, true), RSMERR_CONN_ABORTED);
  CHECK_EQ(get(kinds[1], 0, bytes, LENGTH, true), RSMERR_CONN_ABORTED);
  CHECK_EQ(get(kinds[2], 0, bytes, 0, true), RSMERR_CONN_ABORTED);
  CHECK(!rsm_remote_is_whole(first) && rsm_remote_is_whole(second));
  CHECK_EQ(check(first), RSMERR_CONN_ABORTED);
  CHECK_EQ(rsm_remote_post(first, false), RSMERR_CONN_ABORTED);
  CHECK_EQ(put(second, 0, &value, 8, true), RSM_SUCCESS);
  fabric->segment = number;
  CHECK_EQ(ask(REVOKE), RSM_SUCCESS);
  CHECK_EQ(ask(REVOKE), RSM_SUCCESS);
  CHECK_EQ(put(second, 0, &value, 8, true), RSM_SUCCESS);
  rsm_remote_close(first);
  for (int i = 0; i < 3; i++) rsm_remote_close(kinds[i]);
  rsm_remote_close(second);
  AWAIT(fabric->told[RSM_TARGET_RELEASED] == 4); /* not the first: of that the gateway knew */
  rsm_endpoint_close(endpoint);
  fabric_down();
}

static void begin_put(struct rsm_transfer *transfer, struct rsm_remote *remote, void *bytes) {
  *transfer = (struct rsm_transfer){
      .remote = remote, .direction = RSM_PUT, .checked = true, .local = bytes, .length = LENGTH};
  rsm_transfer_begin(transfer);
}

static int code_of_next(struct rsm_endpoint *endpoint, const struct rsm_transfer *expected) {
  struct rsm_transfer *finished;
  AWAIT((rsm_endpoint_progress(endpoint), finished = rsm_endpoint_take_finished(endpoint)) != NULL);
  CHECK(finished == expected);
  return finished->code;
}

static void puts_that_share_a_check_fail_together(void) {
  static uint8_t bytes[LENGTH];
  static struct rsm_transfer transfer[4];
  fabric_up();
  struct rsm_endpoint *endpoint = connect_endpoint();
  struct rsm_remote *first = open_remote(endpoint, ID, 0600), *second = open_remote(endpoint, ID + 1, 0600);
  for (int i = 0; i < 3; i++) begin_put(&transfer[i], first, bytes);
  request_of_exporter(UNPUBLISH);
  begin_put(&transfer[3], second, bytes);
  for (int i = 0; i < 3; i++) CHECK_EQ(code_of_next(endpoint, &transfer[i]), RSMERR_CONN_ABORTED);
  CHECK_EQ(code_of_next(endpoint, &transfer[3]), RSM_SUCCESS);
  rsm_remote_close(first);
  rsm_remote_close(second);
  rsm_endpoint_close(endpoint);
  fabric_down();
}

static void a_put_that_nobody_looked_after_is_not_late(void) {
  static uint8_t bytes[LENGTH];
  static struct rsm_transfer transfer[2];
  fabric_up();
  struct rsm_endpoint *endpoint = connect_endpoint();
  struct rsm_remote *first = open_remote(endpoint, ID, 0600), *second = open_remote(endpoint, ID + 1, 0600);
  begin_put(&transfer[0], first, bytes);
  CHECK_EQ(rsm_endpoint_deadline_ns(endpoint), RSM_NO_DEADLINE);
  sleep_ms(RSM_TRANSFER_MS + LENGTH / RSM_BYTES_PER_MS + 100);
  begin_put(&transfer[1], second, bytes);
  for (int i = 0; i < 2; i++) CHECK_EQ(code_of_next(endpoint, &transfer[i]), RSM_SUCCESS);
  rsm_remote_close(first);
  rsm_remote_close(second);
  rsm_endpoint_close(endpoint);
  fabric_down();
}

static void a_withdrawal_is_told(void) {
  fabric_up();
  struct rsm_endpoint *endpoint = connect_endpoint();
  struct rsm_remote *remote = open_remote(endpoint, ID, 0600);
  request_of_exporter(POST);
  fabric->segment = fabric->grant.segment;
  CHECK_EQ(ask(REVOKE), RSM_SUCCESS);
  AWAIT((rsm_endpoint_progress(endpoint), !rsm_remote_is_whole(remote)));
  CHECK(rsm_remote_take(remote)); /* what was posted before */
  rsm_remote_close(remote);
  rsm_endpoint_close(endpoint);
  fabric_down();
}

static void C_051_rebind_under_traffic_breaks_nothing(void) {
  static uint8_t bytes[LENGTH];
  fabric_up();
  struct rsm_endpoint *endpoint = connect_endpoint();
  struct rsm_remote *remote = open_remote(endpoint, ID, 0600);
  for (int i = 0; i < 20; i++) {
    *request = REBIND;
    do {
      CHECK_EQ(put(remote, 0, bytes, LENGTH, true), RSM_SUCCESS);
      CHECK_EQ(get(remote, 0, bytes, LENGTH, true), RSM_SUCCESS);
    } while (*request != IDLE);
  }
  memset(bytes, 1, LENGTH);
  CHECK_EQ(put(remote, 0, bytes, LENGTH, true), RSM_SUCCESS);
  CHECK_EQ(request_of_exporter(SUM), LENGTH);
  rsm_remote_close(remote);
  rsm_endpoint_close(endpoint);
  fabric_down();
}

int main(void) {
  RUN(what_is_put_is_there);
  RUN(C_167_many_small_puts_and_one_check);
  RUN(transfers_go_on_by_themselves_and_end_in_order);
  RUN(atomics_of_both_widths);
  RUN(events_in_both_directions);
  RUN(C_045_a_withdrawn_segment_ends_and_no_other);
  RUN(puts_that_share_a_check_fail_together);
  RUN(a_put_that_nobody_looked_after_is_not_late);
  RUN(a_withdrawal_is_told);
  RUN(C_051_rebind_under_traffic_breaks_nothing);
  return 0;
}
