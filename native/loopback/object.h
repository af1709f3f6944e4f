/*
 * Memory objects: what a page descriptor names. One memfd, sealed SHRINK|GROW, mode 0600, NOEXEC_SEAL
 * where the kernel has it, close-on-exec; or a System V segment, which has no descriptor. Before a
 * descriptor leaves the process rsm_object_seal ends the sealing (rsm_memory_hold does).
 * All functions return RSM_SUCCESS or an RSMERR code (codes.h) unless they say otherwise.
 */
#ifndef RSM_OBJECT_H
#define RSM_OBJECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum rsm_object_kind { RSM_OBJECT_MEMFD, RSM_OBJECT_SYSV };
enum { RSM_PERM_READ = 0400, RSM_PERM_WRITE = 0200, RSM_PERM_RDWR = 0600 };
enum { RSM_MEMORY_HUGE = 1, RSM_MEMORY_LOCK = 2 };

struct rsm_object {
  _Atomic int references;
  enum rsm_object_kind kind;
  int fd;                 /* -1 for SYSV */
  int shmid;              /* -1 for MEMFD */
  uid_t exporter;         /* SYSV: who named it */
  uint64_t memory_offset; /* first byte of the range inside a System V segment, else 0 */
  uint64_t length;
  size_t granule;         /* mappings and offsets are multiples of this: a page, or a huge page */
  void *wiper;            /* read_only: the writable mapping made before the seal, for punching */
  bool read_only; /* sealed FUTURE_WRITE: nobody can map it for writing any more, whoever asks */
  _Atomic bool exposed; /* a descriptor went to another uid, or an importer did not acknowledge: see 3.5 */
};

/* A zeroed object of its own; length is a page multiple. Pages are reserved now (fallocate), so that a
 * shortage is INSUFFICIENT_MEM here and never a SIGBUS later. */
int rsm_object_create(uint64_t length, unsigned flags, struct rsm_object **out);
/* exporter: the uid that names the segment. Whoever attaches it does so with rights of its own, so it must
 * be the exporter's to share (owner, creator, root, or open to everybody): mapping it is MAP_FAILED else. */
int rsm_object_of_sysv(int shmid, uid_t exporter, uint64_t memory_offset, uint64_t length,
                       struct rsm_object **out);
/* Takes a descriptor that came from a peer: seals first, then type and size are checked (hostile until
 * then). Owns fd in every case. permission is what the connection was granted. */
int rsm_object_of_descriptor(int fd, uint64_t length, uint32_t permission, struct rsm_object **out);
struct rsm_object *rsm_object_keep(struct rsm_object *object);
void rsm_object_drop(struct rsm_object *object); /* closes at the last reference */

/* Seals for export, once: SEAL, with read_only FUTURE_WRITE too. MAP_FAILED when it is sealed the other
 * way. The owner maps it for writing before: afterwards nobody can. Nothing to do for SYSV. */
int rsm_object_seal(struct rsm_object *object, bool read_only);
/* A descriptor to send for this granted permission: read-write, or a reopened read-only one.
 * Returns the descriptor (the caller closes it) or -1. MEMFD only. */
int rsm_object_descriptor(const struct rsm_object *object, uint32_t permission);

/* Maps [offset, offset+length) at an address of the kernel's choice. With write permission MAP_SHARED;
 * read-only MEMFD: MAP_PRIVATE|MAP_NORESERVE and writable, so that a stray store of JavaScript does not
 * fault; read-only SYSV: PROT_READ. length is rounded up to whole pages. INSUFFICIENT_RESOURCES: out of
 * mappings; MAP_FAILED: outside the object, not a multiple of its granule, or refused by the kernel. */
int rsm_object_map(const struct rsm_object *object, uint64_t offset, uint64_t length,
                   uint32_t permission, void **address);
/* The same, moved over what is mapped at address (fresh mapping + mremap: never a hole). */
int rsm_object_map_over(const struct rsm_object *object, uint64_t offset, uint64_t length,
                        uint32_t permission, void *address);
/* Moves a mapping over what is mapped at `to`; on failure `from` is unmapped and `to` is as it was. */
int rsm_mapping_move(void *from, size_t length, void *to);
/* Zeroes pages for whoever holds the object. Nothing for SYSV, whose pages nobody can be moved from. */
void rsm_object_punch(const struct rsm_object *object);
void rsm_object_punch_range(const struct rsm_object *object, uint64_t offset, uint64_t length);

/* Scratch pages over [address, address+length): loads are undefined, stores go nowhere. touched: by who still has a
 * view on it, so that the reserved ones are needed; they take a mapping each. */
int rsm_scratch_over(void *address, size_t length, bool touched);
/* Before something of that length is mapped: its scratch pages will need no memory.
 * RSMERR_INSUFFICIENT_RESOURCES: there is none. */
int rsm_scratch_reserve(size_t length);
/* A one-page memfd mapped read-write here; *fd is for the peer (read-only for it when sealed_for_peer:
 * FUTURE_WRITE after mapping). */
int rsm_control_page(bool sealed_for_peer, void **address, int *fd);

size_t rsm_page_size(void);
size_t rsm_page_round(size_t length); /* 0 when there is no such size_t */

#endif
