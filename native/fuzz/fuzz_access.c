/* The table of grants as words, and what is decided by it: compared with a second opinion. */
#include "../loopback/access.h"
#include "../loopback/codes.h"
#include "fuzz.h"

#define WORDS (RSM_GRANT_WORDS + 8)

static bool may(const struct rsm_peer *peer, const uint32_t *table, uint32_t word, uint32_t bit) {
  if (peer->uid == table[0]) return (word & bit << 6) != 0;
  bool member = peer->gid == table[1];
  for (size_t i = 0; i < peer->group_count; i++) member = member || peer->groups[i] == table[1];
  return (word & (member ? bit << 3 : bit)) != 0;
}

static int expected(const struct rsm_peer *peer, const uint32_t *table, uint32_t node, uint32_t permission) {
  if (permission != 0200 && permission != 0400 && permission != 0600) return RSMERR_PERM_DENIED;
  const uint32_t *word = table[3] == 0 ? &table[2] : NULL;
  for (uint32_t i = table[3]; i > 0; i--) {
    if (table[2 + 2 * i] == node) word = &table[3 + 2 * i];
  }
  if (word == NULL) return RSMERR_SEG_NOT_PUBLISHED_TO_NODE;
  if (peer->uid == 0) return RSM_SUCCESS;
  bool denied = ((permission & 0400) != 0 && !may(peer, table, *word, 4)) ||
                ((permission & 0200) != 0 && !may(peer, table, *word, 2));
  return denied ? RSMERR_PERM_DENIED : RSM_SUCCESS;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  fuzz_begin(bytes, size);
  /* On the heap and no longer than it says, so that a read beyond it is seen. */
  size_t count = fuzz_byte() % (WORDS + 1);
  uint32_t *table = malloc(count * sizeof *table + 1);
  FUZZ_CHECK(table != NULL);
  for (size_t i = 0; i < count; i++) table[i] = i < 2 || fuzz_byte() % 2 == 0 ? fuzz_byte() : fuzz_word();
  struct rsm_grants grants;
  int code = rsm_grants_read(table, count, &grants);
  bool fits = count >= 4 && table[3] <= RSM_GRANT_ENTRIES && count >= 4 + 2 * (size_t)table[3];
  FUZZ_CHECK(code == (fits ? RSM_SUCCESS : RSMERR_BAD_ADDR));
  for (int peers = 0; code == RSM_SUCCESS && peers < 8; peers++) {
    struct rsm_peer peer = {.uid = fuzz_byte(), .gid = fuzz_byte(), .group_count = fuzz_byte() % 5};
    for (size_t i = 0; i < peer.group_count; i++) peer.groups[i] = fuzz_byte();
    uint32_t node = fuzz_byte(), permission = fuzz_byte() % 4 ? (uint32_t)fuzz_byte() % 4 << 7 : fuzz_word();
    int decided = rsm_access_decide(&grants, &peer, node, permission);
    FUZZ_CHECK(decided == expected(&peer, table, node, permission));
  }
  free(table);
  return 0;
}
