#define _GNU_SOURCE
#include "object.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "codes.h"
#include "memfd.h"
#include "received.h"

size_t rsm_page_size(void) {
  return (size_t)sysconf(_SC_PAGESIZE);
}

size_t rsm_page_round(size_t length) {
  size_t page = rsm_page_size();
  return length > SIZE_MAX - page ? 0 : (length + page - 1) / page * page;
}

static struct rsm_object *new_object(enum rsm_object_kind kind, uint64_t length) {
  struct rsm_object *object = calloc(1, sizeof *object);
  if (object == NULL) return NULL;
  atomic_init(&object->references, 1);
  object->kind = kind;
  object->fd = -1;
  object->shmid = -1;
  object->length = length;
  object->granule = rsm_page_size();
  return object;
}

int rsm_object_create(uint64_t length, unsigned flags, struct rsm_object **out) {
  bool huge = (flags & RSM_MEMORY_HUGE) != 0;
  if (length == 0 || length > INT64_MAX - RSM_HUGE_BYTES) return RSMERR_INSUFFICIENT_MEM;
  if (huge) length = (length + RSM_HUGE_BYTES - 1) / RSM_HUGE_BYTES * RSM_HUGE_BYTES;
  struct rsm_object *object = new_object(RSM_OBJECT_MEMFD, length);
  if (object == NULL) return RSMERR_INSUFFICIENT_MEM;
  if (huge) object->granule = RSM_HUGE_BYTES;

  int code = RSMERR_INSUFFICIENT_MEM;
  object->fd = rsm_memfd_open(huge);
  if (object->fd < 0) {
    if (errno == EMFILE || errno == ENFILE) code = RSMERR_INSUFFICIENT_RESOURCES;
  } else if (rsm_memfd_reserve(object->fd, length, huge) == 0 &&
             rsm_memfd_seal(object->fd, F_SEAL_SHRINK | F_SEAL_GROW) == 0) {
    *out = object;
    return RSM_SUCCESS;
  }
  rsm_object_drop(object);
  return code;
}

int rsm_object_of_sysv(int shmid, uid_t exporter, uint64_t memory_offset, uint64_t length,
                       struct rsm_object **out) {
  if (shmid < 0 || memory_offset % rsm_page_size() != 0 || length == 0 ||
      length > (uint64_t)INT64_MAX || memory_offset > (uint64_t)INT64_MAX - length) {
    return RSMERR_MAP_FAILED;
  }
  struct rsm_object *object = new_object(RSM_OBJECT_SYSV, length);
  if (object == NULL) return RSMERR_INSUFFICIENT_MEM;
  object->shmid = shmid;
  object->exporter = exporter;
  object->memory_offset = memory_offset;
  *out = object;
  return RSM_SUCCESS;
}

/* Seals come first: only a memfd that can never shrink may be asked for its size and be believed. */
static bool is_trustworthy(int fd, uint64_t length, uint32_t permission, int *seals) {
  *seals = fcntl(fd, F_GET_SEALS);
  if (*seals < 0 || (*seals & (F_SEAL_SHRINK | F_SEAL_GROW)) != (F_SEAL_SHRINK | F_SEAL_GROW)) return false;
  struct stat status;
  if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) return false;
  if (length == 0 || status.st_size < 0 || (uint64_t)status.st_size != length) return false;
  int mode = fcntl(fd, F_GETFL);
  if (mode < 0) return false;
  mode &= O_ACCMODE;
  if (permission & RSM_PERM_WRITE) {
    return mode == O_RDWR && (*seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)) == 0;
  }
  return mode == O_RDWR || mode == O_RDONLY;
}

int rsm_object_of_descriptor(int fd, uint64_t length, uint32_t permission, struct rsm_object **out) {
  int seals;
  struct statfs system;
  int code = RSMERR_MAP_FAILED;
  if (is_trustworthy(fd, length, permission, &seals) && fstatfs(fd, &system) == 0) {
    struct rsm_object *object = new_object(RSM_OBJECT_MEMFD, length);
    if (object != NULL) {
      object->fd = fd;
      object->read_only = (seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)) != 0;
      if (system.f_type == HUGETLBFS_MAGIC) object->granule = (size_t)system.f_bsize;
      *out = object;
      return RSM_SUCCESS;
    }
    code = RSMERR_INSUFFICIENT_MEM;
  }
  rsm_discard_received(fd);
  return code;
}

struct rsm_object *rsm_object_keep(struct rsm_object *object) {
  atomic_fetch_add_explicit(&object->references, 1, memory_order_relaxed);
  return object;
}

void rsm_object_drop(struct rsm_object *object) {
  if (atomic_fetch_sub_explicit(&object->references, 1, memory_order_acq_rel) != 1) return;
  if (object->wiper != NULL) munmap(object->wiper, object->length);
  if (object->fd >= 0) close(object->fd);
  free(object);
}

int rsm_object_seal(struct rsm_object *object, bool read_only) {
  if (object->kind == RSM_OBJECT_SYSV) return read_only ? RSMERR_MAP_FAILED : RSM_SUCCESS;
  int seals = fcntl(object->fd, F_GET_SEALS);
  if (seals < 0) return RSMERR_MAP_FAILED;
  if (seals & F_SEAL_SEAL) return object->read_only == read_only ? RSM_SUCCESS : RSMERR_MAP_FAILED;
  if (!read_only) {
    return rsm_memfd_seal(object->fd, F_SEAL_SEAL) == 0 ? RSM_SUCCESS : RSMERR_MAP_FAILED;
  }
  /* FUTURE_WRITE forbids PUNCH_HOLE to everybody; an older mapping may still write zeros. */
  void *wiper;
  int code = rsm_object_map(object, 0, object->length, RSM_PERM_RDWR, &wiper);
  if (code != RSM_SUCCESS) return code;
  if (rsm_memfd_seal(object->fd, F_SEAL_FUTURE_WRITE | F_SEAL_SEAL) != 0) {
    munmap(wiper, object->length);
    return RSMERR_MAP_FAILED;
  }
  object->wiper = wiper;
  object->read_only = true;
  return RSM_SUCCESS;
}

int rsm_object_descriptor(const struct rsm_object *object, uint32_t permission) {
  if (object->kind != RSM_OBJECT_MEMFD) {
    errno = EBADF;
    return -1;
  }
  if (permission & RSM_PERM_WRITE) {
    if (object->read_only) {
      errno = EPERM;
      return -1;
    }
    return fcntl(object->fd, F_DUPFD_CLOEXEC, 3);
  }
  char path[32];
  snprintf(path, sizeof path, "/proc/self/fd/%d", object->fd);
  int fd;
  do fd = open(path, O_RDONLY | O_CLOEXEC);
  while (fd < 0 && errno == EINTR);
  return fd;
}

void rsm_object_punch(const struct rsm_object *object) {
  rsm_object_punch_range(object, 0, object->length);
}

void rsm_object_punch_range(const struct rsm_object *object, uint64_t offset, uint64_t length) {
  if (object->kind == RSM_OBJECT_SYSV) return;
  if (object->wiper != NULL) {
    memset((char *)object->wiper + offset, 0, length);
    return;
  }
  int result;
  do result = fallocate(object->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)offset, (off_t)length);
  while (result != 0 && errno == EINTR);
}
