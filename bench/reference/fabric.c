/*
 * Reference of remote.js and remote-puts.js: an initiator and a target, both spin 20 us and then sleep.
 *   fabric PROVIDER put|get|add|puts ITERATIONS   libfabric; put: with delivery, puts: 1,000 and one read behind them
 *   fabric tcp - ITERATIONS                       40 bytes out, 16 back, over a socket
 *   -> nanoseconds each
 */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <rdma/fi_cm.h>
#include <rdma/fi_domain.h>
#include <rdma/fi_endpoint.h>
#include <rdma/fi_errno.h>
#include <rdma/fi_rma.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define KEY 77
#define SPIN_NS 20000
#define PUTS_IN_A_SPAN 1000

struct end {
  struct fid_fabric *fabric;
  struct fid_domain *domain;
  struct fid_eq *events;
  struct fid_cq *queue;
  struct fid_ep *endpoint;
};

static char message[64];
static unsigned long words[512];

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void must(long result, const char *what) {
  if (result < 0) {
    fprintf(stderr, "%s: %ld\n", what, result);
    exit(1);
  }
}

static struct fi_info *look_up(const char *provider, const char *port, uint64_t flags) {
  struct fi_info *info, *hints = fi_allocinfo();
  hints->ep_attr->type = FI_EP_MSG;
  hints->caps = FI_MSG | FI_RMA;
  hints->fabric_attr->prov_name = strdup(provider);
  must(fi_getinfo(FI_VERSION(1, 17), "127.0.0.1", port, flags, hints, &info), "getinfo");
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

static void target(const char *provider, int out) {
  struct end end = {0};
  struct fi_info *info = look_up(provider, "0", FI_SOURCE);
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
  must(write(out, &address.sin_port, 2), "tell");
  await_event(&end, FI_CONNREQ, &entry);
  open_end(&end, entry.info);
  uint64_t access = FI_REMOTE_READ | FI_REMOTE_WRITE;
  must(fi_mr_reg(end.domain, words, sizeof words, access, 0, KEY, 0, &region, NULL), "region");
  must(fi_accept(end.endpoint, NULL, 0), "accept");
  for (;;) { /* until the initiator ends it */
    complete(&end);
    unsigned long old = __atomic_fetch_add(&words[0], 1, __ATOMIC_SEQ_CST);
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

static double over_fabric(const char *provider, const char *what, long count) {
  int pipe_ends[2];
  unsigned short port;
  char text[8];
  struct end end = {0};
  struct fi_eq_cm_entry entry;
  must(pipe(pipe_ends), "pipe");
  pid_t child = fork();
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    target(provider, pipe_ends[1]);
  }
  must(read(pipe_ends[0], &port, 2), "port");
  snprintf(text, sizeof text, "%u", ntohs(port));
  struct fi_info *info = look_up(provider, text, 0);
  open_fabric(&end, info);
  open_end(&end, info);
  must(fi_connect(end.endpoint, info->dest_addr, NULL, 0), "connect");
  await_event(&end, FI_CONNECTED, &entry);
  long spans = strcmp(what, "puts") == 0 ? (count + PUTS_IN_A_SPAN - 1) / PUTS_IN_A_SPAN : count;
  once(&end, what);
  double begin = now();
  for (long i = 0; i < spans; i++) once(&end, what);
  double each = (now() - begin) / (double)(spans == count ? count : spans * PUTS_IN_A_SPAN);
  kill(child, SIGKILL);
  return each;
}

static void all(int fd, size_t length) {
  char bytes[64];
  for (size_t done = 0; done < length;) {
    ssize_t count = read(fd, bytes, length - done);
    if (count <= 0) exit(0);
    done += (size_t)count;
  }
}

static double over_tcp(long count) {
  int on = 1, listener = socket(AF_INET, SOCK_STREAM, 0), fd;
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t length = sizeof address;
  char bytes[40] = "";
  must(bind(listener, (struct sockaddr *)&address, length), "bind");
  must(listen(listener, 1), "listen");
  must(getsockname(listener, (struct sockaddr *)&address, &length), "name");
  if (fork() == 0) {
    fd = accept(listener, NULL, NULL);
    must(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on), "nodelay");
    for (;;) {
      all(fd, 40);
      must(write(fd, bytes, 16), "write");
    }
  }
  fd = socket(AF_INET, SOCK_STREAM, 0);
  must(connect(fd, (struct sockaddr *)&address, length), "connect");
  must(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on), "nodelay");
  double begin = now();
  for (long i = 0; i < count; i++) {
    must(write(fd, bytes, 40), "write");
    all(fd, 16);
  }
  return (now() - begin) / (double)count;
}

int main(int argc, char **argv) {
  if (argc != 4) return 2;
  long count = atol(argv[3]);
  printf("%.1f\n", strcmp(argv[1], "tcp") == 0 && strcmp(argv[2], "-") == 0 ? over_tcp(count)
                                                                          : over_fabric(argv[1], argv[2], count));
  return 0;
}
