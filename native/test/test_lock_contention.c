// sources: access agent connection event_set event_wait events exporter handshake imported importer listener
// sources: mapping memfd room
// sources: memory memory_regions memory_sources object object_map process rebind record record_wait serve shown slots
// sources: locks lock_requests wait wire
/* Locks that many processes and threads want, some of which are killed or stopped. */
#include "lock_rig.h"

/* ---- processes ---- */

static void hosts_and_stops(int unused) {
  (void)unused;
  host("self");
  memory = allocate(LENGTH);
  segment = lockable(env, memory);
  CHECK_EQ(publish(segment, record, ID, 0600), RSM_SUCCESS);
  SERVE_UNTIL(board->step == 1);
  rsm_export_release(segment);
  leave();
  give_back(memory);
}

static void an_exporter_that_is_stopped_cannot_stop_its_importers(void) {
  rig_up();
  pid_t exporter = start(hosts_and_stops, 0);
  struct rsm_env *mine = open_env();
  struct side a = side_of_import(mine, connect_to(mine, "self", ID));
  struct side b = side_of_import(mine, connect_to(mine, "self", ID));
  void *control = rsm_import_control(a.place.imported);
  CHECK(!acquire(&a));
  CHECK(kill(exporter, SIGSTOP) == 0);
  CHECK(waitpid(exporter, NULL, WUNTRACED) == exporter); /* its agent goes on for a while */
  b.ticket = 100;
  CHECK_EQ(rsm_lock_request(&b.place, ++b.ticket, true), RSM_SUCCESS);
  CHECK_EQ(rsm_lock_wait(mine, b.ticket, 50, NULL, NULL).code, RSMERR_TIMEOUT);
  release(&a); /* not contended: needs nobody */
  CHECK(take_free(&b));
  release(&b);
  CHECK(take_free(&a));
  for (int i = 0; i < 5000; i++) rsm_lock_release(&a.place, false); /* it reads none of this */
  AWAIT(!is_connected(control));
  CHECK(kill(exporter, SIGCONT) == 0);
  board->step = 1;
  expect_exit(exporter);
  end_import(a.place.imported, a.bytes, LENGTH);
  end(&b);
  rsm_env_close(mine);
  rig_down(false);
}

#define CONTENDERS 6

/* Adds one to the data, without any atomic operation, as long as it may. */
static void contends(int number) {
  struct rsm_env *mine = open_env();
  struct side side = side_of_import(mine, connect_to(mine, "self", ID));
  unsigned turns = 0;
  while (!board->stop) {
    bool died = acquire(&side);
    volatile uint32_t *data = data_of(&side);
    CHECK(died || data[1] == 0); /* set while somebody holds it */
    if (died) board->done++; /* one report for one death */
    data[1] = 1;
    uint32_t before = data[0];
    if (turns % 7 == 0) nap();
    data[0] = before + 1;
    board->count++;
    if (number == CONTENDERS - 1 && ++turns > 20) {
      data[1] = 0;
      board->ready++;
      kill(getpid(), SIGKILL); /* with the lock */
    }
    data[1] = 0;
    release(&side);
  }
  end(&side);
  rsm_env_close(mine);
}

static void no_two_processes_have_it_and_each_death_is_told_once(void) {
  rig_up();
  pid_t pids[CONTENDERS];
  int deaths = 0;
  for (int i = 0; i < CONTENDERS; i++) pids[i] = start(contends, i);
  pid_t exporter = start(hosts_and_stops, 0);
  for (; deaths < 8; deaths++) {
    expect_killed(pids[CONTENDERS - 1]);
    AWAIT(board->done == deaths + 1);
    pids[CONTENDERS - 1] = start(contends, CONTENDERS - 1);
  }
  expect_killed(pids[CONTENDERS - 1]);
  AWAIT(board->done == deaths + 1);
  board->stop = 1;
  for (int i = 0; i < CONTENDERS - 1; i++) expect_exit(pids[i]);
  struct rsm_env *mine = open_env();
  struct side last = side_of_import(mine, connect_to(mine, "self", ID));
  CHECK(!acquire(&last));
  CHECK_EQ(data_of(&last)[0], board->count);
  release(&last);
  end(&last);
  rsm_env_close(mine);
  board->step = 1;
  expect_exit(exporter);
  rig_down(false);
}

/* ---- threads, each with an environment as workers have ---- */

#define THREADS 4
#define ROUNDS 300

static void *contends_here(void *argument) {
  bool exports = argument != NULL;
  struct rsm_env *mine = open_env();
  struct rsm_export *other = exports ? lockable(mine, memory) : NULL;
  struct side side = exports ? side_of_export(mine, other, memory) : side_of_import(mine, connect_to(mine, "self", ID));
  for (int i = 0; i < ROUNDS; i++) {
    if (i % 3 == 2 && !take_free(&side)) { /* gives up, before or after it was granted */
      if (rsm_lock_wait(mine, ask(&side), i % 2, NULL, NULL).code == RSM_SUCCESS) release(&side);
      continue;
    }
    if (i % 3 != 2) acquire(&side);
    atomic_store((_Atomic uint32_t *)data_of(&side), atomic_load((_Atomic uint32_t *)data_of(&side)) + 1);
    board->count++;
    release(&side);
  }
  if (exports) rsm_export_release(other);
  else end(&side);
  rsm_env_close(mine);
  return NULL;
}

static void threads_contend_like_processes(void) {
  serve();
  pthread_t threads[THREADS];
  for (int i = 0; i < THREADS; i++) {
    CHECK(pthread_create(&threads[i], NULL, contends_here, i == 0 ? memory : NULL) == 0);
  }
  for (int i = 0; i < THREADS; i++) CHECK(pthread_join(threads[i], NULL) == 0);
  struct side own = side_of_export(env, segment, memory);
  acquire(&own);
  CHECK_EQ(*data_of(&own), board->count);
  release(&own);
  serve_no_more(false);
}

int main(void) {
  RUN(no_two_processes_have_it_and_each_death_is_told_once);
  RUN(an_exporter_that_is_stopped_cannot_stop_its_importers);
  RUN(threads_contend_like_processes);
  return 0;
}
