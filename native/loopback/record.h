/*
 * What a JavaScript environment (main thread or worker) shows in the runtime directory: a record file
 * held by an OFD write lock, and a listening socket beside it. Both go with the environment; after
 * SIGKILL the kernel drops the lock and whoever meets the files removes them.
 *
 *   u/<uid>/<name>     record, 0644, locked: record_layout.h
 *   u/<uid>/<name>.s   SOCK_SEQPACKET, 0666: rights are decided by the peer's credentials
 */
#ifndef RSM_RECORD_H
#define RSM_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#define RSM_RECORD_NAME_BYTES 64

/* OFD locks on a whole file. 0, -EAGAIN after timeout_ms (< 0: no limit), or another -errno. */
int rsm_lock_file(int fd, bool exclusive, int timeout_ms);
int rsm_unlock_file(int fd);
int rsm_file_is_locked(int fd); /* 1 when another open file description holds a write lock on it */
int rsm_hold_directory(int fd); /* flock(LOCK_SH|LOCK_NB), which tmp cleaners respect: 0 or -errno */

struct rsm_record_files {
  int dirfd;      /* O_PATH of u/<uid> */
  int record_fd;  /* locked */
  int listen_fd;  /* non-blocking */
  char name[RSM_RECORD_NAME_BYTES];
};

/* *error is an errno. A file of that name that is there already: EEXIST. */
int rsm_record_files_create(const char *directory, const char *name, struct rsm_record_files *files,
                            int *error);
void rsm_record_files_remove(struct rsm_record_files *files); /* unlinks and closes */

/* Claims: a symbolic link u/<uid>/<claim> whose text is the record's name. -errno or 0. */
int rsm_claim_create(const struct rsm_record_files *files, const char *claim);
void rsm_claim_remove(const struct rsm_record_files *files, const char *claim);

/* A non-blocking SEQPACKET socket connected to path by deadline_ns (CLOCK_MONOTONIC), through
 * /proc/self/fd when path is longer than sun_path. Returns it or -errno (-ETIMEDOUT, -ECONNREFUSED…). */
int rsm_socket_connect(const char *path, int64_t deadline_ns, int cancel_fd);
/* The same of a STREAM socket: the gateway's. */
int rsm_stream_connect(const char *path, int64_t deadline_ns);

#endif
