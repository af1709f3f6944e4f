/* Functions that glibc has only since 2.33; before that they were macros. On 64 bits the kernel's structure is C's. */
#define _GNU_SOURCE
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

int fstat64(int descriptor, struct stat64 *status) {
  return (int)syscall(SYS_fstat, descriptor, status);
}

int fstatat64(int directory, const char *path, struct stat64 *status, int flags) {
  return (int)syscall(SYS_newfstatat, directory, path, status, flags);
}
