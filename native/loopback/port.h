/*
 * An import as the native code of another addon uses it: the target of native/fabric, which serves an importer
 * of another node on whose behalf it was connected. A table, because the two addons are two binaries; both are
 * built from this file. The functions may be called on any thread.
 */
#ifndef RSM_PORT_H
#define RSM_PORT_H

#include <stdbool.h>
#include <stdint.h>

#include "locks.h"

#define RSM_PORT_VERSION 1u

struct rsm_port_calls {
  uint32_t version;
  /* Every user keeps it; the control pages stay until the last one lets go. */
  void (*keep)(struct rsm_import *segment);
  void (*let_go)(struct rsm_import *segment);
  uint64_t (*length)(const struct rsm_import *segment);
  uint32_t (*lock_owner)(const struct rsm_import *segment);
  void *(*control)(const struct rsm_import *segment); /* the pages of layout.h */
  /* The whole segment; no program sees it. The range is the caller's to munmap, when the import has been
   * disconnected or was unmapped. RSMERR codes of rsm_import_map. */
  int (*map)(struct rsm_import *segment, uint32_t permission, void **address);
  void (*unmap)(struct rsm_import *segment);
  void (*post)(struct rsm_import *segment, bool no_accumulate);
  /* Readable while the exporter has posted; -1: none to be had. */
  int (*event_descriptor)(struct rsm_import *segment);
  /* What the exporter has posted since the last call, to be consumed elsewhere. */
  void (*collect)(struct rsm_import *segment, uint64_t *posted, bool *coalesced);
  /* As in locks.h; the environment of the import makes no other requests than these. */
  int (*lock)(struct rsm_import *segment, uint64_t offset, uint32_t ticket, bool at_once);
  void (*unlock)(struct rsm_import *segment, uint64_t offset, bool died);
  void (*cancel_lock)(struct rsm_import *segment, uint32_t ticket);
  void (*listen_for_locks)(struct rsm_import *segment, void (*answered)(void *hint), void *hint);
  bool (*take_lock_answer)(struct rsm_import *segment, struct rsm_lock_answer *answer);
};

extern const struct rsm_port_calls rsm_port_calls;

/* What the external of `portOf` (src/native/index.ts) points to. It keeps the import. The type tag tells it from
 * other externals. */
#define RSM_PORT_TAG {0x9d2ae3d0c15b4f6au, 0x8a1c6f20b97e4d31u}
struct rsm_port {
  const struct rsm_port_calls *calls;
  struct rsm_import *import;
};

#endif
