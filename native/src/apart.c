/*
 * Calls whose work a thread of libuv's pool does: opening and closing devices. The kernel waits until nobody reads any more
 * what it puts in place or takes apart (synchronize_net), and for whoever else changes a device (rtnl): 8 to 45 ms, in which the
 * caller could forward nothing.
 */
#include "addon.h"

#include <errno.h>
#include <stdlib.h>

static void execute(napi_env env, void *data) {
  (void)env;
  Apart *apart = data;
  apart->work(apart);
}

static void complete(napi_env env, napi_status status, void *data) {
  Apart *apart = data;
  napi_async_work handle = apart->handle;
  napi_deferred deferred = apart->deferred;
  /* Cancelled: its thread ends. */
  napi_value result = apart->settle(env, apart, status != napi_cancelled);
  if (result == NULL && napi_get_and_clear_last_exception(env, &result) == napi_ok)
    napi_reject_deferred(env, deferred, result);
  else
    napi_resolve_deferred(env, deferred, result);
  napi_delete_async_work(env, handle);
}

napi_value apart_begin(napi_env env, const char *what, Apart *apart) {
  napi_value name, promise;
  if (napi_create_string_utf8(env, what, NAPI_AUTO_LENGTH, &name) == napi_ok &&
      napi_create_async_work(env, NULL, name, execute, complete, apart, &apart->handle) == napi_ok) {
    if (napi_create_promise(env, &apart->deferred, &promise) == napi_ok &&
        napi_queue_async_work(env, apart->handle) == napi_ok)
      return promise;
    napi_delete_async_work(env, apart->handle);
  }
  apart->settle(env, apart, false);
  return NULL;
}

typedef struct {
  Apart apart;
  Taken taken;
} Closing;

static void close_taken(Apart *apart) { taken_close(&((Closing *)apart)->taken); }

static napi_value tell_closed(napi_env env, Apart *apart, bool done) {
  (void)done;
  Closing *closing = (Closing *)apart;
  taken_close(&closing->taken);
  taken_forget(env, &closing->taken);
  free(closing);
  return make_bool(env, true);
}

/* closeApart(fd) -> a promise of whether a device of this number was open; it is nobody's from now on */
napi_value close_apart(napi_env env, napi_callback_info info) {
  napi_value argv[1], promise;
  napi_deferred deferred;
  if (!args_read(env, info, 1, argv)) return NULL;
  Closing *closing = calloc(1, sizeof *closing);
  if (closing == NULL) return throw_errno(env, ENOMEM, "close", NULL, NULL);
  closing->apart = (Apart){.work = close_taken, .settle = tell_closed};
  const int kinds[] = {OWNED_TAP, OWNED_PACKET, OWNED_XDP};
  bool read = true;
  closing->taken.fd = -1;
  for (size_t i = 0; read && closing->taken.fd < 0 && i < sizeof kinds / sizeof kinds[0]; i++)
    read = owned_take(env, argv[0], kinds[i], &closing->taken);
  if (read && closing->taken.fd >= 0) return apart_begin(env, "etherloom: close", &closing->apart);
  free(closing);
  if (!read || napi_create_promise(env, &deferred, &promise) != napi_ok) return NULL;
  napi_resolve_deferred(env, deferred, make_bool(env, false));
  return promise;
}
