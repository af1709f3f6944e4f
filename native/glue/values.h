/* JavaScript values in and out. Readers return false for a value of another type or out of range. */
#ifndef RSM_VALUES_H
#define RSM_VALUES_H

#include <node_api.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct instance;

enum { CALL_ARGUMENTS = 7 };

struct call {
  struct instance *instance;
  napi_value argument[CALL_ARGUMENTS]; /* undefined where the caller gave none */
};

bool call_read(napi_env env, napi_callback_info info, struct call *call);

bool value_u32(napi_env env, napi_value value, uint32_t *out);
bool value_i32(napi_env env, napi_value value, int32_t *out);
bool value_size(napi_env env, napi_value value, uint64_t *out);   /* a safe integer, not negative */
bool value_integer(napi_env env, napi_value value, int64_t *out); /* a safe integer */
bool value_bool(napi_env env, napi_value value, bool *out);
/* UTF-8, ended by NUL; free() it. NULL: not a string, or no memory. */
char *value_text(napi_env env, napi_value value, size_t *length);
char *value_path(napi_env env, napi_value value); /* the same, and no NUL within */
bool value_u32_array(napi_env env, napi_value value, uint32_t **words, size_t *count);
bool value_i32_array(napi_env env, napi_value value, int32_t **words, size_t *count);
bool value_buffer(napi_env env, napi_value value, void **address, size_t *bytes); /* not detached */
bool member_u32(napi_env env, napi_value object, const char *name, uint32_t *out);
/* A function, kept in *out instead of what was there. */
bool value_callback(napi_env env, napi_value value, napi_ref *out);

napi_value make_number(napi_env env, double number);
napi_value make_bool(napi_env env, bool value);
napi_value make_null(napi_env env);
bool set_number(napi_env env, napi_value object, const char *name, double number);
bool set_text(napi_env env, napi_value object, const char *name, const char *text);
/* { code, errno }: errno is the name of `error`, empty for 0. */
napi_value make_failure(napi_env env, int code, int error);

/* These throw and return NULL. */
napi_value throw_arguments(napi_env env, const char *function);
napi_value throw_system(napi_env env, int error, const char *call, const char *path);
napi_value throw_resources(napi_env env, const char *what);

/* Calls a function of the program from the event loop, with microtasks; what it throws becomes an
 * uncaught exception. */
void call_back(napi_env env, napi_ref callback, size_t count, const napi_value *arguments);

/* Settles promises, from the event loop: afterwards the microtasks run, and whoever awaits goes on. */
void in_callback_scope(napi_env env, napi_async_context context, void (*run)(napi_env env, void *hint), void *hint);

/* For waits: 1 when this environment is being torn down and will run no more JavaScript. */
int env_is_ending(void *env);

#endif
