/*
 * A program that knows nothing of RSM: attaches a System V segment and obeys its input, one command a line:
 *   get OFFSET  ->  prints the byte      put OFFSET VALUE  ->  prints ok
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/shm.h>

int main(int argc, char **argv) {
  if (argc != 2) return 2;
  setvbuf(stdout, NULL, _IOLBF, 0);
  unsigned char *memory = shmat(atoi(argv[1]), NULL, 0);
  if (memory == (void *)-1) return 1;
  printf("attached\n");
  char line[80];
  unsigned long offset;
  unsigned value;
  while (fgets(line, sizeof line, stdin)) {
    if (sscanf(line, "put %lu %u", &offset, &value) == 2) {
      memory[offset] = (unsigned char)value;
      printf("ok\n");
    } else if (sscanf(line, "get %lu", &offset) == 1) {
      printf("%u\n", memory[offset]);
    }
  }
  return 0;
}
