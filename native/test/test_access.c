// sources: access
#define _GNU_SOURCE
#include <grp.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "../loopback/access.h"
#include "../loopback/codes.h"
#include "check.h"

enum { OWNER = 1000, GROUP = 2000, NODE = 5 };

static struct rsm_peer peer_of(uid_t uid, gid_t gid) {
  return (struct rsm_peer){.uid = uid, .gid = gid};
}

static struct rsm_grants grants_of(uint32_t permission) {
  struct rsm_grants grants = {.uid = OWNER, .gid = GROUP, .count = 1};
  grants.entry[0].node = NODE;
  grants.entry[0].permission = permission;
  return grants;
}

static int decide(uint32_t permission, struct rsm_peer peer, uint32_t asked) {
  struct rsm_grants grants = grants_of(permission);
  return rsm_access_decide(&grants, &peer, NODE, asked);
}

static void test_C_086_0624_gives_each_class_its_digit(void) {
  struct rsm_peer owner = peer_of(OWNER, 1), member = peer_of(1001, GROUP), other = peer_of(1001, 1);
  CHECK_EQ(decide(0624, owner, 0600), RSM_SUCCESS);
  CHECK_EQ(decide(0624, member, 0200), RSM_SUCCESS);
  CHECK_EQ(decide(0624, member, 0400), RSMERR_PERM_DENIED);
  CHECK_EQ(decide(0624, member, 0600), RSMERR_PERM_DENIED);
  CHECK_EQ(decide(0624, other, 0400), RSM_SUCCESS);
  CHECK_EQ(decide(0624, other, 0200), RSMERR_PERM_DENIED);
  CHECK_EQ(decide(0624, other, 0600), RSMERR_PERM_DENIED);
}

static void test_C_087_classes_are_exclusive(void) {
  CHECK_EQ(decide(0066, peer_of(OWNER, GROUP), 0400), RSMERR_PERM_DENIED);
  CHECK_EQ(decide(0606, peer_of(1001, GROUP), 0400), RSMERR_PERM_DENIED);
  CHECK_EQ(decide(0060, peer_of(1001, GROUP), 0600), RSM_SUCCESS);
}

static void test_a_supplementary_group_counts(void) {
  struct rsm_peer peer = peer_of(1001, 1);
  peer.group_count = 2;
  peer.groups[1] = GROUP;
  CHECK_EQ(decide(0040, peer, 0400), RSM_SUCCESS);
  peer.group_count = 1;
  CHECK_EQ(decide(0040, peer, 0400), RSMERR_PERM_DENIED);
}

static void test_C_084_a_node_not_listed_is_refused(void) {
  struct rsm_grants grants = grants_of(0666);
  struct rsm_peer owner = peer_of(OWNER, GROUP);
  CHECK_EQ(rsm_access_decide(&grants, &owner, NODE + 1, 0400), RSMERR_SEG_NOT_PUBLISHED_TO_NODE);
}

static void test_C_085_the_first_entry_decides(void) {
  struct rsm_grants grants = grants_of(0400);
  grants.count = 2;
  grants.entry[1].node = NODE;
  grants.entry[1].permission = 0666;
  struct rsm_peer owner = peer_of(OWNER, GROUP);
  CHECK_EQ(rsm_access_decide(&grants, &owner, NODE, 0600), RSMERR_PERM_DENIED);
  CHECK_EQ(rsm_access_decide(&grants, &owner, NODE, 0400), RSM_SUCCESS);
}

static void test_C_082_the_umask_counts_without_a_list(void) {
  struct rsm_grants grants = grants_of(0);
  grants.count = 0;
  struct rsm_peer other = peer_of(1001, 1);
  grants.default_permission = 0777 & ~022;
  CHECK_EQ(rsm_access_decide(&grants, &other, 63, 0400), RSM_SUCCESS);
  CHECK_EQ(rsm_access_decide(&grants, &other, 63, 0200), RSMERR_PERM_DENIED);
  grants.default_permission = 0777 & ~077;
  CHECK_EQ(rsm_access_decide(&grants, &other, 63, 0400), RSMERR_PERM_DENIED);
}

static void test_C_088_root_passes_the_digits_not_the_nodes(void) {
  struct rsm_grants grants = grants_of(0);
  struct rsm_peer root = peer_of(0, 0);
  CHECK_EQ(rsm_access_decide(&grants, &root, NODE, 0600), RSM_SUCCESS);
  CHECK_EQ(rsm_access_decide(&grants, &root, NODE + 1, 0600), RSMERR_SEG_NOT_PUBLISHED_TO_NODE);
}

static void test_a_request_outside_0600_is_denied(void) {
  struct rsm_peer root = peer_of(0, 0);
  CHECK_EQ(decide(0666, root, 0), RSMERR_PERM_DENIED);
  CHECK_EQ(decide(0666, root, 0644), RSMERR_PERM_DENIED);
  CHECK_EQ(decide(0666, root, 01600), RSMERR_PERM_DENIED);
}

static void test_execute_bits_grant_nothing(void) {
  CHECK_EQ(decide(0111, peer_of(OWNER, GROUP), 0200), RSMERR_PERM_DENIED);
  CHECK_EQ(decide(0111, peer_of(OWNER, GROUP), 0400), RSMERR_PERM_DENIED);
}

static void test_words_that_do_not_fit_are_refused(void) {
  struct rsm_grants grants;
  uint32_t words[RSM_GRANT_WORDS + 2] = {OWNER, GROUP, 0755, 1, NODE, 0640};
  CHECK_EQ(rsm_grants_read(words, 6, &grants), RSM_SUCCESS);
  CHECK(grants.uid == OWNER && grants.gid == GROUP && grants.default_permission == 0755);
  CHECK(grants.count == 1 && grants.entry[0].node == NODE && grants.entry[0].permission == 0640);
  CHECK_EQ(rsm_grants_read(words, 5, &grants), RSMERR_BAD_ADDR);
  CHECK_EQ(rsm_grants_read(words, 3, &grants), RSMERR_BAD_ADDR);
  words[3] = 0;
  CHECK_EQ(rsm_grants_read(words, 4, &grants), RSM_SUCCESS);
  words[3] = RSM_GRANT_ENTRIES;
  CHECK_EQ(rsm_grants_read(words, RSM_GRANT_WORDS, &grants), RSM_SUCCESS);
  words[3] = RSM_GRANT_ENTRIES + 1;
  CHECK_EQ(rsm_grants_read(words, RSM_GRANT_WORDS + 2, &grants), RSMERR_BAD_ADDR);
  words[3] = UINT32_MAX;
  CHECK_EQ(rsm_grants_read(words, RSM_GRANT_WORDS, &grants), RSMERR_BAD_ADDR);
}

static void test_the_kernel_tells_all_groups_of_a_peer(void) {
  int pair[2];
  CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0);
  static struct rsm_peer peer;
  CHECK_EQ(rsm_peer_of_socket(pair[0], &peer), 0);
  CHECK(peer.uid == getuid() && peer.gid == getgid() && peer.pid == getpid());
  close(pair[0]);
  close(pair[1]);

  pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    gid_t groups[] = {3001, 3002};
    CHECK(setgroups(2, groups) == 0 && setgid(3000) == 0 && setuid(65534) == 0);
    int own[2];
    CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, own) == 0);
    CHECK_EQ(rsm_peer_of_socket(own[0], &peer), 0);
    CHECK(peer.uid == 65534 && peer.gid == 3000 && peer.group_count == 2);
    CHECK(peer.groups[0] == 3001 && peer.groups[1] == 3002);
    _exit(0);
  }
  int status;
  CHECK(waitpid(child, &status, 0) == child);
  CHECK_EQ(status, 0);
}

static void test_what_is_no_connected_socket_has_no_peer(void) {
  static struct rsm_peer peer;
  int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
  CHECK(fd >= 0);
  CHECK_EQ(rsm_peer_of_socket(fd, &peer), -1);
  close(fd);
  CHECK_EQ(rsm_peer_of_socket(0x7ffffff, &peer), -1);
}

int main(void) {
  RUN(test_C_082_the_umask_counts_without_a_list);
  RUN(test_C_084_a_node_not_listed_is_refused);
  RUN(test_C_085_the_first_entry_decides);
  RUN(test_C_086_0624_gives_each_class_its_digit);
  RUN(test_C_087_classes_are_exclusive);
  RUN(test_C_088_root_passes_the_digits_not_the_nodes);
  RUN(test_a_supplementary_group_counts);
  RUN(test_a_request_outside_0600_is_denied);
  RUN(test_execute_bits_grant_nothing);
  RUN(test_words_that_do_not_fit_are_refused);
  RUN(test_the_kernel_tells_all_groups_of_a_peer);
  RUN(test_what_is_no_connected_socket_has_no_peer);
  return 0;
}
