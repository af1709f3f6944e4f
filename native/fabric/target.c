/* The target's thread, and its beginning and end. */
#define _GNU_SOURCE
#include "target.h"

#include <arpa/inet.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "../loopback/wait.h"
#include "target_state.h"

#define READY_AT_ONCE 64
/* An answer that comes at once is heard without sleeping: measured, the bound is for machines of few cores. */
#define SPIN_NS 20000
#define NS_PER_MS 1000000

/* A connection request with the data that came along. */
union connection_event {
  struct fi_eq_cm_entry entry;
  char bytes[sizeof(struct fi_eq_cm_entry) + 256];
};

struct told {
  struct rsm_list link;
  struct rsm_target_event event;
};

/* ---- for the other files ---- */

void rsm_target_lock(struct rsm_target *target) {
  atomic_fetch_add(&target->wanted, 1);
  pthread_mutex_lock(&target->lock);
  atomic_fetch_sub(&target->wanted, 1);
}

void rsm_target_unlock(struct rsm_target *target) {
  pthread_mutex_unlock(&target->lock);
}

void rsm_target_wake(struct rsm_target *target) {
  uint64_t one = 1;
  ssize_t done = write(target->wake.fd, &one, sizeof one);
  (void)done; /* EAGAIN alone is possible: it is readable already */
}

int rsm_target_watch(struct rsm_target *target, struct rsm_source *source, enum rsm_source_kind kind, int fd) {
  struct epoll_event interest = {.events = EPOLLIN, .data = {.ptr = source}};
  *source = (struct rsm_source){.kind = kind, .fd = -1};
  if (epoll_ctl(target->set, EPOLL_CTL_ADD, fd, &interest) != 0) return -errno;
  source->fd = fd;
  return 0;
}

void rsm_target_unwatch(struct rsm_target *target, struct rsm_source *source) {
  if (source->fd >= 0) (void)epoll_ctl(target->set, EPOLL_CTL_DEL, source->fd, NULL);
  source->fd = -1;
}

void rsm_target_due(struct rsm_target *target, int64_t deadline_ns) {
  if (deadline_ns >= target->look_ns) return;
  target->look_ns = deadline_ns;
  rsm_target_wake(target);
}

/* Without memory it is not told: whoever serves the importer finds out at the next call about it. */
static bool tell(struct rsm_target *target, const struct rsm_target_event *event) {
  struct told *told = target->ending ? NULL : malloc(sizeof *told);
  if (told == NULL) return false;
  told->event = *event;
  rsm_list_add(&target->told, &told->link);
  target->woken(target->hint);
  return true;
}

void rsm_target_tell(struct rsm_target *target, enum rsm_target_event_kind kind, uint32_t importer, uint32_t segment) {
  (void)tell(target, &(struct rsm_target_event){.kind = kind, .importer = importer, .segment = segment});
}

void rsm_target_tell_refusal(struct rsm_target *target, const struct sockaddr *from) {
  struct rsm_target_event event = {.kind = RSM_TARGET_REFUSED};
  if (target->refusal_told) return;
  bool six = from != NULL && from->sa_family == AF_INET6;
  const void *address = six ? (const void *)&((const struct sockaddr_in6 *)from)->sin6_addr
                            : (const void *)&((const struct sockaddr_in *)from)->sin_addr;
  if (six || (from != NULL && from->sa_family == AF_INET)) {
    inet_ntop(from->sa_family, address, event.from, sizeof event.from);
  }
  target->refusal_told = tell(target, &event);
}

bool rsm_target_take_event(struct rsm_target *target, struct rsm_target_event *event) {
  rsm_target_lock(target);
  bool any = !rsm_list_empty(&target->told);
  if (any) {
    struct told *told = RSM_LIST_ITEM(target->told.next, struct told, link);
    *event = told->event;
    if (event->kind == RSM_TARGET_REFUSED) target->refusal_told = false;
    rsm_list_remove(&told->link);
    free(told);
  }
  rsm_target_unlock(target);
  return any;
}

/* ---- the thread ---- */

static void read_connection_events(struct rsm_target *target) {
  union connection_event event;
  uint32_t kind;
  ssize_t length;
  while ((length = fi_eq_read(target->queue, &kind, &event, sizeof event, 0)) >= (ssize_t)sizeof event.entry) {
    struct rsm_importer *importer = NULL;
    if (kind != FI_CONNREQ) importer = rsm_importer_of_endpoint(target, event.entry.fid);
    if (kind == FI_CONNREQ) {
      rsm_importer_requested(target, event.entry.info, event.entry.data, (size_t)length - sizeof event.entry);
    } else if (importer != NULL && kind == FI_CONNECTED) {
      rsm_importer_connected(importer);
    } else if (importer != NULL && kind == FI_SHUTDOWN) {
      rsm_importer_leave(importer);
    }
  }
  if (length == -FI_EAVAIL) { /* of an endpoint that failed to be established */
    struct fi_eq_err_entry error = {0};
    if (fi_eq_readerr(target->queue, &error, 0) < 0) return;
    struct rsm_importer *importer = rsm_importer_of_endpoint(target, error.fid);
    if (importer != NULL) rsm_importer_end(importer);
  }
}

static void handle(struct rsm_target *target, struct rsm_source *source) {
  uint64_t count;
  if (source->kind == RSM_SOURCE_WAKE) {
    ssize_t done = read(source->fd, &count, sizeof count);
    (void)done; /* it only wakes */
    rsm_target_take_lock_answers(target);
  } else if (source->kind == RSM_SOURCE_EVENTS) {
    read_connection_events(target);
  } else if (source->kind == RSM_SOURCE_GRANT && source->fd >= 0) {
    rsm_granted_collect((struct rsm_granted *)source);
  } else if (source->kind == RSM_SOURCE_IMPORTER && source->fd >= 0) {
    rsm_importer_active((struct rsm_importer *)source);
  }
}

static bool progress(struct rsm_target *target) {
  bool any = false;
  RSM_LIST_EACH(struct rsm_importer, importer, &target->active, active) {
    any = rsm_importer_progress(importer) || any;
  }
  return any;
}

/* Lets others have the lock that they wait for. */
static void step_aside(struct rsm_target *target) {
  if (atomic_load(&target->wanted) == 0) return;
  pthread_mutex_unlock(&target->lock);
  while (atomic_load(&target->wanted) > 0) sched_yield();
  pthread_mutex_lock(&target->lock);
}

static void serve(struct rsm_target *target) {
  int64_t until_ns = rsm_now_ns() + SPIN_NS;
  do {
    if (progress(target)) until_ns = rsm_now_ns() + SPIN_NS;
    step_aside(target);
    sched_yield(); /* to exporters and the gateway's own event loop, where processors are few */
  } while (!rsm_list_empty(&target->active) && rsm_now_ns() < until_ns);
}

/* Whether the thread may sleep: nothing is to be read anywhere, and what comes will be told. */
static bool arm(struct rsm_target *target) {
  bool armed = rsm_alarm_arm(&target->alarm);
  if (!armed) read_connection_events(target);
  RSM_LIST_EACH(struct rsm_importer, importer, &target->active, active) {
    if (rsm_alarm_arm(&importer->connection.alarm)) rsm_list_remove(&importer->active);
    else armed = false;
  }
  return armed;
}

/* Importers and grants that ended while what epoll said of them was still to be handled. */
static void bury(struct rsm_target *target) {
  _Static_assert(offsetof(struct rsm_importer, link) == offsetof(struct rsm_granted, link), "both are in the list");
  while (!rsm_list_empty(&target->dead)) {
    struct rsm_list *link = target->dead.next;
    rsm_list_remove(link);
    free((char *)link - offsetof(struct rsm_importer, link));
  }
}

static int sleep_ms(const struct rsm_target *target) {
  if (target->look_ns == RSM_NO_DEADLINE) return -1;
  int64_t ns = target->look_ns - rsm_now_ns();
  return ns <= 0 ? 0 : ns / NS_PER_MS >= INT32_MAX ? INT32_MAX : (int)(ns / NS_PER_MS) + 1;
}

static void *run(void *argument) {
  struct rsm_target *target = argument;
  struct epoll_event ready[READY_AT_ONCE];
  pthread_setname_np(pthread_self(), "rsm-fabric");
  pthread_mutex_lock(&target->lock);
  while (!target->ending) {
    bury(target);
    int timeout_ms = arm(target) ? sleep_ms(target) : 0;
    pthread_mutex_unlock(&target->lock);
    int count = epoll_wait(target->set, ready, READY_AT_ONCE, timeout_ms);
    pthread_mutex_lock(&target->lock);
    for (int i = 0; i < count && !target->ending; i++) handle(target, ready[i].data.ptr);
    if (!target->ending) serve(target);
    int64_t now_ns = rsm_now_ns();
    if (now_ns >= target->look_ns) rsm_importers_expire(target, now_ns);
  }
  pthread_mutex_unlock(&target->lock);
  return NULL;
}

/* ---- beginning and end ---- */

static void name_address(struct rsm_target *target, const struct rsm_address *wanted) {
  struct sockaddr_storage bound;
  size_t length = sizeof bound;
  target->address = *wanted;
  snprintf(target->address.provider, RSM_PROVIDER_BYTES, "%s", target->info->fabric_attr->prov_name);
  if (fi_getname(&target->listener->fid, &bound, &length) != 0) return;
  bool six = bound.ss_family == AF_INET6;
  in_port_t port = six ? ((struct sockaddr_in6 *)&bound)->sin6_port : ((struct sockaddr_in *)&bound)->sin_port;
  target->address.port = ntohs(port);
}

static int listen_on(struct rsm_target *target, const struct rsm_address *address) {
  char port[8];
  snprintf(port, sizeof port, "%u", address->port);
  int result = rsm_provider_info(address->provider, address->host, port, FI_SOURCE, &target->info);
  if (result != 0) return result;
  result = rsm_library()->fabric(target->info->fabric_attr, &target->fabric, NULL);
  if (result == 0) result = rsm_event_queue_open(target->fabric, &target->queue, &target->alarm);
  if (result == 0) result = rsm_target_watch(target, &target->events, RSM_SOURCE_EVENTS, target->alarm.fd);
  if (result == 0) result = fi_passive_ep(target->fabric, target->info, &target->listener, NULL);
  if (result == 0) result = fi_pep_bind(target->listener, &target->queue->fid, 0);
  if (result == 0) result = fi_listen(target->listener);
  if (result == 0) name_address(target, address);
  return result;
}

static void give_back(struct rsm_target *target) {
  bury(target);
  if (target->listener != NULL) fi_close(&target->listener->fid);
  if (target->queue != NULL) fi_close(&target->queue->fid);
  rsm_alarm_close(&target->alarm);
  if (target->fabric != NULL) fi_close(&target->fabric->fid);
  if (target->info != NULL) rsm_library()->freeinfo(target->info);
  if (target->set >= 0) close(target->set);
  if (target->wake.fd >= 0) close(target->wake.fd);
  RSM_LIST_EACH(struct told, told, &target->told, link) free(told);
  pthread_mutex_destroy(&target->lock);
  free(target);
}

static struct rsm_target *create(void (*woken)(void *hint), void *hint) {
  struct rsm_target *target = calloc(1, sizeof *target);
  if (target == NULL) return NULL;
  *target = (struct rsm_target){.look_ns = RSM_NO_DEADLINE, .woken = woken, .hint = hint, .wake = {.fd = -1},
                                .events = {.fd = -1}};
  pthread_mutex_init(&target->lock, NULL);
  rsm_list_init(&target->importers);
  rsm_list_init(&target->active);
  rsm_list_init(&target->dead);
  rsm_list_init(&target->told);
  target->set = epoll_create1(EPOLL_CLOEXEC);
  return target;
}

struct rsm_target *rsm_target_open(const struct rsm_address *address, void (*woken)(void *hint), void *hint,
                                   char *reason, size_t size) {
  struct rsm_address chosen = *address;
  if (!rsm_provider_choose(address->provider, chosen.provider, reason, size)) return NULL;
  struct rsm_target *target = create(woken, hint);
  if (target == NULL) return NULL;
  int wake = target->set < 0 ? -1 : eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  int result = wake < 0 ? -errno : rsm_target_watch(target, &target->wake, RSM_SOURCE_WAKE, wake);
  if (result == 0) result = listen_on(target, &chosen);
  if (result == 0) result = -pthread_create(&target->thread, NULL, run, target);
  if (result == 0) return target;
  snprintf(reason, size, "cannot listen on %s port %u: %s", address->host, address->port,
           rsm_library()->strerror(-result));
  give_back(target);
  return NULL;
}

void rsm_target_close(struct rsm_target *target) {
  rsm_target_lock(target);
  target->ending = true;
  rsm_target_wake(target);
  rsm_target_unlock(target);
  pthread_join(target->thread, NULL);
  RSM_LIST_EACH(struct rsm_importer, importer, &target->importers, link) rsm_importer_end(importer);
  give_back(target);
}

const struct rsm_address *rsm_target_address(const struct rsm_target *target) {
  return &target->address;
}
