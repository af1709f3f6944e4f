/*
 * libfabric, found at run time: nothing here links it, so that one binary serves machines with and without.
 * Everything that is not in this table is static inline in its headers and goes through the tables of its
 * objects. (fi_allocinfo is not among them: it would call fi_dupinfo of the library.)
 */
#ifndef RSM_LIBRARY_H
#define RSM_LIBRARY_H

#include <rdma/fabric.h>
#include <stdint.h>

/* The structures that we were compiled with; any later library understands them. */
#define RSM_FABRIC_API FI_VERSION(1, 17)

struct rsm_library {
  int (*getinfo)(uint32_t version, const char *node, const char *service, uint64_t flags,
                 const struct fi_info *hints, struct fi_info **info);
  void (*freeinfo)(struct fi_info *info);
  struct fi_info *(*dupinfo)(const struct fi_info *info);
  int (*fabric)(struct fi_fabric_attr *attributes, struct fid_fabric **fabric, void *context);
  const char *(*strerror)(int error);
  uint32_t (*version)(void);
};

/* Loads it once, on any thread; NULL: there is none. Then rsm_library_reason says why, for people. */
const struct rsm_library *rsm_library(void);
const char *rsm_library_reason(void);

#endif
