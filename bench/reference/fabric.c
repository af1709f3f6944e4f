/*
 * Reference of the questions between nodes: an initiator and a target with libfabric.
 *   fabric PROVIDER put|get|add|puts ITERATIONS - ADDRESS NETNS   8 bytes; puts: 1,000 and one read behind them
 *   fabric PROVIDER write|read BYTES TOTAL_BYTES ADDRESS NETNS    as many at once as fit the window
 *   -> nanoseconds each
 * As ours: the same provider, an MSG endpoint; a put is known to be there (delivery complete), a get when its bytes are
 * here; both sides spin 20 us on their queue and then sleep until its descriptor says that there is something.
 */
#define _GNU_SOURCE
#include <rdma/fi_cm.h>
#include <rdma/fi_domain.h>
#include <rdma/fi_endpoint.h>
#include <rdma/fi_errno.h>
#include <rdma/fi_rma.h>

#include "apart.h"

#define KEY 77
#define SPIN_NS 20000
#define PUTS_IN_A_SPAN 1000
#define WINDOW 16

struct end {
  struct fid_fabric *fabric;
  struct fid_domain *domain;
  struct fid_eq *events;
  struct fid_cq *queue;
  struct fid_ep *endpoint;
};

static char message[64];
static const char *provider;
static size_t region_bytes = 4096;
static char *memory; /* of either side */

static struct fi_info *look_up(const char *address, const char *port, uint64_t flags) {
  struct fi_info *info, *hints = fi_allocinfo();
  hints->ep_attr->type = FI_EP_MSG;
  hints->caps = FI_MSG | FI_RMA;
  hints->fabric_attr->prov_name = strdup(provider);
  must(fi_getinfo(FI_VERSION(1, 17), address, port, flags, hints, &info), "getinfo");
  fi_freeinfo(hints);
  return info;
}

static void open_end(struct end *end, struct fi_info *info) {
  struct fi_cq_attr attributes = {.format = FI_CQ_FORMAT_CONTEXT, .wait_obj = FI_WAIT_UNSPEC, .size = 1024};
  must(fi_domain(end->fabric, info, &end->domain, NULL), "domain");
  must(fi_cq_open(end->domain, &attributes, &end->queue, NULL), "queue");
  must(fi_endpoint(end->domain, info, &end->endpoint, NULL), "endpoint");
  must(fi_ep_bind(end->endpoint, &end->events->fid, 0), "bind");
  must(fi_ep_bind(end->endpoint, &end->queue->fid, FI_TRANSMIT | FI_SELECTIVE_COMPLETION), "bind");
  must(fi_ep_bind(end->endpoint, &end->queue->fid, FI_RECV), "bind");
  must(fi_enable(end->endpoint), "enable");
  must(fi_recv(end->endpoint, message, sizeof message, NULL, 0, message), "recv");
}

static void open_fabric(struct end *end, struct fi_info *info) {
  struct fi_eq_attr attributes = {.wait_obj = FI_WAIT_UNSPEC};
  must(fi_fabric(info->fabric_attr, &end->fabric, NULL), "fabric");
  must(fi_eq_open(end->fabric, &attributes, &end->events, NULL), "events");
}

/* Spins, then sleeps. */
static void complete(struct end *end) {
  struct fi_cq_entry entry;
  ssize_t count;
  double until = now() + SPIN_NS;
  while ((count = fi_cq_read(end->queue, &entry, 1)) == -FI_EAGAIN) {
    if (now() > until) count = fi_cq_sread(end->queue, &entry, 1, NULL, 1000);
    if (count != -FI_EAGAIN) break;
  }
  must(count, "completion");
}

static void await_event(struct end *end, uint32_t wanted, struct fi_eq_cm_entry *entry) {
  uint32_t event;
  struct fi_cq_entry none;
  ssize_t length;
  while ((length = fi_eq_read(end->events, &event, entry, sizeof *entry, 0)) == -FI_EAGAIN) {
    if (end->queue != NULL) fi_cq_read(end->queue, &none, 1);
  }
  must(length < 0 || event != wanted ? -1 : 0, "connection");
}

static void target(const struct far_side *side) {
  struct end end = {0};
  struct fi_info *info = look_up(side->address, "0", FI_SOURCE);
  struct fid_pep *listener;
  struct fid_mr *region;
  struct sockaddr_in address;
  size_t length = sizeof address;
  struct fi_eq_cm_entry entry;
  open_fabric(&end, info);
  must(fi_passive_ep(end.fabric, info, &listener, NULL), "listener");
  must(fi_pep_bind(listener, &end.events->fid, 0), "bind");
  must(fi_listen(listener), "listen");
  must(fi_getname(&listener->fid, &address, &length), "name");
  unsigned short port = ntohs(address.sin_port);
  must(write(side->told, &port, sizeof port), "tell");
  await_event(&end, FI_CONNREQ, &entry);
  open_end(&end, entry.info);
  uint64_t access = FI_REMOTE_READ | FI_REMOTE_WRITE;
  must(fi_mr_reg(end.domain, memory, region_bytes, access, 0, KEY, 0, &region, NULL), "region");
  must(fi_accept(end.endpoint, NULL, 0), "accept");
  for (;;) { /* until the initiator ends it */
    complete(&end);
    unsigned long old = __atomic_fetch_add((unsigned long *)memory, 1, __ATOMIC_SEQ_CST);
    must(fi_recv(end.endpoint, message, sizeof message, NULL, 0, message), "recv");
    must(fi_inject(end.endpoint, &old, 40, 0), "answer");
  }
}

static void once(struct end *end, const char *what) {
  static unsigned long value[8];
  struct iovec near = {value, 8};
  struct fi_rma_iov far = {0, 8, KEY};
  struct fi_msg_rma request = {.msg_iov = &near, .iov_count = 1, .rma_iov = &far, .rma_iov_count = 1};
  if (strcmp(what, "put") == 0) {
    must(fi_writemsg(end->endpoint, &request, FI_DELIVERY_COMPLETE | FI_COMPLETION), "write");
  } else if (strcmp(what, "get") == 0) {
    must(fi_readmsg(end->endpoint, &request, FI_COMPLETION), "read");
  } else if (strcmp(what, "add") == 0) {
    must(fi_inject(end->endpoint, value, 40, 0), "send");
  } else {
    for (int i = 0; i < PUTS_IN_A_SPAN; i++) {
      must(fi_inject_write(end->endpoint, value, 8, 0, 8 * (i % 512), KEY), "inject");
    }
    must(fi_readmsg(end->endpoint, &request, FI_COMPLETION), "read");
  }
  complete(end);
  if (strcmp(what, "add") == 0) must(fi_recv(end->endpoint, message, sizeof message, NULL, 0, message), "recv");
}

/* WINDOW transfers under way, in order, until all are done. */
static void stream(struct end *end, int writes, size_t bytes, long count) {
  for (long begun = 0, done = 0; done < count; done++) {
    for (; begun < count && begun < done + WINDOW; begun++) {
      size_t at = (size_t)(begun % WINDOW) * bytes;
      struct iovec near = {memory + at, bytes};
      struct fi_rma_iov far = {at, bytes, KEY};
      struct fi_msg_rma request = {.msg_iov = &near, .iov_count = 1, .rma_iov = &far, .rma_iov_count = 1};
      ssize_t result = writes ? fi_writemsg(end->endpoint, &request, FI_DELIVERY_COMPLETE | FI_COMPLETION)
                              : fi_readmsg(end->endpoint, &request, FI_COMPLETION);
      if (result == -FI_EAGAIN) break;
      must(result, "post");
    }
    complete(end);
  }
}

static void connect_to(struct end *end, const char *address, unsigned short port) {
  char text[8];
  struct fi_eq_cm_entry entry;
  snprintf(text, sizeof text, "%u", port);
  struct fi_info *info = look_up(address, text, 0);
  open_fabric(end, info);
  open_end(end, info);
  must(fi_connect(end->endpoint, info->dest_addr, NULL, 0), "connect");
  await_event(end, FI_CONNECTED, &entry);
}

static double measure_stream(struct end *end, const char *what, size_t bytes, long count) {
  int writes = strcmp(what, "write") == 0;
  stream(end, writes, bytes, WINDOW);
  double begin = now();
  stream(end, writes, bytes, count);
  return (now() - begin) / (double)count;
}

static double measure_each(struct end *end, const char *what, long count) {
  long spans = strcmp(what, "puts") == 0 ? (count + PUTS_IN_A_SPAN - 1) / PUTS_IN_A_SPAN : count;
  once(end, what);
  double begin = now();
  for (long i = 0; i < spans; i++) once(end, what);
  return (now() - begin) / (double)(spans == count ? count : spans * PUTS_IN_A_SPAN);
}

int main(int argc, char **argv) {
  if (argc != 7) return 2;
  provider = argv[1];
  const char *what = argv[2], *address = argv[5];
  int streams = strcmp(what, "write") == 0 || strcmp(what, "read") == 0;
  size_t bytes = (size_t)atol(argv[3]);
  if (streams) region_bytes = WINDOW * bytes;
  memory = aligned_alloc(4096, region_bytes);
  memset(memory, 0, region_bytes);
  struct end end = {0};
  pid_t child;
  connect_to(&end, address, start_far_side(address, argv[6], target, &child));
  double each = streams ? measure_stream(&end, what, bytes, atol(argv[4]) / (long)bytes)
                        : measure_each(&end, what, atol(argv[3]));
  printf("%.1f\n", each);
  end_far_side(child);
  return 0;
}
