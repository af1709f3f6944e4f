/*
 * Holds one thread of a process, and lets the others go on: `holder PID NAME`. Says "held" when it stands; it goes on
 * when this program ends, by whatever way.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

static pid_t thread_named(const char *pid, const char *name) {
  char path[512], found[32];
  snprintf(path, sizeof path, "/proc/%s/task", pid);
  DIR *threads = opendir(path);
  if (threads == NULL) return 0;
  pid_t thread = 0;
  for (struct dirent *entry; thread == 0 && (entry = readdir(threads)) != NULL;) {
    snprintf(path, sizeof path, "/proc/%s/task/%s/comm", pid, entry->d_name);
    FILE *file = fopen(path, "r");
    if (file == NULL) continue;
    if (fgets(found, sizeof found, file) != NULL) {
      found[strcspn(found, "\n")] = '\0';
      if (strcmp(found, name) == 0) thread = atoi(entry->d_name);
    }
    fclose(file);
  }
  closedir(threads);
  return thread;
}

int main(int argc, char **argv) {
  pid_t thread = argc == 3 ? thread_named(argv[1], argv[2]) : 0;
  if (thread <= 0 || ptrace(PTRACE_SEIZE, thread, 0, 0) != 0 || ptrace(PTRACE_INTERRUPT, thread, 0, 0) != 0 ||
      waitpid(thread, NULL, __WALL) != thread) {
    perror("holder");
    return 1;
  }
  puts("held");
  fflush(stdout);
  pause();
  return 0;
}
