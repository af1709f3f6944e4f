/*
 * All there is to a test program: CHECK stops it with file and line, RUN says that a test passed.
 * A test program starts with a line that names its sources in native/loopback (see the Makefile).
 */
#ifndef RSM_CHECK_H
#define RSM_CHECK_H

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define CHECK(condition)                                                                             \
  do {                                                                                               \
    if (!(condition)) {                                                                              \
      fprintf(stderr, "%s:%d: %s (errno %d)\n", __FILE__, __LINE__, #condition, errno);              \
      _exit(1);                                                                                      \
    }                                                                                                \
  } while (0)

#define CHECK_EQ(actual, expected)                                                                   \
  do {                                                                                               \
    long long check_a = (long long)(actual), check_b = (long long)(expected);                        \
    if (check_a != check_b) {                                                                        \
      fprintf(stderr, "%s:%d: %s is %lld, not %s = %lld (errno %d)\n", __FILE__, __LINE__, #actual,  \
              check_a, #expected, check_b, errno);                                                   \
      _exit(1);                                                                                      \
    }                                                                                                \
  } while (0)

#define RUN(test)                                                                                    \
  do {                                                                                               \
    test();                                                                                          \
    printf("ok %s\n", #test);                                                                        \
    fflush(stdout);                                                                                  \
  } while (0)

/* Open descriptors of this process. */
static inline int count_descriptors(void) {
  DIR *directory = opendir("/proc/self/fd");
  CHECK(directory != NULL);
  int count = -3; /* ".", ".." and the directory itself */
  while (readdir(directory) != NULL) count++;
  closedir(directory);
  return count;
}

/* Mappings of this process whose line in /proc/self/maps has this word. */
static inline int count_mappings(const char *word) {
  FILE *file = fopen("/proc/self/maps", "re");
  CHECK(file != NULL);
  char line[512];
  int count = 0;
  while (fgets(line, sizeof line, file) != NULL) count += strstr(line, word) != NULL;
  fclose(file);
  return count;
}

#endif
