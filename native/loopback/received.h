/* Descriptors that a peer sent and that are not what they should be. */
#ifndef RSM_RECEIVED_H
#define RSM_RECEIVED_H

#include <sys/socket.h>
#include <unistd.h>

/* A socket's close may wait for what it has to deliver, as long as its sender likes: not this one's. */
static inline void rsm_discard_received(int fd) {
  (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &(struct linger){0}, sizeof(struct linger)); /* ENOTSOCK: no socket */
  close(fd);
}

#endif
