#include "alarm.h"

#include <rdma/fi_errno.h>

static struct rsm_alarm begin(struct fid_fabric *fabric) {
  struct fi_wait_attr attributes = {.wait_obj = FI_WAIT_FD};
  struct rsm_alarm alarm = {.fabric = fabric, .fd = -1};
  if (fi_wait_open(fabric, &attributes, &alarm.set) != 0) alarm.set = NULL;
  return alarm;
}

static enum fi_wait_obj kind(const struct rsm_alarm *alarm) {
  return alarm->set == NULL ? FI_WAIT_FD : FI_WAIT_SET;
}

static int finish(struct rsm_alarm *alarm, struct fid *queue) {
  alarm->queue = queue;
  int result = fi_control(alarm->set == NULL ? queue : &alarm->set->fid, FI_GETWAIT, &alarm->fd);
  if (result != 0) fi_close(queue);
  return result;
}

int rsm_event_queue_open(struct fid_fabric *fabric, struct fid_eq **queue, struct rsm_alarm *alarm) {
  *alarm = begin(fabric);
  struct fi_eq_attr attributes = {.wait_obj = kind(alarm), .wait_set = alarm->set};
  int result = fi_eq_open(fabric, &attributes, queue, NULL);
  if (result == 0) result = finish(alarm, &(*queue)->fid);
  if (result == 0) return 0;
  *queue = NULL;
  rsm_alarm_close(alarm);
  return result;
}

int rsm_completion_queue_open(struct fid_fabric *fabric, struct fid_domain *domain, size_t size, struct fid_cq **queue,
                              struct rsm_alarm *alarm) {
  *alarm = begin(fabric);
  struct fi_cq_attr attributes = {.format = FI_CQ_FORMAT_CONTEXT, .size = size, .wait_obj = kind(alarm),
                                  .wait_set = alarm->set};
  int result = fi_cq_open(domain, &attributes, queue, NULL);
  if (result == 0) result = finish(alarm, &(*queue)->fid);
  if (result == 0) return 0;
  *queue = NULL;
  rsm_alarm_close(alarm);
  return result;
}

bool rsm_alarm_arm(const struct rsm_alarm *alarm) {
  struct fid *queue = alarm->queue;
  if (alarm->set != NULL) return fi_wait(alarm->set, 0) == -FI_ETIMEDOUT;
  return fi_trywait(alarm->fabric, &queue, 1) == FI_SUCCESS;
}

void rsm_alarm_close(struct rsm_alarm *alarm) {
  if (alarm->set != NULL) fi_close(&alarm->set->fid);
  alarm->set = NULL;
  alarm->fd = -1;
}
