// sources: access agent connection event_set event_wait events exporter handshake imported importer listener
// sources: mapping memfd room
// sources: memory memory_regions memory_sources object object_map process rebind record record_wait serve shown slots
// sources: locks lock_requests wait wire
/* A gateway connects on behalf of users of other nodes; nobody else does. */
#include <fcntl.h>

#include "rig.h"
#include "../loopback/record_layout.h"

#define OWN_NODE 1
#define OTHER_NODE 2
#define OWNER 1000
#define GROUP 2000

static struct rsm_export *segment;
static uint8_t *memory;

/* Published to the other node alone, 0640, by OWNER of GROUP. */
static void serve(uid_t gateway) {
  rig_up();
  make_scratch();
  env = open_env();
  struct rsm_place place = {.directory = directory, .name = "exporter", .node = OWN_NODE, .gateway = gateway};
  int error;
  CHECK_EQ(rsm_record_open(env, &place, &record, &error), RSM_SUCCESS);
  memory = allocate(PAGE);
  segment = export_of(env, memory, PAGE);
  uint32_t number;
  CHECK_EQ(rsm_export_show(segment, record, &number), RSM_SUCCESS);
  struct rsm_grants grants = {.uid = OWNER, .gid = GROUP, .count = 1};
  grants.entry[0].node = OTHER_NODE;
  grants.entry[0].permission = 0640;
  CHECK_EQ(rsm_export_publish(segment, record, ID, "a", &grants), RSM_SUCCESS);
}

static void serve_no_more(void) {
  rsm_export_release(segment);
  leave();
  give_back(memory);
  rig_down(false);
}

static int ask(uint32_t node, uint32_t permission, const struct rsm_behalf *behalf) {
  char path[128];
  snprintf(path, sizeof path, "%s/exporter.s", directory);
  struct rsm_connect request = {.socket_path = path, .owner = geteuid(), .node = node, .segment_id = ID,
                                .permission = permission, .timeout_ms = PATIENCE_MS, .cancel_fd = -1,
                                .behalf = behalf};
  struct rsm_import *import;
  int code = rsm_import_connect(env, &request, &import);
  if (code == RSM_SUCCESS) rsm_import_release(import);
  return code;
}

static void a_gateway_is_believed_who_asks(void) {
  serve(geteuid());
  uint32_t groups[RSM_FRAME_GROUPS] = {3, 4};
  groups[RSM_FRAME_GROUPS - 1] = GROUP;
  struct rsm_behalf owner = {.uid = OWNER, .gid = 5}, other = {.uid = OWNER + 1, .gid = 5};
  struct rsm_behalf member = {.uid = OWNER + 1, .gid = 5, .group_count = RSM_FRAME_GROUPS, .groups = groups};
  struct rsm_behalf root = {.uid = 0};
  CHECK_EQ(ask(OTHER_NODE, 0600, &owner), RSM_SUCCESS);
  CHECK_EQ(ask(OTHER_NODE, 0400, &member), RSM_SUCCESS);
  CHECK_EQ(ask(OTHER_NODE, 0600, &member), RSMERR_PERM_DENIED);
  CHECK_EQ(ask(OTHER_NODE, 0400, &other), RSMERR_PERM_DENIED);
  CHECK_EQ(ask(OTHER_NODE, 0600, &root), RSM_SUCCESS);
  CHECK_EQ(ask(OTHER_NODE + 1, 0400, &owner), RSMERR_SEG_NOT_PUBLISHED_TO_NODE);
  serve_no_more();
}

static void it_cannot_speak_for_its_own_node(void) {
  serve(geteuid());
  struct rsm_behalf owner = {.uid = OWNER};
  CHECK_EQ(ask(OWN_NODE, 0600, &owner), RSMERR_PERM_DENIED);
  serve_no_more();
}

static void nobody_else_is_believed(void) {
  uid_t gateways[] = {RSM_NOBODY, OTHER_UID};
  struct rsm_behalf owner = {.uid = OWNER};
  for (int i = 0; i < 2; i++) {
    serve(gateways[i]);
    CHECK_EQ(ask(OTHER_NODE, 0400, &owner), RSMERR_PERM_DENIED);
    serve_no_more();
  }
}

static void a_process_does_not_choose_its_node(void) {
  serve(geteuid());
  CHECK_EQ(ask(OTHER_NODE, 0400, NULL), RSMERR_SEG_NOT_PUBLISHED_TO_NODE);
  struct rsm_grants grants = grants_of(0);
  grants.count = 1;
  grants.entry[0].node = OWN_NODE;
  CHECK_EQ(rsm_export_republish(segment, &grants), RSM_SUCCESS);
  CHECK_EQ(ask(OTHER_NODE, 0400, NULL), RSM_SUCCESS);
  serve_no_more();
}

static void an_assertion_out_of_range_is_refused(void) {
  serve(geteuid());
  struct rsm_frame good = rsm_frame_of(RSM_FRAME_CONNECT), bad[3], answer;
  good.segment_id = ID;
  good.node = OTHER_NODE;
  good.permission = 0400;
  good.asserted = 1;
  good.uid = OWNER;
  for (int i = 0; i < 3; i++) bad[i] = good;
  bad[0].group_count = RSM_FRAME_GROUPS + 1;
  bad[1].group_count = UINT32_MAX;
  bad[2].asserted = 2;
  for (int i = 0; i < 3; i++) {
    int fd = raw_dial("exporter"), descriptors[RSM_FRAME_DESCRIPTORS];
    size_t count;
    CHECK_EQ(rsm_wire_send(fd, &bad[i], NULL, 0), 0);
    CHECK_EQ(raw_receive(fd, &answer, descriptors, &count), 1);
    CHECK(answer.type == RSM_FRAME_REFUSE && answer.code == RSMERR_PERM_DENIED && count == 0);
    raw_expect_end(fd);
  }
  CHECK_EQ(rsm_export_importers(segment), 0);
  serve_no_more();
}

/* What tools see is the importer, not the gateway. */
static void the_record_shows_the_importer(void) {
  serve(geteuid());
  char path[128];
  snprintf(path, sizeof path, "%s/exporter.s", directory);
  struct rsm_behalf owner = {.uid = OWNER};
  struct rsm_connect request = {.socket_path = path, .owner = geteuid(), .node = OTHER_NODE, .segment_id = ID,
                                .permission = 0400, .timeout_ms = PATIENCE_MS, .cancel_fd = -1, .behalf = &owner};
  struct rsm_import *import;
  CHECK_EQ(rsm_import_connect(env, &request, &import), RSM_SUCCESS);
  size_t length;
  struct rsm_slot *slots = rsm_record_part(record, 1, &length);
  CHECK(slots != NULL);
  struct rsm_slot *found = NULL;
  for (size_t i = 0; i < length / sizeof *slots; i++) {
    if (slots[i].kind == RSM_SLOT_CONNECTION) found = &slots[i];
  }
  CHECK(found != NULL);
  CHECK_EQ(found->connection.uid, OWNER);
  CHECK_EQ(found->connection.node, OTHER_NODE);
  CHECK_EQ(found->connection.pid, 0);
  rsm_record_part_release(record);
  rsm_import_release(import);
  serve_no_more();
}

int main(void) {
  RUN(a_gateway_is_believed_who_asks);
  RUN(it_cannot_speak_for_its_own_node);
  RUN(nobody_else_is_believed);
  RUN(a_process_does_not_choose_its_node);
  RUN(an_assertion_out_of_range_is_refused);
  RUN(the_record_shows_the_importer);
  return 0;
}
