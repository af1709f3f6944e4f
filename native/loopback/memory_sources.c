/* Memory that begins as something else: the copy of a file, an attached System V segment. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sys/ipc.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <unistd.h>

#include "codes.h"
#include "memory.h"
#include "memory_regions.h"
#include "room.h"

static int code_of_errno(int error) {
  switch (error) {
    case EACCES:
    case EPERM:
      return RSMERR_PERM_DENIED;
    case ENOMEM:
      return RSMERR_INSUFFICIENT_MEM;
    case EMFILE:
    case ENFILE:
      return RSMERR_INSUFFICIENT_RESOURCES;
    default:
      return RSMERR_BAD_ADDR;
  }
}

/* The file may shrink meanwhile: that is BAD_LENGTH, as if it had been short before. */
static int read_whole(int fd, char *target, size_t length, uint64_t offset, int *error) {
  for (size_t done = 0; done < length;) {
    ssize_t part = pread(fd, target + done, length - done, (off_t)(offset + done));
    if (part > 0) {
      done += (size_t)part;
    } else if (part == 0) {
      return RSMERR_BAD_LENGTH;
    } else if (errno != EINTR) {
      *error = errno;
      return code_of_errno(errno);
    }
  }
  return RSM_SUCCESS;
}

static int copy_range(int fd, uint64_t offset, uint64_t length, void **address, size_t *length_out,
                      int *error) {
  struct stat status;
  if (fstat(fd, &status) != 0) {
    *error = errno;
    return code_of_errno(errno);
  }
  if (!S_ISREG(status.st_mode)) return RSMERR_BAD_ADDR;
  uint64_t size = (uint64_t)status.st_size;
  if (offset >= size) return RSMERR_BAD_LENGTH;
  if (length == UINT64_MAX) length = size - offset;
  if (length == 0 || length > size - offset) return RSMERR_BAD_LENGTH;
  void *copy;
  int code = rsm_memory_allocate(length, 0, &copy);
  if (code != RSM_SUCCESS) return code;
  code = read_whole(fd, copy, length, offset, error);
  if (code != RSM_SUCCESS) {
    rsm_memory_forget(copy);
    return code;
  }
  *address = copy;
  *length_out = length;
  return RSM_SUCCESS;
}

int rsm_memory_map_file(const char *path, uint64_t offset, uint64_t length, void **address,
                        size_t *length_out, int *error) {
  *error = 0;
  int fd;
  /* Not blocking: a FIFO without a writer would wait for one. */
  do fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  while (fd < 0 && errno == EINTR);
  if (fd < 0) {
    *error = errno;
    return code_of_errno(errno);
  }
  int code = copy_range(fd, offset, length, address, length_out, error);
  close(fd);
  return code;
}

int rsm_memory_attach_sysv(int shmid, void **address, size_t *length, int *error) {
  *error = 0;
  if (!rsm_room_for_mappings(1)) return RSMERR_INSUFFICIENT_RESOURCES;
  void *attached = shmat(shmid, NULL, 0);
  if (attached == (void *)-1) {
    *error = errno;
    return code_of_errno(errno);
  }
  struct shmid_ds status;
  int code = RSMERR_INSUFFICIENT_MEM;
  if (shmctl(shmid, IPC_STAT, &status) != 0) {
    *error = errno;
    code = code_of_errno(errno);
  } else {
    size_t size = rsm_page_round(status.shm_segsz);
    struct rsm_object *object;
    code = rsm_object_of_sysv(shmid, geteuid(), 0, size, &object);
    if (code == RSM_SUCCESS) {
      code = rsm_registry_add(attached, size, 0, object);
      if (code == RSM_SUCCESS) {
        *address = attached;
        *length = size;
        return RSM_SUCCESS;
      }
      rsm_object_drop(object);
    }
  }
  shmdt(attached);
  return code;
}
