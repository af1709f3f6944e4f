/* Ports of imports, for the fabric addon. */
#include "binding.h"

#include <stdlib.h>

#include "../loopback/port.h"

static void finalize(napi_env env, void *data, void *hint) {
  (void)env;
  (void)hint;
  struct rsm_port *port = data;
  rsm_import_let_go(port->import);
  free(port);
}

napi_value js_portOf(napi_env env, napi_callback_info info) {
  static const napi_type_tag tag = RSM_PORT_TAG;
  struct call call;
  napi_value external;
  bool read = call_read(env, info, &call);
  struct handle *handle = read ? handle_of(call.instance, env, call.argument[0], HANDLE_IMPORT) : NULL;
  if (handle == NULL) {
    return make_number(env, RSMERR_BAD_SEG_HNDL);
  }
  struct rsm_port *port = malloc(sizeof *port);
  if (port == NULL) {
    return throw_resources(env, "no memory for a port");
  }
  *port = (struct rsm_port){.calls = &rsm_port_calls, .import = handle->imported};
  rsm_import_keep(port->import);
  if (napi_create_external(env, port, finalize, NULL, &external) != napi_ok) {
    finalize(env, port, NULL);
    return throw_resources(env, "the JavaScript runtime could not make a port");
  }
  bool tagged = napi_type_tag_object(env, external, &tag) == napi_ok;
  return tagged ? external : throw_resources(env, "the JavaScript runtime could not tag a port");
}
