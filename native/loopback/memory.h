/*
 * The memory of this process that can be exported: a registry of allocations by address. An allocation
 * is one or more regions; a region is a page range backed by one object. Exporting a range needs an
 * object that holds exactly that range, because a descriptor gives access to all of an object:
 *   - the range is one whole region whose object holds nothing else: nothing is copied;
 *   - it lies in unexported memory: it is moved to an object of its own (copy, map_over), the bytes stay;
 *   - it is exactly an exported region: shared;
 *   - it partly overlaps an exported region: INSUFFICIENT_RESOURCES (D-52).
 * System V memory shares its one segment: its ranges have objects of their own but nothing is copied.
 * Huge pages are exported in whole huge pages (else INSUFFICIENT_RESOURCES).
 * Thread-safe (own lock). Returns RSMERR codes.
 */
#ifndef RSM_MEMORY_H
#define RSM_MEMORY_H

#include "object.h"

int rsm_memory_allocate(size_t length, unsigned flags, void **address); /* length rounded up */
/* A private copy of a file's range [offset, offset+length). INSUFFICIENT_MEM, BAD_ADDR (not a regular
 * file, or the system said no), PERM_DENIED, INSUFFICIENT_RESOURCES (out of descriptors), BAD_LENGTH
 * (beyond the end, zero). length UINT64_MAX: to the end of the file.
 * *length_out is the exact length in bytes. *error is errno where a system call failed, else 0. */
int rsm_memory_map_file(const char *path, uint64_t offset, uint64_t length, void **address,
                        size_t *length_out, int *error);
/* shmat(2) of a whole segment; *length is whole pages. BAD_ADDR, PERM_DENIED, INSUFFICIENT_MEM. */
int rsm_memory_attach_sysv(int shmid, void **address, size_t *length, int *error);

/* Ends an allocation: scratch pages over it, objects dropped. RSMERR_BAD_ADDR: not the start of one;
 * RSMERR_INSUFFICIENT_RESOURCES: part of it is exported or lent to a fixed mapping. */
int rsm_memory_release(void *address);
/* The last buffer on it is gone: release if still needed, then munmap. An allocation with exported
 * regions goes when the last of them is let go. */
void rsm_memory_forget(void *address);

/* The exact range for one export: one count on the region, one reference on the object.
 * BAD_ADDR: not wholly inside one allocation; INSUFFICIENT_RESOURCES: D-52, or read_only does not agree
 * with another segment on the same range, or read_only on System V memory; INSUFFICIENT_MEM. */
int rsm_memory_hold(void *address, size_t length, bool read_only, struct rsm_object **object);
/* Would rsm_memory_hold succeed? The same answer, nothing changed. */
int rsm_memory_check(void *address, size_t length, bool read_only);
void rsm_memory_let_go(void *address, size_t length);

/* Moves the pages at address (one exported region, exactly) to a fresh object: copy, map over the
 * application's address. The old object is left to the caller to punch once nobody honest uses it. */
int rsm_memory_move(void *address, size_t length, struct rsm_object **fresh);

/* RSM_MAP_FIXED: lends an unexported range to an import mapping and takes it back as zero pages.
 * BAD_ADDR where the range is not wholly unexported memory of this library; System V memory is not.
 * A range that cannot be mapped back (out of mappings) stays lent, never exportable again. */
int rsm_memory_lend(void *address, size_t length);
void rsm_memory_take_back(void *address, size_t length);
/* Instead of take_back when the import was never mapped there: the bytes are as they were. */
void rsm_memory_unlend(void *address, size_t length);

#endif
