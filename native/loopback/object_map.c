/* Where objects show in the address space, and the scratch pages that replace them. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <unistd.h>

#include "codes.h"
#include "memfd.h"
#include "object.h"
#include "room.h"

static int code_of_errno(void) {
  return errno == ENOMEM ? RSMERR_INSUFFICIENT_RESOURCES : RSMERR_MAP_FAILED;
}

static int map_memfd(int fd, uint64_t offset, size_t length, bool write, void **address) {
  int flags = write ? MAP_SHARED : MAP_PRIVATE | MAP_NORESERVE;
  void *mapped = mmap(NULL, length, PROT_READ | PROT_WRITE, flags, fd, (off_t)offset);
  if (mapped == MAP_FAILED) return code_of_errno();
  *address = mapped;
  return RSM_SUCCESS;
}

/* Otherwise an exporter could have a mightier importer write into somebody else's segment. */
static bool may_share(const struct ipc_perm *rights, uid_t exporter) {
  return exporter == 0 || rights->uid == exporter || rights->cuid == exporter || (rights->mode & 06) == 06;
}

/* System V attaches whole segments: the window is what is left when head and tail are unmapped. */
static int map_sysv(const struct rsm_object *object, uint64_t start, size_t length, bool write, void **address) {
  char *whole = shmat(object->shmid, NULL, write ? 0 : SHM_RDONLY);
  if (whole == (void *)-1) return code_of_errno();
  /* Asked now: while it is attached the id cannot come to mean another segment. */
  struct shmid_ds status;
  if (shmctl(object->shmid, IPC_STAT, &status) == 0 && may_share(&status.shm_perm, object->exporter)) {
    size_t size = rsm_page_round(status.shm_segsz);
    if (start <= size && length <= size - start) {
      size_t tail = size - start - length;
      if ((start == 0 || munmap(whole, start) == 0) &&
          (tail == 0 || munmap(whole + start + length, tail) == 0)) {
        *address = whole + start;
        return RSM_SUCCESS;
      }
    }
  }
  shmdt(whole);
  return RSMERR_MAP_FAILED;
}

int rsm_object_map(const struct rsm_object *object, uint64_t offset, uint64_t length,
                   uint32_t permission, void **address) {
  bool write = (permission & RSM_PERM_WRITE) != 0;
  if (length == 0 || offset > object->length || length > object->length - offset) return RSMERR_MAP_FAILED;
  size_t mapped = rsm_page_round(length);
  if ((offset | mapped) % object->granule != 0) return RSMERR_MAP_FAILED;
  if (object->kind == RSM_OBJECT_SYSV) {
    return map_sysv(object, object->memory_offset + offset, mapped, write, address);
  }
  return map_memfd(object->fd, offset, mapped, write, address);
}

int rsm_mapping_move(void *from, size_t length, void *to) {
  if (mremap(from, length, length, MREMAP_MAYMOVE | MREMAP_FIXED, to) != MAP_FAILED) return RSM_SUCCESS;
  int code = code_of_errno();
  munmap(from, length);
  return code;
}

int rsm_object_map_over(const struct rsm_object *object, uint64_t offset, uint64_t length,
                        uint32_t permission, void *address) {
  void *fresh;
  int code = rsm_object_map(object, offset, length, permission, &fresh);
  if (code != RSM_SUCCESS) return code;
  return rsm_mapping_move(fresh, rsm_page_round(length), address);
}

/* Anonymous or private pages in the place of what has gone would count against the commit limit, and fail for large
 * ranges. So these are files of the process: a short one whose pages are there, shown over and over, so that whoever
 * touches it finds a page when there is no memory any more; and a sparse one, for what nobody touches or would take too
 * many mappings. */
static struct {
  pthread_mutex_t mutex;
  int solid;
  size_t solid_length;
  int sparse;
  size_t sparse_length;
} scratch = {PTHREAD_MUTEX_INITIALIZER, -1, 0, -1, 0};

/* Of a mapping: the short file has at least so large a part of it. */
#define SCRATCH_PIECES 64
#define SCRATCH_BYTES (64u << 10)

/* With the mutex. */
static int grow_scratch(int *fd, size_t *length, size_t wanted, bool solid) {
  if (wanted <= *length) return RSM_SUCCESS;
  if (*fd < 0) *fd = rsm_memfd_open(false);
  if (*fd < 0) return RSMERR_INSUFFICIENT_RESOURCES;
  int result = solid ? rsm_memfd_reserve(*fd, wanted, false) : rsm_memfd_resize(*fd, wanted);
  if (result != 0) return RSMERR_INSUFFICIENT_MEM;
  *length = wanted;
  return RSM_SUCCESS;
}

int rsm_scratch_reserve(size_t length) {
  size_t wanted = rsm_page_round(length / SCRATCH_PIECES);
  if (wanted < SCRATCH_BYTES) wanted = SCRATCH_BYTES;
  pthread_mutex_lock(&scratch.mutex);
  int code = grow_scratch(&scratch.solid, &scratch.solid_length, wanted, true);
  pthread_mutex_unlock(&scratch.mutex);
  return code == RSM_SUCCESS ? RSM_SUCCESS : RSMERR_INSUFFICIENT_RESOURCES; /* the code of map */
}

static int scratch_piece_over(int fd, char *address, size_t length) {
  void *fresh;
  int code = map_memfd(fd, 0, length, true, &fresh);
  return code == RSM_SUCCESS ? rsm_mapping_move(fresh, length, address) : code;
}

/* How far it came: not to the end of what was not reserved for, of huge pages, and where mappings run out. */
static size_t solid_scratch_over(char *address, size_t length) {
  pthread_mutex_lock(&scratch.mutex);
  int fd = scratch.solid;
  size_t piece = scratch.solid_length;
  pthread_mutex_unlock(&scratch.mutex);
  size_t pieces = piece == 0 ? 0 : (length - 1) / piece + 1;
  if (pieces == 0 || pieces > SCRATCH_PIECES || (pieces > 1 && !rsm_room_for_mappings((unsigned)pieces))) return 0;
  size_t done = 0;
  while (done < length) {
    size_t part = length - done < piece ? length - done : piece;
    if (scratch_piece_over(fd, address + done, part) != RSM_SUCCESS) break;
    done += part;
  }
  return done;
}

int rsm_scratch_over(void *address, size_t length, bool touched) {
  length = rsm_page_round(length);
  size_t done = touched ? solid_scratch_over(address, length) : 0;
  if (done == length) return RSM_SUCCESS;
  pthread_mutex_lock(&scratch.mutex);
  int code = grow_scratch(&scratch.sparse, &scratch.sparse_length, length, false);
  int fd = scratch.sparse;
  pthread_mutex_unlock(&scratch.mutex);
  return code == RSM_SUCCESS ? scratch_piece_over(fd, (char *)address + done, length - done) : code;
}

int rsm_control_page(bool sealed_for_peer, void **address, int *fd) {
  size_t length = rsm_page_size();
  if (!rsm_room_for_mappings(1)) return RSMERR_INSUFFICIENT_RESOURCES;
  int made = rsm_memfd_open(false);
  if (made < 0) return RSMERR_INSUFFICIENT_RESOURCES;
  int code = RSMERR_INSUFFICIENT_MEM;
  if (rsm_memfd_reserve(made, length, false) == 0) {
    code = map_memfd(made, 0, length, true, address);
    if (code == RSM_SUCCESS) {
      int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL | (sealed_for_peer ? F_SEAL_FUTURE_WRITE : 0);
      if (rsm_memfd_seal(made, seals) == 0) {
        *fd = made;
        return RSM_SUCCESS;
      }
      munmap(*address, length);
      code = RSMERR_MAP_FAILED;
    }
  }
  close(made);
  return code;
}
