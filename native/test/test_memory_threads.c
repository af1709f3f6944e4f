/* The registry of memory in many threads at once. */
// sources: memory memory_regions memory_sources object object_map memfd room
#define _GNU_SOURCE
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "memory_rig.h"

enum { THREADS = 4, ROUNDS = 150, SHARED_PAGES = 8 };

struct worker {
  char *shared;
  unsigned seed;
  _Atomic int *refused;
};

static void play_on_shared(struct worker *worker) {
  size_t first = rand_r(&worker->seed) % SHARED_PAGES;
  size_t pages = 1 + rand_r(&worker->seed) % (SHARED_PAGES - first);
  struct rsm_object *object;
  int code = rsm_memory_hold(worker->shared + first * PAGE, pages * PAGE, false, &object);
  if (code == RSMERR_INSUFFICIENT_RESOURCES) {
    atomic_fetch_add(worker->refused, 1);
    return;
  }
  CHECK_EQ(code, RSM_SUCCESS);
  CHECK_EQ(object->length, pages * PAGE);
  CHECK_EQ(peer_reads(object, pages - 1), (int)(first + pages));
  let_go(worker->shared + first * PAGE, pages * PAGE, object);
}

static void *work(void *hint) {
  struct worker *worker = hint;
  for (int i = 0; i < ROUNDS; i++) {
    char *own = numbered(1 + (size_t)i % 5);
    play_on_shared(worker);
    struct rsm_object *object = hold(own, PAGE, i % 2), *fresh;
    if (i % 3 == 0) {
      CHECK_EQ(rsm_memory_move(own, PAGE, &fresh), RSM_SUCCESS);
      rsm_object_drop(object);
      object = fresh;
    }
    if (i % 2) rsm_memory_forget(own);
    CHECK_EQ(peer_reads(object, 0), 1);
    let_go(own, PAGE, object);
    if (i % 2 == 0) {
      CHECK_EQ(rsm_memory_release(own), RSM_SUCCESS);
      rsm_memory_forget(own);
    }
  }
  return NULL;
}

/* Threads allocate, export, move and release their own memory and fight for ranges of one in common. */
static void test_the_registry_serves_threads(void) {
  char *shared = numbered(SHARED_PAGES);
  _Atomic int refused = 0;
  pthread_t threads[THREADS];
  struct worker workers[THREADS];
  for (unsigned i = 0; i < THREADS; i++) {
    workers[i] = (struct worker){shared, i, &refused};
    CHECK(pthread_create(&threads[i], NULL, work, &workers[i]) == 0);
  }
  for (unsigned i = 0; i < THREADS; i++) CHECK(pthread_join(threads[i], NULL) == 0);
  CHECK(atomic_load(&refused) < THREADS * ROUNDS); /* somebody always gets it */
  check_numbers(shared, SHARED_PAGES);
  struct rsm_object *whole = hold(shared, SHARED_PAGES * PAGE, false);
  let_go(shared, SHARED_PAGES * PAGE, whole);
  rsm_memory_forget(shared);
}

int main(void) {
  alarm(300);
  make_scratch();
  int descriptors = count_descriptors();
  RUN(test_the_registry_serves_threads);
  check_nothing_is_left(descriptors);
  return 0;
}
