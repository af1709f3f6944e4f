/* The memfd under objects, scratch and control pages. All return 0 or -1 with errno. */
#ifndef RSM_MEMFD_H
#define RSM_MEMFD_H

#include <stdbool.h>
#include <stdint.h>

#define RSM_HUGE_BYTES (2u << 20)

/* Empty, close-on-exec, mode 0600, not executable for good where the kernel can; the descriptor or -1. */
int rsm_memfd_open(bool huge);
int rsm_memfd_resize(int fd, uint64_t length);
/* Gives it length bytes with their pages; ENOMEM rather than a visit of the OOM killer. */
int rsm_memfd_reserve(int fd, uint64_t length, bool huge);
int rsm_memfd_seal(int fd, int seals);

#endif
