/*
 * Measures a temperature every 10 ms into a System V segment, until told to stop. Knows nothing of RSM.
 *
 *   cc -O2 -o sensor sensor.c && ./sensor
 */
#include <stdatomic.h>
#include <stdio.h>
#include <sys/shm.h>
#include <time.h>

#define CAPACITY 4096

struct readings {
  _Atomic int count; /* how many are there */
  _Atomic int stop;  /* written by whoever has seen enough */
  double celsius[CAPACITY];
};

int main(void) {
  int shmid = shmget(IPC_PRIVATE, sizeof(struct readings), IPC_CREAT | 0600);
  if (shmid < 0) return perror("shmget"), 1;
  struct readings *readings = shmat(shmid, NULL, 0);
  if (readings == (void *)-1) return perror("shmat"), 1;
  /* Gone with the last one attached, however it ends. On Linux others may still attach by the number. */
  if (shmctl(shmid, IPC_RMID, NULL) != 0) return perror("shmctl"), 1;
  printf("shmid %d\n", shmid);
  fflush(stdout);

  const struct timespec pause = {.tv_nsec = 10 * 1000 * 1000};
  int count = 0;
  while (count < CAPACITY && !atomic_load(&readings->stop)) {
    readings->celsius[count] = 20.0 + count % 5;
    atomic_store(&readings->count, ++count);
    nanosleep(&pause, NULL);
  }
  printf("stopped after %d\n", count);
  return 0;
}
