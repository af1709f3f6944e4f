#include "values.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#define MAX_SAFE_INTEGER 9007199254740991.0

bool call_read(napi_env env, napi_callback_info info, struct call *call) {
  size_t count = CALL_ARGUMENTS;
  return napi_get_cb_info(env, info, &count, call->argument, NULL, (void **)&call->instance) == napi_ok;
}

static bool whole_number(napi_env env, napi_value value, double least, double most, double *out) {
  return napi_get_value_double(env, value, out) == napi_ok && *out >= least && *out <= most &&
         trunc(*out) == *out;
}

bool value_u32(napi_env env, napi_value value, uint32_t *out) {
  double number;
  bool good = whole_number(env, value, 0, UINT32_MAX, &number);
  *out = good ? (uint32_t)number : 0;
  return good;
}

bool value_i32(napi_env env, napi_value value, int32_t *out) {
  double number;
  bool good = whole_number(env, value, INT32_MIN, INT32_MAX, &number);
  *out = good ? (int32_t)number : 0;
  return good;
}

bool value_integer(napi_env env, napi_value value, int64_t *out) {
  double number;
  bool good = whole_number(env, value, -MAX_SAFE_INTEGER, MAX_SAFE_INTEGER, &number);
  *out = good ? (int64_t)number : 0;
  return good;
}

bool value_size(napi_env env, napi_value value, uint64_t *out) {
  int64_t number;
  bool good = value_integer(env, value, &number) && number >= 0;
  *out = good ? (uint64_t)number : 0;
  return good;
}

bool value_bool(napi_env env, napi_value value, bool *out) {
  *out = false;
  return napi_get_value_bool(env, value, out) == napi_ok;
}

char *value_text(napi_env env, napi_value value, size_t *length) {
  if (napi_get_value_string_utf8(env, value, NULL, 0, length) != napi_ok) {
    return NULL;
  }
  char *text = malloc(*length + 1);
  if (text != NULL && napi_get_value_string_utf8(env, value, text, *length + 1, length) != napi_ok) {
    free(text);
    return NULL;
  }
  return text;
}

char *value_path(napi_env env, napi_value value) {
  size_t length;
  char *text = value_text(env, value, &length);
  if (text != NULL && strlen(text) != length) {
    free(text);
    return NULL;
  }
  return text;
}

static bool typed_array(napi_env env, napi_value value, napi_typedarray_type type, void **data, size_t *count) {
  bool is_one;
  napi_typedarray_type found;
  return napi_is_typedarray(env, value, &is_one) == napi_ok && is_one &&
         napi_get_typedarray_info(env, value, &found, count, data, NULL, NULL) == napi_ok && found == type;
}

bool value_u32_array(napi_env env, napi_value value, uint32_t **words, size_t *count) {
  return typed_array(env, value, napi_uint32_array, (void **)words, count);
}

bool value_i32_array(napi_env env, napi_value value, int32_t **words, size_t *count) {
  return typed_array(env, value, napi_int32_array, (void **)words, count);
}

bool value_buffer(napi_env env, napi_value value, void **address, size_t *bytes) {
  bool is_one;
  return napi_is_arraybuffer(env, value, &is_one) == napi_ok && is_one &&
         napi_get_arraybuffer_info(env, value, address, bytes) == napi_ok && *address != NULL && *bytes > 0;
}

bool member_u32(napi_env env, napi_value object, const char *name, uint32_t *out) {
  napi_value value;
  return napi_get_named_property(env, object, name, &value) == napi_ok && value_u32(env, value, out);
}

bool value_callback(napi_env env, napi_value value, napi_ref *out) {
  napi_valuetype type;
  napi_ref callback;
  if (napi_typeof(env, value, &type) != napi_ok || type != napi_function ||
      napi_create_reference(env, value, 1, &callback) != napi_ok) {
    return false;
  }
  if (*out != NULL) {
    napi_delete_reference(env, *out);
  }
  *out = callback;
  return true;
}

napi_value make_number(napi_env env, double number) {
  napi_value result;
  return napi_create_double(env, number, &result) == napi_ok ? result : NULL;
}

napi_value make_bool(napi_env env, bool value) {
  napi_value result;
  return napi_get_boolean(env, value, &result) == napi_ok ? result : NULL;
}

napi_value make_null(napi_env env) {
  napi_value result;
  return napi_get_null(env, &result) == napi_ok ? result : NULL;
}

bool set_number(napi_env env, napi_value object, const char *name, double number) {
  return napi_set_named_property(env, object, name, make_number(env, number)) == napi_ok;
}

bool set_text(napi_env env, napi_value object, const char *name, const char *text) {
  napi_value value;
  return napi_create_string_utf8(env, text, NAPI_AUTO_LENGTH, &value) == napi_ok &&
         napi_set_named_property(env, object, name, value) == napi_ok;
}

napi_value make_failure(napi_env env, int code, int error) {
  napi_value result;
  char name[32] = "";
  if (error != 0) {
    uv_err_name_r(-error, name, sizeof name);
  }
  bool made = napi_create_object(env, &result) == napi_ok && set_number(env, result, "code", code) &&
              set_text(env, result, "errno", name);
  return made ? result : NULL;
}

napi_value throw_arguments(napi_env env, const char *function) {
  char message[96];
  snprintf(message, sizeof message, "wrong arguments for the native function %s", function);
  napi_throw_type_error(env, "ERR_INVALID_ARG_TYPE", message);
  return NULL;
}

napi_value throw_resources(napi_env env, const char *what) {
  napi_throw_error(env, NULL, what);
  return NULL;
}

/* The shape of Node's own system errors: code, errno, syscall, path. */
napi_value throw_system(napi_env env, int error, const char *call, const char *path) {
  char name[32], reason[96], message[256];
  uv_err_name_r(-error, name, sizeof name);
  uv_strerror_r(-error, reason, sizeof reason);
  snprintf(message, sizeof message, path == NULL ? "%s: %s, %s" : "%s: %s, %s '%s'", name, reason, call, path);
  napi_value code, text, thrown;
  if (napi_create_string_utf8(env, name, NAPI_AUTO_LENGTH, &code) == napi_ok &&
      napi_create_string_utf8(env, message, NAPI_AUTO_LENGTH, &text) == napi_ok &&
      napi_create_error(env, code, text, &thrown) == napi_ok && set_number(env, thrown, "errno", -error) &&
      set_text(env, thrown, "syscall", call) && (path == NULL || set_text(env, thrown, "path", path))) {
    napi_throw(env, thrown);
  }
  return NULL;
}

void in_callback_scope(napi_env env, napi_async_context context, void (*run)(napi_env env, void *hint), void *hint) {
  napi_handle_scope handles;
  napi_callback_scope callback;
  if (napi_open_handle_scope(env, &handles) == napi_ok) {
    if (napi_open_callback_scope(env, NULL, context, &callback) == napi_ok) {
      run(env, hint);
      napi_close_callback_scope(env, callback);
    }
    napi_close_handle_scope(env, handles);
  }
}

static void call_in_scope(napi_env env, napi_ref callback, size_t count, const napi_value *arguments) {
  napi_value global, function, thrown;
  bool pending;
  if (napi_get_global(env, &global) != napi_ok ||
      napi_get_reference_value(env, callback, &function) != napi_ok ||
      napi_make_callback(env, NULL, global, function, count, arguments, NULL) == napi_ok) {
    return;
  }
  if (napi_is_exception_pending(env, &pending) == napi_ok && pending &&
      napi_get_and_clear_last_exception(env, &thrown) == napi_ok) {
    napi_fatal_exception(env, thrown); /* refused while the environment is being ended: nobody to tell */
  }
}

void call_back(napi_env env, napi_ref callback, size_t count, const napi_value *arguments) {
  napi_handle_scope scope;
  if (napi_open_handle_scope(env, &scope) == napi_ok) {
    call_in_scope(env, callback, count, arguments);
    napi_close_handle_scope(env, scope);
  }
}

int env_is_ending(void *data) {
  napi_env env = data;
  napi_handle_scope scope;
  napi_value global;
  bool found;
  if (napi_open_handle_scope(env, &scope) != napi_ok) {
    return 1;
  }
  /* Any function that could run JavaScript is refused once worker.terminate() was called; this is a
   * cheap one of them. */
  bool runs = napi_get_global(env, &global) == napi_ok &&
              napi_has_named_property(env, global, "process", &found) == napi_ok;
  napi_close_handle_scope(env, scope);
  return !runs;
}
