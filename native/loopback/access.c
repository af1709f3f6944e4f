#define _GNU_SOURCE
#include "access.h"

#include <stdbool.h>
#include <sys/socket.h>

#include "codes.h"

int rsm_grants_read(const uint32_t *words, size_t word_count, struct rsm_grants *grants) {
  if (word_count < 4 || words[3] > RSM_GRANT_ENTRIES || 4 + 2 * (size_t)words[3] > word_count) {
    return RSMERR_BAD_ADDR;
  }
  grants->uid = words[0];
  grants->gid = words[1];
  grants->default_permission = words[2];
  grants->count = words[3];
  for (uint32_t i = 0; i < grants->count; i++) {
    grants->entry[i].node = words[4 + 2 * i];
    grants->entry[i].permission = words[5 + 2 * i];
  }
  return RSM_SUCCESS;
}

static bool is_member(const struct rsm_peer *peer, gid_t gid) {
  if (peer->gid == gid) return true;
  for (size_t i = 0; i < peer->group_count; i++) {
    if (peer->groups[i] == gid) return true;
  }
  return false;
}

/* The one digit that counts: a class never falls back to the next. */
static uint32_t digit_for(const struct rsm_grants *grants, const struct rsm_peer *peer, uint32_t word) {
  if (peer->uid == grants->uid) return word >> 6 & 06;
  if (is_member(peer, grants->gid)) return word >> 3 & 06;
  return word & 06;
}

int rsm_access_decide(const struct rsm_grants *grants, const struct rsm_peer *peer, uint32_t node,
                      uint32_t permission) {
  if (permission == 0 || (permission & ~0600u) != 0) return RSMERR_PERM_DENIED;
  uint32_t word = grants->default_permission;
  if (grants->count > 0) {
    uint32_t i = 0;
    while (i < grants->count && grants->entry[i].node != node) i++;
    if (i == grants->count) return RSMERR_SEG_NOT_PUBLISHED_TO_NODE;
    word = grants->entry[i].permission;
  }
  if (peer->uid == 0) return RSM_SUCCESS;
  uint32_t missing = (permission >> 6) & ~digit_for(grants, peer, word);
  return missing == 0 ? RSM_SUCCESS : RSMERR_PERM_DENIED;
}

int rsm_peer_of_socket(int fd, struct rsm_peer *peer) {
  struct ucred credentials;
  socklen_t length = sizeof credentials;
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &length) != 0) return -1;
  if (length != sizeof credentials || credentials.uid == (uid_t)-1) return -1;
  length = sizeof peer->groups;
  if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, peer->groups, &length) != 0) return -1;
  peer->uid = credentials.uid;
  peer->gid = credentials.gid;
  peer->pid = credentials.pid;
  peer->group_count = length / sizeof peer->groups[0];
  return 0;
}
