#define _GNU_SOURCE
#include "record.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "codes.h"
#include "wire.h"

/* Whoever meets a record that is not locked may remove it, also between our create and our lock. */
#define CREATE_ATTEMPTS 8
#define CREATE_LOCK_MS 1000

static int check_name(const char *name) {
  if (name[0] == '\0' || name[0] == '.' || strchr(name, '/') != NULL) return -EINVAL;
  return strlen(name) + sizeof ".s" > RSM_RECORD_NAME_BYTES ? -ENAMETOOLONG : 0;
}

static void socket_name(const struct rsm_record_files *files, char *out) {
  snprintf(out, RSM_RECORD_NAME_BYTES, "%.*s.s", RSM_RECORD_NAME_BYTES - (int)sizeof ".s", files->name);
}

/* 1: fd is still what the name means; 0: it has been removed; or -errno. */
static int is_still_there(const struct rsm_record_files *files, int fd) {
  struct stat ours, named;
  if (fstat(fd, &ours) != 0) return -errno;
  if (fstatat(files->dirfd, files->name, &named, AT_SYMLINK_NOFOLLOW) != 0) {
    return errno == ENOENT ? 0 : -errno;
  }
  return ours.st_dev == named.st_dev && ours.st_ino == named.st_ino;
}

static int create_locked(struct rsm_record_files *files) {
  for (int attempt = 0; attempt < CREATE_ATTEMPTS; attempt++) {
    int fd = openat(files->dirfd, files->name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (fd < 0) return -errno;
    int result = fchmod(fd, 0644) != 0 ? -errno : rsm_lock_file(fd, true, CREATE_LOCK_MS);
    int there = is_still_there(files, fd);
    if (result == 0 && there == 1) {
      files->record_fd = fd;
      return 0;
    }
    if (there == 1) unlinkat(files->dirfd, files->name, 0);
    close(fd);
    if (result != 0) return result;
    if (there < 0) return there;
  }
  return -EBUSY;
}

/* As fchmodat with AT_SYMLINK_NOFOLLOW, which glibc can only since 2.32. */
static int set_mode(int dirfd, const char *name, mode_t mode) {
  int fd = openat(dirfd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return -errno;
  char path[sizeof "/proc/self/fd/2147483647"];
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  int result = chmod(path, mode) != 0 ? -errno : 0;
  close(fd);
  return result;
}

static int start_listening(struct rsm_record_files *files) {
  char name[RSM_RECORD_NAME_BYTES];
  socket_name(files, name);
  int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return -errno;
  files->listen_fd = fd;
  rsm_wire_refuse_descriptors(fd);
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/%s", files->dirfd, name);
  /* The record of this name is ours and locked: a socket that is there has lost its process. */
  if (unlinkat(files->dirfd, name, 0) != 0 && errno != ENOENT) return -errno;
  if (bind(fd, (struct sockaddr *)&address, sizeof address) != 0) return -errno;
  /* Afterwards, because the umask is the whole process's; before listen, so that nobody is refused. */
  int result = set_mode(files->dirfd, name, 0666);
  if (result != 0) return result;
  return listen(fd, SOMAXCONN) != 0 ? -errno : 0;
}

int rsm_record_files_create(const char *directory, const char *name, struct rsm_record_files *files,
                            int *error) {
  *files = (struct rsm_record_files){-1, -1, -1, ""};
  int result = check_name(name);
  if (result == 0) {
    snprintf(files->name, sizeof files->name, "%s", name);
    files->dirfd = open(directory, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    result = files->dirfd < 0 ? -errno : create_locked(files);
  }
  if (result == 0) result = start_listening(files);
  *error = -result;
  if (result == 0) return RSM_SUCCESS;
  rsm_record_files_remove(files);
  return RSMERR_INSUFFICIENT_RESOURCES;
}

void rsm_record_files_remove(struct rsm_record_files *files) {
  char name[RSM_RECORD_NAME_BYTES];
  socket_name(files, name);
  /* The socket first: who sees no record expects no socket. Only what we made and still is ours. */
  if (files->record_fd >= 0 && is_still_there(files, files->record_fd) == 1) {
    if (files->listen_fd >= 0) unlinkat(files->dirfd, name, 0);
    unlinkat(files->dirfd, files->name, 0);
  }
  if (files->listen_fd >= 0) close(files->listen_fd);
  if (files->record_fd >= 0) close(files->record_fd);
  if (files->dirfd >= 0) close(files->dirfd);
  *files = (struct rsm_record_files){-1, -1, -1, ""};
}

int rsm_claim_create(const struct rsm_record_files *files, const char *claim) {
  int result = check_name(claim);
  if (result != 0) return result;
  return symlinkat(files->name, files->dirfd, claim) != 0 ? -errno : 0;
}

void rsm_claim_remove(const struct rsm_record_files *files, const char *claim) {
  char text[RSM_RECORD_NAME_BYTES];
  ssize_t length = readlinkat(files->dirfd, claim, text, sizeof text);
  if (length < 0 || (size_t)length != strlen(files->name)) return;
  if (memcmp(text, files->name, (size_t)length) == 0) unlinkat(files->dirfd, claim, 0);
}
