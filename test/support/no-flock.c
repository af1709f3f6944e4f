/* Preloaded into a process whose runtime directory is on a file system without flock(2), as some of networks are. */
#include <errno.h>
#include <sys/file.h>

int flock(int fd, int operation) {
  (void)fd;
  (void)operation;
  errno = ENOLCK;
  return -1;
}
