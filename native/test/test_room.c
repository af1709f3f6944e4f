// sources: room
/* What is left of memory and mappings, and what is kept of them. */
#include "../loopback/room.h"

#include "check.h"

static void memory_that_there_is_and_memory_that_there_is_not(void) {
  CHECK(rsm_room_for_memory(0));
  CHECK(rsm_room_for_memory(1));
  CHECK(rsm_room_for_memory(1 << 20));
  CHECK(!rsm_room_for_memory(UINT64_MAX));
  CHECK(!rsm_room_for_memory(UINT64_C(1) << 50));
  CHECK(rsm_room_for_memory(1)); /* a refusal takes nothing */
}

/* That the last ones are kept shows test/process/pressure.test.ts, in a process that has so many. */
static void mappings_of_a_process_that_has_few(void) {
  for (int i = 0; i < 100000; i++) CHECK(rsm_room_for_mappings(3)); /* nobody makes them: it is looked at again */
  CHECK(!rsm_room_for_mappings(1000000000));
  CHECK(rsm_room_for_mappings(1));
}

int main(void) {
  RUN(memory_that_there_is_and_memory_that_there_is_not);
  RUN(mappings_of_a_process_that_has_few);
  return 0;
}
