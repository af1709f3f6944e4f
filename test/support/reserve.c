/*
 * Preloaded into a process that is to have no memory left: access(2) of /reserve/N maps N GiB that nobody can touch.
 * Under vm.overcommit_memory=2 each process is refused what it asks for beyond the limit less the 32nd part of all it
 * has mapped, at most vm.user_reserve_kbytes: of this process nothing is left, of others all.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int access(const char *path, int mode) {
  static const char prefix[] = "/reserve/";
  if (strncmp(path, prefix, sizeof prefix - 1) != 0) return faccessat(AT_FDCWD, path, mode, 0);
  size_t gibibytes = strtoul(path + sizeof prefix - 1, NULL, 10);
  void *reserved = mmap(NULL, gibibytes << 30, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return reserved == MAP_FAILED ? -1 : 0;
}
