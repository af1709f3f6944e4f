/* Where a target listens, as it travels between gateways: a provider's name and a numeric internet address. */
#ifndef RSM_ADDRESS_H
#define RSM_ADDRESS_H

#include <stdint.h>

#define RSM_PROVIDER_BYTES 16
#define RSM_HOST_BYTES 64 /* IPv6 with a zone */

struct rsm_address {
  char provider[RSM_PROVIDER_BYTES];
  char host[RSM_HOST_BYTES];
  uint16_t port; /* 0, to listen: the system chooses */
};

/* What an importer needs to reach a segment that was granted to it. Keys are secret. */
struct rsm_region_key {
  uint64_t key, base;
};

struct rsm_grant {
  uint32_t segment; /* its number on the connection, counted from 1 and not used again */
  uint32_t permission;
  uint64_t length;
  uint32_t lock_owner; /* the importer's number in lock words; 0: no lock operations */
  struct rsm_region_key data;
  struct rsm_region_key control; /* LOCAL and STATUS of loopback/layout.h */
};

#endif
