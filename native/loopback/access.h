/*
 * The one access decision of the node (rsmapi.md 1.8). TypeScript builds the table, from the access
 * list, the owner and the umask at create; this evaluates it with what the kernel says of the peer.
 *
 *   A table as words:  [uid, gid, default_permission, count, node 0, permission 0, node 1, ...]
 */
#ifndef RSM_ACCESS_H
#define RSM_ACCESS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define RSM_GRANT_ENTRIES 64       /* rsmapi.md 3.8: one per supported node */
#define RSM_PEER_GROUPS 1024       /* supplementary groups looked at; SO_PEERGROUPS of more is refused */
#define RSM_GRANT_WORDS (4 + 2 * RSM_GRANT_ENTRIES)

struct rsm_grants {
  uint32_t uid, gid;           /* of the process that created the segment */
  uint32_t default_permission; /* 0777 & ~umask at create; counts when the list is empty */
  uint32_t count;
  struct {
    uint32_t node, permission;
  } entry[RSM_GRANT_ENTRIES];
};

struct rsm_peer {
  uid_t uid;
  gid_t gid;
  pid_t pid;
  size_t group_count;
  gid_t groups[RSM_PEER_GROUPS];
};

/* words as drawn above; RSMERR_BAD_ADDR when count does not fit the words. */
int rsm_grants_read(const uint32_t *words, size_t word_count, struct rsm_grants *grants);
/* RSM_SUCCESS, SEG_NOT_PUBLISHED_TO_NODE or PERM_DENIED. permission is a subset of 0600, not 0. */
int rsm_access_decide(const struct rsm_grants *grants, const struct rsm_peer *peer, uint32_t node,
                      uint32_t permission);
/* SO_PEERCRED and SO_PEERGROUPS (the former knows only the primary group). 0 or -1. */
int rsm_peer_of_socket(int fd, struct rsm_peer *peer);

#endif
