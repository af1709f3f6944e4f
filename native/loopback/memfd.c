#define _GNU_SOURCE
#include "memfd.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/memfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "room.h"

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif

/* Before Linux 6.8 a signal undoes a whole fallocate (--cpu-prof sends a thousand a second), so it is
 * asked for little at a time. */
#define RESERVE_BYTES (1u << 20)

int rsm_memfd_open(bool huge) {
  unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING | (huge ? MFD_HUGETLB | MFD_HUGE_2MB : 0);
  /* The name shows in /proc/PID/maps: it says nothing. */
  int fd = memfd_create("rsm", flags | MFD_NOEXEC_SEAL);
  if (fd < 0 && errno == EINVAL) fd = memfd_create("rsm", flags);
  if (fd < 0) return -1;
  /* The default lets any uid that is handed a read-only descriptor reopen it for writing. */
  if (fchmod(fd, 0600) != 0) {
    int error = errno;
    close(fd);
    errno = error;
    return -1;
  }
  return fd;
}

int rsm_memfd_resize(int fd, uint64_t length) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_FSIZE, &limit) != 0) return -1;
  /* Beyond the limit the kernel would kill with SIGXFSZ. */
  if (length > INT64_MAX || (limit.rlim_cur != RLIM_INFINITY && length > limit.rlim_cur)) {
    errno = EFBIG;
    return -1;
  }
  int result;
  do result = ftruncate(fd, (off_t)length);
  while (result != 0 && errno == EINTR);
  return result;
}

int rsm_memfd_reserve(int fd, uint64_t length, bool huge) {
  if (!huge && !rsm_room_for_memory(length)) {
    errno = ENOMEM;
    return -1;
  }
  if (rsm_memfd_resize(fd, length) != 0) return -1;
  uint64_t step = huge ? RSM_HUGE_BYTES : RESERVE_BYTES;
  for (uint64_t done = 0; done < length;) {
    uint64_t part = length - done < step ? length - done : step;
    if (fallocate(fd, 0, (off_t)done, (off_t)part) == 0) done += part;
    else if (errno != EINTR) return -1;
  }
  return 0;
}

int rsm_memfd_seal(int fd, int seals) {
  return fcntl(fd, F_ADD_SEALS, seals) == 0 ? 0 : -1;
}
