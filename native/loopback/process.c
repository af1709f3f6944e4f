/* Environments: one per JavaScript thread that uses RSM. The agent lives as long as any of them. */
#include <stdlib.h>
#include <unistd.h>

#include "state.h"
#include "wait.h"

struct rsm_list rsm_envs = {&rsm_envs, &rsm_envs};

/* Guards starting and joining the agent, which must not happen under rsm_lock. */
static pthread_mutex_t life = PTHREAD_MUTEX_INITIALIZER;
static unsigned open_envs;

static void end_records(struct rsm_env *env);
static void end_exports(struct rsm_env *env);

/* exit(3) with environments still open, as process.exit() and an exception end Node: their files would
 * stay, and memory that an importer of another user may have kept. Not in a forked child, which has the
 * files only in copy. */
static pid_t process_id;

static void end_all_exporting(void) {
  if (getpid() != process_id) return;
  pthread_mutex_lock(&rsm_lock);
  for (struct rsm_list *link = rsm_envs.next; link != &rsm_envs; link = rsm_envs.next) {
    struct rsm_env *env = RSM_LIST_ITEM(link, struct rsm_env, link);
    rsm_list_remove(&env->link);
    env->references++;
    end_records(env);
    end_exports(env);
    rsm_env_drop_locked(env);
  }
  pthread_mutex_unlock(&rsm_lock);
}

static void register_end(void) {
  process_id = getpid();
  if (atexit(end_all_exporting) != 0) abort();
}

static bool start_agent(void) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, register_end);
  pthread_mutex_lock(&life);
  bool running = open_envs > 0 || rsm_agent_start() == 0;
  open_envs += running;
  pthread_mutex_unlock(&life);
  return running;
}

static void stop_agent(void) {
  pthread_mutex_lock(&life);
  if (--open_envs == 0) {
    rsm_agent_stop();
    rsm_listener_stop();
  }
  pthread_mutex_unlock(&life);
}

struct rsm_env *rsm_env_open(void (*aborted)(void *hint, struct rsm_import *import), void *hint) {
  if (rsm_page_size() != RSM_PAGE_BYTES) return NULL; /* the pages of layout.h could not be mapped in a row */
  struct rsm_env *env = calloc(1, sizeof *env);
  if (env == NULL) return NULL;
  env->references = 1;
  env->aborted = aborted;
  env->hint = hint;
  rsm_list_init(&env->records);
  rsm_list_init(&env->exports);
  rsm_list_init(&env->imports);
  rsm_list_init(&env->lock_requests);
  if (!start_agent()) {
    free(env);
    return NULL;
  }
  pthread_mutex_lock(&rsm_lock);
  rsm_list_add(&rsm_envs, &env->link);
  pthread_mutex_unlock(&rsm_lock);
  return env;
}

void rsm_env_keep(struct rsm_env *env) {
  pthread_mutex_lock(&rsm_lock);
  env->references++;
  pthread_mutex_unlock(&rsm_lock);
}

void rsm_env_drop_locked(struct rsm_env *env) {
  if (--env->references == 0) free(env);
}

void rsm_env_drop(struct rsm_env *env) {
  pthread_mutex_lock(&rsm_lock);
  rsm_env_drop_locked(env);
  pthread_mutex_unlock(&rsm_lock);
}

/* Each ends itself and leaves its list; what is ended keeps this environment until it is released. */
static void end_records(struct rsm_env *env) {
  while (!rsm_list_empty(&env->records)) {
    struct rsm_record *record = RSM_LIST_ITEM(env->records.next, struct rsm_record, link);
    record->references++;
    pthread_mutex_unlock(&rsm_lock);
    rsm_record_end(record);
    pthread_mutex_lock(&rsm_lock);
    rsm_record_drop(record);
  }
}

static void end_exports(struct rsm_env *env) {
  while (!rsm_list_empty(&env->exports)) {
    struct rsm_export *segment = RSM_LIST_ITEM(env->exports.next, struct rsm_export, link);
    segment->references++;
    pthread_mutex_unlock(&rsm_lock);
    rsm_export_end_now(segment);
    pthread_mutex_lock(&rsm_lock);
    rsm_export_drop(segment);
  }
}

static void end_imports(struct rsm_env *env) {
  while (!rsm_list_empty(&env->imports)) {
    struct rsm_import *segment = RSM_LIST_ITEM(env->imports.next, struct rsm_import, link);
    segment->references++;
    pthread_mutex_unlock(&rsm_lock);
    rsm_import_disconnect(segment);
    pthread_mutex_lock(&rsm_lock);
    rsm_import_drop(segment);
  }
}

void rsm_env_close(struct rsm_env *env) {
  pthread_mutex_lock(&rsm_lock);
  env->closed = true;
  end_records(env);
  end_exports(env);
  end_imports(env);
  rsm_lock_requests_end(env);
  while (env->calling > 0) rsm_wait_changed(RSM_NO_DEADLINE); /* hint must not be used after our return */
  rsm_list_remove(&env->link);
  rsm_env_drop_locked(env);
  pthread_mutex_unlock(&rsm_lock);
  stop_agent();
}
