#include "link.h"

#include <stdio.h>
#include <string.h>

/* Of libfabric 1.18 on, tcp is what net was in 1.17; before, it looks at every connection to find one. */
static bool tcp_is_good(const struct rsm_library *library) {
  return FI_VERSION_GE(library->version(), FI_VERSION(1, 18));
}

int rsm_provider_info(const char *provider, const char *host, const char *port, uint64_t flags,
                      struct fi_info **info) {
  struct fi_ep_attr endpoint = {.type = FI_EP_MSG};
  struct fi_domain_attr domain = {.threading = FI_THREAD_SAFE};
  struct fi_tx_attr transmit = {.msg_order = FI_ORDER_RAR | FI_ORDER_RAW | FI_ORDER_RAS | FI_ORDER_WAW |
                                             FI_ORDER_WAS | FI_ORDER_SAW | FI_ORDER_SAS};
  struct fi_fabric_attr fabric = {.prov_name = (char *)provider};
  struct fi_info hints = {.caps = FI_MSG | FI_RMA, .addr_format = FI_FORMAT_UNSPEC, .ep_attr = &endpoint,
                          .domain_attr = &domain, .tx_attr = &transmit, .fabric_attr = &fabric};
  if (host != NULL) flags |= FI_NUMERICHOST; /* nobody waits for a name server here */
  return rsm_library()->getinfo(RSM_FABRIC_API, host, port, flags, &hints, info);
}

static bool is_offered(const char *provider) {
  struct fi_info *info;
  if (rsm_provider_info(provider, NULL, NULL, 0, &info) != 0) return false;
  rsm_library()->freeinfo(info);
  return true;
}

bool rsm_provider_choose(const char *wanted, char name[RSM_PROVIDER_BYTES], char *reason, size_t size) {
  const struct rsm_library *library = rsm_library();
  if (library == NULL) {
    snprintf(reason, size, "%s", rsm_library_reason());
    return false;
  }
  bool automatic = wanted == NULL || strcmp(wanted, "auto") == 0;
  const char *chosen = automatic ? (tcp_is_good(library) ? "tcp" : "net") : wanted;
  bool found = strlen(chosen) < RSM_PROVIDER_BYTES && is_offered(chosen);
  snprintf(name, RSM_PROVIDER_BYTES, "%s", found ? chosen : "");
  snprintf(reason, size, "libfabric %u.%u has no provider '%s' with ordered one-sided access",
           FI_MAJOR(library->version()), FI_MINOR(library->version()), chosen);
  return found;
}

int rsm_link_open(struct rsm_link *link, struct fid_fabric *fabric, struct fi_info *info) {
  *link = (struct rsm_link){.fabric = fabric, .alarm = {.fd = -1}, .inject_bytes = info->tx_attr->inject_size};
  int result = fi_domain(fabric, info, &link->domain, NULL);
  if (result != 0) return result;
  size_t completions = info->tx_attr->size + RSM_RECEIVES;
  result = rsm_completion_queue_open(fabric, link->domain, completions, &link->queue, &link->alarm);
  if (result != 0) rsm_link_close(link);
  return result;
}

int rsm_link_receive(struct rsm_link *link, struct rsm_receive *receive) {
  return (int)fi_recv(link->endpoint, &receive->message, sizeof receive->message, NULL, 0, receive);
}

int rsm_link_join(struct rsm_link *link, struct fi_info *info, struct fid_eq *events) {
  int result = fi_endpoint(link->domain, info, &link->endpoint, link);
  if (result == 0) result = fi_ep_bind(link->endpoint, &events->fid, 0);
  if (result == 0) result = fi_ep_bind(link->endpoint, &link->queue->fid, FI_TRANSMIT | FI_SELECTIVE_COMPLETION);
  if (result == 0) result = fi_ep_bind(link->endpoint, &link->queue->fid, FI_RECV);
  if (result == 0) result = fi_enable(link->endpoint);
  for (int i = 0; result == 0 && i < RSM_RECEIVES; i++) {
    link->receives[i].operation.kind = RSM_OPERATION_RECEIVE;
    result = rsm_link_receive(link, &link->receives[i]);
  }
  if (result != 0) rsm_link_cut(link);
  return result;
}

void rsm_link_cut(struct rsm_link *link) {
  if (link->endpoint == NULL) return;
  fi_shutdown(link->endpoint, 0);
  fi_close(&link->endpoint->fid);
  link->endpoint = NULL;
}

void rsm_link_close(struct rsm_link *link) {
  rsm_link_cut(link);
  if (link->queue != NULL) fi_close(&link->queue->fid);
  rsm_alarm_close(&link->alarm);
  if (link->domain != NULL) fi_close(&link->domain->fid);
  link->queue = NULL;
  link->domain = NULL;
}
