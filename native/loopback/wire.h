/*
 * Frames (layout.h) over a SOCK_SEQPACKET socket. Never blocks. What the peer sends is hostile: a frame
 * that comes out of here has the right size, magic, version and a known type; its fields are unchecked.
 */
#ifndef RSM_WIRE_H
#define RSM_WIRE_H

#include <stddef.h>

#include "layout.h"

/* From now on nobody can send descriptors to this socket, nor to those accepted from it. Without it the kernel drops
 * them as we receive, in our thread, and one whose close lingers keeps that as long as its sender likes (reproduced).
 * Since Linux 6.16; before it changes nothing. */
void rsm_wire_refuse_descriptors(int fd);

struct rsm_frame rsm_frame_of(enum rsm_frame_type type);

/* The descriptors stay the caller's. 0 or -errno (-EAGAIN: the peer does not read). */
int rsm_wire_send(int fd, const struct rsm_frame *frame, const int *descriptors, size_t count);

/* 1: a frame; 0: end of file; -EAGAIN: nothing there; -EPROTO: not a frame; another -errno.
 * Without a control buffer: the kernel drops descriptors that came along, and that is -EPROTO. */
int rsm_wire_receive(int fd, struct rsm_frame *frame);

/* The same with up to RSM_FRAME_DESCRIPTORS descriptors, close-on-exec, the caller's when the answer is
 * 1, else closed. -EMFILE: this process has no room for them. */
int rsm_wire_receive_with(int fd, struct rsm_frame *frame, int descriptors[RSM_FRAME_DESCRIPTORS],
                          size_t *count);

#endif
