#define _GNU_SOURCE
#include "library.h"

#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#define FILE_NAME "libfabric.so.1"
#define SIGNALS 64

static struct rsm_library library;
static char reason[256];

/* By version: plain dlsym takes the newest interface, whose structures are others than ours. */
static bool find(void *handle, const char *name, const char *version, void *function) {
  void *found = dlvsym(handle, name, version);
  *(void **)function = found;
  if (found == NULL) snprintf(reason, sizeof reason, "%s has no %s of %s", FILE_NAME, name, version);
  return found != NULL;
}

static bool find_all(void *handle) {
  return find(handle, "fi_getinfo", "FABRIC_1.3", &library.getinfo) &&
         find(handle, "fi_freeinfo", "FABRIC_1.3", &library.freeinfo) &&
         find(handle, "fi_dupinfo", "FABRIC_1.3", &library.dupinfo) &&
         find(handle, "fi_fabric", "FABRIC_1.1", &library.fabric) &&
         find(handle, "fi_strerror", "FABRIC_1.0", &library.strerror) &&
         find(handle, "fi_version", "FABRIC_1.0", &library.version);
}

static void prepare_environment(void) {
  /* Constructors of Debian's build install handlers of SIGINT, SIGTERM, SIGSEGV and more without these. */
  setenv("HFI_NO_BACKTRACE", "1", 0);
  setenv("IPATH_NO_BACKTRACE", "1", 0);
  /* The thread of 2.x that makes progress of its own fights ours. */
  setenv("FI_TCP_DISABLE_AUTO_PROGRESS", "1", 0);
}

static void load(void) {
  struct sigaction handlers[SIGNALS];
  bool known[SIGNALS];
  prepare_environment();
  for (int i = 1; i < SIGNALS; i++) known[i] = sigaction(i, NULL, &handlers[i]) == 0;
  void *handle = dlopen(FILE_NAME, RTLD_NOW | RTLD_LOCAL);
  for (int i = 1; i < SIGNALS; i++) {
    if (known[i]) sigaction(i, &handlers[i], NULL);
  }
  if (handle == NULL) snprintf(reason, sizeof reason, "%s", dlerror());
  else if (!find_all(handle)) library.getinfo = NULL; /* and it stays loaded: it is not made to be unloaded */
}

static pthread_once_t once = PTHREAD_ONCE_INIT;

const struct rsm_library *rsm_library(void) {
  pthread_once(&once, load);
  return library.getinfo == NULL ? NULL : &library;
}

const char *rsm_library_reason(void) {
  return reason;
}
