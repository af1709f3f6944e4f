/* What a test program must not leave behind. */
#ifndef RSM_LEFTOVERS_H
#define RSM_LEFTOVERS_H

#include <sys/mman.h>

#include "../loopback/codes.h"
#include "../loopback/object.h"
#include "check.h"

#define PAGE 4096u

/* The scratch pages' descriptor is made once and stays: before anything is counted. */
static inline void make_scratch(void) {
  void *page = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(page != MAP_FAILED);
  CHECK_EQ(rsm_scratch_over(page, PAGE, true), RSM_SUCCESS); /* the sparse one, before there is the other */
  CHECK_EQ(rsm_scratch_reserve(PAGE), RSM_SUCCESS);
  CHECK(munmap(page, PAGE) == 0);
}

/* Nothing is left of what a test program made: descriptors is their number at its start. */
static inline void check_nothing_is_left(int descriptors) {
  CHECK_EQ(count_descriptors(), descriptors);
  CHECK_EQ(count_mappings("memfd:"), 0);
  CHECK_EQ(count_mappings("SYSV"), 0);
}

#endif
