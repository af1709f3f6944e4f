// sources: access agent connection event_set event_wait events exporter handshake imported importer listener
// sources: mapping memfd
// sources: memory memory_regions memory_sources object object_map process rebind record record_wait serve shown slots
// sources: locks lock_requests port room wait wire
// fabric: alarm endpoint grants importers library link remote remote_locks serve target target_locks transfer
/*
 * A signal may interrupt what libfabric does inside reading a queue: the read says -FI_EINTR, and nothing is wrong.
 * Which of its system calls can be interrupted depends on provider and kernel. So here half of the reads of
 * every queue, of the importer and of the gateway, say so without looking.
 */
#include "fabric_rig.h"

#include "../fabric/library.h"
#include "../fabric/link.h"

static _Atomic unsigned reads;

/* Not in turn: whoever reads two queues in turn would never read one of them. */
static bool is_interrupted(void) {
  return (atomic_fetch_add(&reads, 1) * 2654435761u) >> 31;
}

/* The tables of the provider's objects, and ours: those but for one function. */
static struct fi_ops_fabric fabric_calls, our_fabric_calls;
static struct fi_ops_domain domain_calls, our_domain_calls;
static struct fi_ops_cq cq_calls, our_cq_calls;
static struct fi_ops_eq eq_calls, our_eq_calls;
static int (*open_fabric)(struct fi_fabric_attr *attributes, struct fid_fabric **fabric, void *context);

static ssize_t read_cq(struct fid_cq *queue, void *entries, size_t count) {
  return is_interrupted() ? -FI_EINTR : cq_calls.read(queue, entries, count);
}

static ssize_t read_eq(struct fid_eq *queue, uint32_t *event, void *entry, size_t length, uint64_t flags) {
  return is_interrupted() ? -FI_EINTR : eq_calls.read(queue, event, entry, length, flags);
}

static int open_cq(struct fid_domain *domain, struct fi_cq_attr *attributes, struct fid_cq **queue, void *context) {
  int result = domain_calls.cq_open(domain, attributes, queue, context);
  if (result != 0) return result;
  our_cq_calls = cq_calls = *(*queue)->ops;
  our_cq_calls.read = read_cq;
  (*queue)->ops = &our_cq_calls;
  return 0;
}

static int open_eq(struct fid_fabric *of, struct fi_eq_attr *attributes, struct fid_eq **queue, void *context) {
  int result = fabric_calls.eq_open(of, attributes, queue, context);
  if (result != 0) return result;
  our_eq_calls = eq_calls = *(*queue)->ops;
  our_eq_calls.read = read_eq;
  (*queue)->ops = &our_eq_calls;
  return 0;
}

static int open_domain(struct fid_fabric *of, struct fi_info *info, struct fid_domain **domain, void *context) {
  int result = fabric_calls.domain(of, info, domain, context);
  if (result != 0) return result;
  our_domain_calls = domain_calls = *(*domain)->ops;
  our_domain_calls.cq_open = open_cq;
  (*domain)->ops = &our_domain_calls;
  return 0;
}

static int open_interrupted(struct fi_fabric_attr *attributes, struct fid_fabric **of, void *context) {
  int result = open_fabric(attributes, of, context);
  if (result != 0) return result;
  our_fabric_calls = fabric_calls = *(*of)->ops;
  our_fabric_calls.domain = open_domain;
  our_fabric_calls.eq_open = open_eq;
  (*of)->ops = &our_fabric_calls;
  return 0;
}

/* For this process and those that it forks. */
static void interrupt_reads(void) {
  struct rsm_library *library = (struct rsm_library *)rsm_library();
  CHECK(library != NULL);
  open_fabric = library->fabric;
  library->fabric = open_interrupted;
}

static void signals_break_no_connection(void) {
  static uint8_t bytes[LENGTH];
  fabric_up();
  for (int i = 0; i < 5; i++) {
    struct rsm_endpoint *endpoint = connect_endpoint();
    struct rsm_remote *remote = open_remote(endpoint, ID, 0600);
    for (int j = 0; j < 20; j++) {
      CHECK_EQ(put(remote, 0, bytes, LENGTH, j % 2 == 0), RSM_SUCCESS);
      CHECK_EQ(check(remote), RSM_SUCCESS);
    }
    request_of_exporter(POST);
    CHECK_EQ(rsm_remote_wait(remote, PATIENCE_MS, NULL, NULL), RSM_SUCCESS);
    rsm_remote_close(remote);
    rsm_endpoint_close(endpoint);
  }
  AWAIT(fabric->told[RSM_TARGET_ENDED] == 5);
  CHECK_EQ(fabric->told[RSM_TARGET_CONNECTED], 5);
  CHECK(reads > 0);
  fabric_down();
}

int main(void) {
  interrupt_reads();
  RUN(signals_break_no_connection);
  return 0;
}
