#define _GNU_SOURCE
#include "wire.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "received.h"

#ifndef SO_PASSRIGHTS
#define SO_PASSRIGHTS 83 /* not yet in the headers of most; another number on parisc and sparc */
#endif

void rsm_wire_refuse_descriptors(int fd) {
  (void)setsockopt(fd, SOL_SOCKET, SO_PASSRIGHTS, &(int){0}, sizeof(int));
}

#define DESCRIPTOR_BYTES (RSM_FRAME_DESCRIPTORS * sizeof(int))

/* cmsghdr wants its own alignment. */
union control {
  struct cmsghdr header;
  char bytes[CMSG_SPACE(DESCRIPTOR_BYTES)];
};

struct rsm_frame rsm_frame_of(enum rsm_frame_type type) {
  return (struct rsm_frame){
      .magic = RSM_FRAME_MAGIC, .version = RSM_FRAME_VERSION, .type = (uint16_t)type, .shmid = -1};
}

int rsm_wire_send(int fd, const struct rsm_frame *frame, const int *descriptors, size_t count) {
  union control control = {0};
  struct iovec part = {.iov_base = (void *)frame, .iov_len = sizeof *frame};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
  if (count > RSM_FRAME_DESCRIPTORS) return -EINVAL;
  if (count > 0) {
    message.msg_control = &control;
    message.msg_controllen = CMSG_SPACE(count * sizeof(int));
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(count * sizeof(int));
    memcpy(CMSG_DATA(header), descriptors, count * sizeof(int));
  }
  ssize_t sent;
  do sent = sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
  while (sent < 0 && errno == EINTR);
  return sent < 0 ? -errno : 0;
}

static bool well_formed(const struct rsm_frame *frame) {
  return frame->magic == RSM_FRAME_MAGIC && frame->version == RSM_FRAME_VERSION &&
         frame->type >= RSM_FRAME_CONNECT && frame->type <= RSM_FRAME_BELL;
}

static size_t take_descriptors(struct msghdr *message, int descriptors[RSM_FRAME_DESCRIPTORS]) {
  size_t count = 0;
  for (struct cmsghdr *header = CMSG_FIRSTHDR(message); header; header = CMSG_NXTHDR(message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    size_t bytes = header->cmsg_len - CMSG_LEN(0);
    memcpy(descriptors + count, CMSG_DATA(header), bytes);
    count += bytes / sizeof(int);
  }
  return count;
}

static int receive(int fd, struct rsm_frame *frame, struct msghdr *message) {
  struct iovec part = {.iov_base = frame, .iov_len = sizeof *frame};
  message->msg_iov = &part;
  message->msg_iovlen = 1;
  ssize_t got;
  do got = recvmsg(fd, message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  while (got < 0 && errno == EINTR);
  if (got < 0) {
    message->msg_controllen = 0; /* what the buffer holds is not from the kernel */
    return -errno;
  }
  if (got == 0) return 0;
  if ((size_t)got != sizeof *frame || (message->msg_flags & MSG_TRUNC) || !well_formed(frame)) return -EPROTO;
  return 1;
}

int rsm_wire_receive(int fd, struct rsm_frame *frame) {
  struct msghdr message = {0};
  int result = receive(fd, frame, &message);
  return result == 1 && (message.msg_flags & MSG_CTRUNC) ? -EPROTO : result;
}

int rsm_wire_receive_with(int fd, struct rsm_frame *frame, int descriptors[RSM_FRAME_DESCRIPTORS],
                          size_t *count) {
  union control control;
  /* Not all of it: padding has room for descriptors that were not asked for. */
  struct msghdr message = {.msg_control = &control, .msg_controllen = CMSG_LEN(DESCRIPTOR_BYTES)};
  int result = receive(fd, frame, &message);
  *count = take_descriptors(&message, descriptors);
  /* Cut short with room left in the buffer: it was our descriptor table that had no room. */
  if (message.msg_flags & MSG_CTRUNC) result = *count < RSM_FRAME_DESCRIPTORS ? -EMFILE : -EPROTO;
  if (result == 1) return 1;
  for (size_t i = 0; i < *count; i++) rsm_discard_received(descriptors[i]);
  *count = 0;
  return result;
}
