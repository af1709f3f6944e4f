#define _GNU_SOURCE
#include "room.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

/* ---- memory ---- */

#define KEPT_BYTES (16u << 20)
/* Small pieces are not worth a look each: that takes longer than making them. */
#define LOOK_AFTER_BYTES (16u << 20)

/* Version 1 says so instead of "max": nobody has as much, and what is used need not be counted. */
#define NO_LIMIT (UINT64_C(1) << 60)

static uint64_t unlooked_bytes; /* so many may be taken before anybody looks again */

/* Adds up the named numbers of a file of "name number" lines, in units of bytes each. 0 without the file. */
static uint64_t sum_of(const char *path, const char *const names[], uint64_t unit_bytes) {
  FILE *file = fopen(path, "re");
  if (file == NULL) return 0;
  char line[128], name[64];
  unsigned long long value;
  uint64_t sum = 0;
  while (fgets(line, sizeof line, file) != NULL) {
    if (sscanf(line, "%63s %llu", name, &value) != 2) continue;
    for (int i = 0; names[i] != NULL; i++) sum += strcmp(name, names[i]) == 0 ? value * unit_bytes : 0;
  }
  fclose(file);
  return sum;
}

/* The one number of a file; false without the file, and where it says "max". */
static bool number_in(const char *directory, const char *name, uint64_t *value) {
  char path[512];
  unsigned long long read_value;
  if ((size_t)snprintf(path, sizeof path, "%s/%s", directory, name) >= sizeof path) return false;
  FILE *file = fopen(path, "re");
  if (file == NULL) return false;
  bool found = fscanf(file, "%llu", &read_value) == 1;
  fclose(file);
  if (found) *value = read_value;
  return found;
}

/* What the group itself allows. Pages of files that nobody uses are given up before anybody is killed. */
static uint64_t left_in(const char *directory, const char *limit_name, const char *usage_name) {
  static const char *const reclaimable[] = {"inactive_file", NULL};
  char path[512];
  uint64_t limit, usage;
  if (!number_in(directory, limit_name, &limit) || limit > NO_LIMIT) return UINT64_MAX;
  if (!number_in(directory, usage_name, &usage)) return UINT64_MAX;
  if ((size_t)snprintf(path, sizeof path, "%s/memory.stat", directory) >= sizeof path) return UINT64_MAX;
  uint64_t spare = sum_of(path, reclaimable, 1);
  uint64_t used = spare < usage ? usage - spare : 0;
  return used < limit ? limit - used : 0;
}

/* The least of the group and all above it. The path in the tree may not be there: in a container the group
 * itself stands at the root. */
static uint64_t left_in_tree(const char *root, const char *group, const char *limit_name, const char *usage_name) {
  char path[512];
  int written = snprintf(path, sizeof path, "%s%s", root, group);
  uint64_t least = UINT64_MAX;
  if (written < 0 || (size_t)written >= sizeof path) return least;
  for (;;) {
    uint64_t left = left_in(path, limit_name, usage_name);
    if (left < least) least = left;
    char *slash = strrchr(path, '/');
    if (slash == NULL || slash < path + strlen(root)) return least;
    *slash = '\0';
  }
}

static uint64_t left_in_groups(void) {
  FILE *file = fopen("/proc/self/cgroup", "re");
  if (file == NULL) return UINT64_MAX;
  char line[512];
  uint64_t least = UINT64_MAX;
  while (fgets(line, sizeof line, file) != NULL) {
    char *controllers = strchr(line, ':');
    char *group = controllers == NULL ? NULL : strchr(++controllers, ':');
    if (group == NULL) continue;
    *group++ = '\0';
    group[strcspn(group, "\n")] = '\0';
    uint64_t left = UINT64_MAX;
    if (*controllers == '\0') left = left_in_tree("/sys/fs/cgroup", group, "memory.max", "memory.current");
    else if (strcmp(controllers, "memory") == 0) {
      left = left_in_tree("/sys/fs/cgroup/memory", group, "memory.limit_in_bytes", "memory.usage_in_bytes");
    }
    if (left < least) least = left;
  }
  fclose(file);
  return least;
}

static uint64_t left_of_memory(void) {
  static const char *const available[] = {"MemAvailable:", "SwapFree:", NULL};
  uint64_t machine = sum_of("/proc/meminfo", available, 1024);
  uint64_t groups = left_in_groups();
  if (machine == 0) machine = UINT64_MAX;
  /* A full group ends the process as soon as anybody in it wants a page, the engine for example. */
  groups = groups == UINT64_MAX ? groups : groups > KEPT_BYTES ? groups - KEPT_BYTES : 0;
  return machine < groups ? machine : groups;
}

bool rsm_room_for_memory(uint64_t bytes) {
  pthread_mutex_lock(&mutex);
  bool room = bytes <= unlooked_bytes;
  if (room) {
    unlooked_bytes -= bytes;
  } else {
    uint64_t left = left_of_memory();
    room = bytes <= left;
    if (room) left -= bytes;
    unlooked_bytes = left / 2 < LOOK_AFTER_BYTES ? left / 2 : LOOK_AFTER_BYTES;
  }
  pthread_mutex_unlock(&mutex);
  return room;
}

/* ---- mappings ---- */

/* An idle Node has some 300, a busy one with workers needs some hundred more at a time. */
#define KEPT_MAPPINGS 2048
/* Not each time for the last ones: it takes milliseconds to count sixty thousand. */
#define LOOK_AFTER 64
#define USUAL_LIMIT 65530

static unsigned unlooked; /* so many may be made before they are counted again */

static long count_mappings(void) {
  char text[8192];
  long lines = 0;
  ssize_t length;
  int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0; /* no descriptor for it: that is what runs out then */
  while ((length = read(fd, text, sizeof text)) > 0) {
    for (ssize_t i = 0; i < length; i++) lines += text[i] == '\n';
  }
  close(fd);
  return lines;
}

/* Half of what is left: so whoever makes and ends mappings for ever is looked at seldom. */
static unsigned look(void) {
  uint64_t limit;
  if (!number_in("/proc/sys/vm", "max_map_count", &limit)) limit = USUAL_LIMIT;
  long left = (long)limit - KEPT_MAPPINGS - count_mappings();
  if (left <= 0) return 0;
  return (unsigned)(left > 2 * LOOK_AFTER ? left / 2 : left);
}

bool rsm_room_for_mappings(unsigned count) {
  pthread_mutex_lock(&mutex);
  if (unlooked < count) unlooked = look();
  bool room = unlooked >= count;
  if (room) unlooked -= count;
  pthread_mutex_unlock(&mutex);
  return room;
}
