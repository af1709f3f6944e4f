/* What is left to be had: memory of the machine and of the control group, mappings of this process. */
#ifndef RSM_ROOM_H
#define RSM_ROOM_H

#include <stdbool.h>
#include <stdint.h>

/* Whether so many bytes can be had now. Memory objects are not accounted for when they are made: asking for more
 * than there is would end in the OOM killer. */
bool rsm_room_for_memory(uint64_t bytes);

/* Whether the process may have so many more mappings; if so they count as made. The last ones are kept for
 * JavaScript's engine, which aborts the process when it finds none, and for exchanges. */
bool rsm_room_for_mappings(unsigned count);

#endif
